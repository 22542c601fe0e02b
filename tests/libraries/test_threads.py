"""Threads of numerical libraries, as these count them themselves."""

from __future__ import annotations

from typing import Any

import pytest

from scoop import futures
from scoop_core.hosts import default_workers
from scoop_core.threads import VARIABLES
from tests.conftest import PoolFactory

pytest.importorskip("threadpoolctl")


def threads(_: int) -> list[int]:
    import numpy  # noqa: F401 (it brings its linear algebra)
    import threadpoolctl

    return [library["num_threads"] for library in threadpoolctl.threadpool_info()]


def test_workers_use_the_machine_once(new_pool: PoolFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    new_pool(default_workers())
    found: list[Any] = list(futures.map(threads, range(8)))
    assert found[0], "numpy has a library of linear algebra"
    assert {count for counts in found for count in counts} == {1}
