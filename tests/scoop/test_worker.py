"""A worker's two threads, at moments that are rare: here they are made."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scoop import Pool, TaskTimeout, futures
from scoop.engine import engine
from scoop_core.config import FLUSH_SECONDS, QUIET_SECONDS, TURN_SECONDS
from scoop_core.worker import Worker
from tests.conftest import PoolFactory
from tests.scoop import tasks
from tests.waiting import eventually


def this_worker() -> Worker:
    found = engine("test")
    assert isinstance(found, Worker)
    return found


def tally(_: Any = None) -> None:
    """What the IO thread does while a task runs."""
    this_worker().accounts.tally(time.perf_counter())


def submits_one() -> None:
    futures.submit(tally).result()


def maps() -> None:
    list(futures.map(tally, range(3)))


def cancels_one() -> bool:
    future = futures.submit(tasks.inc, 1)
    tally()
    return future.cancel()


def sends_one() -> None:
    future = futures.options(name="sent").submit(tasks.inc, 1)
    tally()
    future.result()


def ticks(_: int) -> list[float | None]:
    """How often the IO thread looks for something to tell while this task runs."""
    worker = this_worker()
    worker.accounts.tally(time.perf_counter())
    seconds = [worker._duty()]
    print("something")
    seconds += [worker._duty(), worker._duty()]
    worker.accounts.note()
    return [*seconds, worker._duty()]


def test_a_worker_has_little_to_tell_of_what_the_broker_gave_it(pool: Pool) -> None:
    """Of a task that neither prints nor submits: nobody wants to be woken by hundreds of workers for that."""
    [seconds] = futures.map(ticks, [0])
    assert seconds == [QUIET_SECONDS, FLUSH_SECONDS, QUIET_SECONDS, FLUSH_SECONDS]


@pytest.mark.parametrize("task", [submits_one, maps, cancels_one, sends_one], ids=lambda task: task.__name__)
def test_who_has_the_result_has_the_counts(pool: Pool, task: Callable[[], Any]) -> None:
    """Also where the worker told them just before they changed: a notebook shows them in the same moment."""
    for _ in range(5):
        futures.submit(task).result()
        counts = pool.client.picture(pool.client.run)["tasks"]
        assert (counts["queued"], counts["running"]) == (0, 0)


def lose_the_processor(folder: Path) -> None:
    """From now on this worker's main thread stands still between taking a piece and beginning it: it says that it has
    taken it, and goes on when there is a file `go`."""
    runner = this_worker()._runner
    begin = runner.run_piece

    def late(piece: Any) -> None:
        tasks.hold(folder)
        begin(piece)

    runner.run_piece = late  # type: ignore[method-assign]


def test_the_time_of_a_task_is_watched_whenever_it_began(new_pool: PoolFactory, tmp_path: Path) -> None:
    new_pool(1)
    futures.submit(lose_the_processor, tmp_path).result()
    began = time.monotonic()
    future = futures.options(timeout=0.1).submit(time.sleep, 60)
    eventually(lambda: tasks.begun(tmp_path))
    time.sleep(
        50 * TURN_SECONDS
    )  # the IO thread has its turn, looks what there is to do, and sleeps: nobody hears that
    (tmp_path / "go").touch()
    with pytest.raises(TaskTimeout):
        future.result()
    assert time.monotonic() - began < 30


def test_a_task_is_cancelled_whenever_it_began(new_pool: PoolFactory, tmp_path: Path) -> None:
    pool = new_pool(1)
    futures.submit(lose_the_processor, tmp_path).result()
    future = futures.submit(time.sleep, 60)
    eventually(lambda: tasks.begun(tmp_path))
    assert future.cancel()
    eventually(lambda: pool.client.picture(pool.client.run)["tasks"]["cancelled"] == 1)
    (tmp_path / "go").touch()
    assert futures.submit(tasks.inc, 2).result() == 3
    assert [row["name"] for row in pool.workers] == ["w0"], "it could let go of the task, so it was not replaced"
