"""futures.py on a real pool: what programs may rely on."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import operator
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

import scoop
from scoop import NotStarted, Pool, futures, shared
from scoop.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, CancelledError, Future
from scoop_core.current import current
from tests.conftest import PoolFactory, at_rest
from tests.scoop import tasks
from tests.waiting import eventually

# ---- map -----------------------------------------------------------------------------------------------------------


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


@pytest.mark.needs("interrupts")
def test_map_timeout_is_real_and_cancels(pool: Pool) -> None:
    before = {row["pid"] for row in pool.workers}
    began = time.monotonic()
    results = futures.map(time.sleep, [0, 60, 60, 60], timeout=0.3)
    assert next(results) is None
    with pytest.raises(TimeoutError):
        next(results)
    assert 0.29 <= time.monotonic() - began < 2
    eventually(lambda: at_rest(pool, 2))
    assert {row["pid"] for row in pool.workers} == before


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


@pytest.mark.needs("interrupts")
def test_map_as_completed_timeout(pool: Pool) -> None:
    before = {row["pid"] for row in pool.workers}
    with pytest.raises(TimeoutError):
        list(futures.map_as_completed(time.sleep, [0, 60], timeout=0.2))
    eventually(lambda: at_rest(pool, 2))
    assert {row["pid"] for row in pool.workers} == before


# ---- submit --------------------------------------------------------------------------------------------------------


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
    many = 3000 if pool.client.abilities.cheap_tasks else 300
    pending = [futures.submit(tasks.inc, x) for x in range(many)]
    assert [future.result() for future in pending] == list(range(1, many + 1))


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


# ---- Future --------------------------------------------------------------------------------------------------------


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


@pytest.mark.needs("interrupts")
@pytest.mark.parametrize("task", [tasks.sleep, tasks.spin])
def test_cancel_a_running_task(pool: Pool, tmp_path: Path, task: Callable[[Path], None]) -> None:
    before = {row["pid"] for row in pool.workers}
    future = futures.submit(task, tmp_path)
    eventually(lambda: tasks.begun(tmp_path))
    assert future.cancel()
    assert future.cancelled() and future.done()
    with pytest.raises(CancelledError):
        future.result()
    eventually(lambda: at_rest(pool, 2))
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


@pytest.mark.needs("interrupts")
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


@pytest.mark.needs("interrupts")
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


# ---- wait and as_completed -----------------------------------------------------------------------------------------


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


@pytest.mark.needs("interrupts")
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


@pytest.mark.needs("interrupts")
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


# ---- mapReduce and mapScan -----------------------------------------------------------------------------------------


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


# ---- without a pool ------------------------------------------------------------------------------------------------


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
