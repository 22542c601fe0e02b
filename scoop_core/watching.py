"""What follows every task of a worker, if asked for: the recorder of the timeline, and the profiler.

Tasks of one worker take turns: one that waits makes way for another. So whoever follows them is told of these moments
too. Without watchers all this costs one comparison for each task, lot or piece.
"""

from __future__ import annotations

import marshal
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from scoop_core.calls import run_one
from scoop_core.config import Reports
from scoop_core.tracing import new_profile
from scoop_core.worker_state import GroupCount

#: Neighbouring tasks of one function that are shorter than this together make one span, in seconds: a record of each
#: would take longer than the task, and nobody could see it.
SPAN_SECONDS = 0.001
#: Spans that are held back before they are written.
HELD = 1000
_now = time.time  # the same in all processes
_OPEN = -1.0  # the end of a span that has none yet


class Span(msgspec.Struct, array_like=True):
    """A stretch of time in which a worker ran one task, or tiny ones of one function."""

    name: str
    group: int  # the node in the tree of tasks
    parent: int  # the node above it
    depth: int  # how many tasks are below it on the same stack, since they wait for this one
    began: float  # seconds since 1970
    ended: float
    tasks: int = 0  # how many of them were over at its end; others had to wait


class Watcher(Protocol):
    """Is told what a worker does."""

    def begin(self, group: GroupCount) -> None:
        """A task begins."""

    def end(self) -> None:
        """The task that began last, of those that are not over, is over."""

    def pause(self) -> Any:
        """The tasks that run one within the other have to wait; what `resume` wants to have back."""

    def resume(self, kept: Any) -> None:
        """They go on."""

    def close(self) -> None:
        """The worker ends; any thread may say so."""


class Recorder:
    """Writes the spans of one worker to a file, each as a line of JSON.

    Args:
        file: is written anew.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._file.write_bytes(b"")
        self._main = threading.get_ident()
        self._open: list[Span] = []  # the tasks that run now, one within the other
        self._closed: list[Span] = []
        self._last: dict[int, Span] = {}  # the last of `_closed` at each depth, as far as they may still grow
        self._writing = threading.Lock()

    def begin(self, group: GroupCount) -> None:
        if threading.get_ident() != self._main:  # a thread of the user's own
            return
        place = group.place
        depth = len(self._open)
        now = _now()
        last = self._last.get(depth)
        if last is not None and last.group == place.group and now - last.began < SPAN_SECONDS:
            self._open.append(last)
        else:
            # What runs in this one can't join what ran in the one before.
            self._last = {other: span for other, span in self._last.items() if other < depth}
            self._open.append(Span(group.name, place.group, place.parent, depth, now, _OPEN))

    def end(self) -> None:
        if threading.get_ident() == self._main:
            self._open[-1].tasks += 1
            self._close(self._open.pop())

    def pause(self) -> list[Span]:
        kept = self._open
        for span in reversed(kept):
            self._close(span)
        self._last.clear()
        self._open = []
        return kept

    def resume(self, kept: list[Span]) -> None:
        now = _now()
        self._last.clear()
        self._open = [Span(s.name, s.group, s.parent, s.depth, now, _OPEN) for s in kept]

    def close(self) -> None:
        spans = {id(span): span for span in (*self._closed, *self._open)}
        for span in self._open:  # not wanted any more; that it ran is worth telling
            span.ended = _now()
        self._write(spans.values())

    def _close(self, span: Span) -> None:
        new = span.ended == _OPEN
        span.ended = _now()
        if new:
            self._last[span.depth] = span
            self._closed.append(span)
            if len(self._closed) >= HELD:
                growing = {id(span) for span in self._open}
                self._write(span for span in self._closed if id(span) not in growing)
                self._closed = [span for span in self._closed if id(span) in growing]
                self._last.clear()

    def _write(self, spans: Iterable[Span]) -> None:
        with self._writing, self._file.open("ab") as file:
            file.write(b"".join(msgspec.json.encode(span) + b"\n" for span in spans))


class Profiler:
    """Runs the tasks of one worker under a profiler.

    After a task has waited for others, the calls that it makes are seen again, but not the functions that it was in:
    a profile knows one stack only.

    Args:
        file: where the profile is written, as `pstats` reads it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._main = threading.get_ident()
        self._profile = new_profile()
        self._depth = 0
        self._stopped = False

    @property
    def here(self) -> bool:
        """Whether this is the thread that is profiled, and it still is."""
        return threading.get_ident() == self._main and not self._stopped

    def begin(self, group: GroupCount) -> None:
        if self.here:
            self._depth += 1
            if self._depth == 1:
                self._profile.enable()

    def end(self) -> None:
        if self.here:
            self._depth -= 1
            if self._depth == 0:
                self._profile.disable()

    def pause(self) -> int:
        self._profile.disable()
        kept, self._depth = self._depth, 0
        return kept

    def resume(self, kept: int) -> None:
        self._depth = kept
        if kept and not self._stopped:
            self._profile.enable()

    def stop(self) -> dict[Any, Any]:
        """Profile no more, in the thread that is profiled; what was seen, as `pstats` has it."""
        self._stopped = True
        self._profile.disable()
        return self._seen()

    def close(self) -> None:
        if seen := self._seen():  # `pstats` won't have an empty one
            self._file.write_bytes(marshal.dumps(seen))

    def _seen(self) -> dict[Any, Any]:
        return self._profile.seen()


class Watch:
    """All watchers of one worker.

    Args:
        watchers: at least one.
    """

    def __init__(self, watchers: list[Watcher]) -> None:
        self.watchers = watchers
        self._closed = False

    def wrap(self, function: Callable[..., Any], group: GroupCount) -> Callable[..., Any]:
        """The same function, for a task of this group, watched."""

        def watched(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            for watcher in self.watchers:
                watcher.begin(group)
            try:
                return run_one(function, args, kwargs)
            finally:
                for watcher in self.watchers:
                    watcher.end()

        return watched

    def pause(self) -> list[Any]:
        """See `Watcher`."""
        return [watcher.pause() for watcher in self.watchers]

    def resume(self, kept: list[Any]) -> None:
        """See `Watcher`."""
        for watcher, what in zip(self.watchers, kept, strict=True):
            watcher.resume(what)

    def close(self) -> None:
        """Write down what is still held back, once."""
        if not self._closed:
            self._closed = True
            for watcher in self.watchers:
                watcher.close()


def new_watch(reports: Reports, worker: str) -> Watch | None:
    """What the reports need on this worker; None for nothing."""
    watchers: list[Watcher] = []
    if reports.timeline:
        watchers.append(Recorder(Path(reports.timeline, f"{worker}.spans")))
    if reports.profile:
        watchers.append(Profiler(Path(reports.profile, f"{worker}.prof")))
    return Watch(watchers) if watchers else None
