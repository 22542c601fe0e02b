"""What nobody wants any more goes, on pools of our own."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy

from scoop import Pool, futures
from scoop_core.current import current
from tests.scoop import tasks
from tests.waiting import eventually


def test_results_that_nobody_asks_for_leave_nothing(pool: Pool) -> None:
    shelf = Path(pool.client.connection.shelf)
    pending = [futures.submit(numpy.zeros, 100_000) for _ in range(5)]
    futures.wait(pending)
    del pending
    gc.collect()
    eventually(lambda: not list(shelf.iterdir()))


def give_up(_: Any) -> tuple[list[Any], int]:
    """Takes as many results of a map as there are, and never asks whether there are more."""
    found = []
    for _ in range(50):
        found += [result for _, result in zip(range(20), futures.map(tasks.slowly, range(20)), strict=False)]
    return found, len(current.engine.owner._jobs)


def test_a_map_of_a_task_that_is_over_leaves_nothing(pool: Pool) -> None:
    """However it was iterated. Some of its tasks go to the other worker, at any moment."""
    for found, jobs in futures.map(give_up, range(2)):
        assert found == list(range(20)) * 50
        assert jobs < 10, "of fifty: the last one, and those of the other task, if that waits on the same worker"
