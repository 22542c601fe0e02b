"""Time limits, retries, priorities and names of tasks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import scoop
from scoop import NotStarted, TaskTimeout, futures
from scoop_core.errors import WorkerLost
from tests.conftest import PoolFactory, at_rest
from tests.scoop import tasks
from tests.waiting import eventually

LIMIT = 0.2
#: How much later than its limit a task may be told to be over, on a loaded machine, in seconds.
LATE = 2.0


def stubborn(_: Any = None) -> None:
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def wait_for_child(_: Any = None) -> None:
    futures.submit(nap, 60).result()


def groups(pool: scoop.Pool) -> dict[str, dict[str, Any]]:
    return {group["name"]: group for group in pool.client.picture(pool.client.run)["groups"]}


# ---- time limits ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [nap, tasks.spin, stubborn, wait_for_child], ids=lambda f: f.__name__)
def test_a_task_is_ended_after_its_time(pool: scoop.Pool, function: Callable[[Any], Any], tmp_path: Path) -> None:
    argument: Any = tmp_path if function is tasks.spin else 60
    begun = time.monotonic()
    future = futures.options(timeout=LIMIT).submit(function, argument)
    with pytest.raises(TaskTimeout, match=rf"'{function.__name__}' was ended, .* its limit of {LIMIT} s"):
        future.result()
    assert LIMIT <= time.monotonic() - begun < LIMIT + LATE
    assert not future.cancelled()
    assert isinstance(future.exception(), TimeoutError)
    assert list(futures.map(tasks.inc, range(100))) == list(range(1, 101)), "the others go on"
    pool.client.cancel_run(pool.client.run)  # the child of the one that waited goes on by itself
    eventually(lambda: at_rest(pool, 2))


def test_what_ends_in_time_is_left_alone(pool: scoop.Pool) -> None:
    pids = {row["pid"] for row in pool.workers}
    limited = futures.options(timeout=10)
    assert list(limited.map(tasks.square, range(500))) == [x * x for x in range(500)]
    assert limited.submit(tasks.add, 1, b=2).result() == 3
    assert sorted(limited.map_as_completed(tasks.inc, range(10))) == list(range(1, 11))
    assert {row["pid"] for row in pool.workers} == pids


def test_in_a_map_each_task_has_its_own_time(pool: scoop.Pool) -> None:
    results = futures.options(timeout=LIMIT).map(nap, [0.0, 60, 0.01, 60, 0.02])
    found: list[Any] = []
    for _ in range(5):
        try:
            found.append(next(results))
        except TaskTimeout as error:
            found.append(error.limit)
    assert found == [0.0, LIMIT, 0.01, LIMIT, 0.02]
    with pytest.raises(StopIteration):
        next(results)
    eventually(lambda: groups(pool)["nap"]["failed"] == 2)  # when they have let go
    group = groups(pool)["nap"]
    assert (group["done"], group["cancelled"]) == (3, 0)
    assert [failure["error"] for failure in group["failures"]] == [f"TaskTimeout: over {LIMIT} s"]


class Slow:
    """A function that takes its time to unpickle, as the first of a library does, which is imported then."""

    def __reduce__(self) -> tuple[Callable[[], Callable[[], str]], tuple[()]]:
        return load_slowly, ()

    def __call__(self) -> str:
        raise AssertionError


def load_slowly() -> Callable[[], str]:
    time.sleep(3 * LIMIT)
    return quick


def quick() -> str:
    return "in time"


def test_the_time_of_a_task_begins_when_it_is_loaded(pool: scoop.Pool) -> None:
    pids = {row["pid"] for row in pool.workers}
    assert futures.options(timeout=LIMIT).submit(Slow()).result() == "in time"
    assert {row["pid"] for row in pool.workers} == pids


def test_the_time_of_a_task_begins_with_the_task(pool: scoop.Pool) -> None:
    """Not when it was submitted: these wait for each other."""
    assert list(futures.options(timeout=1.0).map(nap, [0.3] * 8)) == [0.3] * 8


def limited_children(_: Any) -> list[str]:
    """What becomes of the children of a task."""
    limited = futures.options(timeout=LIMIT)
    found = [type(limited.submit(nap, 60).exception()).__name__, limited.submit(nap, 0.0).exception()]
    results = limited.map(nap, [0.0, 60])
    found.append(next(results))
    with pytest.raises(TaskTimeout):
        next(results)
    return found


@pytest.mark.parametrize("n", [1, 2])
def test_tasks_limit_their_own(new_pool: PoolFactory, n: int) -> None:
    new_pool(n)
    assert futures.submit(limited_children, 0).result() == ["TaskTimeout", None, 0.0]


def test_mapreduce_and_mapscan_with_options(pool: scoop.Pool) -> None:
    chosen = futures.options(timeout=10, retries=1, priority=1)
    assert chosen.mapReduce(tasks.square, tasks.add, range(8)) == 140
    assert chosen.mapScan(tasks.square, tasks.add, range(8)) == [0, 1, 5, 14, 30, 55, 91, 140]
    assert {"mapReduce(square)", "mapScan(square)", "square", "add"} <= groups(pool).keys()
    with pytest.raises(TaskTimeout):
        futures.options(timeout=LIMIT).map_reduce(nap, tasks.add, [0.0, 60])


# ---- retries -------------------------------------------------------------------------------------------------------


class NotYet(Exception):
    pass


def third_time(mark: Path, error: type[BaseException] = NotYet) -> int:
    """Succeeds the third time."""
    with open(mark, "a") as file:
        file.write("x")
    if mark.stat().st_size < 3:
        raise error
    return mark.stat().st_size


def test_a_task_is_run_again_after_errors(pool: scoop.Pool, tmp_path: Path) -> None:
    assert futures.options(retries=2).submit(third_time, tmp_path / "a").result() == 3
    assert list(futures.options(retries=5, errors=NotYet).map(third_time, [tmp_path / "b"])) == [3]


def test_but_only_so_often_and_after_those_that_were_named(pool: scoop.Pool, tmp_path: Path) -> None:
    with pytest.raises(NotYet):
        futures.options(retries=1).submit(third_time, tmp_path / "a").result()
    assert (tmp_path / "a").stat().st_size == 2
    with pytest.raises(NotYet):
        futures.options(retries=5, errors=(OSError, KeyError)).submit(third_time, tmp_path / "b").result()
    assert (tmp_path / "b").stat().st_size == 1
    with pytest.raises(SystemExit):  # not an Exception
        futures.options(retries=5).submit(third_time, tmp_path / "c", SystemExit).result()


def die(mark: Path) -> int:
    with open(mark, "a") as file:
        file.write("x")
    os._exit(1)


@pytest.mark.parametrize("retries", [0, 1])
def test_a_task_is_run_again_after_the_death_of_its_worker(pool: scoop.Pool, retries: int, tmp_path: Path) -> None:
    with pytest.raises(WorkerLost):
        futures.options(retries=retries).submit(die, tmp_path / "mark").result()
    assert (tmp_path / "mark").stat().st_size == retries + 1


# ---- priorities and names ------------------------------------------------------------------------------------------


def note(path: Path, name: str) -> None:
    with open(path, "a") as file:
        file.write(name)


def test_higher_priorities_go_first(new_pool: PoolFactory, tmp_path: Path) -> None:
    new_pool(1)
    held = futures.submit(tasks.hold, tmp_path)
    eventually(lambda: tasks.begun(tmp_path))
    later = [
        futures.options(priority=priority).submit(note, tmp_path / "order", name)
        for name, priority in [("c", -1), ("b", 0), ("a", 5)]
    ]
    [future.running() for future in later]  # the broker has them all
    (tmp_path / "go").touch()
    futures.wait([held, *later])
    assert (tmp_path / "order").read_text() == "abc"


def test_tasks_have_the_name_that_they_were_given(pool: scoop.Pool) -> None:
    chosen = futures.options(name="fits")
    list(chosen.map(tasks.inc, range(10)))
    chosen.submit(tasks.square, 2).result()
    assert groups(pool)["fits"]["done"] == 11
    with pytest.raises(TaskTimeout, match=r"'fits \(slow\)' was ended"):
        futures.options(name="fits (slow)", timeout=LIMIT).submit(nap, 60).result()


# ---- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"timeout": 0}, ValueError, "timeout must be above zero, not 0"),
        ({"timeout": -1}, ValueError, "above zero"),
        ({"timeout": float("nan")}, ValueError, "above zero"),
        ({"retries": -1}, ValueError, "can't be negative: -1"),
        ({"retries": 1.5}, TypeError, "a whole number, not 1.5"),
        ({"priority": "high"}, TypeError, "a whole number, not 'high'"),
        ({"unknown": 1}, TypeError, "unknown"),
    ],
)
def test_what_is_no_option(given: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        futures.options(**given)


def test_options_without_a_pool() -> None:
    with pytest.raises(NotStarted, match="map needs a pool"):
        futures.options(timeout=1).map(tasks.inc, range(3))
    with pytest.raises(TypeError, match="'int' object is not callable"):
        futures.options().submit(3)  # type: ignore[arg-type]
