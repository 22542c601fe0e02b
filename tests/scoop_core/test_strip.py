"""What a worker tells of what ran on it: spans in order, none over the other, and not more than people can see."""

from __future__ import annotations

import time

import pytest

from scoop_core.messages import Ran
from scoop_core.strip import COMPARE_SECONDS, PAUSE, SHORT, Strip
from scoop_core.task_tree import top
from scoop_core.worker_state import GroupCount


class Clock:
    """Time as the tests have it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def strip(clock: Clock) -> Strip:
    return Strip(clock)


def group(name: str, run: int = 1) -> GroupCount:
    return GroupCount(top("r", run).child(name), name, "r", run)


F, G, H = group("f"), group("g"), group("h")


def told(strip: Strip) -> list[tuple[str, float, float, int, int]]:
    """(name, began, ended, tasks, failed), with times since the start."""
    zero = time.time() - 0.0
    spans = strip.take()
    assert all(abs(span.began - zero) < 1000 for span in spans), "seconds since 1970"
    began = min((span.began for span in spans), default=0.0)
    return [
        (span.name, round(span.began - began, 6), round(span.ended - began, 6), span.tasks, span.failed)
        for span in spans
    ]


def test_what_ends_tells_the_time_since_the_mark(strip: Strip, clock: Clock) -> None:
    clock.now += 0.5
    strip.tell(F, 3, 1)
    clock.now += 0.25
    strip.tell(G, 1)
    assert told(strip) == [("f", 0.0, 0.5, 3, 1), ("g", 0.5, 0.75, 1, 0)]
    assert told(strip) == []


def test_time_that_nobody_tells_is_idle(strip: Strip, clock: Clock) -> None:
    clock.now += 0.5
    strip.tell(F, 1)
    clock.now += 2.0
    strip.mark = clock.now  # as `Accounts` does when there is work again
    clock.now += 0.5
    strip.tell(F, 1)
    assert told(strip) == [("f", 0.0, 0.5, 1, 0), ("f", 2.5, 3.0, 1, 0)]


def test_what_took_long_has_its_own_span_and_what_was_before_is_of_what_it_ran_in(strip: Strip, clock: Clock) -> None:
    clock.now += 0.3  # f computes, then runs g
    clock.now += 0.2
    strip.tell_long(G, F, 0.2, 1, 0)
    clock.now += 0.1  # f goes on
    strip.tell(F, 1)
    assert told(strip) == [("f", 0.0, 0.3, 0, 0), ("g", 0.3, 0.5, 1, 0), ("f", 0.5, 0.6, 1, 0)]


def test_of_what_took_long_nothing_is_told_twice(strip: Strip, clock: Clock) -> None:
    clock.now += 0.5  # h in g in f
    strip.tell_long(H, G, 0.4, 1, 0)
    clock.now += 0.1
    strip.tell_long(G, F, 0.6, 1, 1)
    strip.tell(F, 1)
    assert told(strip) == [("g", 0.0, 0.1, 0, 0), ("h", 0.1, 0.5, 1, 0), ("g", 0.5, 0.6, 1, 1), ("f", 0.6, 0.6, 1, 0)]


def test_neighbours_of_one_function_are_one(strip: Strip, clock: Clock) -> None:
    for _ in range(1000):
        clock.now += 0.01
        strip.tell(F, 10, 1)
        clock.now += SHORT / 2  # between them
        strip.mark = clock.now
    assert [(name, tasks, failed) for name, _, _, tasks, failed in told(strip)] == [("f", 10_000, 1000)]


def test_a_worker_tells_a_thousand_a_second_at_most(strip: Strip, clock: Clock) -> None:
    for _ in range(10_000):
        clock.now += 0.0001
        strip.tell(F, 1)
        strip.tell(G, 1)
    spans = told(strip)
    assert len(spans) <= 1001
    assert sum(tasks for *_, tasks, _ in spans) == 20_000


def test_other_runs_have_their_own(strip: Strip, clock: Clock) -> None:
    clock.now += 0.0001
    strip.tell(F, 1)
    strip.tell(group("f", run=2), 1)
    assert [span.run for span in strip.take()] == [1, 2]


def test_a_moment_in_which_no_task_ended_is_not_told(strip: Strip, clock: Clock) -> None:
    clock.now += SHORT / 2
    strip.tell(F)
    assert told(strip) == []


def test_a_clock_that_is_set_is_noticed(strip: Strip, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def began() -> float:
        clock.now += 1.0
        strip.tell(F, 1)
        [span] = strip.take()
        return span.began - (clock.now - 1.0)

    before = began()
    later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: later)
    assert began() == pytest.approx(before), "not each time"
    clock.now += COMPARE_SECONDS
    strip.mark = clock.now
    began()
    assert began() == pytest.approx(before + 3600, abs=60 + COMPARE_SECONDS)


def test_with_outcomes_spans_go_now_and_then(strip: Strip, clock: Clock) -> None:
    taken = 0
    for _ in range(1000):
        clock.now += PAUSE / 10
        strip.tell(F, 1)
        taken += bool(strip.take(PAUSE))
    assert 90 <= taken <= 100
    assert len(strip.take()) <= 1


def test_what_runs_on_is_told_as_it_looks_now(strip: Strip, clock: Clock) -> None:
    clock.now += 0.5
    assert strip.open(None) is None
    open = strip.open(F)
    assert open == Ran("r", 1, "f", open.began, open.began + 0.5, 0, 0) if open else False
    assert told(strip) == []
    clock.now += 0.5
    strip.tell(F, 1)
    assert told(strip) == [("f", 0.0, 1.0, 1, 0)]
