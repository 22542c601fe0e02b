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
        self._root = root
        self._after = after
        self._counted: list[bool] = []  # of the tasks that run one within the other

    def begin(self, group: GroupCount) -> None:
        if self.here:
            self._counted.append(group.root == self._root and group.run > self._after)
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
    """Profile on this worker what runs after this; see `RunProfiler`. (Runs on workers, as a task.)"""
    engine: Any = current.engine
    engine.watch = Watch([RunProfiler(root, after)])


def end() -> bytes:
    """Stop, and give what `pstats` needs, as `marshal` has it. (Runs on workers, as a task.)"""
    engine: Any = current.engine
    watch, engine.watch = engine.watch, None
    seen = watch.watchers[0].stop() if watch is not None else {}
    return marshal.dumps(seen)
