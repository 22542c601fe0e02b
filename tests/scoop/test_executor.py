"""The pool as an executor of the standard library, and futures in its functions (see also `test_stdlib`)."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import time
from pathlib import Path
from typing import Any

import pytest

import scoop
from scoop import BrokerLost, futures
from scoop_core.current import current
from tests.conftest import PoolFactory
from tests.scoop import tasks
from tests.waiting import eventually


def test_without_a_pool_it_has_one_of_its_own_which_ends_with_it() -> None:
    before = scoop.pools()
    with futures.Executor(2) as executor:
        assert isinstance(executor, concurrent.futures.Executor)
        assert (executor.size, executor._max_workers) == (2, 2)
        assert executor.submit(tasks.add, 1, b=2).result() == 3
        assert list(executor.map(tasks.add, [1, 2], [3, 4], chunksize=10)) == [4, 6]
        assert len(scoop.pools()) == len(before) + 1
    assert scoop.pools() == before
    assert current.engine is None


def test_the_pool_of_the_program_is_used_and_left_alone(pool: scoop.Pool) -> None:
    with futures.Executor() as executor:
        assert executor.submit(os.getpid).result() in {row["pid"] for row in pool.workers}
    assert pool.alive
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(os.getpid)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.map(abs, [1])


def test_shutdown_waits_for_what_nobody_has_kept(pool: scoop.Pool, tmp_path: Path) -> None:
    with futures.Executor() as executor:
        executor.map(Path.touch, [tmp_path / str(number) for number in range(20)])
        executor.submit(Path.touch, tmp_path / "20")
    assert len(list(tmp_path.iterdir())) == 21


def test_shutdown_need_not_wait(tmp_path: Path) -> None:
    before = scoop.pools()
    executor = futures.Executor(1)
    future = executor.submit(tasks.hold, tmp_path, 42)
    executor.shutdown(wait=False)
    assert not future.done()
    (tmp_path / "go").touch()
    assert future.result() == 42
    eventually(lambda: scoop.pools() == before)
    eventually(lambda: current.engine is None)


def test_shutdown_cancels_what_has_not_begun(new_pool: PoolFactory, tmp_path: Path) -> None:
    new_pool(1)
    executor = futures.Executor()
    running = executor.submit(tasks.hold, tmp_path, 42)
    eventually(lambda: tasks.begun(tmp_path))
    waiting = [executor.submit(tasks.inc, x) for x in range(20)]
    results = executor.map(tasks.square, range(1000))
    executor.shutdown(wait=False, cancel_futures=True)
    eventually(lambda: all(future.cancelled() for future in waiting))
    (tmp_path / "go").touch()
    assert running.result() == 42, "what runs goes on"
    executor.shutdown()
    with pytest.raises(concurrent.futures.CancelledError):
        list(results)


def test_in_a_task_it_has_as_many_workers_as_in_the_program(pool: scoop.Pool) -> None:
    assert futures.submit(lambda: futures.Executor().size).result() == futures.Executor().size == 2


INITIALISED: list[str] = []


def initialise(word: str) -> None:
    INITIALISED.append(word)


def initialised() -> tuple[int, list[str]]:
    time.sleep(0.01)
    return os.getpid(), INITIALISED


def test_an_initializer_is_called_once_on_each_worker_even_on_new_ones(pool: scoop.Pool) -> None:
    with futures.Executor(initializer=initialise, initargs=("ready",)) as executor:
        found = dict(future.result() for future in [executor.submit(initialised) for _ in range(40)])
        assert (len(found), *found.values()) == (2, ["ready"], ["ready"])
        pool.restart()
        again = dict(future.result() for future in [executor.submit(initialised) for _ in range(40)])
        assert not set(found) & set(again)
        assert set(map(tuple, again.values())) == {("ready",)}
    assert INITIALISED == []


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"max_workers": 0}, ValueError, "greater than 0"),
        ({"initializer": 3}, TypeError, "must be a callable"),
    ],
)
def test_what_is_no_executor(given: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        futures.Executor(**given)


def test_bad_calls(pool: scoop.Pool) -> None:
    with futures.Executor() as executor:
        with pytest.raises(ValueError, match="chunksize must be >= 1"):
            executor.map(abs, [1], chunksize=0)
        with pytest.raises(TypeError, match="not callable"):
            executor.submit(3)  # type: ignore[arg-type]


def test_a_lost_pool_is_a_broken_executor(new_pool: PoolFactory) -> None:
    pool = new_pool(1)
    executor = futures.Executor()
    future = executor.submit(time.sleep, 60)
    pool.stop()
    with pytest.raises(concurrent.futures.BrokenExecutor):
        future.result()
    with pytest.raises(BrokerLost):
        executor.submit(abs, 1)
    executor.shutdown()


# ---- in tasks ------------------------------------------------------------------------------------------------------


def standard_functions(n: int) -> tuple[int, int, int, list[int]]:
    """Waits for its own tasks as a library would that knows nothing of this project."""
    submitted = [futures.submit(tasks.slow_sum, 3) for _ in range(n)]
    done, rest = concurrent.futures.wait(submitted)
    total = sum(future.result() for future in concurrent.futures.as_completed(submitted))
    one = next(concurrent.futures.as_completed([futures.submit(tasks.inc, 1), futures.submit(tasks.inc, 1)]))
    with futures.Executor() as executor:
        squares = executor.map(tasks.square, range(5))
    assert not concurrent.futures.wait([futures.submit(tasks.slowly, 1)], timeout=5).not_done
    return len(done), total + len(rest), one.result(), list(squares)


@pytest.mark.parametrize("n", [1, 2])
def test_the_standard_functions_let_other_tasks_run(new_pool: PoolFactory, n: int) -> None:
    """Each worker has such a task, so that nobody is left who could run what they wait for."""
    new_pool(n)
    assert set(map(str, futures.map(standard_functions, [4] * 2 * n))) == {"(4, 12, 2, [0, 1, 4, 9, 16])"}


def time_out(folder: Path) -> Any:
    future = futures.submit(tasks.hold, folder, 42)
    eventually(lambda: tasks.begun(folder))  # on another worker, for this one does nothing else meanwhile
    assert concurrent.futures.wait([future], timeout=0.05).not_done == {future}
    with pytest.raises(TimeoutError):
        list(concurrent.futures.as_completed([future], timeout=0.05))
    (folder / "go").touch()
    return future.result()


def test_the_standard_functions_time_out_in_a_task(pool: scoop.Pool, tmp_path: Path) -> None:
    assert futures.submit(time_out, tmp_path).result() == 42


def awaits(_: Any) -> list[int]:
    async def main() -> list[int]:
        one = await futures.submit(tasks.inc, 1)
        wrapped = asyncio.wrap_future(futures.submit(tasks.inc, 2))
        return [one, await wrapped, *[x async for x in futures.map_as_completed(tasks.inc, [3])]]

    return asyncio.run(main())


@pytest.mark.parametrize("n", [1, 2])
def test_tasks_may_await(new_pool: PoolFactory, n: int) -> None:
    new_pool(n)
    assert list(futures.map(awaits, range(2 * n))) == [[2, 3, 4]] * 2 * n


# ---- asyncio -------------------------------------------------------------------------------------------------------


def test_futures_can_be_awaited(pool: scoop.Pool, tmp_path: Path) -> None:
    async def main() -> None:
        assert await futures.submit(tasks.inc, 1) == 2
        assert await asyncio.gather(*(asyncio.wrap_future(futures.submit(tasks.inc, x)) for x in range(20))) == [
            *range(1, 21)
        ]
        with pytest.raises(ValueError, match="is odd"):
            await futures.submit(tasks.odd_fails, 1)
        held = asyncio.ensure_future(asyncio.wait_for(futures.submit(tasks.hold, tmp_path, 42), 30))
        while not tasks.begun(tmp_path):
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)  # the loop goes on meanwhile
        assert not held.done()
        (tmp_path / "go").touch()
        assert await held == 42

    asyncio.run(main())


def test_who_gives_up_awaiting_cancels(pool: scoop.Pool, tmp_path: Path) -> None:
    future = futures.submit(tasks.sleep, tmp_path)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(future), 0.05)

    asyncio.run(main())
    assert future.cancelled()


def test_maps_can_be_iterated_asynchronously(pool: scoop.Pool) -> None:
    async def main() -> list[int]:
        return [x async for x in futures.map_as_completed(tasks.square, range(50))]

    assert sorted(asyncio.run(main())) == [x * x for x in range(50)]


def test_the_standard_functions_in_the_program(pool: scoop.Pool) -> None:
    submitted = [futures.submit(tasks.inc, x) for x in range(50)]
    assert len(concurrent.futures.wait(submitted).done) == 50
    assert {future.result() for future in concurrent.futures.as_completed(submitted)} == set(range(1, 51))
