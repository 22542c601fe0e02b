"""The iterator over a map's results."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

import pytest

from scoop_core import messages as m
from scoop_core.errors import BrokerLost
from scoop_core.future import Batch
from scoop_core.jobs import MapJob
from scoop_core.mapping import MapResult
from scoop_core.owner import Owner
from scoop_core.payload import Packer
from scoop_core.store import Shelf


class Run:
    """A map whose outcomes come, one batch after the other, when somebody waits for them."""

    def __init__(self, n: int | None, *outcomes: Batch | Callable[[], bool], **how: Any) -> None:
        self.posted: list[m.Header] = []
        owner = Owner("r", lambda header, frames: self.posted.append(header), Packer(Shelf("/nowhere", "r")))
        self.job = MapJob(owner)
        self.job.spec = m.Spec(b"f", "f", "r", 1, 1, 0)
        self.job.number = 1
        owner._jobs[1] = self.job
        self.job.n = n
        self.job.sent = self.job.left = n or 0
        self.outcomes = list(outcomes)
        self.waits = 0
        self.results = MapResult(self.job, self._wait, **how)

    def _wait(self, job: MapJob, seen: int) -> bool:
        self.waits += 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Batch):
            job.deliver(outcome)
            return True
        return outcome()


def good(lo: int, *values: Any) -> Batch:
    return Batch.local(lo, values, {})


def test_results_come_in_the_order_of_the_arguments_whenever_they_arrive() -> None:
    run = Run(5, good(3, "d", "e"), good(1, "b", "c"), good(0, "a"))
    assert list(run.results) == ["a", "b", "c", "d", "e"]


def test_results_come_as_they_arrive_if_that_is_asked_for() -> None:
    run = Run(5, good(3, "d", "e"), good(0, "a"), good(1, "b", "c"), as_completed=True)
    assert list(run.results) == ["d", "e", "a", "b", "c"]


def test_what_is_there_already_is_not_waited_for() -> None:
    run = Run(3)
    run.job.deliver(good(1, "b", "c"))
    run.job.deliver(good(0, "a"))
    assert list(run.results) == ["a", "b", "c"]
    assert run.waits == 0


def test_of_nothing_there_are_no_results() -> None:
    assert list(Run(0).results) == []
    with pytest.raises(StopIteration):
        next(Run(0).results)


def failing() -> Run:
    return Run(4, Batch.local(0, [0, None, 2], {1: ValueError("why")}), good(3, 3))


def test_next_goes_on_behind_a_task_that_failed() -> None:
    run = failing()
    assert next(run.results) == 0
    with pytest.raises(ValueError, match="why"):
        next(run.results)
    assert list(run.results) == [2, 3]


def test_an_iterator_goes_on_behind_a_task_that_failed() -> None:
    results = iter(failing().results)
    assert next(results) == 0
    with pytest.raises(ValueError, match="why"):
        next(results)
    assert list(results) == [2, 3]


def test_next_and_loops_can_be_mixed() -> None:
    run = Run(6, good(0, 0, 1, 2), good(3, 3, 4, 5))
    assert next(run.results) == 0
    for value in run.results:
        assert value == 1
        break
    assert next(run.results) == 2
    assert next(iter(run.results)) == 3
    assert list(run.results) == [4, 5]
    assert list(run.results) == []


def test_it_is_an_iterator() -> None:
    run = Run(3, good(0, 1, 2, 3))
    pairs = zip(run.results, run.results, strict=False)
    assert next(pairs) == (1, 2)


def late() -> bool:
    return False


def test_if_the_time_is_over_what_is_left_is_cancelled() -> None:
    run = Run(5, good(0, "a"), late)
    assert next(run.results) == "a"
    with pytest.raises(TimeoutError, match="what is left was cancelled"):
        next(run.results)
    assert m.Cancel(1, 0, 5) in run.posted
    assert run.job.closed
    with pytest.raises(CancelledError):
        next(run.results)


def interrupted() -> bool:
    raise KeyboardInterrupt


def test_an_interrupt_while_waiting_cancels_what_is_left() -> None:
    run = Run(5, good(0, "a"), interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(run.results)
    assert m.Cancel(1, 0, 5) in run.posted


def test_a_cancelled_map_says_so_after_what_has_come() -> None:
    run = Run(5, good(0, "a"))
    run.job.deliver(good(0, "a"))
    run.job.cancelled(1, 5)
    assert next(run.results) == "a"
    with pytest.raises(CancelledError, match="the tasks of 'f' were cancelled"):
        next(run.results)


def test_if_the_pool_is_lost_results_that_came_are_still_there() -> None:
    run = Run(5)
    run.job.deliver(good(0, "a"))
    run.job.fail(BrokerLost("gone"))
    assert next(run.results) == "a"
    with pytest.raises(BrokerLost):
        next(run.results)


def test_with_a_buffer_more_is_submitted_as_results_are_asked_for() -> None:
    asked: list[int] = []

    def more(seen: int) -> None:
        asked.append(seen)
        if seen == 4:
            run.job.n = 4

    run = Run(None, good(0, 0, 1), good(2, 2, 3), more=more)
    assert [next(run.results) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(StopIteration):
        next(run.results)
    assert asked == [0, 2, 4]
