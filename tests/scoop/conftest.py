"""Fixtures for tests of whole pools."""

from __future__ import annotations

import pytest

from scoop import Pool
from tests.cells import Cells
from tests.conftest import PoolFactory, SharedPool


@pytest.fixture
def cells() -> Cells:
    return Cells()


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def any_pool(request: pytest.FixtureRequest, shared_pool: SharedPool, new_pool: PoolFactory) -> Pool:
    """Pools of both sizes: on one worker, whoever waits must let others run."""
    return shared_pool.get() if request.param == 2 else new_pool(1)
