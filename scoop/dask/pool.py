"""A Dask cluster in the place of a pool."""

from __future__ import annotations

import atexit
import os
from typing import Any

import distributed

from scoop.dask.root import DaskRoot
from scoop_core.contract import unable
from scoop_core.current import current
from scoop_core.errors import StartFailed
from scoop_core.hosts import default_workers
from scoop_core.payload import first_line

#: How long the scheduler and the first worker may take to answer, in seconds.
START_SECONDS = 60.0


class DaskPool:
    """A Dask cluster, and this program's connection to it. Use it as a context manager, or `stop` it.

    Args:
        client: connected to it.
        cluster: by which it is scaled; None for one that is known by its address only.
        owned: whether it ends with this.
    """

    def __init__(self, client: DaskRoot, cluster: Any = None, owned: bool = False) -> None:
        self.client = client
        self.cluster = cluster
        self.owned = owned
        self._pid = os.getpid()
        client.pool = self

    @property
    def name(self) -> str:
        return self.client.pool_name

    @property
    def alive(self) -> bool:
        """Whether it can be used."""
        return self.client.lost is None

    @property
    def workers(self) -> list[dict[str, Any]]:
        """A row for each worker of Dask.

        Raises:
            BrokerLost: the cluster is gone.
        """
        workers: list[dict[str, Any]] = self.client.picture()["workers"]
        return workers

    def scale(self, n: int, timeout: float = START_SECONDS) -> None:
        """Have n workers; waits until they are there.

        Raises:
            NotSupported: the cluster is known by its address only.
            TimeoutError: the new workers are not there after `timeout` seconds.
        """
        if n < 0:
            raise ValueError(f"a pool can't have {n} workers")
        if self.cluster is None:
            raise unable("A Dask cluster that is known by its address only", "change the number of its workers")
        self.cluster.scale(n)
        if n:
            self.client.client.wait_for_workers(n, timeout=timeout)

    def wait(self, n: int | None = None, timeout: float | None = None) -> None:
        """Wait until workers are there, as jobs bring them.

        Args:
            n: how many; None for one, as nobody but the cluster knows how many there will be.
            timeout: in seconds; None for no limit.

        Raises:
            TimeoutError: they are not there yet.
        """
        self.client.client.wait_for_workers(n or 1, timeout=timeout)

    def restart(self) -> None:
        """Cancel everything, and replace all workers.

        Raises:
            NotSupported: the cluster is not this program's own.
        """
        if not self.owned:
            raise unable("A Dask cluster of others", "restart its workers, which may run tasks of somebody else")
        self.client.halt()
        self.client.client.restart(timeout=START_SECONDS)

    def stop(self) -> None:
        """Leave the cluster, and end it if this program has started it; what is pending fails with `BrokerLost`."""
        if os.getpid() != self._pid:  # a fork of the program that started it, on its way out
            return
        self.close()
        if self.owned and self.cluster is not None:
            self.cluster.close()

    def close(self) -> None:
        """Leave the cluster; it goes on."""
        self.client.close()
        if current.engine is self.client:
            current.engine = None
        atexit.unregister(self.stop)

    def __enter__(self) -> DaskPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<DaskPool {self.name!r}: {'in use' if self.alive else 'stopped'}>"


def start(n: int | None = None, name: str | None = None, address: Any = None) -> DaskPool:
    """Use a Dask cluster, and make it the current pool.

    Args:
        n: how many workers a cluster of its own has, each a process with one thread.
        name: what people call it; by default its address.
        address: of the scheduler of a cluster that runs; or the cluster itself (of dask.distributed, dask-jobqueue or
            dask-gateway), which can then be scaled. By default a `LocalCluster` is started, which ends with the pool.

    Raises:
        ValueError: n goes with a cluster that runs.
        StartFailed: nobody answers there, or its workers lack this package.
    """
    if address is not None and n is not None:
        raise ValueError("a Dask cluster that runs has its workers already: leave out their number, or scale it")
    cluster: Any = None if isinstance(address, str) else address
    owned = address is None
    if owned:
        cluster = distributed.LocalCluster(
            n_workers=default_workers() if n is None else n,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            host="127.0.0.1",
            preload=["scoop.dask.apart"],
        )
    try:
        where = address if cluster is None else cluster
        client: Any = distributed.Client(where, set_as_default=False, timeout=START_SECONDS)
        try:
            root = DaskRoot(client, name or client.scheduler.address)
        except BaseException:
            client.close()
            raise
    except Exception as error:
        if owned:
            cluster.close()
        raise StartFailed(f"Can't use the Dask cluster {address}: {first_line(error)}") from error
    pool = DaskPool(root, cluster, owned)
    current.engine = root
    atexit.register(pool.stop)
    return pool
