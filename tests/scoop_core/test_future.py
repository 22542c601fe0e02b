"""Futures keep the promises of PEP 3148, though most of their parts are made late."""

from __future__ import annotations

import concurrent.futures
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoop_core.errors import BrokerLost, RemoteTraceback
from scoop_core.future import Batch, Future
from scoop_core.messages import Failure, Parcel
from scoop_core.payload import Packer
from scoop_core.store import THRESHOLD, Shelf


class Engine:
    """Settles futures when it is told to; whoever waits gives it a chance."""

    def __init__(self) -> None:
        self.meanwhile: list[Callable[[], None]] = []  # what happens while somebody waits
        self.runs = False
        self.in_task = False
        self.attended: list[Future] = []

    def attend(self, waiter: Any, future: Future) -> None:
        self.attended.append(future)

    def wait_for(self, future: Future, timeout: float | None) -> bool:
        while self.meanwhile and not future.done():
            self.meanwhile.pop(0)()
        return future.done()

    def cancel(self, future: Future) -> bool:
        future._drop()
        return True

    def is_running(self, future: Future) -> bool:
        return self.runs


def new(engine: Engine) -> Future:
    future = Future()
    future._engine = engine
    return future


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def future(engine: Engine) -> Future:
    return new(engine)


# ---- by itself -------------------------------------------------------------------------------------------------


def test_a_new_future_is_neither_done_nor_running_nor_cancelled(future: Future, engine: Engine) -> None:
    assert (future.done(), future.running(), future.cancelled()) == (False, False, False)
    engine.runs = True
    assert future.running()


def test_a_result_is_there_for_good(future: Future) -> None:
    future._settle(5)
    assert (future.done(), future.running(), future.cancelled()) == (True, False, False)
    assert [future.result(), future.result(timeout=0), future.exception()] == [5, 5, None]
    future._drop()
    assert future.result() == 5, "it is too late to cancel it"


def test_what_comes_late_does_not_undo_a_cancellation(future: Future) -> None:
    future.cancel()
    future._settle(5)
    future._fail(ValueError())
    assert future.cancelled()
    with pytest.raises(CancelledError):
        future.result()


def test_an_exception_is_raised_each_time(future: Future) -> None:
    error = ValueError("why")
    future._fail(error)
    assert future.done()
    for _ in range(2):
        with pytest.raises(ValueError, match="why"):
            future.result()
    assert future.exception() is error


def test_whoever_asks_waits(future: Future, engine: Engine) -> None:
    engine.meanwhile = [lambda: None, lambda: future._settle(5)]
    assert future.result() == 5


def test_what_does_not_come_in_time_goes_on(future: Future) -> None:
    for ask in (future.result, future.exception):
        with pytest.raises(TimeoutError, match=r"not over after 0.5 s"):
            ask(timeout=0.5)
    with pytest.raises(concurrent.futures.TimeoutError):
        future.result(0)
    assert not future.done()


def test_a_cancelled_future_says_so(future: Future) -> None:
    assert future.cancel()
    assert (future.done(), future.cancelled(), future.running()) == (True, True, False)
    for ask in (future.result, future.exception):
        with pytest.raises(CancelledError):
            ask()
    assert future.cancel(), "it is cancelled, as asked"


def test_what_is_over_cannot_be_cancelled(future: Future) -> None:
    future._settle(5)
    assert not future.cancel()
    assert not future.cancelled()


# ---- with the standard library ---------------------------------------------------------------------------------


def test_it_is_a_future_of_the_standard_library(future: Future) -> None:
    assert isinstance(future, concurrent.futures.Future)


def end(future: Future, how: str) -> None:
    if how == "result":
        future._settle(1)
    elif how == "error":
        future._fail(ValueError())
    else:
        future._drop()


@pytest.mark.parametrize("how", ["result", "error", "cancelled"])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_the_standard_wait_and_as_completed_see_it_end(how: str, when: str, engine: Engine) -> None:
    futures = [new(engine) for _ in range(3)]
    waits: list[Callable[[], Any]] = [
        lambda: concurrent.futures.wait(futures, timeout=10).not_done == set(),
        lambda: set(concurrent.futures.as_completed(futures, timeout=10)) == set(futures),
    ]
    if when == "before":
        for future in futures:
            end(future, how)
        assert all(wait() for wait in waits)
        return
    found: list[bool] = []
    threads = [threading.Thread(target=lambda wait=wait: found.append(wait())) for wait in waits]
    for thread in threads:
        thread.start()
    for future in futures:
        end(future, how)
    for thread in threads:
        thread.join(10)
    assert found == [True, True]


def test_the_standard_wait_returns_at_the_first_that_fails(engine: Engine, tmp_path: Path) -> None:
    futures = [new(engine) for _ in range(2)]
    done: list[Any] = []

    def wait() -> None:
        done.append(concurrent.futures.wait(futures, 10, return_when=concurrent.futures.FIRST_EXCEPTION).done)

    thread = threading.Thread(target=wait)
    thread.start()
    futures[0]._index = 0  # its outcome comes in a batch
    failure = Failure(0, b"", "", "ValueError")
    futures[0]._settle_from(Batch(0, 1, "values", Parcel(b""), [], [failure], Packer(Shelf(str(tmp_path), "x"))))
    thread.join(10)
    futures[1]._settle(1)
    assert done == [{futures[0]}]


def test_callbacks_are_called_once_whenever_they_come(future: Future) -> None:
    called: list[Future] = []
    future.add_done_callback(called.append)
    assert called == []
    future._settle(1)
    assert called == [future]
    future.add_done_callback(called.append)
    assert called == [future, future]


def test_a_callback_that_raises_does_not_keep_the_others_from_being_called(
    future: Future, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[Future] = []
    future.add_done_callback(lambda f: 1 // 0)
    future.add_done_callback(called.append)
    future._settle(1)
    assert called == [future]
    assert "ZeroDivisionError" in caplog.text


def test_its_repr_tells_its_state(future: Future) -> None:
    assert "pending" in repr(future)
    future._settle(1)
    assert "finished returned int" in repr(future)


# ---- several threads -------------------------------------------------------------------------------------------


@pytest.fixture
def quick_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_parts_that_are_made_late_are_made_once(engine: Engine, quick_switches: None) -> None:
    for _ in range(200):
        future = new(engine)
        gate = threading.Barrier(3)
        seen: list[tuple[int, int]] = []

        def look(future: Future = future, gate: threading.Barrier = gate, seen: Any = seen) -> None:
            gate.wait()
            seen.append((id(future._condition), id(future._waiters)))

        threads = [threading.Thread(target=look) for _ in range(2)]
        for thread in threads:
            thread.start()
        gate.wait()
        seen.append((id(future._condition), id(future._waiters)))
        for thread in threads:
            thread.join()
        assert len(set(seen)) == 1


def test_a_future_that_ends_while_others_begin_to_wait_wakes_them(engine: Engine, quick_switches: None) -> None:
    futures = [new(engine) for _ in range(300)]
    called: list[Future] = []

    def watch() -> None:
        for future in futures:
            future.add_done_callback(called.append)
            future._when_over(lambda: None)
            concurrent.futures.wait([future], timeout=10)

    thread = threading.Thread(target=watch)
    thread.start()
    for number, future in enumerate(futures):
        future._settle(number)
    thread.join(10)
    assert not thread.is_alive()
    assert sorted(map(id, called)) == sorted(map(id, futures)), "each callback once"


def test_while_somebody_looks_it_does_not_end(future: Future) -> None:
    """`concurrent.futures.wait` asks twice, with the lock, what is over; it waits for ever if the answers differ."""
    other = threading.Thread(target=future._settle, args=(1,))
    with future._condition:
        other.start()
        other.join(0.2)
        assert other.is_alive() and not future.done()
    other.join(10)
    assert future.result() == 1


def test_it_ends_once(future: Future) -> None:
    future._condition  # noqa: B018  there is a lock now
    future._drop()
    future._settle(1)
    assert future.cancelled()


def test_who_asks_to_be_woken_is_woken_even_if_it_is_over(future: Future) -> None:
    woken: list[int] = []
    future._when_over(lambda: woken.append(1))
    assert woken == []
    future._settle(1)
    assert woken == [1]
    future._when_over(lambda: woken.append(2))
    assert woken == [1, 2]


# ---- batches ---------------------------------------------------------------------------------------------------


@pytest.fixture
def packer(tmp_path: Path) -> Packer:
    return Packer(Shelf(str(tmp_path), "x"))


def batch(packer: Packer, lo: int, values: list[Any], failures: dict[int, BaseException] | None = None) -> Batch:
    form, parcel, frames, errors = packer.pack_items(values, "values", lambda position, error: error)
    assert not errors
    failed = [packer.pack_error(index, error) for index, error in (failures or {}).items()]
    return Batch(lo, lo + len(values), form, parcel, frames, failed, packer)


def test_a_result_of_a_batch_is_unpickled_when_it_is_asked_for(engine: Engine, packer: Packer) -> None:
    futures = [new(engine) for _ in range(3)]
    outcome = batch(packer, 5, [[1], None, [3]], {6: ValueError("why")})
    for index, future in enumerate(futures, 5):
        future._index = index
        future._settle_from(outcome)
        assert future.done()
    assert futures[0].result() == [1]
    assert futures[2].exception() is None
    with pytest.raises(ValueError, match="why"):
        futures[1].result()
    assert isinstance(futures[1].exception().__cause__, RemoteTraceback)  # type: ignore[union-attr]
    assert futures[0]._batch is None, "the batch may go when all were asked for"


def test_a_result_that_does_not_unpickle_is_an_error_of_its_own(engine: Engine, packer: Packer) -> None:
    future = new(engine)
    future._index = 0
    outcome = batch(packer, 0, [[1]])
    outcome._parcel = Parcel(b"garbage")
    future._settle_from(outcome)
    with pytest.raises(Exception, match=r"."):
        future.result()
    assert future.exception() is not None


def test_a_batch_is_iterated_in_order(packer: Packer) -> None:
    assert list(batch(packer, 5, [1, 2, 3])) == [1, 2, 3]
    assert list(batch(packer, 5, [[1], {2}, None])) == [[1], {2}, None]
    assert list(Batch.local(5, [1, "a"], {})) == [1, "a"]


def test_after_a_failed_one_a_batch_goes_on(packer: Packer) -> None:
    results = iter(batch(packer, 5, [1, None, 3], {6: KeyError("x")}))
    assert next(results) == 1
    with pytest.raises(KeyError):
        next(results)
    assert next(results) == 3
    assert list(results) == []


def test_a_task_that_raises_stop_iteration_does_not_end_the_others(packer: Packer) -> None:
    results = iter(batch(packer, 0, [None, 2], {0: StopIteration(1)}))
    with pytest.raises(RuntimeError, match="a task raised StopIteration"):
        next(results)
    assert next(results) == 2


def test_outcomes_that_never_left_the_process_are_the_very_objects() -> None:
    value, error = object(), ValueError()
    outcome = Batch.local(3, [value, None], {4: error})
    assert (outcome.lo, outcome.hi) == (3, 5)
    assert outcome.get(3) is value
    assert outcome.failed(4)
    with pytest.raises(ValueError) as caught:
        outcome.get(4)
    assert caught.value is error


def large() -> Any:
    return np.ones(THRESHOLD // 8)


def test_results_on_the_shelf_go_when_they_are_loaded_or_when_nobody_looks(packer: Packer, tmp_path: Path) -> None:
    outcome = batch(packer, 0, [large()])
    assert len(list(tmp_path.iterdir())) == 1
    array = outcome.get(0)
    assert list(tmp_path.iterdir()) == []
    assert array.sum() == len(array)
    unseen = batch(packer, 0, [large()])
    assert len(list(tmp_path.iterdir())) == 1
    del unseen
    assert list(tmp_path.iterdir()) == []


def test_results_on_the_shelf_can_be_brought_in_before_the_pool_goes(packer: Packer, tmp_path: Path) -> None:
    outcome = batch(packer, 0, [large(), [1]])
    outcome.fetch()
    assert list(tmp_path.iterdir()) == []
    assert outcome.get(0).sum() == len(large())
    assert outcome.get(1) == [1]


def test_a_result_whose_shelf_is_gone_says_so(packer: Packer, tmp_path: Path) -> None:
    outcome = batch(packer, 0, [large()])
    for path in tmp_path.iterdir():
        path.unlink()
    outcome.fetch()
    with pytest.raises(BrokerLost, match="shared memory of a pool that is gone"):
        outcome.get(0)
