"""Profiling one run of a pool that runs: each worker is asked to begin, and in the end for what it has seen."""

from __future__ import annotations

import marshal
from pathlib import Path
from typing import Any

from scoop_core.current import current
from scoop_core.watching import Profiler, Watch
from scoop_core.worker_state import GroupCount


class RunProfiler(Profiler):
    """Profiles the tasks of a root's runs; others that take their turns between them are left out.

    Args:
        root: whose runs.
        after: those that began after the run of this number.
    """

    def __init__(self, root: str, after: int) -> None:
        super().__init__(Path())
        self.root = root
        self._after = after
        self._counted: list[bool] = []  # of the tasks that run one within the other

    def begin(self, group: GroupCount) -> None:
        if self.here:
            self._counted.append(group.root == self.root and group.run > self._after)
            if self._counted[-1]:
                super().begin(group)

    def end(self) -> None:
        if self.here and self._counted.pop():
            super().end()

    def pause(self) -> Any:
        counted, self._counted = self._counted, []
        return counted, super().pause()

    def resume(self, kept: Any) -> None:
        self._counted, depth = kept
        super().resume(depth)


def begin(root: str, after: int) -> None:
    """Profile on this worker what runs after this; see `RunProfiler`. (Runs on workers, as a task.)

    Raises:
        RuntimeError: it is profiled already.
    """
    engine: Any = current.engine
    others = [] if engine.watch is None else list(engine.watch.watchers)
    for watcher in others:
        if isinstance(watcher, RunProfiler) and watcher.root == root:  # nobody has come to fetch what it has seen
            watcher.stop()
            others.remove(watcher)
    if any(isinstance(watcher, Profiler) for watcher in others):
        raise RuntimeError(f"{engine.name} is profiled already")
    engine.watch = Watch([*others, RunProfiler(root, after)])


def end() -> bytes:
    """Stop, and give what `pstats` needs, as `marshal` has it. (Runs on workers, as a task.)"""
    engine: Any = current.engine
    watchers = [] if engine.watch is None else engine.watch.watchers
    mine = [watcher for watcher in watchers if isinstance(watcher, RunProfiler)]
    others = [watcher for watcher in watchers if watcher not in mine]
    engine.watch = Watch(others) if others else None
    return marshal.dumps(mine[0].stop() if mine else {})
