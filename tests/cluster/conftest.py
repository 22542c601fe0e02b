"""Several hosts, which all tests share that need them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import leaks
from tests.cluster import grid_engine, slurm
from tests.cluster.hosts import Cluster, missing

#: What programs on the hosts find as the tests do.
SHARED_VARIABLES = ("HOME", "LANG", "PATH", "PYTHONPATH", leaks.MARK)


@pytest.fixture(scope="session")
def cluster(session_folder: Path) -> Iterator[Cluster]:
    """Four hosts: head, nodea, nodeb and nodec. A test may do to them what it likes, but must leave no process."""
    if why := missing():
        pytest.skip(why)
    # pytest's own folders, and that of the session, are not for other users.
    with tempfile.TemporaryDirectory(prefix="st-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        environment = {name: os.environ[name] for name in SHARED_VARIABLES if name in os.environ}
        with Cluster(Path(folder), environment) as cluster:
            yield cluster


@pytest.fixture(autouse=True)
def nothing_left(cluster: Cluster) -> Iterator[None]:
    """Fails a test that leaves something behind, here or on a host; afterwards all hosts are well again."""
    before = leaks.Footprint.now()
    yield
    cluster.restore()
    leaks.check("the test", before, lambda: cluster.first_processes)


@pytest.fixture
def shared_folder(cluster: Cluster, request: pytest.FixtureRequest) -> Path:
    """A folder that all hosts see."""
    folder = cluster.folder / "".join(c for c in request.node.name if c.isalnum())[:40]
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def all_slurm(cluster: Cluster) -> Iterator[slurm.Slurm]:
    if why := slurm.missing():
        pytest.skip(why)
    system = slurm.Slurm(cluster)
    yield system
    system.close()


@pytest.fixture(name="slurm")
def idle_slurm(all_slurm: slurm.Slurm) -> slurm.Slurm:
    """Slurm, with three nodes that have nothing to do."""
    all_slurm.restore()
    return all_slurm


@pytest.fixture(scope="session")
def all_grid_engine(cluster: Cluster) -> grid_engine.GridEngine:
    if why := grid_engine.missing():
        pytest.skip(why)
    return grid_engine.GridEngine(cluster)


@pytest.fixture(name="grid_engine")
def idle_grid_engine(all_grid_engine: grid_engine.GridEngine) -> grid_engine.GridEngine:
    """Grid Engine, with three nodes that have nothing to do."""
    all_grid_engine.restore()
    return all_grid_engine
