"""What leaves the owner of jobs, and what its futures hear."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from scoop_core import messages as m
from scoop_core.config import PIECE_TASKS
from scoop_core.errors import BrokerLost, NotPicklable, WorkerLost
from scoop_core.future import Future
from scoop_core.jobs import MapJob
from scoop_core.owner import (
    CALLS,
    CHUNK_BYTES,
    CHUNKS,
    GROWTH,
    LARGE_CHUNK_BYTES,
    LOT_TASKS,
    LOTS,
    OPEN_JOBS,
    Options,
    Owner,
    columns,
    lots,
)
from scoop_core.payload import PackedFunction, Packer
from scoop_core.store import THRESHOLD, Shelf
from scoop_core.task_tree import top

H = TypeVar("H", bound=m.Header)


def f(x: Any) -> Any:
    return x


def g(x: Any) -> Any:
    return x


class Desk:
    """An owner without a wire: what it posts is kept, and answers are given by hand."""

    def __init__(self, folder: Path, workers: int = 2) -> None:
        self.posted: list[m.Header] = []
        self.folder = folder
        self.packer = Packer(Shelf(str(folder), "r"))
        self.owner = Owner("r", lambda header, frames: self.posted.append(header), self.packer)

    def wait_for(self, future: Future, timeout: float | None) -> bool:
        return future.done()

    def cancel(self, future: Future) -> bool:
        self.owner.cancel(future._job, future._index)
        return True

    def is_running(self, future: Future) -> bool:
        return False

    def spec(self, packed: PackedFunction, options: Options = Options(), run: int = 1) -> m.Spec:  # noqa: B008
        return self.owner.spec(packed, "r", run, top("r", run).child(packed.name), options)

    def call(self, *args: Any, function: Any = f, options: Options = Options(), run: int = 1) -> Future:  # noqa: B008
        future = Future()
        future._engine = self
        packed = self.packer.pack_function(function)
        self.owner.call(future, packed, self.spec(packed, options, run), self.packer.freeze((args, {})))
        return future

    def map(self, items: Any, form: str = "column", run: int = 1) -> MapJob:
        job = MapJob(self.owner)
        job.n = len(items)
        packed = self.packer.pack_function(f)
        self.owner.enroll(job, packed, self.spec(packed, run=run))
        self.owner.extend_map(job, 0, items, form)
        return job

    def said(self, kind: type[H]) -> list[H]:
        return [header for header in self.posted if isinstance(header, kind)]

    def answer(self, job: int, lo: int, *values: Any, failures: tuple[m.Failure, ...] = ()) -> None:
        """Results of tasks from `lo` on."""
        form, parcel, frames, _ = self.packer.pack_items(values, "values", lambda position, error: error)
        result = m.Result(job, lo, lo + len(values), form, parcel, failures)
        assert self.owner.handle(result, frames)

    @property
    def shelf(self) -> list[Path]:
        return list(self.folder.iterdir())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    yield Desk(tmp_path)


# ---- calls -----------------------------------------------------------------------------------------------------


def test_neighbouring_calls_of_a_function_are_one_job_and_travel_together(desk: Desk) -> None:
    futures = [desk.call(i) for i in range(10)]
    assert desk.owner.dirty
    assert desk.said(m.Extend) == []
    desk.owner.flush()
    assert not desk.owner.dirty
    assert len(desk.said(m.Open)) == 1
    assert [(e.lo, e.hi, e.form) for e in desk.said(m.Extend)] == [(0, 10, "calls")]
    desk.call(10)
    desk.owner.flush()
    assert [(e.job, e.lo, e.hi) for e in desk.said(m.Extend)[1:]] == [(1, 10, 11)]
    assert desk.owner.pending == 11
    desk.answer(1, 0, *range(11))
    assert [future.result(0) for future in futures] == list(range(10))
    assert desk.owner.pending == 0


def test_many_calls_do_not_wait_for_the_flush(desk: Desk) -> None:
    for i in range(2 * CALLS + 1):
        desk.call(i)
    assert [(e.lo, e.hi) for e in desk.said(m.Extend)] == [(0, CALLS), (CALLS, 2 * CALLS)]


@pytest.mark.parametrize(
    "other", [{"function": g}, {"options": Options(priority=1)}, {"options": Options(worker="w1")}, {"run": 2}]
)
def test_calls_that_differ_in_what_the_broker_must_know_are_different_jobs(other: Any, desk: Desk) -> None:
    desk.call(1)
    desk.call(2, **other)
    desk.call(3)
    desk.owner.flush()
    assert sorted((e.job, e.lo, e.hi) for e in desk.said(m.Extend)) == [(1, 0, 2), (2, 0, 1)]


def test_results_may_come_in_any_order_and_in_parts(desk: Desk) -> None:
    futures = [desk.call(i) for i in range(4)]
    desk.owner.flush()
    desk.answer(1, 2, "c")
    assert [future.done() for future in futures] == [False, False, True, False]
    desk.answer(1, 0, "a", "b")
    desk.answer(1, 3, "d")
    assert [future.result(0) for future in futures] == list("abcd")


def test_a_call_that_failed_raises_and_one_that_was_lost_says_why(desk: Desk) -> None:
    bad, lost = desk.call(0), desk.call(1)
    desk.owner.flush()
    desk.answer(1, 0, None, failures=(desk.packer.pack_error(0, ValueError("why")),))
    assert desk.owner.handle(m.Lost(1, 1, "f", -9, 5, 3), [])
    with pytest.raises(ValueError, match="why"):
        bad.result()
    with pytest.raises(WorkerLost, match="3 workers died"):
        lost.result()
    assert desk.owner.pending == 0


def test_a_cancelled_call_is_over_at_once_and_its_late_result_is_ignored(desk: Desk) -> None:
    first, second = desk.call(0), desk.call(1)
    assert second.cancel()
    assert second.cancelled()
    assert [(c.lo, c.hi) for c in desk.said(m.Cancel)] == [(1, 2)]
    kinds = [type(header) for header in desk.posted]
    assert kinds.index(m.Extend) < kinds.index(m.Cancel), "the broker must know what is cancelled"
    desk.answer(1, 0, "a", "b")
    assert first.result(0) == "a"
    with pytest.raises(CancelledError):
        second.result()
    assert desk.owner.pending == 0


def test_calls_that_others_cancel_are_cancelled(desk: Desk) -> None:
    futures = [desk.call(i) for i in range(3)]
    desk.owner.flush()
    assert desk.owner.handle(m.Cancel(1, 1, 3), [])
    assert [future.cancelled() for future in futures] == [False, True, True]
    assert desk.owner.pending == 1


def test_jobs_that_grow_are_closed_when_there_are_many(desk: Desk) -> None:
    for priority in range(OPEN_JOBS + 3):
        desk.call(1, options=Options(priority=priority))
        desk.owner.flush()
    assert [c.job for c in desk.said(m.Close)] == [1, 2, 3]
    desk.answer(1, 0, "a")
    desk.call(2, options=Options(priority=0))
    desk.owner.flush()
    assert desk.said(m.Extend)[-1].job == OPEN_JOBS + 4, "a job that is closed does not grow"


def test_the_end_of_a_run_closes_its_jobs(desk: Desk) -> None:
    future = desk.call(1)
    desk.owner.close_all()
    assert [type(header) for header in desk.posted] == [m.Open, m.Extend, m.Close]
    desk.answer(1, 0, "a")
    assert future.result(0) == "a"
    assert desk.owner._jobs == {}


def test_calls_of_several_threads_all_leave_once(desk: Desk) -> None:
    gate = threading.Barrier(4)
    futures: list[Future] = []

    def submit() -> None:
        gate.wait()
        futures.extend([desk.call(i) for i in range(300)])

    threads = [threading.Thread(target=submit) for _ in range(3)]
    for thread in threads:
        thread.start()
    gate.wait()
    while any(thread.is_alive() for thread in threads) or desk.owner.dirty:
        desk.owner.flush()
    for thread in threads:
        thread.join()
    indices = [i for e in desk.said(m.Extend) for i in range(e.lo, e.hi)]
    assert sorted(indices) == list(range(900))
    assert sorted(future._index for future in futures) == list(range(900))
    assert desk.owner.pending == 900


# ---- maps ------------------------------------------------------------------------------------------------------


def test_a_map_is_one_job_in_chunks(desk: Desk) -> None:
    desk.map([x / 7 for x in range(100_000)])
    chunks = desk.said(m.Extend)
    sizes = [e.hi - e.lo for e in chunks]
    assert sizes[:3] == [1, GROWTH, GROWTH**2]
    assert all(CHUNK_BYTES / 2 < len(e.parcel.data) < CHUNK_BYTES * 2 for e in chunks[5:-1])
    assert [e.lo for e in chunks] == [0, *(e.hi for e in chunks[:-1])]
    assert desk.owner.pending == chunks[-1].hi == 100_000


@pytest.mark.parametrize(("count", "size"), [(400_000, 400_000 * 9 / CHUNKS), (2_000_000, LARGE_CHUNK_BYTES)])
def test_a_long_map_has_few_chunks_and_they_lie_on_the_shelf(desk: Desk, count: int, size: float) -> None:
    job = desk.map([x / 7 for x in range(count)])
    [*small, last] = desk.said(m.Extend)
    large = small[3:]
    assert all(not e.parcel.buffers for e in small[:3]), "nothing waits until much is pickled"
    assert all(e.parcel.bare and not e.parcel.data for e in large)
    sizes = [place.size for e in large for place in e.parcel.buffers if place is not None]
    assert sizes == pytest.approx([size] * len(large), rel=0.05)
    assert len(desk.shelf) == len(large) + bool(last.parcel.buffers)
    for extend in [*small, last]:
        desk.answer(job.number, extend.lo, *[None] * (extend.hi - extend.lo))
    assert not desk.shelf


def test_no_chunk_has_too_many_tasks(desk: Desk) -> None:
    desk.map([None] * 2_000_000)
    assert max(e.hi - e.lo for e in desk.said(m.Extend)) == PIECE_TASKS


def test_large_arguments_travel_one_by_one(desk: Desk) -> None:
    desk.map([bytes([i]) * CHUNK_BYTES for i in range(30)])
    assert [e.hi - e.lo for e in desk.said(m.Extend)] == [1] * 30


def test_a_range_goes_whole(desk: Desk) -> None:
    desk.map(range(10_000_000), "range")
    [extend] = desk.said(m.Extend)
    assert (extend.lo, extend.hi, extend.form) == (0, 10_000_000, "range")
    assert len(extend.parcel.data) < 100


def test_arguments_that_do_not_travel_fail_alone_and_at_once(desk: Desk) -> None:
    job = desk.map([[0], threading.Lock(), [2]])
    assert [e.skip for e in desk.said(m.Extend)] == [(), (1,)]
    assert desk.owner.pending == 2
    with pytest.raises(NotPicklable, match=r"argument 0 of 'f', a _thread.lock"):
        job.batches[1].get(1)


def test_of_a_row_the_argument_that_does_not_travel_is_named(desk: Desk) -> None:
    job = desk.map([([0], threading.Lock())], "rows")
    with pytest.raises(NotPicklable, match="argument 1 of 'f'"):
        job.batches[0].get(0)


def test_a_map_that_is_dropped_cancels_all_and_is_forgotten(desk: Desk) -> None:
    job = desk.map([1, 2, 3])
    job.drop()
    assert [(c.lo, c.hi) for c in desk.said(m.Cancel)] == [(0, 3)]
    assert len(desk.said(m.Close)) == 1
    assert desk.owner.pending == 0
    assert desk.owner._jobs == {}
    desk.answer(1, 0, 1, 2, 3)
    job.drop()


def test_a_cancelled_run_takes_its_jobs_and_no_others(desk: Desk) -> None:
    first, second = desk.call(1, run=1), desk.call(2, run=2)
    waiting = desk.call(3, run=1)
    job = desk.map([1, 2], run=1)
    desk.owner.cancel_run(1)
    desk.owner.flush()
    assert [first.cancelled(), waiting.cancelled(), second.cancelled()] == [True, True, False]
    assert job.was_cancelled
    assert [e.job for e in desk.said(m.Extend)].count(2) == 1
    desk.answer(2, 0, "b")
    assert second.result(0) == "b"
    assert desk.owner.pending == 0


def test_if_the_pool_is_lost_everything_fails(desk: Desk) -> None:
    future, waiting = desk.call(1), desk.call(2)
    job = desk.map([1, 2])
    desk.owner.fail_all(BrokerLost("gone"))
    for each in (future, waiting):
        with pytest.raises(BrokerLost):
            each.result()
    assert isinstance(job.error, BrokerLost)
    assert (desk.owner.pending, desk.owner.dirty) == (0, {})


# ---- the shelf -------------------------------------------------------------------------------------------------


def large(value: float = 1.0) -> Any:
    return np.full(THRESHOLD // 8, value)


def test_arguments_leave_the_shelf_when_their_tasks_are_over(desk: Desk) -> None:
    desk.map([large(value) for value in range(3)])
    assert [e.hi - e.lo for e in desk.said(m.Extend)] == [1, 1, 1]
    assert len(desk.shelf) == 3
    desk.answer(1, 0, "a")
    assert len(desk.shelf) == 2
    assert desk.owner.handle(m.Lost(1, 1, "f", 1, 1, 1), [])
    assert len(desk.shelf) == 1
    desk.answer(1, 2, "c")
    assert desk.shelf == []


def test_arguments_of_calls_leave_the_shelf_when_all_that_travelled_together_are_over(desk: Desk) -> None:
    futures = [desk.call(large(value)) for value in range(2)]
    desk.owner.flush()
    assert len(desk.shelf) == 2
    desk.answer(1, 0, "a")
    assert len(desk.shelf) == 2
    futures[1].cancel()
    assert desk.shelf == []


def test_an_argument_of_many_tasks_lies_there_once_until_the_last_is_over(desk: Desk) -> None:
    array = large()
    desk.map([array] * 300)
    desk.call(array)
    desk.call(array.copy())
    desk.owner.flush()
    assert len(desk.shelf) == 1
    for index in range(300):
        desk.answer(1, index, "a")
    desk.answer(2, 0, "a")
    assert len(desk.shelf) == 1
    desk.answer(2, 1, "a")
    assert desk.shelf == []


def test_a_call_is_sent_as_it_was_when_it_was_made(desk: Desk) -> None:
    array = large()
    desk.call(array)
    array[:] = 2
    desk.call(array)
    desk.owner.flush()
    assert len(desk.shelf) == 2


def test_calls_that_are_given_up_before_they_leave_are_not_left_on_the_shelf(desk: Desk) -> None:
    desk.call(large())
    desk.owner.cancel_run(1)
    assert desk.shelf == []


def test_arguments_of_what_is_cancelled_leave_the_shelf(desk: Desk) -> None:
    desk.call(large())
    desk.map([large()])
    desk.owner.flush()
    desk.owner.cancel_run(1)
    assert desk.shelf == []


def test_results_are_brought_in_before_the_shelf_goes(desk: Desk) -> None:
    future = desk.call(1)
    desk.owner.flush()
    desk.answer(1, 0, large())
    assert len(desk.shelf) == 1
    desk.owner.fetch()
    assert desk.shelf == []
    assert future.result(0).sum() == len(large())


# ---- arguments -------------------------------------------------------------------------------------------------


def test_one_iterable_is_a_column_and_several_are_rows_up_to_the_shortest_ones_end() -> None:
    assert columns([iter("ab")]) == (["a", "b"], "column")
    assert columns([range(3)]) == (range(3), "range")
    assert columns([range(3), iter("ab")]) == ([(0, "a"), (1, "b")], "rows")
    assert columns([[], [1]]) == ([], "rows")


@pytest.mark.parametrize("count", [0, 1, 99, 1000, 5_000_000])
def test_lots_are_small_shares_and_tile_the_whole(count: int) -> None:
    items = range(count)
    end = 0
    for start, chunk in lots(items):
        assert start == end
        assert chunk[0] == start
        assert 1 <= len(chunk) <= max(1, min(LOT_TASKS, -(-count // LOTS)))
        end += len(chunk)
    assert end == count


def test_what_is_no_outcome_is_left_to_others(desk: Desk) -> None:
    assert not desk.owner.handle(m.Welcome("p"), [])
    assert desk.owner.handle(m.Lost(99, 0, "f", 1, 1, 1), []), "of a job that was forgotten"
