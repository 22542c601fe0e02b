"""Random numbers of tasks."""

from __future__ import annotations

import numpy
import pytest
from numpy.random import Generator, SeedSequence

from scoop import futures
from scoop.random import spawn
from tests.conftest import PoolFactory


def draw(_: int, random: Generator) -> float:
    return float(random.random())


def family(size: int, random: Generator) -> list[float]:
    """A task with tasks of its own."""
    return list(futures.map(draw, range(size), spawn(random)))


@pytest.mark.parametrize("n", [1, 3])
def test_the_same_seed_gives_the_same_numbers_on_any_number_of_workers(new_pool: PoolFactory, n: int) -> None:
    new_pool(n)
    expected = [float(numpy.random.default_rng(child).random()) for child in SeedSequence(42).spawn(200)]
    assert list(futures.map(draw, range(200), spawn(42))) == expected
    assert list(futures.map(draw, range(200), spawn(SeedSequence(42)))) == expected
    later = dict(zip(range(50), spawn(42), strict=False))
    assert [futures.submit(draw, x, later[x]).result() for x in reversed(range(50))] == expected[:50][::-1]


@pytest.mark.parametrize("n", [1, 3])
def test_so_it_is_for_tasks_of_tasks(new_pool: PoolFactory, n: int) -> None:
    new_pool(n)
    found = list(futures.map(family, [3, 4, 5], spawn(7)))
    expected = [
        [float(numpy.random.default_rng(c).random()) for c in child.spawn(size)]
        for size, child in zip([3, 4, 5], SeedSequence(7).spawn(3), strict=True)
    ]
    assert found == expected
    assert len({x for row in found for x in row}) == 12


def test_without_a_seed_they_differ() -> None:
    one, other = next(spawn()), next(spawn())
    assert one.random() != other.random()
