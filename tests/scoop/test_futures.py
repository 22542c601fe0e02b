"""futures.py and shared.py on a real pool: what programs may rely on."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import gc
import itertools
import math
import operator
import pickle
import re
import resource
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

import scoop
from scoop import NotPicklable, NotStarted, Pool, RemoteTraceback, futures, shared
from scoop.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, CancelledError, Future
from scoop_core.current import current
from tests.cells import Cells
from tests.conftest import SharedPool, at_rest
from tests.scoop import tasks
from tests.waiting import eventually

PoolFactory = Callable[..., Pool]


@pytest.fixture
def cells() -> Cells:
    return Cells()


# ---- map --------------------------------------------------------------------------------------------------------


def test_map_gives_results_in_the_order_of_the_arguments(pool: Pool) -> None:
    assert list(futures.map(tasks.square, range(1000))) == [x * x for x in range(1000)]


@pytest.mark.parametrize(
    "iterables",
    [
        ([1, 2, 3], [10, 20]),
        (range(3), itertools.count()),
        (iter("abc"), (c for c in "xy")),
        (itertools.repeat(1, 4), "ab"),
    ],
    ids=["lists", "endless", "iterators", "repeat"],
)
def test_map_ends_with_the_shortest_iterable(pool: Pool, iterables: tuple[Any, ...]) -> None:
    iterables, again = zip(*(itertools.tee(iterable) for iterable in iterables), strict=True)
    assert list(futures.map(tasks.keywords, *iterables)) == [(row, {}) for row in zip(*again, strict=False)]


def test_map_of_a_generator(pool: Pool) -> None:
    assert list(futures.map(tasks.inc, (2 * x for x in range(5)))) == [1, 3, 5, 7, 9]


def test_map_of_nothing(pool: Pool) -> None:
    assert list(futures.map(tasks.inc, [])) == []
    assert list(futures.map(tasks.add, [1], [])) == []


def test_map_is_submitted_before_results_are_asked_for(pool: Pool, tmp_path: Path) -> None:
    results = futures.map(tasks.hold, [tmp_path])
    eventually(lambda: tasks.begun(tmp_path))
    (tmp_path / "go").touch()
    assert list(results) == [None]


def test_map_raises_when_the_turn_of_a_failed_task_comes_and_goes_on(pool: Pool) -> None:
    results = futures.map(tasks.odd_fails, range(5))
    assert next(results) == 0
    with pytest.raises(ValueError, match="1 is odd"):
        next(results)
    assert next(results) == 2
    with pytest.raises(ValueError, match="3 is odd"):
        next(results)
    assert next(results) == 4
    with pytest.raises(StopIteration):
        next(results)


def test_a_for_loop_ends_at_the_failed_task_of_a_map(pool: Pool) -> None:
    seen = []
    with pytest.raises(ValueError, match="3 is odd"):
        for value in futures.map(tasks.odd_fails, [0, 2, 3, 4]):
            seen.append(value)
    assert seen == [0, 2]


def test_an_interrupted_iteration_over_map_can_be_taken_up(pool: Pool) -> None:
    results = futures.map(tasks.inc, range(100))
    first = list(itertools.islice(results, 3))
    assert [*first, next(results), *results] == list(range(1, 101))


def test_map_timeout_is_real_and_cancels(pool: Pool) -> None:
    began = time.monotonic()
    results = futures.map(time.sleep, [0, 60, 60, 60], timeout=0.3)
    assert next(results) is None
    with pytest.raises(TimeoutError):
        next(results)
    assert 0.29 <= time.monotonic() - began < 2
    eventually(lambda: at_rest(pool, 2), 0.9)


def test_map_in_time_does_not_care_for_its_timeout(pool: Pool) -> None:
    assert list(futures.map(tasks.inc, range(10), timeout=60)) == list(range(1, 11))


def test_map_with_buffersize_takes_no_more_than_that_ahead(pool: Pool) -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    results = futures.map(tasks.inc, endless(), buffersize=10)
    for seen in range(1, 101):
        assert next(results) == seen + 1
        assert taken <= seen + 10


def test_map_with_buffersize_and_an_end(pool: Pool) -> None:
    assert list(futures.map(tasks.inc, range(25), buffersize=4)) == list(range(1, 26))
    assert list(futures.map(tasks.inc, [], buffersize=4)) == []


def test_map_with_buffersize_raises_and_goes_on(pool: Pool) -> None:
    results = futures.map(tasks.odd_fails, itertools.count(), buffersize=3)
    assert next(results) == 0
    with pytest.raises(ValueError, match="1 is odd"):
        next(results)
    assert next(results) == 2


def test_map_wants_a_callable_and_an_iterable(pool: Pool) -> None:
    with pytest.raises(TypeError, match="'int' object is not callable"):
        futures.map(3, [1])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="at least one iterable"):
        futures.map(tasks.inc)
    with pytest.raises(TypeError, match="not iterable"):
        futures.map(tasks.inc, 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="buffersize"):
        futures.map(tasks.inc, [1], buffersize=0)


def test_an_error_of_the_iterable_is_raised_by_map(pool: Pool) -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise LookupError("no more of it")

    with pytest.raises(LookupError, match="no more of it"):
        futures.map(tasks.inc, broken())


def test_map_as_completed_gives_what_is_ready_first(pool: Pool, tmp_path: Path) -> None:
    def some(x: int) -> int:
        return x if x else tasks.hold(tmp_path, x)

    results = futures.map_as_completed(some, range(4))
    assert {next(results) for _ in range(3)} == {1, 2, 3}
    (tmp_path / "go").touch()
    assert list(results) == [0]


def test_map_as_completed_gives_all_and_each_once(pool: Pool) -> None:
    assert sorted(futures.map_as_completed(tasks.square, range(1000))) == [x * x for x in range(1000)]
    assert list(futures.map_as_completed(tasks.inc, [])) == []


def test_map_as_completed_raises_and_goes_on(pool: Pool) -> None:
    results = futures.map_as_completed(tasks.odd_fails, range(10))
    good, bad = [], 0
    while True:
        try:
            good.append(next(results))
        except ValueError:
            bad += 1
        except StopIteration:
            break
    assert sorted(good) == [0, 2, 4, 6, 8] and bad == 5


def test_map_as_completed_timeout(pool: Pool) -> None:
    with pytest.raises(TimeoutError):
        list(futures.map_as_completed(time.sleep, [0, 60], timeout=0.2))
    eventually(lambda: at_rest(pool, 2), 0.9)


# ---- submit -----------------------------------------------------------------------------------------------------


def test_submit_passes_arguments_and_keywords(pool: Pool) -> None:
    assert futures.submit(tasks.keywords, 1, "a", x=2, func=3).result() == ((1, "a"), {"x": 2, "func": 3})


def test_submit_wants_a_callable(pool: Pool) -> None:
    with pytest.raises(TypeError, match="'str' object is not callable"):
        futures.submit("print")  # type: ignore[arg-type]


def test_submit_sends_the_arguments_as_they_are_now(pool: Pool) -> None:
    values = [1, 2, 3]
    array = numpy.ones(100_000)
    future, other = futures.submit(sum, values), futures.submit(numpy.sum, array)
    values.append(100)
    array[:] = 2
    assert future.result() == 6
    assert other.result() == 100_000


def test_many_submits(pool: Pool) -> None:
    pending = [futures.submit(tasks.inc, x) for x in range(3000)]
    assert [future.result() for future in pending] == list(range(1, 3001))


def test_a_task_runs_in_another_process_than_the_root(pool: Pool) -> None:
    pids = {row["pid"] for row in pool.workers}
    assert {futures.submit(tasks.pid).result() for _ in range(5)} <= pids


def test_both_workers_are_used(pool: Pool, tmp_path: Path) -> None:
    results = futures.map(tasks.hold, [tmp_path] * 2)
    eventually(lambda: len(tasks.begun(tmp_path)) == 2)
    (tmp_path / "go").touch()
    assert list(results) == [None, None]


def test_submit_from_several_threads(pool: Pool) -> None:
    found: dict[int, list[int]] = {}

    def use(number: int) -> None:
        mapped = list(futures.map(tasks.inc, range(200)))
        single = [futures.submit(tasks.inc, x).result() for x in range(50)]
        found[number] = mapped + single

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == {number: [*range(1, 201), *range(1, 51)] for number in range(4)}


# ---- Future -----------------------------------------------------------------------------------------------------


def test_result_and_exception_of_a_good_task(pool: Pool) -> None:
    future = futures.submit(tasks.inc, 1)
    assert future.result(timeout=10) == 2
    assert future.result() == 2
    assert future.exception() is None
    assert future.done() and not future.running() and not future.cancelled()


def test_exception_waits_for_the_task(pool: Pool, tmp_path: Path) -> None:
    future = futures.submit(tasks.odd_fails, 1)
    error = future.exception()
    assert isinstance(error, ValueError) and str(error) == "1 is odd"
    with pytest.raises(ValueError, match="1 is odd"):
        future.result()


def test_timeouts_of_result_and_exception_are_real(pool: Pool, tmp_path: Path) -> None:
    future = futures.submit(tasks.hold, tmp_path, 7)
    for ask in (future.result, future.exception):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            ask(timeout=0.1)
        assert 0.09 <= time.monotonic() - began < 1
    with pytest.raises(TimeoutError):
        future.result(timeout=0)
    (tmp_path / "go").touch()
    assert future.result(timeout=10) == 7


def test_running_and_done(pool: Pool, tmp_path: Path) -> None:
    future = futures.submit(tasks.hold, tmp_path)
    eventually(lambda: tasks.begun(tmp_path))
    assert future.running() and not future.done()
    (tmp_path / "go").touch()
    future.result()
    assert not future.running() and future.done()


def test_cancel_a_queued_task(pool: Pool, tmp_path: Path) -> None:
    busy = [futures.submit(tasks.hold, tmp_path, x) for x in range(2)]
    eventually(lambda: len(tasks.begun(tmp_path)) == 2)
    queued = [futures.submit(tasks.hold, tmp_path, x) for x in range(4)]
    assert [future.cancel() for future in queued[:3]] == [True] * 3
    assert all(future.cancelled() and future.done() and not future.running() for future in queued[:3])
    with pytest.raises(CancelledError):
        queued[0].result()
    with pytest.raises(CancelledError):
        queued[0].exception()
    (tmp_path / "go").touch()
    assert [future.result() for future in (*busy, queued[3])] == [0, 1, 3]


@pytest.mark.parametrize("task", [tasks.sleep, tasks.spin])
def test_cancel_a_running_task(pool: Pool, tmp_path: Path, task: Callable[[Path], None]) -> None:
    before = {row["pid"] for row in pool.workers}
    future = futures.submit(task, tmp_path)
    eventually(lambda: tasks.begun(tmp_path))
    assert future.cancel()
    assert future.cancelled() and future.done()
    with pytest.raises(CancelledError):
        future.result()
    eventually(lambda: at_rest(pool, 2), 0.9)
    assert {row["pid"] for row in pool.workers} == before


def test_cancel_one_of_many(pool: Pool, tmp_path: Path) -> None:
    pending = [futures.submit(tasks.hold, tmp_path, x) for x in range(20)]
    assert pending[10].cancel()
    (tmp_path / "go").touch()
    assert [f.result() for f in pending if not f.cancelled()] == [x for x in range(20) if x != 10]


def test_cancel_comes_too_late(pool: Pool) -> None:
    future = futures.submit(tasks.inc, 1)
    assert future.result() == 2
    assert not future.cancel()
    assert not future.cancelled() and future.result() == 2


def test_cancel_twice(pool: Pool) -> None:
    future = futures.submit(time.sleep, 60)
    assert future.cancel() and future.cancel()


def test_callbacks_are_called_in_order_and_once(pool: Pool, tmp_path: Path) -> None:
    seen: list[tuple[str, Future]] = []
    future = futures.submit(tasks.hold, tmp_path)
    future.add_done_callback(lambda f: seen.append(("first", f)))
    future.add_done_callback(lambda f: seen.append(("second", f)))
    assert seen == []
    (tmp_path / "go").touch()
    future.result()
    future.add_done_callback(lambda f: seen.append(("late", f)))
    eventually(lambda: len(seen) == 3)
    assert [name for name, _ in seen] == ["first", "second", "late"]
    assert all(f is future for _, f in seen)


def test_callbacks_may_submit(pool: Pool) -> None:
    chained: list[Future] = []
    future = futures.submit(tasks.inc, 1)
    future.add_done_callback(lambda f: chained.append(futures.submit(tasks.inc, f.result())))
    eventually(lambda: chained)
    assert chained[0].result() == 3


def test_callbacks_may_submit_and_wait(pool: Pool, tmp_path: Path) -> None:
    found: list[list[int]] = []
    future = futures.submit(tasks.hold, tmp_path)
    future.add_done_callback(lambda f: found.append(list(futures.map(tasks.inc, range(100)))))
    (tmp_path / "go").touch()
    future.result()
    assert eventually(lambda: found) == [list(range(1, 101))]


def test_callbacks_come_without_anybody_waiting(pool: Pool) -> None:
    called = threading.Event()
    futures.submit(tasks.inc, 1).add_done_callback(lambda _: called.set())
    assert called.wait(5)


def test_callback_of_a_cancelled_task(pool: Pool) -> None:
    seen: list[Future] = []
    future = futures.submit(time.sleep, 60)
    future.add_done_callback(seen.append)
    future.cancel()
    assert seen == [future]


def test_a_callback_that_fails_hurts_nobody(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    future = futures.submit(tasks.inc, 1)
    future.add_done_callback(lambda f: 1 / 0)
    assert future.result() == 2
    eventually(lambda: "ZeroDivisionError" in caplog.text)
    assert futures.submit(tasks.inc, 2).result() == 3


def test_the_standard_librarys_wait_and_as_completed_take_our_futures(pool: Pool) -> None:
    pending = [futures.submit(tasks.odd_fails, x) for x in range(6)]
    done, rest = concurrent.futures.wait(pending, timeout=10)
    assert done == set(pending) and not rest
    pending = [futures.submit(tasks.odd_fails, x) for x in range(6)]
    assert set(concurrent.futures.as_completed(pending, timeout=10)) == set(pending)


def test_the_standard_librarys_wait_returns_at_the_first_exception(pool: Pool, tmp_path: Path) -> None:
    held = futures.submit(tasks.hold, tmp_path)
    failed = futures.submit(tasks.odd_fails, 1)
    done, rest = concurrent.futures.wait([held, failed], timeout=10, return_when=FIRST_EXCEPTION)
    assert (done, rest) == ({failed}, {held})
    (tmp_path / "go").touch()
    held.result()


def test_futures_can_be_awaited_in_asyncio(pool: Pool) -> None:
    async def main() -> list[int]:
        return await asyncio.gather(*(asyncio.wrap_future(futures.submit(tasks.inc, x)) for x in range(10)))

    assert asyncio.run(main()) == list(range(1, 11))


def test_results_that_nobody_asks_for_leave_nothing(pool: Pool) -> None:
    shelf = Path(pool.client.connection.shelf)
    pending = [futures.submit(numpy.zeros, 100_000) for _ in range(5)]
    futures.wait(pending)
    del pending
    gc.collect()
    eventually(lambda: not list(shelf.iterdir()))


# ---- wait and as_completed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [(), (-1,), (None,), (60,)], ids=str)
def test_wait_for_all_never_raises_what_tasks_raise(pool: Pool, timeout: tuple[Any, ...]) -> None:
    pending = [futures.submit(tasks.odd_fails, x) for x in range(10)]
    found = futures.wait(pending, *timeout)
    assert found.done == set(pending) and found.not_done == set()
    assert isinstance(pending[1].exception(), ValueError)


def test_wait_zero_only_looks(pool: Pool, tmp_path: Path) -> None:
    over, held = futures.submit(tasks.inc, 1), futures.submit(tasks.hold, tmp_path)
    over.result()
    began = time.monotonic()
    assert futures.wait([over, held], 0) == ({over}, {held})
    assert time.monotonic() - began < 0.1
    (tmp_path / "go").touch()
    assert futures.wait([over, held]) == ({over, held}, set())


def test_wait_with_a_timeout(pool: Pool, tmp_path: Path) -> None:
    over, held = futures.submit(tasks.inc, 1), futures.submit(tasks.hold, tmp_path)
    began = time.monotonic()
    assert futures.wait([over, held], timeout=0.2) == ({over}, {held})
    assert 0.19 <= time.monotonic() - began < 1
    (tmp_path / "go").touch()
    held.result()


def test_wait_for_the_first(pool: Pool, tmp_path: Path) -> None:
    over, held = futures.submit(tasks.odd_fails, 1), futures.submit(tasks.hold, tmp_path)
    assert futures.wait([held, over], return_when=FIRST_COMPLETED) == ({over}, {held})
    assert futures.wait([held, over], timeout=5, return_when=FIRST_COMPLETED) == ({over}, {held})
    (tmp_path / "go").touch()
    held.result()


def test_wait_for_the_first_exception(pool: Pool, tmp_path: Path) -> None:
    good, bad = futures.submit(tasks.inc, 1), futures.submit(tasks.odd_fails, 1)
    held = futures.submit(tasks.hold, tmp_path)
    found = futures.wait([good, bad, held], return_when=FIRST_EXCEPTION)
    assert bad in found.done and held in found.not_done
    (tmp_path / "go").touch()
    fine = futures.submit(tasks.inc, 1)
    assert futures.wait([good, held, fine], return_when=FIRST_EXCEPTION) == ({good, held, fine}, set())


def test_wait_counts_cancelled_futures_as_done(pool: Pool) -> None:
    future = futures.submit(time.sleep, 60)
    future.cancel()
    for how in (ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION):
        assert futures.wait([future], return_when=how) == ({future}, set())


def test_wait_for_nothing(pool: Pool) -> None:
    for how in (ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION):
        assert futures.wait([], return_when=how) == (set(), set())


def test_wait_for_something_unknown(pool: Pool) -> None:
    with pytest.raises(ValueError, match="return_when"):
        futures.wait([], return_when="SOMETIMES")


def test_as_completed_gives_failed_and_cancelled_futures_too(pool: Pool) -> None:
    pending = [futures.submit(tasks.odd_fails, x) for x in range(6)]
    cancelled = futures.submit(time.sleep, 60)
    cancelled.cancel()
    found = list(futures.as_completed([*pending, cancelled]))
    assert len(found) == 7 and set(found) == {*pending, cancelled}
    assert sum(1 for f in found if not f.cancelled() and f.exception()) == 3


def test_as_completed_gives_what_is_over_first(pool: Pool, tmp_path: Path) -> None:
    held, quick = futures.submit(tasks.hold, tmp_path), futures.submit(tasks.inc, 1)
    arriving = futures.as_completed([held, quick, held])
    assert next(arriving) is quick
    (tmp_path / "go").touch()
    assert list(arriving) == [held]


def test_as_completed_timeout(pool: Pool, tmp_path: Path) -> None:
    held, quick = futures.submit(tasks.hold, tmp_path), futures.submit(tasks.inc, 1)
    arriving = futures.as_completed([held, quick], timeout=0.3)
    assert next(arriving) is quick
    with pytest.raises(TimeoutError):
        next(arriving)
    (tmp_path / "go").touch()
    held.result()


# ---- mapReduce and mapScan --------------------------------------------------------------------------------------


def test_map_reduce_keeps_the_order(pool: Pool) -> None:
    assert futures.mapReduce(str, operator.add, range(20)) == "".join(map(str, range(20)))
    assert futures.map_reduce(tasks.add, operator.add, "abc", "xyz") == "axbycz"


def test_map_reduce_of_one_element_and_of_a_generator(pool: Pool) -> None:
    assert futures.mapReduce(tasks.square, tasks.add, [3]) == 9
    assert futures.mapReduce(tasks.square, tasks.add, (x for x in range(4))) == 14


def test_map_reduce_of_nothing(pool: Pool) -> None:
    with pytest.raises(TypeError, match="empty"):
        futures.mapReduce(tasks.square, tasks.add, [])


def test_map_reduce_raises_what_a_task_raises(pool: Pool) -> None:
    with pytest.raises(ValueError, match="is odd"):
        futures.mapReduce(tasks.odd_fails, tasks.add, range(8))
    with pytest.raises(TypeError, match="unsupported operand"):
        futures.mapReduce(tasks.keywords, operator.sub, range(4))


def test_map_scan(pool: Pool) -> None:
    assert futures.mapScan(tasks.square, tasks.add, range(8)) == [0, 1, 5, 14, 30, 55, 91, 140]
    assert futures.map_scan(str, operator.add, "abcdefghijklmnopqrs") == [
        "abcdefghijklmnopqrs"[:end] for end in range(1, 20)
    ]


@pytest.mark.parametrize("values", [[], [3], [3, 4], range(100)], ids=["none", "one", "two", "hundred"])
def test_map_scan_of_few_and_many(pool: Pool, values: list[int]) -> None:
    assert futures.mapScan(tasks.square, tasks.add, iter(values)) == list(itertools.accumulate(x * x for x in values))


# ---- tasks of tasks ---------------------------------------------------------------------------------------------


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def any_pool(request: pytest.FixtureRequest, shared_pool: SharedPool, new_pool: PoolFactory) -> Pool:
    """Pools of both sizes: on one worker, whoever waits must let others run."""
    return shared_pool.get() if request.param == 2 else new_pool(1)


def test_trees_of_tasks(any_pool: Pool) -> None:
    assert list(futures.map(tasks.leaves, range(8))) == [2**depth for depth in range(8)]
    assert futures.submit(tasks.fibonacci, 15).result() == 610


def test_a_deep_chain_of_tasks(any_pool: Pool) -> None:
    assert futures.submit(tasks.descend, 300).result() == 300


def test_a_deep_chain_of_tasks_that_wait_for_their_children(any_pool: Pool) -> None:
    def descend(depth: int) -> int:
        if depth == 0:
            return 0
        child = futures.submit(descend, depth - 1)
        futures.wait([child])
        return 1 + child.result()

    def climb(depth: int) -> int:
        return 0 if depth == 0 else 1 + next(futures.map(climb, [depth - 1]))

    assert futures.submit(descend, 300).result() == 300
    assert futures.submit(climb, 300).result() == 300


def test_a_single_child_is_shared(pool: Pool, tmp_path: Path) -> None:
    def parent() -> bool:
        child = futures.submit(tasks.hold, tmp_path)
        eventually(lambda: tasks.begun(tmp_path))  # without waiting for the child, so on the other worker
        (tmp_path / "go").touch()
        child.result()
        return True

    assert futures.submit(parent).result()


def test_map_in_map_in_map(any_pool: Pool) -> None:
    def row(n: int) -> int:
        return sum(futures.map(tasks.square, range(n)))

    def table(n: int) -> list[int]:
        return list(futures.map(row, range(n)))

    expected = [[sum(k * k for k in range(j)) for j in range(i)] for i in range(12)]
    assert list(futures.map(table, range(12))) == expected


def test_a_large_map_in_a_task(any_pool: Pool) -> None:
    def total(n: int) -> int:
        return sum(futures.map(tasks.inc, range(n)))

    assert futures.submit(total, 20_000).result() == sum(range(1, 20_001))


def test_wait_and_as_completed_in_a_task(any_pool: Pool) -> None:
    def parent(_: object) -> tuple[int, int, list[int], list[int]]:
        pending = [futures.submit(tasks.odd_fails, x) for x in range(6)]
        first = futures.wait(pending, return_when=FIRST_COMPLETED)
        done = futures.wait(pending)
        ended = [f.result() for f in futures.as_completed(pending) if f.exception() is None]
        mapped = sorted(futures.map_as_completed(tasks.inc, range(5)))
        return len(first.done) > 0, len(done.done), sorted(ended), mapped

    assert list(futures.map(parent, range(4))) == [(True, 6, [0, 2, 4], [1, 2, 3, 4, 5])] * 4


def test_first_exception_in_a_task(any_pool: Pool) -> None:
    def parent() -> bool:
        pending = [futures.submit(tasks.odd_fails, x) for x in (0, 1, 2)]
        return pending[1] in futures.wait(pending, return_when=FIRST_EXCEPTION).done

    assert futures.submit(parent).result()


def test_timeouts_in_a_task(pool: Pool, tmp_path: Path) -> None:
    def parent() -> list[str]:
        seen = []
        child = futures.submit(tasks.hold, tmp_path)
        eventually(lambda: tasks.begun(tmp_path))  # on the other worker, for this one is busy looking
        try:
            child.result(timeout=0.1)
        except TimeoutError:
            seen.append("result")
        if futures.wait([child], timeout=0.1).not_done:
            seen.append("wait")
        (tmp_path / "go").touch()
        child.result()
        return seen

    assert futures.submit(parent).result(timeout=20) == ["result", "wait"]


def test_cancel_in_a_task(any_pool: Pool) -> None:
    def parent() -> tuple[bool, bool, int]:
        children = [futures.submit(tasks.inc, x) for x in range(10)]
        last = children[-1].cancel()
        return last, children[-1].cancelled(), sum(child.result() for child in children[:-1])

    assert futures.submit(parent).result() == (True, True, 45)


def test_exceptions_go_up_through_tasks(any_pool: Pool) -> None:
    def parent(x: int) -> int:
        return sum(futures.map(tasks.odd_fails, [0, x]))

    results = futures.map(parent, [0, 1, 2])
    assert next(results) == 0
    with pytest.raises(ValueError, match="1 is odd") as caught:
        next(results)
    assert "odd_fails" in str(caught.value.__cause__)
    assert next(results) == 2


def test_futures_that_a_task_leaves_alone_run_all_the_same(any_pool: Pool, tmp_path: Path) -> None:
    def parent() -> None:
        futures.submit((tmp_path / "ran").touch)

    futures.submit(parent).result()
    eventually((tmp_path / "ran").exists)


def test_map_reduce_and_map_scan_in_a_task(any_pool: Pool) -> None:
    def parent() -> tuple[str, list[int]]:
        return (
            futures.mapReduce(str, operator.add, range(10)),
            futures.mapScan(tasks.square, tasks.add, range(8)),
        )

    assert futures.submit(parent).result() == ("0123456789", [0, 1, 5, 14, 30, 55, 91, 140])


def test_buffersize_in_a_task(any_pool: Pool) -> None:
    def parent() -> list[int]:
        return list(itertools.islice(futures.map(tasks.inc, itertools.count(), buffersize=5), 50))

    assert futures.submit(parent).result() == list(range(1, 51))


def test_threads_of_a_task_submit_and_wait(any_pool: Pool) -> None:
    def parent() -> dict[int, int]:
        found: dict[int, int] = {}

        def use(number: int) -> None:
            single = sum(futures.submit(tasks.inc, x).result() for x in range(5))
            found[number] = single + sum(futures.map(tasks.inc, range(20)))

        threads = [threading.Thread(target=use, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        assert futures.submit(tasks.inc, 1).result() == 2
        for thread in threads:
            thread.join()
        return found

    assert futures.submit(parent).result(timeout=60) == dict.fromkeys(range(3), 225)


# ---- shared constants -------------------------------------------------------------------------------------------


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


# ---- what travels -----------------------------------------------------------------------------------------------


def test_lambdas_and_closures(pool: Pool) -> None:
    factor = 3
    assert list(futures.map(lambda x: factor * x, range(4))) == [0, 3, 6, 9]

    def power(n: int) -> Callable[[int], int]:
        def nested(x: int, m: int = n) -> int:
            return x**m

        return nested

    assert list(futures.map(power(2), range(4))) == [0, 1, 4, 9]


def test_four_lambdas_in_a_row_are_four_lambdas(pool: Pool) -> None:
    found = [
        list(futures.map(lambda x: x + 1, range(4))),
        list(futures.map(lambda x: x * 100, range(4))),
        list(futures.map(lambda x: -x, range(4))),
        list(futures.map(lambda x: f"{x}!", range(4))),
    ]
    assert found == [[1, 2, 3, 4], [0, 100, 200, 300], [0, -1, -2, -3], ["0!", "1!", "2!", "3!"]]


class Account:
    """Methods of all kinds."""

    interest = 2

    def __init__(self, value: int) -> None:
        self.value = value

    def plus(self, x: int) -> int:
        return self.value + x

    @classmethod
    def with_interest(cls, x: int) -> int:
        return cls.interest * x

    @staticmethod
    def negated(x: int) -> int:
        return -x

    def __call__(self, x: int) -> int:
        return self.value * x


def twice(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return 2 * function(*args)

    return wrapper


def untidy(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: ("untidy", function(*args))


@twice
def decorated(x: int) -> int:
    return x + 1


@untidy
def decorated_without_wraps(x: int) -> int:
    return x + 1


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (Account(10).plus, [10, 11, 12]),
        (Account.with_interest, [0, 2, 4]),
        (Account(1).with_interest, [0, 2, 4]),
        (Account.negated, [0, -1, -2]),
        (Account(10), [0, 10, 20]),
        (functools.partial(tasks.add, 5), [5, 6, 7]),
        (functools.partial(functools.partial(pow, 2), mod=3), [1, 2, 1]),
        (decorated, [2, 4, 6]),
        (decorated_without_wraps, [("untidy", 1), ("untidy", 2), ("untidy", 3)]),
        (math.factorial, [1, 1, 2]),
        (str, ["0", "1", "2"]),
        (functools.lru_cache(tasks.inc), [1, 2, 3]),
        (operator.neg, [0, -1, -2]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_callables_of_all_kinds(pool: Pool, function: Callable[..., Any], expected: list[Any]) -> None:
    assert list(futures.map(function, range(3))) == expected
    assert futures.submit(function, 2).result() == expected[2]


def test_what_cells_define_travels_by_value(pool: Pool, cells: Cells) -> None:
    cells("""
        import math
        from dataclasses import dataclass

        OFFSET = 100

        @dataclass
        class Point:
            x: int
            y: int = 0
            def norm(self): return math.hypot(self.x, self.y)
            @classmethod
            def at(cls, x): return cls(x, x + 1)
            @staticmethod
            def zero(_): return Point(0)

        class Special(Point):
            def norm(self): return -super().norm()

        def helper(x): return x + OFFSET
        def f(x): return helper(x)
        """)
    assert list(futures.map(cells.f, range(3))) == [100, 101, 102]
    assert list(futures.map(cells.Point, [1, 2])) == [cells.Point(1), cells.Point(2)]
    assert futures.submit(cells.Point(3, 4).norm).result() == 5
    assert futures.submit(cells.Special(3, 4).norm).result() == -5
    assert futures.submit(cells.Point.at, 1).result() == cells.Point(1, 2)
    found = futures.submit(cells.Point.zero, 1).result()
    assert type(found) is cells.Point and found == cells.Point(0)


def test_recursion_in_cells(pool: Pool, cells: Cells) -> None:
    cells("""
        from scoop import futures

        def tree(depth):
            return 1 if depth == 0 else sum(futures.map(tree, [depth - 1] * 2))

        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - 1)
        """)
    assert futures.submit(cells.tree, 5).result() == 32
    assert list(futures.map(cells.even, range(4))) == [True, False, True, False]


def test_a_redefined_function_is_used_by_the_next_call(pool: Pool, cells: Cells) -> None:
    for factor in (1, 2, 3):
        cells(f"def f(x): return {factor} * x")
        assert list(futures.map(cells.f, range(4))) == [factor * x for x in range(4)]
        assert futures.submit(cells.f, 1).result() == factor


def test_a_redefined_helper_or_global_is_used_by_the_next_call(pool: Pool, cells: Cells) -> None:
    cells("""
        BASE = 0
        TABLE = {"step": 0}
        def helper(x): return x
        def f(x): return helper(x) + BASE + TABLE["step"]
        """)
    assert futures.submit(cells.f, 1).result() == 1
    cells("BASE = 10")
    assert futures.submit(cells.f, 1).result() == 11
    cells("TABLE['step'] = 100")
    assert futures.submit(cells.f, 1).result() == 111
    cells("def helper(x): return -x")
    assert list(futures.map(cells.f, [1])) == [109]


def test_a_redefined_class_is_used_by_the_next_call(pool: Pool, cells: Cells) -> None:
    for answer in (1, 2):
        cells(f"""
            class Thing:
                def tell(self): return {answer}
            def f(_): return Thing().tell()
            """)
        assert list(futures.map(cells.f, range(2))) == [answer] * 2


def test_attributes_and_defaults_of_a_function_may_change(pool: Pool, cells: Cells) -> None:
    cells("""
        def f(x, y=1): return x + y + f.extra
        f.extra = 0
        """)
    assert futures.submit(cells.f, 1).result() == 2
    cells.f.extra = 10
    assert futures.submit(cells.f, 1).result() == 12
    cells.f.__defaults__ = (5,)
    assert futures.submit(cells.f, 1).result() == 16


def test_arrays_come_and_go(pool: Pool) -> None:
    arrays = [numpy.full(50_000, x) for x in range(4)]
    for array, found in zip(arrays, futures.map(numpy.negative, arrays), strict=True):
        assert (found == -array).all()
        found += 1  # results are the caller's own
    assert futures.submit(numpy.dot, arrays[2], arrays[3]).result() == 300_000
    del found
    gc.collect()


@pytest.mark.parametrize("size", [10, 1000, 50_000])
def test_tasks_may_change_arrays_that_they_were_given(pool: Pool, size: int) -> None:
    array = numpy.ones(size)

    def double(values: numpy.ndarray[Any, Any]) -> float:
        values *= 2
        return float(values.sum())

    assert set(futures.map(double, [array] * 1000)) == {2 * size}, "each has one of its own"
    assert {futures.submit(double, array).result() for _ in range(20)} == {2 * size}
    assert array.sum() == size


def test_equal_results_are_not_the_same_object(pool: Pool, cells: Cells) -> None:
    cells("import numpy; CACHE = {}\ndef f(_): return CACHE.setdefault(0, numpy.ones(50_000))")
    found = list(futures.map(cells.f, range(50)))
    for array in found:
        array += 1
    assert all((array == 2).all() for array in found)


def test_two_parts_of_one_buffer(pool: Pool) -> None:
    data = bytearray(b"a" * 200_000 + b"b" * 200_000)
    parts = [pickle.PickleBuffer(memoryview(data)[:200_000]), pickle.PickleBuffer(memoryview(data)[200_000:])]
    assert list(futures.map(lambda part: bytes(part)[:1], parts)) == [b"a", b"b"]
    assert futures.submit(lambda *parts: [bytes(part)[:1] for part in parts], *parts).result() == [b"a", b"b"]


def test_many_arrays_need_few_descriptors(pool: Pool) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (150, hard))
    try:
        arrays = list(futures.map(numpy.full, [20_000] * 400, range(400)))
        assert list(futures.map(numpy.max, arrays)) == list(range(400))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_arguments_leave_the_shelf_when_their_tasks_are_over(pool: Pool) -> None:
    shelf = Path(pool.client.connection.shelf)
    before = len(list(shelf.iterdir()))
    for _ in range(5):
        futures.submit(numpy.sum, numpy.ones(50_000)).result()
        assert list(futures.map(numpy.sum, [numpy.ones(50_000)] * 3)) == [50_000] * 3
    assert len(list(shelf.iterdir())) == before


def test_results_can_be_read_after_the_pool_has_ended(new_pool: PoolFactory) -> None:
    pool = new_pool(1)
    future = futures.submit(numpy.ones, 100_000)
    results = futures.map(numpy.ones, [100_000] * 2)
    futures.wait([future])
    assert next(results).sum() == 100_000
    eventually(lambda: len(results._job.batches) == 1)
    pool.stop()
    assert future.result().sum() == 100_000
    assert next(results).sum() == 100_000


# ---- prints -----------------------------------------------------------------------------------------------------


def test_prints_reach_the_root_once_with_the_workers_name(pool: Pool, capsys: pytest.CaptureFixture[str]) -> None:
    def shout(x: int) -> None:
        print("task", x)

    def quiet() -> None:
        futures.submit(shout, 10).result()

    list(futures.map(shout, range(3)))
    futures.submit(quiet).result()
    seen: list[str] = []

    def all_there() -> bool:
        seen.extend(capsys.readouterr().out.splitlines())
        return len(seen) >= 4

    eventually(all_there)
    assert sorted(re.sub(r"^\[w\d+\] ", "", line) for line in seen) == ["task 0", "task 1", "task 10", "task 2"]
    assert all(re.match(r"\[w\d+\] ", line) for line in seen)


def test_standard_error_of_a_task(pool: Pool, capsys: pytest.CaptureFixture[str]) -> None:
    def complain() -> None:
        import sys

        print("oh\nno", file=sys.stderr)

    futures.submit(complain).result()
    lines = eventually(lambda: capsys.readouterr().err.splitlines())
    assert [re.sub(r"^\[w\d+\] ", "", line) for line in lines] == ["oh", "no"]


def test_prints_come_while_the_task_runs(pool: Pool, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def chat() -> None:
        print("before")
        tasks.hold(tmp_path)
        print("after")

    future = futures.submit(chat)
    assert "before" in eventually(lambda: capsys.readouterr().out)
    (tmp_path / "go").touch()
    future.result()
    assert "after" in eventually(lambda: capsys.readouterr().out)


# ---- exceptions -------------------------------------------------------------------------------------------------


def test_the_remote_traceback_shows_the_source(pool: Pool, cells: Cells) -> None:
    cells("""
        def inner(x):
            return 1 / x  # the culprit

        def outer(x):
            return inner(x)
        """)
    with pytest.raises(ZeroDivisionError) as caught:
        futures.submit(cells.outer, 0).result()
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    text = "".join(traceback.format_exception(caught.value))
    assert "return 1 / x  # the culprit" in text
    assert "in outer" in text and "in inner" in text
    remote = str(caught.value.__cause__)
    assert remote.count("File ") == 2, "only lines of the user's own code"


def test_the_remote_traceback_of_a_nested_task(any_pool: Pool, cells: Cells) -> None:
    cells("""
        from scoop import futures

        def child(x):
            raise KeyError("deep down")  # the culprit

        def parent(x):
            return futures.submit(child, x).result()
        """)
    with pytest.raises(KeyError, match="deep down") as caught:
        futures.submit(cells.parent, 0).result()
    assert "# the culprit" in "".join(traceback.format_exception(caught.value))


class Costly(Exception):
    """Its constructor wants more than one argument."""

    def __init__(self, price: int, currency: str) -> None:
        super().__init__(f"{price} {currency}")
        self.price = price
        self.currency = currency

    def __reduce__(self) -> tuple[Any, ...]:
        return Costly, (self.price, self.currency)


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3), KeyboardInterrupt("stop it"), MemoryError(), GeneratorExit("over"), RecursionError("deep"),
        Costly(5, "CAD"), ExceptionGroup("both", [ValueError("a"), KeyError("b")]),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_exceptions_of_all_kinds_come_back_and_the_worker_lives_on(pool: Pool, error: BaseException) -> None:
    before = {row["pid"] for row in pool.workers}
    future = futures.submit(tasks.raise_it, error)
    found = future.exception()
    assert type(found) is type(error) and str(found) == str(error)
    assert vars(found) == vars(error)
    results = futures.map(tasks.raise_it, [error])
    with pytest.raises(type(error)):
        future.result()
    caught = None
    try:
        next(results)
    except BaseException as again:
        caught = again
    assert type(caught) is type(error)
    eventually(lambda: at_rest(pool, 2))
    assert {row["pid"] for row in pool.workers} == before


def test_stop_iteration_ends_no_map(pool: Pool) -> None:
    assert isinstance(futures.submit(next, iter([])).exception(), StopIteration)
    for mapped in (futures.map, futures.map_as_completed):
        results = mapped(next, [iter([0]), iter([]), iter([2])])
        found: list[Any] = []
        for _ in range(3):
            try:
                found.append(next(results))
            except RuntimeError as error:
                found.append(type(error.__cause__))
        assert set(found) == {0, StopIteration, 2}
        assert list(results) == []


def test_stop_iteration_in_a_nested_map(any_pool: Pool) -> None:
    def parent() -> tuple[int, str, int]:
        results = futures.map(next, [iter([0]), iter([]), iter([2])])
        first = next(results)
        try:
            return first, str(next(results)), next(results)
        except RuntimeError as error:
            return first, type(error.__cause__).__name__, next(results)

    assert futures.submit(parent).result() == (0, "StopIteration", 2)


def test_endless_recursion_is_an_error_like_others(pool: Pool, cells: Cells) -> None:
    cells("def f(x): return f(x + 1)")
    with pytest.raises(RecursionError):
        futures.submit(cells.f, 0).result()


# ---- what does not travel ---------------------------------------------------------------------------------------


class Stubborn:
    """Does not pickle."""

    def __reduce__(self) -> Any:
        raise RuntimeError("I stay here")


class Fragile:
    """Pickles, and does not unpickle."""

    def __reduce__(self) -> Any:
        return _break, ()


def _break() -> None:
    raise RuntimeError("I fell apart")


class Unwieldy(Exception):
    """Pickles, and does not unpickle, as exceptions with a constructor of their own often do."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__("only one")


def neighbours_go_on() -> bool:
    return list(futures.map(tasks.inc, range(10))) == list(range(1, 11))


def test_an_argument_that_does_not_travel(pool: Pool) -> None:
    before = futures.submit(tasks.keywords, 1)
    future = futures.submit(tasks.keywords, 1, Stubborn())
    after = futures.submit(tasks.keywords, 2)
    with pytest.raises(NotPicklable, match=r"argument 1 of 'keywords', a .*Stubborn.*I stay here"):
        future.result()
    assert (before.result(), after.result()) == (((1,), {}), ((2,), {}))
    with pytest.raises(NotPicklable, match=r"what.*Stubborn"):
        futures.submit(tasks.keywords, what=Stubborn()).result()


def test_one_argument_of_a_map_that_does_not_travel(pool: Pool) -> None:
    results = futures.map(tasks.keywords, [0, Stubborn(), 2])
    assert next(results) == ((0,), {})
    with pytest.raises(NotPicklable, match="Stubborn"):
        next(results)
    assert next(results) == ((2,), {})


def test_only_arguments_that_do_not_travel(pool: Pool) -> None:
    results = futures.map(tasks.keywords, [Stubborn()] * 3)
    for _ in range(3):
        with pytest.raises(NotPicklable, match="Stubborn"):
            next(results)
    with pytest.raises(StopIteration):
        next(results)


def test_a_function_that_does_not_travel(pool: Pool, cells: Cells) -> None:
    cells("import threading; lock = threading.Lock()\ndef f(x):\n    with lock: return x")
    future = futures.submit(cells.f, 1)
    with pytest.raises(NotPicklable, match=r"'f'.*the global 'lock'"):
        future.result()
    with pytest.raises(NotPicklable, match=r"'f'.*the global 'lock'"):
        futures.map(cells.f, [1])
    stubborn = Stubborn()
    with pytest.raises(NotPicklable, match=r"its variable 'stubborn'"):
        futures.submit(lambda: stubborn).result()
    assert neighbours_go_on()


def test_a_result_that_does_not_travel(pool: Pool) -> None:
    def some(x: int) -> Any:
        return Stubborn() if x == 1 else x

    results = futures.map(some, range(3))
    assert next(results) == 0
    with pytest.raises(NotPicklable, match=r"The result of .*some.*Stubborn.*I stay here"):
        next(results)
    assert next(results) == 2
    with pytest.raises(NotPicklable, match="generator"):
        futures.submit(lambda: (x for x in range(3))).result()


def test_an_exception_that_does_not_travel(pool: Pool) -> None:
    def fail() -> None:
        raise ValueError("about", Stubborn())

    for _ in range(2):
        with pytest.raises(scoop.TaskFailed, match=r"ValueError.*can't be sent"):
            futures.submit(fail).result()

    def clumsy() -> None:
        raise Unwieldy(1, 2)

    with pytest.raises(scoop.TaskFailed, match="only one") as caught:
        futures.submit(clumsy).result()
    assert "raise Unwieldy(1, 2)" in str(caught.value.__cause__)
    assert neighbours_go_on()


def test_what_does_not_unpickle_fails_alone(pool: Pool) -> None:
    results = futures.map(tasks.keywords, [0, Fragile(), 2])
    assert next(results) == ((0,), {})
    with pytest.raises(RuntimeError, match="I fell apart"):
        next(results)
    assert next(results) == ((2,), {})
    with pytest.raises(RuntimeError, match="I fell apart"):
        futures.submit(lambda: Fragile()).result()
    assert neighbours_go_on()


def test_a_function_that_does_not_unpickle(pool: Pool) -> None:
    with pytest.raises(NotPicklable, match="I fell apart"):
        futures.submit(functools.partial(tasks.keywords, Fragile())).result()
    assert neighbours_go_on()


def test_what_does_not_travel_may_be_used_within_a_worker(new_pool: PoolFactory) -> None:
    new_pool(1)

    def parent() -> int:
        return len(list(futures.map(lambda x: Stubborn(), range(10))))

    assert futures.submit(parent).result() == 10


# ---- without a pool ---------------------------------------------------------------------------------------------


def test_map_without_a_pool_warns_and_is_serial() -> None:
    assert current.engine is None
    with pytest.warns(RuntimeWarning, match="runs serially"):
        results = futures.map(tasks.add, [1, 2], [10, 20])
    assert list(results) == [11, 22]


def test_all_else_without_a_pool_is_an_error() -> None:
    for call in (
        lambda: futures.submit(tasks.inc, 1),
        lambda: futures.map_as_completed(tasks.inc, [1]),
        lambda: futures.mapReduce(tasks.inc, tasks.add, [1]),
        lambda: futures.mapScan(tasks.inc, tasks.add, [1]),
        lambda: shared.setConst(x=1),
        lambda: shared.getConst("x"),
    ):
        with pytest.raises(NotStarted, match=r"scoop\.start\(\)"):
            call()


def test_futures_of_a_stopped_pool_tell_so(new_pool: PoolFactory) -> None:
    pool = new_pool(1)
    over, pending = futures.submit(tasks.inc, 1), futures.submit(time.sleep, 60)
    assert over.result() == 2
    pool.stop()
    assert over.result() == 2
    with pytest.raises(scoop.BrokerLost, match="was stopped"):
        pending.result()
    assert not pool.alive
    with pytest.raises(NotStarted):
        futures.submit(tasks.inc, 1)
