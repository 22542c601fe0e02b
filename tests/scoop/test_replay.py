"""Failures as the tree of tasks tells them, and tasks that failed run again in the process that submitted them."""

from __future__ import annotations

import contextlib
import os
import threading
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

import scoop
from scoop import NothingToReplay, Pool, futures
from scoop_core.current import current
from tests.conftest import PoolFactory
from tests.scoop import tasks
from tests.waiting import eventually


def failures(pool: Pool, name: str) -> list[dict[str, str]]:
    """Of a function in the current run."""
    groups = pool.client.picture(pool.client.run)["groups"]
    [found] = [group["failures"] for group in groups if group["name"] == name]
    return list(found)


@pytest.fixture(autouse=True)
def run(pool: Pool) -> None:
    """Each test is a run of its own."""
    pool.client.new_run()


def talk(x: int, word: str = "") -> int:
    print(f"got {x}", word)
    if x % 3 == 2:
        raise ValueError(f"no {x}")
    return x


def swallow(outcomes: Any) -> list[Any]:
    """Results and exceptions of a map."""
    found: list[Any] = []
    while True:
        try:
            found.append(next(outcomes))
        except StopIteration:
            return found
        except Exception as error:
            found.append(error)


# ---- what is told ----------------------------------------------------------------------------------------------


def test_the_tree_tells_arguments_prints_and_worker_of_a_failure(pool: Pool) -> None:
    with pytest.raises(ValueError, match="no 5"):
        futures.submit(talk, 5, word="loud").result()
    [failure] = failures(pool, "talk")
    assert failure["arguments"] == "5, word='loud'"
    assert failure["output"] == "got 5 loud\n"
    assert failure["worker"] in {row["name"] for row in pool.workers}
    assert failure["error"].startswith("Traceback") and failure["error"].endswith("ValueError: no 5\n")
    assert "in talk" in failure["error"]


def test_each_task_of_a_map_is_told_with_its_own_prints(pool: Pool) -> None:
    swallow(futures.map(talk, range(30)))
    told = failures(pool, "talk")
    assert len(told) == 5
    for failure in told:
        assert failure["output"] == f"got {failure['arguments']} \n"


def nested(n: int) -> int:
    print("above")
    outcomes = swallow(futures.map(talk, range(n)))
    with contextlib.suppress(ValueError):
        futures.submit(talk, 2, "alone").result()
    return len(outcomes)


def test_nested_tasks_are_told_alike(pool: Pool) -> None:
    assert futures.submit(nested, 9).result() == 9
    told = {failure["arguments"]: failure["output"] for failure in failures(pool, "talk")}
    assert told.keys() >= {"5", "8"}
    for arguments, output in told.items():
        assert output in (f"got {arguments} \n", "got 2 alone\n")


def lock(_: int) -> Any:
    return threading.Lock()


def test_what_cannot_come_back_is_told_too(pool: Pool) -> None:
    future = futures.submit(lock, 1)
    with pytest.raises(scoop.NotPicklable):
        future.result()
    [failure] = failures(pool, "lock")
    assert failure["arguments"] == "1"
    assert "NotPicklable: The result of 'lock'" in failure["error"]
    assert future.replay().acquire()


class Nameless:
    def __repr__(self) -> str:
        return "\udc80"


def tell(value: Any) -> None:
    print("said \udc80")
    raise OSError(f"no file '\udc80', {value!r}")


def test_text_that_is_no_unicode_hurts_nobody(pool: Pool) -> None:
    """Python gives such names to files whose bytes are none."""
    pids = {row["pid"] for row in pool.workers}
    with pytest.raises(OSError, match="no file"):
        futures.submit(tell, Nameless()).result()
    [told] = failures(pool, "tell")
    assert (told["arguments"], told["output"]) == ("\\udc80", "said \\udc80\n")
    assert {row["pid"] for row in pool.workers} == pids


# ---- replaying -------------------------------------------------------------------------------------------------


def local_error(pid: int) -> None:
    raise LookupError(os.getpid() == pid)


def frames(error: BaseException) -> list[str]:
    names, traceback = [], error.__traceback__
    while traceback is not None:
        names.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    return names


def test_a_future_is_replayed_here_with_a_traceback_of_its_own(pool: Pool) -> None:
    future = futures.submit(local_error, os.getpid())
    with pytest.raises(LookupError, match="False"):
        future.result()
    with pytest.raises(LookupError, match="True") as caught:
        future.replay()
    assert frames(caught.value)[-1] == "local_error"
    assert caught.value.__cause__ is None


def test_a_value_comes_back_if_it_does_not_fail_again(pool: Pool, tmp_path: Path) -> None:
    def once() -> str:
        if not (tmp_path / "well").exists():
            raise OSError("not yet")
        return "well"

    future = futures.submit(once)
    assert isinstance(future.exception(), OSError)
    (tmp_path / "well").touch()
    assert future.replay() == "well"


@pytest.mark.parametrize("given", ["the exception", "its id", "nothing"])
def test_an_item_of_a_map_is_replayed(pool: Pool, given: str) -> None:
    with pytest.raises(ValueError, match="no 2") as caught:
        list(futures.map(talk, [0, 1, 2]))
    error = caught.value
    failure = {"the exception": error, "its id": failures(pool, "talk")[0]["id"], "nothing": ""}[given]
    with pytest.raises(ValueError, match="no 2") as again:
        scoop.replay(failure)
    assert again.value is not error
    assert frames(again.value)[-1] == "talk"


def parent(n: int) -> Any:
    child = lambda x: 1 // (x - 3)  # noqa: E731
    return sum(futures.map(child, range(n)))


def grandparent(n: int) -> Any:
    return futures.submit(parent, n).result()


@pytest.mark.parametrize("workers", [1, 3])
def test_a_nested_task_is_replayed_and_the_last_failure_is_where_it_came_from(
    new_pool: PoolFactory, workers: int
) -> None:
    pool = new_pool(workers)
    with pytest.raises(ZeroDivisionError) as caught:
        list(futures.map(grandparent, [50]))
    with pytest.raises(ZeroDivisionError) as again:
        pool.client.replay()
    assert frames(again.value)[-1] == "<lambda>"
    [told] = failures(pool, "parent.<locals>.<lambda>".rpartition("<locals>.")[2])
    assert told["arguments"] == "3"
    with pytest.raises(ZeroDivisionError) as above:
        pool.client.replay(failures(pool, "parent")[0]["id"])
    assert "parent" in frames(above.value)
    with pytest.raises(ZeroDivisionError) as top:
        pool.client.replay(caught.value)
    assert "grandparent" in frames(top.value)


def spoil(items: list[int]) -> None:
    before = str(items)
    items.clear()
    raise ValueError(before)


def test_arguments_are_those_that_the_task_got(pool: Pool) -> None:
    future = futures.submit(spoil, [1, 2])
    assert isinstance(future.exception(), ValueError)
    [told] = failures(pool, "spoil")
    assert told["arguments"] == "[1, 2]"
    with pytest.raises(ValueError, match=r"\[1, 2\]"):
        future.replay()


def test_an_array_is_replayed_up_to_some_size(pool: Pool) -> None:
    numpy = pytest.importorskip("numpy")

    def check(array: Any) -> None:
        raise ValueError(array.shape)

    for shape in ((100,), (300, 1000)):  # in the message, and in shared memory
        future = futures.submit(check, numpy.zeros(shape))
        assert isinstance(future.exception(), ValueError)
        with pytest.raises(ValueError, match=str(shape[0])):
            future.replay()
    pool.client.new_run()
    future = futures.submit(check, numpy.zeros((1000, 1000)))
    assert isinstance(future.exception(), ValueError)
    with pytest.raises(NothingToReplay, match="more than 4 MiB"):
        future.replay()


def inside(failing: int) -> str:
    future = futures.submit(talk, failing)
    future.exception()
    try:
        future.replay()
    except ValueError as error:
        return str(error)
    return "?"


def test_a_task_replays_as_well(any_pool: Pool) -> None:
    assert futures.submit(inside, 5).result() == "no 5"


def stubborn(others: list[Any]) -> None:
    """Waits for the next one, and makes another error of an interrupt."""
    try:
        others.pop().result()
    except KeyboardInterrupt:
        raise ValueError("stubborn") from None


def disown() -> str:
    ring: list[Any] = []
    one, other = futures.submit(stubborn, ring), futures.submit(stubborn, ring)
    ring += [one, other]  # so they wait for each other
    futures.wait([one], timeout=0.2)
    cancelled = [future.cancel() for future in (one, other)]
    futures.wait([futures.submit(tasks.inc, 1)], timeout=5)
    return str(any(cancelled) and one.cancelled() is cancelled[0])


def test_a_cancelled_task_that_raises_something_else_hurts_nobody(new_pool: PoolFactory) -> None:
    new_pool(1)
    assert futures.submit(disown).result(20) == "True"
    assert futures.submit(tasks.leaves, 5).result(20) == 32


# ---- nothing to replay -----------------------------------------------------------------------------------------


def test_without_a_failure_there_is_nothing_to_replay(new_pool: PoolFactory) -> None:
    pool = new_pool(1)
    with pytest.raises(NothingToReplay, match="no task has failed"):
        pool.client.replay()
    with pytest.raises(NothingToReplay, match="'w0-77' names no failed task"):
        scoop.replay("w0-77")
    with pytest.raises(NothingToReplay, match="has not failed"):
        futures.submit(tasks.inc, 1).replay()
    with pytest.raises(NothingToReplay, match="not what a task raised"):
        scoop.replay(ValueError("of my own"))


def test_a_cancelled_task_is_not_replayed(pool: Pool, tmp_path: Path) -> None:
    future = futures.submit(tasks.sleep, tmp_path)
    eventually(lambda: tasks.begun(tmp_path))
    future.cancel()
    with pytest.raises(CancelledError):
        future.replay()


def test_a_task_that_took_its_worker_along_is_not_replayed(new_pool: PoolFactory) -> None:
    new_pool(1)
    future = futures.options(retries=0).submit(os._exit, 3)
    with pytest.raises(scoop.WorkerLost):
        future.result()
    with pytest.raises(NothingToReplay, match="not what a task raised"):
        future.replay()


def test_without_a_pool_there_is_nothing_to_ask() -> None:
    before, current.engine = current.engine, None
    try:
        with pytest.raises(scoop.NotStarted):
            scoop.replay()
    finally:
        current.engine = before
