"""The tree of tasks, folded: one node for all tasks of one function under one parent node.

Its size follows the program's shape, not its number of tasks: a million tasks of one `map` are one node, and a
recursive function is one node however deep it goes (see `Place`). The broker keeps one; widget, lab panel and CLI
show pictures of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import msgspec

from scoop_core.failures import FailedCalls
from scoop_core.lanes import LIMIT, Lanes
from scoop_core.messages import ALL, RECENT, GroupTally, Mishap, Ran, Spec

#: Runs (cells) that are remembered for each root, and nodes for each run; what is older or beyond is not shown.
RUNS = 50
GROUPS = 10_000
#: Different failures that are kept for a node.
FAILURES = 5


class Place(msgspec.Struct, frozen=True):
    """Where in the tree a task belongs: node, the node above it, and the names from the top down."""

    group: int
    parent: int
    names: tuple[tuple[str, int], ...]

    def child(self, name: str) -> Place:
        """The place of tasks of function `name` that are submitted from here.

        Tasks of a function that is on the way up already join that node: recursion makes no new ones.
        """
        above = 0
        for known, group in self.names:
            if known == name:
                return Place(group, above, self.names[: self.names.index((known, group)) + 1])
            above = group
        # 52 bits: the number must survive JavaScript.
        digest = blake2b(f"{self.group}/{name}".encode(), digest_size=8).digest()
        group = int.from_bytes(digest, "big") >> 12
        return Place(group, self.group, (*self.names, (name, group)))


def top(root: str, run: int) -> Place:
    """The place of a run itself: what its tasks are children of."""
    digest = blake2b(f"{root}/{run}".encode(), digest_size=8).digest()
    return Place(int.from_bytes(digest, "big") >> 12, 0, ())


class Shown(msgspec.Struct):
    """One failure, for people; `id` names what can be run again, and may be empty."""

    id: str
    error: str
    arguments: str = ""
    output: str = ""
    worker: str = ""


class Group(msgspec.Struct):
    """One node: counts by state, times, first failures."""

    id: int
    parent: int
    name: str
    left: int = 0  # tasks that the broker knows and that are not over
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    sent: int = 0  # bytes of functions and arguments that workers were sent for it
    workers: set[str] = set()  # that have run tasks of it
    failures: dict[str, Shown] = {}  # by what tells different ones apart
    kept: dict[str, tuple[int, int]] = {}  # worker: its own tasks (queued, running)

    def show(self, line: str, shown: Shown) -> bool:
        """Show a failure, if it is among the first different ones; tell whether it is."""
        if len(self.failures) >= FAILURES or line in self.failures:
            return False
        self.failures[line] = shown
        return True


class Run(msgspec.Struct):
    """All nodes of one run; `busy` and `cpu` are what all workers had spent when it began, in seconds."""

    started: float
    busy: float
    cpu: float
    groups: dict[int, Group] = {}
    lanes: Lanes = msgspec.field(default_factory=Lanes)
    changed: float = 0.0  # when something happened to one of its tasks, last

    @property
    def pending(self) -> bool:
        """Whether it has tasks that are not over."""
        return any(node.left > 0 or node.kept for node in self.groups.values())


class TaskTree:
    """Folds what the broker and the workers know of tasks into nodes."""

    def __init__(self) -> None:
        self._roots: set[str] = set()
        self.busy = 0.0  # seconds that workers have spent in tasks, all together
        self.cpu = 0.0  # seconds of CPU that they have used
        self._runs: dict[tuple[str, int], Run] = {}
        self.version = 0
        self.calls = FailedCalls()
        self._lanes = Lanes(2 * LIMIT)  # of all runs, those that are forgotten included

    def _group(self, of: Spec | GroupTally | Mishap, now: float) -> Group:
        """The node of tasks of which there is news."""
        self.version += 1
        root, run, group, parent, name = of.root, of.run, of.group, of.parent, of.name
        if root not in self._roots:  # it is gone, and nobody will look
            return Group(group, parent, name)
        key = (root, run)
        found = self._runs.get(key)
        if found is None:
            found = self._runs[key] = Run(now, self.busy, self.cpu)
            mine = [k for k in self._runs if k[0] == root]
            for old in mine[: max(0, len(mine) - RUNS)]:
                del self._runs[old]
                self.calls.forget(*old)
        found.changed = now
        node = found.groups.get(group)
        if node is None:
            if len(found.groups) >= GROUPS:
                group, parent, name = 1, 0, "(more)"
                if group in found.groups:
                    return found.groups[group]
            node = found.groups[group] = Group(group, parent, name)
        return node

    def queued(self, spec: Spec, count: int, now: float) -> None:
        """`count` tasks of a job are known to the broker now."""
        self._group(spec, now).left += count

    def sent(self, spec: Spec, size: int, now: float) -> None:
        """A worker was sent so many bytes, to run tasks of a job."""
        self._group(spec, now).sent += size

    def ran(
        self, spec: Spec, worker: str, count: int, failed: int, seconds: float, longest: float, now: float
    ) -> None:
        """A worker has run `count` tasks of a job, of which `failed` failed."""
        node = self._group(spec, now)
        node.left -= count
        node.done += count - failed
        node.failed += failed
        node.seconds += seconds
        node.longest = max(node.longest, longest)
        node.workers.add(worker)

    def failed(self, spec: Spec, count: int, why: str, now: float, seconds: float = 0.0) -> None:
        """`count` tasks of a job failed, each after so many seconds, and not by what they raised themselves."""
        node = self._group(spec, now)
        node.left -= count
        node.failed += count
        node.seconds += count * seconds
        node.longest = max(node.longest, seconds)
        node.show(why, Shown("", why))

    def mishap(self, worker: str, mishap: Mishap, now: float) -> None:
        """A worker's word on a task that failed."""
        node = self._group(mishap, now)
        shown = Shown(mishap.id, mishap.error, mishap.arguments, mishap.output, worker)
        is_shown = node.show(mishap.line, shown)
        if mishap.root in self._roots:
            self.calls.keep(mishap, is_shown)

    def cancelled(self, spec: Spec, count: int, now: float) -> None:
        """`count` tasks of a job will not be run."""
        node = self._group(spec, now)
        node.left -= count
        node.cancelled += count

    def tally(self, worker: str, tallies: Iterable[GroupTally], now: float) -> None:
        """A worker's account of the tasks that it kept for itself."""
        for t in tallies:
            node = self._group(t, now)
            node.done += t.done
            node.failed += t.failed
            node.cancelled += t.cancelled
            node.seconds += t.seconds
            node.longest = max(node.longest, t.longest)
            if t.done or t.failed:
                node.workers.add(worker)
            if t.queued or t.running:
                node.kept[worker] = (t.queued, t.running)
            else:
                node.kept.pop(worker, None)

    def spans(self, worker: str, spans: Iterable[Ran]) -> None:
        """What ran on a worker, and when."""
        for ran in spans:
            self._lanes.add(worker, ran)
            if found := self._runs.get((ran.root, ran.run)):
                found.lanes.add(worker, ran)

    def timeline(self, open: Iterable[tuple[str, Ran]], root: str = "", run: int = ALL) -> dict[str, Any]:
        """What ran where and when, as plain data.

        Args:
            open: what runs now, by worker.
            root: only this root's runs.
            run: only the run of this number, or the RECENT ones.
        """
        if run == ALL:
            return self._lanes.picture(open)
        keys = self._keys(root, run)
        first, *others = [self._runs[key].lanes for key in keys] or [Lanes()]
        mine = ((worker, ran) for worker, ran in open if (ran.root, ran.run) in keys)
        return (first.together(others) if others else first).picture(mine)

    def worker_lost(self, worker: str) -> None:
        """What the worker kept for itself is gone; its parents will submit it anew."""
        self.version += 1
        for run in self._runs.values():
            for node in run.groups.values():
                node.kept.pop(worker, None)

    def root_found(self, root: str) -> None:
        """There is a root of this name; what comes for others is not kept."""
        self._roots.add(root)

    def root_lost(self, root: str) -> None:
        """Nobody is interested in this root's runs any more."""
        self.version += 1
        self._roots.discard(root)
        for key in [k for k in self._runs if k[0] == root]:
            del self._runs[key]
            self.calls.forget(*key)

    def pending_runs(self, root: str) -> list[int]:
        """The numbers of this root's runs that have tasks which are not over."""
        return [number for (of, number), found in self._runs.items() if of == root and found.pending]

    def runs(self, root: str = "", run: int = ALL) -> list[Run]:
        """The runs that match, oldest first."""
        return [self._runs[key] for key in self._keys(root, run)]

    def _keys(self, root: str, run: int) -> list[tuple[str, int]]:
        mine = [key for key in self._runs if not root or key[0] == root]
        if run == RECENT:
            return [key for key in mine if self._runs[key].pending] or mine[-1:]
        return [key for key in mine if run < 0 or key[1] == run]

    def picture(self, running: dict[int, int], root: str = "", run: int = ALL, brief: bool = False) -> dict[str, Any]:
        """Nodes and totals as plain data.

        Args:
            running: how many tasks of a node run on workers now, of those that the broker knows.
            root: only this root's runs.
            run: only the run of this number, or the RECENT ones; only these tell when they ended.
            brief: without the nodes.
        """
        rows: list[dict[str, Any]] = []
        totals = dict.fromkeys(("queued", "running", "done", "failed", "cancelled"), 0)
        started = None
        busy_before, cpu_before = self.busy, self.cpu
        shown = self.runs(root, run)
        for found in shown:
            started = found.started if started is None else min(started, found.started)
            busy_before, cpu_before = min(busy_before, found.busy), min(cpu_before, found.cpu)
            for node in found.groups.values():
                kept_queued = sum(queued for queued, _ in node.kept.values())
                kept_running = sum(r for _, r in node.kept.values())
                busy = min(running.get(node.id, 0), max(0, node.left))
                row: dict[str, Any] = {
                    "id": node.id,
                    "parent": node.parent if node.parent in found.groups else None,
                    "name": node.name,
                    "queued": max(0, node.left - busy) + kept_queued,
                    "running": busy + kept_running,
                    "done": node.done,
                    "failed": node.failed,
                    "cancelled": node.cancelled,
                    "seconds": node.seconds,
                    "longest": node.longest,
                    "workers": len(node.workers),
                    "sent": node.sent,
                    "failures": [msgspec.structs.asdict(shown) for shown in node.failures.values()],
                }
                for state in totals:
                    totals[state] += row[state]
                rows.append(row)
        # A run of a notebook's cell may go on as long as the cell does, which only the notebook knows.
        over = run == RECENT and shown and not any(found.pending for found in shown)
        return {
            "groups": [] if brief else rows,
            "ended": max(found.changed for found in shown) if over else None,
            "tasks": totals,
            "started": started,
            "busy": self.busy - busy_before,
            "cpu": self.cpu - cpu_before,
        }
