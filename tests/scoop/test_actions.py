"""What is done to single workers and tasks, at somebody's word."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

import scoop
from scoop import NoSuchWorker, Pool, futures
from scoop_core import messages as m
from tests.conftest import PoolFactory, at_rest
from tests.scoop import tasks
from tests.waiting import eventually


def running(pool: Pool, name: str) -> str:
    """Waits for a worker that runs such a task; its name."""

    def found() -> str:
        return next((row["name"] for row in pool.workers if row["task"] == name), "")

    return eventually(found)


def worker_of(pool: Pool, pid: int) -> str:
    return next(row["name"] for row in pool.workers if row["pid"] == pid)


def group(pool: Pool, name: str) -> dict[str, Any]:
    """The counts of a function in the current run."""
    groups = pool.client.picture(pool.client.run)["groups"]
    return dict(next(group for group in groups if group["name"] == name))


@pytest.fixture(autouse=True)
def rest(pool: Pool) -> Iterator[None]:
    """Each test is a run of its own, and leaves the pool as it was."""
    pool.client.new_run()
    yield
    eventually(lambda: at_rest(pool, 2))


# ---- a task is cancelled ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", [tasks.sleep, tasks.spin])
def test_the_task_of_a_worker_is_cancelled_and_no_other(pool: Pool, tmp_path: Path, task: Any) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    pids = {row["pid"] for row in pool.workers}
    one, other = futures.submit(task, tmp_path / "one"), futures.submit(tasks.hold, tmp_path / "other", 7)
    pid = eventually(lambda: tasks.begun(tmp_path / "one"))[0]
    eventually(lambda: tasks.begun(tmp_path / "other"))
    pool.client.cancel_task(worker_of(pool, pid))
    with pytest.raises(CancelledError):
        one.result(5)
    assert one.cancelled()
    (tmp_path / "other" / "go").touch()
    assert other.result(5) == 7
    eventually(lambda: at_rest(pool, 2))
    assert {row["pid"] for row in pool.workers} == pids, "no worker was lost for it"
    assert group(pool, task.__name__)["cancelled"] == 1


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_of_a_map_one_task_is_cancelled_and_the_others_come(pool: Pool) -> None:
    results = futures.map(nap, [0.0, 0.01, 3600, 0.02, 0.0, 0.01])
    assert [next(results), next(results)] == [0.0, 0.01]
    eventually(lambda: group(pool, "nap")["done"] == 5)
    pool.client.cancel_task(running(pool, "nap"))
    with pytest.raises(CancelledError, match="'nap'"):
        next(results)
    assert list(results) == [0.02, 0.0, 0.01]
    # The others may be over before the worker has said that it is rid of this one.
    eventually(lambda: [group(pool, "nap")[state] for state in ("done", "cancelled", "failed")] == [5, 1, 0])


def parent_of_submits(folder: Path) -> str:
    child = futures.submit(tasks.sleep, folder)
    try:
        child.result()
    except CancelledError:
        return f"{child.cancelled()}"
    return "?"


def parent_of_map(folder: Path) -> list[Any]:
    results, found = futures.map(tasks.hold, [folder] * 3, range(3)), []
    while True:
        try:
            found.append(next(results))
        except StopIteration:
            return found
        except CancelledError:
            found.append("cancelled")


@pytest.mark.parametrize("n", [1, 2])
def test_of_nested_tasks_the_innermost_is_cancelled(new_pool: PoolFactory, tmp_path: Path, n: int) -> None:
    pool = new_pool(n)
    future = futures.submit(parent_of_submits, tmp_path)
    eventually(lambda: tasks.begun(tmp_path))
    pool.client.cancel_task(running(pool, "sleep"))
    assert future.result(5) == "True"
    eventually(lambda: group(pool, "sleep")["cancelled"] == 1)
    assert group(pool, "parent_of_submits")["done"] == 1


@pytest.mark.parametrize("n", [1, 2])
def test_of_a_nested_map_one_task_is_cancelled(new_pool: PoolFactory, tmp_path: Path, n: int) -> None:
    pool = new_pool(n)
    future = futures.submit(parent_of_map, tmp_path)
    eventually(lambda: len(tasks.begun(tmp_path)) == n)  # who has not begun yet has nothing to cancel
    pool.client.cancel_task(running(pool, "hold"))
    eventually(lambda: group(pool, "hold")["cancelled"] == 1)
    (tmp_path / "go").touch()
    found = future.result(5)
    assert found.count("cancelled") == 1
    assert set(found) < {0, 1, 2, "cancelled"}
    assert len(found) == 3
    assert group(pool, "hold")["cancelled"] == 1


def deaf(folder: Path) -> None:
    """In C, with the interpreter's lock held: no signal, and no thread, gets through."""
    import ctypes

    (folder / f"begun-{os.getpid()}").touch()
    ctypes.PyDLL(None).sleep(3600)


def test_a_task_that_does_not_hear_loses_its_worker(pool: Pool, tmp_path: Path) -> None:
    future = futures.submit(deaf, tmp_path)
    pid = eventually(lambda: tasks.begun(tmp_path))[0]
    pool.client.cancel_task(worker_of(pool, pid))
    with pytest.raises(CancelledError):
        future.result(10)
    eventually(lambda: pid not in {row["pid"] for row in pool.workers})
    eventually(lambda: at_rest(pool, 2))
    assert len(tasks.begun(tmp_path)) == 1, "it is not run again"


def test_an_idle_worker_is_not_disturbed(pool: Pool) -> None:
    for row in pool.workers:
        pool.client.cancel_task(row["name"])
    assert list(futures.map(tasks.inc, range(100))) == list(range(1, 101))


def test_while_tasks_come_and_go_each_ends_once(pool: Pool) -> None:
    """Whoever is hit: results come in order, and nothing is lost, but what was cancelled."""
    stop = threading.Event()

    def disturb() -> None:
        while not stop.is_set():
            for name in ("w0", "w1"):
                pool.client.link.send(m.CancelTask(0, name))
            time.sleep(0.005)

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        results, found = futures.map(tasks.slowly, range(200)), []
        for number in range(200):
            try:
                found.append(next(results))
                assert found[-1] == number
            except CancelledError:
                found.append("cancelled")
    finally:
        stop.set()
        thread.join()
    assert len(found) == 200
    with pytest.raises(StopIteration):
        next(results)
    eventually(lambda: at_rest(pool, 2))
    assert group(pool, "slowly")["cancelled"] == found.count("cancelled")


# ---- a worker is replaced --------------------------------------------------------------------------------------


def test_what_a_replaced_worker_was_running_runs_elsewhere_and_counts_as_no_death(
    new_pool: PoolFactory, tmp_path: Path
) -> None:
    pool = new_pool(1)
    future = futures.options(retries=1).submit(tasks.hold, tmp_path, "done")
    for count in range(1, 5):  # more often than it may be on board of a death
        eventually(lambda count=count: len(tasks.begun(tmp_path)) == count)
        pool.client.restart_worker(pool.workers[0]["name"])
    eventually(lambda: len(tasks.begun(tmp_path)) == 5)
    (tmp_path / "go").touch()
    assert future.result(10) == "done"
    assert [row["name"] for row in pool.workers] == ["w4"]


def test_parents_of_a_replaced_worker_begin_anew(new_pool: PoolFactory, tmp_path: Path) -> None:
    pool = new_pool(2)
    future = futures.submit(tasks.slow_sum, 100)
    name = running(pool, "slowly")
    pool.client.restart_worker(name)
    assert future.result(20) == sum(range(100))
    eventually(lambda: at_rest(pool, 2))
    assert name not in {row["name"] for row in pool.workers}


@pytest.mark.parametrize("action", ["cancel_task", "restart_worker"])
def test_an_unknown_worker_is_named(pool: Pool, action: str) -> None:
    known = ", ".join(row["name"] for row in pool.workers)
    with pytest.raises(NoSuchWorker, match=f"has no worker 'w99' .it has: {known}."):
        getattr(pool.client, action)("w99")


def test_without_a_pool_an_action_says_so(new_pool: PoolFactory) -> None:
    pool = new_pool(1)
    pool.stop()
    with pytest.raises(scoop.BrokerLost):
        pool.client.restart_worker("w0")


# ---- what a row tells ------------------------------------------------------------------------------------------


def talk(lines: int) -> None:
    for number in range(lines):
        print("line", number)


def test_rows_tell_how_much_tasks_print(pool: Pool) -> None:
    before = sum(row["prints"] for row in pool.workers)
    list(futures.map(talk, [3, 0, 4, 5]))
    eventually(lambda: sum(row["prints"] for row in pool.workers) == before + 12)


def test_rows_tell_who_computes_and_who_waits(pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "spin").mkdir()
    (tmp_path / "sleep").mkdir()
    spins, sleeps = futures.submit(tasks.spin, tmp_path / "spin"), futures.submit(tasks.sleep, tmp_path / "sleep")
    seen: dict[str, dict[str, Any]] = {}

    def view(picture: dict[str, Any]) -> None:
        seen.update({row["task"]: row for row in picture["workers"]})

    number = pool.client.watch(-1, view)
    try:
        eventually(lambda: "spin" in seen and seen["spin"]["cpu_share"] > 0.1, seconds=20)
        assert seen["sleep"]["cpu_share"] < 0.1
        assert all(5_000_000 < seen[task]["memory"] < 500_000_000 for task in ("spin", "sleep"))
    finally:
        pool.client.unwatch(number)
        spins.cancel()
        sleeps.cancel()
