"""One suite for all engines: what `futures` and `shared` promise, on a pool of our own and on a Dask cluster.

Tests that need an ability say so: ``@pytest.mark.needs("interrupts")``; engines without it skip them.
"""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing import resource_tracker

import pytest

from scoop import Pool
from scoop_core.current import current
from tests.conftest import SharedPool


class Engine:
    """Pools of one engine, by their number of workers, for all tests of a module."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pools: dict[int, SharedPool] = {}

    def shared(self, n: int) -> SharedPool:
        if n not in self.pools:
            self.pools[n] = SharedPool(n, engine=self.name)
        return self.pools[n]

    def stop(self) -> None:
        for shared in self.pools.values():
            shared.stop()
        current.engine = None
        resource_tracker._resource_tracker._stop()  # a process of Python's own, that helps Dask to start others


@pytest.fixture(scope="module", params=["scoop", "dask"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = Engine(request.param)
    yield engine
    engine.stop()


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def any_size(request: pytest.FixtureRequest) -> int:
    size: int = request.param
    return size


@pytest.fixture
def shared_pool(request: pytest.FixtureRequest, engine: Engine) -> SharedPool:
    n = request.getfixturevalue("any_size") if "any_size" in request.fixturenames else 2
    return engine.shared(n)


@pytest.fixture
def pool(request: pytest.FixtureRequest, shared_pool: SharedPool) -> Iterator[Pool]:
    """A pool or a cluster of two workers, which `futures` uses."""
    pool = shared_pool.get()
    for mark in request.node.iter_markers("needs"):
        for ability in mark.args:
            if not getattr(pool.client.abilities, ability):
                pytest.skip(f"this engine lacks: {ability}")
    yield pool
    current.engine = None


@pytest.fixture
def any_pool(any_size: int, pool: Pool) -> Pool:
    """Of both sizes: with one worker, whoever waits must let others run."""
    return pool
