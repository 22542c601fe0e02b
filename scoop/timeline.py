"""What the spans of tasks add up to: trace events, as Perfetto reads them, and the tree of tasks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from scoop_core.watching import Span

#: The spans of each worker, by its name.
Spans = Mapping[str, Sequence[Span]]


@dataclass
class Node:
    """All tasks of one function under one parent node.

    Attributes:
        name: of the function.
        tasks: how many were over.
        seconds: that workers spent in them, without the tasks that ran inside of them.
        kids: the nodes of what they have submitted.
    """

    name: str
    tasks: int = 0
    seconds: float = 0.0
    kids: list[Node] = field(default_factory=list)

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Node]]:
        """This node and all below it, with their depths, each before its kids."""
        yield depth, self
        for kid in self.kids:
            yield from kid.walk(depth + 1)


def limits(spans: Spans) -> tuple[float, float]:
    """When the first span began, and when the last one ended; in seconds since 1970."""
    every = [span for of_worker in spans.values() for span in of_worker]
    return min((span.began for span in every), default=0.0), max((span.ended for span in every), default=0.0)


def trace_events(spans: Spans) -> bytes:
    """The trace-event JSON of a timeline, with a thread for each worker."""
    start, _ = limits(spans)
    names = {span.group: span.name for of_worker in spans.values() for span in of_worker}
    events: list[dict[str, object]] = []
    for thread, (worker, of_worker) in enumerate(spans.items()):
        common = {"pid": 1, "tid": thread}
        events.append({"ph": "M", "name": "thread_name", "args": {"name": worker}, **common})
        events.append({"ph": "M", "name": "thread_sort_index", "args": {"sort_index": thread}, **common})
        events += [
            {
                "ph": "X",
                "name": span.name,
                "cat": "task",
                "ts": round((span.began - start) * 1e6),
                "dur": max(0, round(span.ended * 1e6 - start * 1e6) - round((span.began - start) * 1e6)),
                "args": {"parent": names.get(span.parent, ""), "tasks": span.tasks},
                **common,
            }
            for span in of_worker
        ]
    return msgspec.json.encode({"traceEvents": events, "displayTimeUnit": "ms"})


def task_tree(spans: Spans) -> list[Node]:
    """The nodes at the top, each with all that is below it; what took longest comes first."""
    nodes: dict[int, Node] = {}
    parents: dict[int, int] = {}
    for of_worker in spans.values():
        for span, own in own_seconds(of_worker):
            node = nodes.setdefault(span.group, Node(span.name))
            node.tasks += span.tasks
            node.seconds += own
            # The tasks that a recursive function submits may not know what is above the first.
            parents[span.group] = span.parent or parents.get(span.group, 0)
    tops: list[Node] = []
    for group in sorted(nodes, key=lambda group: -nodes[group].seconds):
        parent = nodes.get(parents[group])
        (tops if parent is None or parents[group] == group else parent.kids).append(nodes[group])
    return tops


def own_seconds(spans: Sequence[Span]) -> Iterator[tuple[Span, float]]:
    """Each span of one worker with its length in seconds, without the spans that lie directly in it."""
    inside: dict[int, float] = {}  # by depth: what lies in the span that comes next in this depth
    for span in sorted(spans, key=lambda span: (span.ended, -span.depth)):
        length = span.ended - span.began
        yield span, max(0.0, length - inside.pop(span.depth + 1, 0.0))
        inside[span.depth] = inside.get(span.depth, 0.0) + length


def coarser(spans: Sequence[Span], seconds: float) -> list[Span]:
    """The spans of one worker without details that are shorter than this: neighbours of one function become one."""
    out: list[Span] = []
    last: dict[int, Span] = {}
    for span in sorted(spans, key=lambda span: (span.began, span.depth)):
        before = last.get(span.depth)
        tiny = before is not None and min(before.ended - before.began, span.ended - span.began) < seconds
        if tiny and before is not None and before.group == span.group and span.began - before.ended < seconds:
            before.ended = max(before.ended, span.ended)
            before.tasks += span.tasks
            continue
        last = {depth: other for depth, other in last.items() if depth < span.depth}
        last[span.depth] = msgspec.structs.replace(span)
        out.append(last[span.depth])
    return out
