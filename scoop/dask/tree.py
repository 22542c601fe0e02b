"""What a program knows of its tasks on a Dask cluster: folded into the tree that panels show. No I/O.

News come in the thread of Dask's event loop and in those that submit; pictures are drawn in any.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Any

from scoop.dask.news import Begun, Dropped, Ended, Queued
from scoop_core import messages as m
from scoop_core.task_tree import TaskTree


class Tree:
    """The tasks of one root.

    Args:
        root: its name.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._lock = threading.RLock()
        self.tasks = TaskTree()
        self.tasks.root_found(root)
        self.open: dict[str, Queued] = {}  # lots that are not over, by key
        self.running: dict[str, Begun] = {}
        self._done: dict[str, int] = {}  # by worker: tasks, ...
        self._cpu: dict[str, float] = {}  # ... seconds of CPU, ...
        self._prints: dict[str, int] = {}  # ... printed lines, ...
        self._pids: dict[str, int] = {}

    @property
    def version(self) -> int:
        """Differs when there is something new."""
        return self.tasks.version

    def take(self, news: m.Header, now: float) -> None:
        """Fold in a piece of news."""
        with self._lock:
            self._take(news, now)

    def _take(self, news: m.Header, now: float) -> None:
        tasks = self.tasks
        if isinstance(news, Queued):
            self.open[news.key] = news
            tasks.queued(news.spec, news.count, now)
        elif isinstance(news, Begun):
            self._pids[news.worker] = news.pid
            if news.key in self.open:  # else it was cancelled meanwhile
                self.running[news.key] = news
                tasks.version += 1
        elif isinstance(news, Ended):
            self._ended(news, now)
        elif isinstance(news, Dropped):
            self.running.pop(news.key, None)
            lot = self.open.pop(news.key, None)
            if lot is not None and news.why:
                tasks.failed(lot.spec, lot.count, news.why, now)
            elif lot is not None:
                tasks.cancelled(lot.spec, lot.count, now)
        elif isinstance(news, m.Mishap):
            tasks.mishap(news.id.rpartition("-")[0], news, now)
        elif isinstance(news, m.Output):
            self._prints[news.worker] = self._prints.get(news.worker, 0) + news.text.count("\n")

    def _ended(self, news: Ended, now: float) -> None:
        self.running.pop(news.key, None)
        lot = self.open.pop(news.key, None)
        if lot is None:  # it was run twice
            return
        tasks, worker, spec = self.tasks, news.worker, lot.spec
        self._done[worker] = self._done.get(worker, 0) + news.count
        self._cpu[worker] = self._cpu.get(worker, 0.0) + news.cpu
        tasks.busy += news.seconds
        tasks.cpu += news.cpu
        if news.count:
            each = news.seconds / news.count
            tasks.ran(spec, worker, news.count, news.failed, news.seconds, each, now)
            ran = m.Ran(spec.root, spec.run, spec.name, news.began, news.ended, news.count, news.failed)
            tasks.spans(worker, [ran])
        if news.count < lot.count:
            tasks.cancelled(spec, lot.count - news.count, now)

    def gone(self, workers: Collection[str], now: float) -> None:
        """Only these workers are there: what others have submitted, their parents will submit again."""
        with self._lock:
            for lot in [lot for lot in self.open.values() if lot.owner != self._root and lot.owner not in workers]:
                self._take(Dropped(lot.key), now)
            for key in [key for key, begun in self.running.items() if begun.worker not in workers]:
                del self.running[key]

    def pending(self, run: int) -> bool:
        """Whether a run has tasks that are not over."""
        with self._lock:
            return any(lot.spec.run == run for lot in self.open.values())

    def picture(self, rows: list[dict[str, Any]], run: int, brief: bool, now: float) -> dict[str, Any]:
        """Workers, nodes and totals as plain data.

        Args:
            rows: what Dask tells of the workers.
            run: only this one; all of them for a negative number.
            brief: without the nodes.
            now: in seconds since 1970.
        """
        with self._lock:
            return self._picture(rows, run, brief, now)

    def _picture(self, rows: list[dict[str, Any]], run: int, brief: bool, now: float) -> dict[str, Any]:
        self.gone({row["name"] for row in rows}, now)
        by_node: dict[int, int] = {}
        of_worker: dict[str, list[Begun]] = {}
        for key, begun in self.running.items():
            group = self.open[key].spec.group
            by_node[group] = by_node.get(group, 0) + 1
            of_worker.setdefault(begun.worker, []).append(begun)
        picture = self.tasks.picture(by_node, self._root, run, brief)
        for row in rows:
            name, mine = row["name"], of_worker.get(row["name"], [])
            last = mine[-1] if mine else None
            row.update(
                pid=self._pids.get(name, 0),
                state="busy" if mine else "idle",
                busy=min(1.0, len(mine) / max(1, row["threads"])),
                cpu=self._cpu.get(name, 0.0),
                task=self.open[last.key].spec.name if last else None,
                since=last.since if last else None,
                done=self._done.get(name, 0),
                prints=self._prints.get(name, 0),
            )
        return {"time": now, **picture, "workers": rows}

    def timeline(self, run: int) -> dict[str, Any]:
        """What ran where and when."""
        with self._lock:
            open_ = [
                (b.worker, m.Ran(lot.spec.root, lot.spec.run, lot.spec.name, b.since, b.since, 0, 0))
                for key, b in self.running.items()
                if (lot := self.open.get(key))
            ]
            return self.tasks.timeline(open_, self._root if run >= 0 else "", run)
