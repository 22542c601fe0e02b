"""shared.py: constants that all workers of a pool share."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy
import pytest

from scoop import Pool, futures, shared
from tests.cells import Cells
from tests.conftest import PoolFactory
from tests.scoop import tasks


def test_a_constant_is_seen_everywhere(pool: Pool) -> None:
    shared.setConst(seen_everywhere=[1, 2, 3])

    def nested(x: int) -> Any:
        return futures.submit(shared.getConst, "seen_everywhere").result()

    assert shared.getConst("seen_everywhere") == [1, 2, 3]
    assert list(futures.map(shared.get_const, ["seen_everywhere"] * 4)) == [[1, 2, 3]] * 4
    assert list(futures.map(nested, range(4))) == [[1, 2, 3]] * 4


def test_a_constant_is_set_only_once(pool: Pool) -> None:
    shared.setConst(only_once=1)
    with pytest.raises(TypeError, match="already exists: only_once"):
        shared.setConst(only_once=2)
    with pytest.raises(TypeError, match="already exists: only_once"):
        futures.submit(shared.set_const, only_once=3).result()
    assert shared.getConst("only_once") == 1


def test_a_missing_constant_is_none_after_the_timeout(pool: Pool) -> None:
    began = time.monotonic()
    assert shared.getConst("missing", timeout=0.2) is None
    assert 0.19 <= time.monotonic() - began < 1
    assert futures.submit(shared.getConst, "missing", timeout=0.05).result() is None


def test_a_constant_can_be_waited_for(pool: Pool) -> None:
    waiting = futures.submit(shared.getConst, "comes_later", timeout=30)
    assert futures.wait([waiting], timeout=0.05).not_done
    shared.setConst(comes_later="here")
    assert waiting.result() == "here"


def test_a_constant_that_a_task_has_set(pool: Pool) -> None:
    futures.submit(shared.setConst, of_a_task=5).result()
    assert shared.getConst("of_a_task", timeout=5) == 5


def test_functions_lambdas_and_classes_as_constants(pool: Pool, cells: Cells) -> None:
    cells("""
        class Scale:
            def __init__(self, factor): self.factor = factor
            def __call__(self, x): return self.factor * x
        """)
    shared.setConst(a_function=tasks.inc, a_lambda=lambda x: -x, a_class=cells.Scale, an_object=cells.Scale(3))

    def use(x: int) -> tuple[int, ...]:
        return (
            shared.getConst("a_function")(x),
            shared.getConst("a_lambda")(x),
            shared.getConst("a_class")(2)(x),
            shared.getConst("an_object")(x),
        )

    assert list(futures.map(use, range(3))) == [(1, 0, 0, 0), (2, -1, 2, 3), (3, -2, 4, 6)]
    assert shared.getConst("a_lambda")(1) == -1


def test_a_constant_that_does_not_travel(pool: Pool) -> None:
    with pytest.raises(TypeError):
        shared.setConst(a_lock=threading.Lock())
    shared.setConst(a_lock="another value")
    assert shared.getConst("a_lock") == "another value"


def test_a_large_array_is_read_only_in_tasks(pool: Pool) -> None:
    array = numpy.arange(200_000)
    shared.setConst(an_array=array)

    def use(_: object) -> tuple[int, bool]:
        found = shared.getConst("an_array")
        return int(found.sum()), found.flags.writeable

    assert list(futures.map(use, range(4))) == [(array.sum(), False)] * 4


def test_constants_reach_workers_that_join_later(new_pool: PoolFactory) -> None:
    pool = new_pool(1)
    shared.setConst(early=42)
    pool.scale(3)
    assert {futures.submit(shared.getConst, "early").result() for _ in range(20)} == {42}
    old = {row["pid"] for row in pool.workers}
    pool.restart()
    assert not old & {row["pid"] for row in pool.workers}
    assert futures.submit(shared.getConst, "early").result() == 42
