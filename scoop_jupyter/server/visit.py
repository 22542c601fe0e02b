"""A visit to one pool: a connection to it, and the last that was seen there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal, TypedDict, cast

from scoop_core import messages as m
from scoop_core.client import Client
from scoop_core.config import Connection
from scoop_core.errors import BrokerLost
from scoop_jupyter.view import Missing, Snapshot, missing

#: What can be done to one worker; panels have buttons for it.
WorkerAction = Literal["cancel-task", "restart-worker"]


class PoolRow(TypedDict):
    """A pool in the list of pools. Times are unix seconds, sizes bytes."""

    name: str
    id: str
    pid: int  # of the program that it belongs to
    started: float
    workers: int  # that are there
    wanted: int  # that there should be
    missing: Missing | None  # hosts
    stillborn: int  # that died before they could do anything, one after the other
    busy: float  # share of its workers' time that is spent in tasks, 0 to 1
    memory: int
    tasks: dict[str, int]  # by state


class Visit:
    """A root of its own at a pool: it submits nothing, and nobody waits for it.

    Args:
        connection: the pool.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._client = Client(connection)
        self._loop = asyncio.get_running_loop()
        self._seen: dict[str, Any] | None = None

    async def begin(self) -> None:
        """Connect.

        Raises:
            StartFailed: the pool does not answer.
            BrokerLost: it ended meanwhile.
        """
        await asyncio.to_thread(self._client.connect)
        self._seen = await asyncio.to_thread(self._client.picture)
        self.watch(m.ALL, self._see, brief=True)

    def _see(self, picture: dict[str, Any]) -> None:
        self._seen = picture

    @property
    def over(self) -> bool:
        """Whether the pool has ended."""
        return self._client.lost is not None

    def row(self) -> PoolRow:
        """The pool as it was seen last."""
        seen = self._seen
        assert seen is not None
        workers = [worker for worker in seen["workers"] if worker["state"] not in ("starting", "lost", "stopped")]
        return {
            "name": self.connection.name,
            "id": self.connection.id,
            "pid": self.connection.pid,
            "started": seen["pool"]["started"],
            "workers": len(workers),
            "wanted": seen["pool"]["wanted"],
            "missing": missing(cast(Snapshot, seen)),
            "stillborn": seen["pool"]["stillborn"],
            "busy": sum(worker["busy"] for worker in workers) / max(1, len(workers)),
            "memory": sum(worker["memory"] for worker in workers),
            "tasks": seen["tasks"],
        }

    async def picture(self) -> dict[str, Any]:
        """All of the pool and its tasks, as of now.

        Raises:
            BrokerLost: the pool has ended.
        """
        return await asyncio.to_thread(self._client.picture)

    async def timeline(self) -> dict[str, Any]:
        """What ran where and when, of what goes on now or went on last.

        Raises:
            BrokerLost: the pool has ended.
        """
        return await asyncio.to_thread(self._client.timeline, m.RECENT)

    async def act(self, action: WorkerAction, worker: str) -> None:
        """Cancel what a worker runs, or replace it.

        Raises:
            NoSuchWorker: there is none of this name.
            BrokerLost: the pool has ended.
        """
        client = self._client
        await asyncio.to_thread(client.cancel_task if action == "cancel-task" else client.restart_worker, worker)

    def tell(self, message: m.Header) -> None:
        """Send a message to the pool's broker.

        Raises:
            BrokerLost: the pool has ended.
        """
        if self.over:
            raise BrokerLost(f"The pool {self.connection.name!r} has ended.")
        self._client.link.send(message)

    def watch(self, run: int, viewer: Callable[[dict[str, Any]], None], brief: bool = False) -> int:
        """Have pictures brought to the viewer, in the server's own thread; see `Client.watch`."""

        def bring(picture: dict[str, Any]) -> None:
            try:
                self._loop.call_soon_threadsafe(viewer, picture)
            except RuntimeError:  # the loop is closed: the server has ended
                pass

        return self._client.watch(run, bring, brief)

    def unwatch(self, number: int) -> None:
        """Bring no more."""
        self._client.unwatch(number)

    async def end(self) -> None:
        """Leave; the pool goes on."""
        await asyncio.to_thread(self._client.close)
