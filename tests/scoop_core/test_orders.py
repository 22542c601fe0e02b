"""What the broker makes of what owners of jobs want, by example (see also `test_broker_state`)."""

from __future__ import annotations

import pytest

from scoop_core import messages as m
from tests.scoop_core.stage import Stage, sent, spans


def test_a_cancelled_run_takes_all_that_its_tasks_had_submitted() -> None:
    stage = Stage(workers=2)
    stage.submit(1, run=7, close=False)
    stage.submit(5, owner="w0", root="r0", run=7, function="child")
    stage.submit(5, job=2, run=8)
    sends = stage.say("r0", m.CancelRun(7))
    assert sorted((s.to, s.header.lo, s.header.hi) for s in sends if isinstance(s.header, m.Cancel)) == [
        ("w0", 0, 1),
        ("w0", 1, 5),
    ]
    assert {s.to for s in sends if isinstance(s.header, m.DropRun)} == {"w0", "w1"}
    stage.say("w0", m.Dropped(1, 0, 1))
    stage.say("w1", m.Dropped(1, 0, 1))
    assert list(stage.state.ledger.jobs) == [("r0", 2)], "its owner has forgotten the others without a word"


def test_what_a_task_of_a_cancelled_run_submits_afterwards_is_cancelled_too() -> None:
    stage = Stage(workers=2)
    stage.submit(1, run=7)
    stage.say("r0", m.CancelRun(7))
    stage.sent.clear()
    stage.submit(5, owner="w0", root="r0", run=7, function="child")
    assert [(s.to, span(s.header)) for s in stage.sent if isinstance(s.header, m.Cancel)] == [("w0", (0, 5))]
    assert not [s for s in stage.sent if isinstance(s.header, m.Assign)]
    stage.submit(1, job=2, run=8)
    assert [s for s in stage.sent if isinstance(s.header, m.Assign)], "the next run is not meant"


def test_whoever_halts_the_pool_cancels_the_runs_of_all_roots() -> None:
    stage = Stage(workers=2, roots=3)
    stage.submit(1, run=7, close=False)
    stage.submit(5, owner="w0", root="r0", run=7, function="child")
    stage.submit(3, owner="r1", root="r1", run=2)
    sends = stage.say("r2", m.Halt())
    assert sorted((s.to, s.header.run) for s in sends if isinstance(s.header, m.Halted)) == [("r0", 7), ("r1", 2)]
    told = {(s.to, s.header.lo, s.header.hi) for s in sends if isinstance(s.header, m.Cancel)}
    assert told == {("r0", 0, 1), ("r1", 0, 3), ("w0", 0, 1), ("w0", 1, 5)}
    stage.sent.clear()
    stage.submit(1, job=2, run=8)
    stage.say("w0", m.Dropped(1, 0, 1))
    stage.say("w1", m.Dropped(1, 0, 1))
    assert [s for s in stage.sent if isinstance(s.header, m.Assign)], "the next run is not meant"
    assert not [s for s in stage.say("r2", m.Halt()) if getattr(s.header, "run", 8) != 8], "what is over stays over"


def test_the_owner_hears_of_each_cancelled_task_once() -> None:
    stage = Stage(workers=2)
    stage.submit(1, run=7)
    stage.submit(5, owner="w0", root="r0", run=7, function="child")
    stage.say("w0", m.Cancel(1, 0, 1))
    stage.say("r0", m.CancelRun(7))
    stage.say("r0", m.Restart())
    told = [i for s in stage.sent if isinstance(s.header, m.Cancel) and s.to == "w0" for i in range(*span(s.header))]
    assert sorted(told) == [1, 2, 3, 4], "of task 0 it knows"


def span(cancel: m.Cancel) -> tuple[int, int]:
    return cancel.lo, cancel.hi


def test_the_owner_does_not_hear_of_what_it_has_cancelled_or_heard_of_before() -> None:
    stage = Stage(workers=2)
    stage.submit(1, run=7)
    stage.learn("child", 0.002)
    stage.submit(20, owner="w0", root="r0", run=7, function="child")
    assert spans(stage.sent, "w1")[0] == (0, 5)
    stage.say("w0", m.Cancel(1, 0, 2))
    stage.say("r0", m.CancelRun(7))
    stage.done("w1", 1, hi=3, idle=False)
    stage.say("r0", m.Restart())
    told = [i for s in stage.sent if isinstance(s.header, m.Cancel) and s.to == "w0" for i in range(*span(s.header))]
    assert sorted(told) == list(range(2, 20))
    drops = [i for d in sent(stage.sent, m.Drop, "w1") if d.seq == 1 for i in range(d.lo, d.hi)]
    assert sorted(drops) == list(range(5))


# ---- tasks for one worker only ---------------------------------------------------------------------------------


def test_of_tasks_for_a_worker_that_is_not_there_each_is_lost_once() -> None:
    stage = Stage(workers=1)
    spec = m.Spec(b"f", "f", "r0", 1, 1, 0, worker="w7")
    stage.say("r0", m.Open(1, spec, m.Parcel(b"")), m.Extend(1, 0, 5, "column+", m.Parcel(b""), skip=(1, 3)))
    assert [lost.index for lost in sent(stage.sent, m.Lost)] == [0, 2, 4]
    stage.say("r0", m.Cancel(1, 0, 5), m.Close(1))
    assert not stage.state.ledger.jobs


def test_a_task_for_one_worker_does_not_wait_for_one_that_retires() -> None:
    stage = Stage(workers=2)
    stage.say("r0", m.Scale(1))
    assert [lost.index for lost in sent(stage.submit(2, worker="w1"), m.Lost)] == [0, 1]


# ---- orders that make no sense ---------------------------------------------------------------------------------


@pytest.mark.parametrize("lo, hi", [(4, 6), (9, 12), (2, 10), (6, 8), (14, 20), (0, 30), (20, 21)])
def test_no_task_comes_twice(lo: int, hi: int) -> None:
    stage = Stage()
    stage.submit(10, lo=5, close=False)
    stage.say("r0", m.Extend(1, 20, 25, "column", m.Parcel(b"")), m.Extend(1, 10, 15, "column", m.Parcel(b"")))
    assert stage.say("r0", m.Extend(1, lo, hi, "column", m.Parcel(b""))) == []
    assert stage.state.ledger.strange == 1
    stage.say("r0", m.Extend(1, 15, 20, "column", m.Parcel(b"")), m.Extend(1, 0, 5, "column", m.Parcel(b"")))
    assert stage.state.ledger.strange == 1, "there is room for these"
    assert stage.state.ledger.jobs["r0", 1].left == 25


@pytest.mark.parametrize("skip", [(5,), (-1,), (1, 1), (3, 1)])
def test_tasks_that_are_skipped_are_there_and_in_order(skip: tuple[int, ...]) -> None:
    stage = Stage()
    stage.submit(1, function="g")
    before = stage.state.picture(0.0)["tasks"]
    spec = m.Spec(b"f", "f", "r0", 1, 1, 0)
    stage.say("r0", m.Open(2, spec, m.Parcel(b"")), m.Extend(2, 0, 5, "column+", m.Parcel(b""), skip))
    assert stage.state.ledger.strange == 1
    assert stage.state.picture(0.0)["tasks"] == before
