"""A Dask cluster, as one of its clients sees it: what it is given, and what it tells of its workers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import dask
import distributed

from scoop.dask.news import Cargo, keep
from scoop_core.errors import BrokerLost, NoSuchWorker
from scoop_core.payload import PackedFunction

Remote = distributed.Future[Any]

LOST = "The scheduler of the Dask cluster is gone, or can't be reached any more."

#: Larger functions travel apart from the lots, once to each worker that runs any.
LARGE = 32 * 1024
#: So many of them are kept at hand.
FUNCTIONS = 20


class Cluster:
    """What a client of Dask is used for.

    Args:
        client: Dask's; it must outlive this.
    """

    def __init__(self, client: distributed.Client) -> None:
        self.client: Any = client  # Dask's own types say None where there is none before it has begun
        self.size = 1  # so many tasks run at once
        self._functions: dict[bytes, Remote] = {}
        self._addresses: dict[str, str] = {}  # of workers

    def submit(self, function: Callable[..., Any], *args: Any, **options: Any) -> Remote:
        """Submit one task of Dask."""
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 PB"}):
            remote: Remote = self.client.submit(function, *args, pure=False, **options)
            return remote

    def cargo(self, packed: PackedFunction) -> Cargo | Remote:
        """The function, to go with a lot; if it is large, what stands for it."""
        size = len(packed.parcel.data) + sum(map(len, packed.frames))
        cargo = Cargo(packed.parcel, packed.frames, packed.digest)
        if size < LARGE:
            return cargo
        remote = self._functions.get(packed.digest)
        if remote is None:
            if len(self._functions) >= FUNCTIONS:
                self._functions.pop(next(iter(self._functions)))
            remote = self.submit(keep, cargo, key=f"function-{uuid.uuid4().hex}")
            self._functions[packed.digest] = remote
        return remote

    def forget(self, remotes: Iterable[Remote]) -> None:
        """Cancel these; it is not waited for."""
        self.client.loop.add_callback(partial(self.client.cancel, list(remotes), asynchronous=True))

    def processing(self) -> set[str]:
        """The keys of all lots that workers have been given."""
        return {str(key) for keys in self.client.processing().values() for key in keys}

    @property
    def lost(self) -> BrokerLost | None:
        """Whether the scheduler can't be reached now; Dask goes on trying for a while."""
        return BrokerLost(LOST) if self.client.status in ("connecting", "closing", "closed") else None

    # ---- workers -----------------------------------------------------------------------------------------------

    def look(self, info: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
        """What Dask tells of each of its workers, by name.

        Args:
            info: what its scheduler has said of itself; it is asked now without that.
        """
        workers = (info or self.client.scheduler_info(n_workers=-1))["workers"]
        self._addresses = {label(worker["name"]): address for address, worker in workers.items()}
        return {name: workers[self._addresses[name]] for name in sorted(self._addresses, key=lambda n: (len(n), n))}

    def address_of(self, worker: str) -> str:
        """Where a worker is.

        Raises:
            NoSuchWorker: there is none of this name.
        """
        if worker not in self._addresses:
            self.look()
        if worker not in self._addresses:
            known = ", ".join(self._addresses) or "none"
            raise NoSuchWorker(f"The Dask cluster has no worker {worker!r} (it has: {known}).")
        return self._addresses[worker]


def label(worker: str | int) -> str:
    """What people call a worker, from its name in Dask."""
    return f"w{worker}" if isinstance(worker, int) else worker
