"""A program's or a notebook's use of a Dask cluster."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from typing import Any

import distributed

from scoop.dask.engine import DaskEngine
from scoop.dask.news import decode, topic
from scoop.dask.task import running_task
from scoop.dask.tree import Tree
from scoop.dask.worker import drop_run, run_lot
from scoop_core import messages as m
from scoop_core.client import to_terminal
from scoop_core.contract import AnyPool, Sink, Viewer, unable
from scoop_core.errors import BrokerLost
from scoop_core.payload import first_line
from scoop_core.peer import failed_call, id_of
from scoop_core.task_tree import Place, top

#: Pictures come so often, in seconds.
PICTURE_SECONDS = 0.2


class DaskRoot(DaskEngine):
    """A root on a Dask cluster.

    Args:
        client: Dask's, for this alone; `close` closes it.
        pool_name: what people call the cluster.
    """

    for_people = True
    fewest = 100

    def __init__(self, client: distributed.Client, pool_name: str) -> None:
        self._name = f"r{os.urandom(4).hex()}-{os.getpid()}"
        super().__init__(self._name, client, run_lot)
        self.pool_name = pool_name
        self.pool: AnyPool | None = None
        self.run = 0
        self.sink: Sink = to_terminal
        self._runs = itertools.count(1)
        self._numbers = itertools.count(1)
        self._tree = Tree(self.name)
        self._viewers: dict[int, tuple[int, Viewer, bool]] = {}
        client.subscribe_topic(topic(self.name), self._hear)
        self._rows()

    def context(self) -> tuple[str, int, Place]:
        task = running_task()  # of a cluster whose workers are threads of this process
        if task is not None:
            return task.root, task.run, task.place
        return self.name, self.run, top(self.name, self.run)

    # ---- what comes --------------------------------------------------------------------------------------------

    def tell(self, root: str, news: m.Header) -> None:
        self._tree.take(news, time.time())

    def _hear(self, event: tuple[float, bytes]) -> None:
        """A worker's word, in the thread of Dask's event loop."""
        news = decode(event[1])
        self._tree.take(news, time.time())
        if isinstance(news, m.Output):
            self.sink(news.run, news.worker, news.stream, news.text)

    # ---- runs --------------------------------------------------------------------------------------------------

    def new_run(self) -> int:
        """Begin a run: what is submitted from now on belongs together."""
        self.run = next(self._runs)
        return self.run

    def cancel_run(self, run: int) -> None:
        """Cancel all that was submitted in a run. A task that runs goes on to its end, and nobody learns of it."""
        self._drop_everywhere(run)
        if run == self.run:
            self.new_run()

    def halt(self) -> None:
        """Cancel all that this program has submitted; not what others have."""
        self._drop_everywhere(-1)
        self.new_run()

    def _drop_everywhere(self, run: int) -> None:
        self.pending.drop_run(self.name, run)
        if self.lost is None:
            self.client.run(drop_run, self.name, run, wait=False, on_error="ignore")

    # ---- workers and pictures ----------------------------------------------------------------------------------

    def _rows(self, info: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """What Dask tells of its workers."""
        workers = self.cluster.look(info)
        self.cluster.size = max(1, sum(worker["nthreads"] for worker in workers.values()))
        return [
            {
                "name": name,
                "number": number,
                "host": worker["host"],
                "threads": worker["nthreads"],
                "cpu_share": worker["metrics"].get("cpu", 0.0) / 100,
                "memory": worker["metrics"].get("memory", 0),
            }
            for number, (name, worker) in enumerate(workers.items())
        ]

    def picture(self, run: int = -1, timeout: float = 5.0) -> dict[str, Any]:
        """The cluster's workers and the tree of this program's tasks as they are now, as plain data.

        Raises:
            BrokerLost: the cluster is gone.
        """
        self._check()
        try:
            rows = self._rows()
        except (OSError, RuntimeError) as error:
            raise BrokerLost(f"The scheduler of {self.pool_name!r} did not answer: {first_line(error)}") from error
        return self._picture(rows, run, False)

    def _picture(self, rows: list[dict[str, Any]], run: int, brief: bool) -> dict[str, Any]:
        pool = {"name": self.pool_name, "state": "running", "wanted": len(rows), "lost": 0, "strange": 0}
        return {"pool": pool, **self._tree.picture(rows, run, brief, time.time())}

    def timeline(self, run: int = m.ALL, timeout: float = 5.0) -> dict[str, Any]:
        """What ran on each worker, and when: a span for each lot; see `Client.timeline`."""
        self._check()
        return self._tree.timeline(run)

    def watch(self, run: int, viewer: Viewer, brief: bool = False) -> int:
        """Have pictures brought to the viewer, in the thread of Dask's event loop."""
        number = next(self._numbers)
        self._viewers[number] = (run, viewer, brief)
        self.client.loop.add_callback(self._show, number)
        return number

    def unwatch(self, number: int) -> None:
        """Bring no more pictures."""
        self._viewers.pop(number, None)

    async def _show(self, number: int) -> None:
        while number in self._viewers and self.lost is None:
            run, viewer, brief = self._viewers[number]
            try:
                info = await self.client.scheduler.identity(n_workers=-1)
            except (OSError, RuntimeError):  # on the way down, or just for now
                await asyncio.sleep(PICTURE_SECONDS)
                continue
            viewer(self._picture(self._rows(info), run, brief))
            await asyncio.sleep(PICTURE_SECONDS)

    def cancel_task(self, worker: str) -> None:
        raise unable("A Dask cluster", "a task that runs can't be interrupted")

    def restart_worker(self, worker: str) -> None:
        raise unable("A Dask cluster", "its workers are looked after by whoever has started them")

    # ---- failures ----------------------------------------------------------------------------------------------

    def replay(self, failure: str | BaseException = "") -> Any:
        """Run a task that failed once more, in this process; see `Peer.replay`."""
        __tracebackhide__ = True
        calls = self._tree.tasks.calls
        id = failure if isinstance(failure, str) else id_of(failure)
        function, args, kwargs = failed_call(calls.find(id) if id else calls.latest(self.name), id)
        return function(*args, **kwargs)

    # ---- the end -----------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Leave the cluster: what is pending is cancelled, and the constants go."""
        if self.lost is None:
            self._drop_everywhere(-1)
            self.pending.fail(BrokerLost(f"This process has left the Dask cluster {self.pool_name!r}."))
            self._constants.withdraw(self.name)
        self._viewers.clear()
        self.client.close()
        self.pending.end()
