"""What programs do with Dask clusters of all kinds, to see that they serve as the engine of a pool."""

from __future__ import annotations

import socket
import time
from typing import Any

import scoop
from scoop import futures, shared


def where(_: int) -> tuple[str, str]:
    """The host, and the worker."""
    time.sleep(0.05)
    return socket.gethostname(), scoop.worker


def leaves(depth: int) -> int:
    return 1 if depth == 0 else sum(futures.map(leaves, [depth - 1] * 2))


def scaled(x: int) -> int:
    value: int = x * shared.getConst("scale")
    return value


def use(cluster: Any, n: int) -> list[Any]:
    """Have a pool of n workers on a cluster; the hosts of those that ran tasks, and what should be [16, 49500]."""
    pool = scoop.start(engine="dask", address=cluster)
    pool.scale(n)
    places = set(futures.map(where, range(30 * n)))
    assert len(places) == n, places
    shared.setConst(scale=10)
    found = [
        sorted(host for host, _ in places),
        futures.submit(leaves, 4).result(),
        sum(futures.map(scaled, range(100))),
    ]
    pool.stop()
    return found
