"""Programs that connect to a pool of another host: over the network, and by ssh; on real hosts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.hosts import Cluster
from tests.cluster.programs import Program

#: All that a program does with a pool; a list of what is wrong.
DOES = [
    ("list(futures.map(square, range(300))) == [x * x for x in range(300)]", True),
    ("futures.submit(pow, 2, 10).result()", 1024),
    ("tree(4)", 81),
    ("[scoop.SIZE, pool.owned, len(pool.workers)]", [2, False, 2]),
    ("shared.setConst(factor=6) or list(futures.map(lambda x: x * shared.getConst('factor'), range(3)))", [0, 6, 12]),
]


@pytest.fixture
def work(cluster: Cluster, shared_folder: Path) -> Iterator[Program]:
    """A program on head with a pool "work", which only its own host can reach."""
    with Program(cluster, shared_folder, "scoop.start(2, 'work')") as program:
        assert program.first == "there"
        yield program


@pytest.mark.parametrize("what", DOES)
def test_x(cluster: Cluster, shared_folder: Path, work: Program, what) -> None:
    with Program(cluster, shared_folder, "scoop.connect('ssh://head/work')", "nodec") as guest:
        assert guest.first == "there"
        assert guest.ask(what[0]) == what[1]
