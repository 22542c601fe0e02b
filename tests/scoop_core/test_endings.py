"""How tasks and jobs end, by example (see also `test_broker_state`)."""

from __future__ import annotations

import pytest

from scoop_core import messages as m
from scoop_core.config import CANCEL_GRACE
from scoop_core.endings import SPARE_FUNCTIONS
from tests.scoop_core.stage import Stage, sent, spans


def test_what_waits_is_cancelled_at_once_and_what_runs_is_interrupted() -> None:
    stage = Stage(workers=1)
    stage.submit(10)
    assert [(d.seq, d.lo, d.hi) for d in sent(stage.say("r0", m.Cancel(1, 0, 10)), m.Drop)] == [(1, 0, 1)]
    stage.say("w0", m.Dropped(1, 0, 1))
    assert not stage.state.ledger.jobs
    assert sent(stage.sent, m.Cancel) == [], "the owner knows"


@pytest.mark.parametrize("step", [1, -1])
def test_tasks_of_a_piece_that_are_cancelled_one_by_one_are_kept_as_one_span(step: int) -> None:
    stage = Stage(workers=1)
    stage.learn(each=1e-5)
    [(lo, hi), *_] = spans(stage.submit(1000))
    for index in range(lo, hi)[::step]:
        stage.say("r0", m.Cancel(1, index, index + 1))
    assert stage.state.ledger.workers["w0"].held[1].cancelled == [(lo, hi)]
    assert len([drop for drop in sent(stage.sent, m.Drop, "w0") if drop.seq == 1]) == hi - lo


def test_a_worker_that_does_not_heed_a_cancel_is_killed_after_the_grace() -> None:
    stage = Stage(workers=1)
    stage.submit(1)
    stage.say("r0", m.Cancel(1, 0, 1))
    assert stage.state.deadline() == CANCEL_GRACE
    assert stage.wait(CANCEL_GRACE * 0.99) == []
    assert [k.number for k in sent(stage.wait(CANCEL_GRACE * 0.02), m.Kill, "agent")] == [0]
    assert stage.state.deadline() is None
    stage.exit(0, begun=1, status=-9)
    assert not stage.state.ledger.jobs


@pytest.mark.parametrize("heeded", ["dropped", "done"])
def test_a_worker_that_heeds_a_cancel_lives(heeded: str) -> None:
    stage = Stage(workers=1)
    stage.submit(1)
    stage.say("r0", m.Cancel(1, 0, 1))
    if heeded == "done":
        stage.done("w0", 1)
    else:
        stage.say("w0", m.Dropped(1, 0, 1))
    assert stage.state.deadline() is None


def test_a_worker_is_not_killed_for_a_cancelled_task_that_it_has_left_behind() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(8)
    assert spans(stage.sent)[0] == (0, 4)
    stage.say("r0", m.Cancel(1, 0, 1))  # which is over there, but this is not known yet
    stage.say("w0", m.Dropped(1, 2, 4))
    stage.done("w0", 1, hi=1, idle=False)
    assert stage.state.deadline() is None, "task 1 still runs, and nobody has cancelled it"


def test_functions_that_nobody_uses_are_kept_for_a_while() -> None:
    stage = Stage(workers=1)
    for number in range(SPARE_FUNCTIONS + 2):
        stage.submit(1, job=number, function=f"f{number}")
        stage.done("w0", number + 1)
    assert len(stage.state.ledger.functions) == SPARE_FUNCTIONS
    assert [f.digest for f in sent(stage.sent, m.Forget, "w0")] == [b"f0", b"f1"]
    stage.submit(1, job=100, function="f0")
    stage.submit(1, job=101, function="f5")
    assert [d.digest for d in sent(stage.sent, m.Define)].count(b"f0") == 2
    assert [d.digest for d in sent(stage.sent, m.Define)].count(b"f5") == 1


# ---- time limits ---------------------------------------------------------------------------------------------------


def limited(tasks: int = 1) -> Stage:
    """A worker that has run for too long."""
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(tasks, limit=0.5)
    assert spans(stage.sent) == [(0, 1)] if tasks == 1 else [(0, 1), (1, 2)], "one by one, for each has its own time"
    return stage


@pytest.mark.parametrize("heeded", ["dropped", "done", "died"])
def test_a_task_that_runs_too_long_is_interrupted_and_its_owner_told(heeded: str) -> None:
    stage = limited()
    sends = stage.say("w0", m.Overdue(1))
    assert [(d.seq, d.lo, d.hi) for d in sent(sends, m.Drop, "w0")] == [(1, 0, 1)]
    assert [(t.job, t.index, t.name, t.limit) for t in sent(sends, m.TimedOut, "r0")] == [(1, 0, "f", 0.5)]
    assert stage.say("w0", m.Overdue(1)) == [], "once is enough"
    if heeded == "dropped":
        stage.say("w0", m.Dropped(1, 0, 1))
    elif heeded == "done":
        stage.done("w0", 1)
    else:
        assert sent(stage.wait(CANCEL_GRACE * 1.01), m.Kill)
        stage.exit(0, begun=1, status=-9)
    assert stage.state.deadline() is None
    assert not stage.state.ledger.jobs
    assert sent(stage.sent, m.Lost) == []
    [group] = stage.state.picture(stage.now, "r0", 1)["groups"]
    assert (group["done"], group["failed"], group["cancelled"]) == (0, 1, 0)


def test_a_word_of_a_task_that_is_over_or_has_no_limit_changes_nothing() -> None:
    stage = limited()
    stage.done("w0", 1)
    assert stage.say("w0", m.Overdue(1)) == []
    stage.submit(1, job=2)
    assert stage.say("w0", m.Overdue(2)) == []
    assert stage.say("stranger", m.Overdue(2)) == []
    assert stage.state.ledger.strange == 2


def test_a_cancelled_task_is_not_told_to_be_late() -> None:
    stage = limited()
    stage.say("r0", m.Cancel(1, 0, 1))
    assert stage.say("w0", m.Overdue(1)) == []


def test_only_what_waits_is_cancelled_gently() -> None:
    stage = Stage(workers=1)
    stage.submit(10)
    sends = stage.say("r0", m.Cancel(1, 0, 10, gently=True))
    assert sent(sends, m.Drop) == []
    assert [(c.lo, c.hi) for c in sent(sends, m.Cancel, "r0")] == [(1, 10)]
    stage.done("w0", 1)
    assert not stage.state.ledger.jobs


# ---- one task is cancelled by somebody who does not own it -------------------------------------------------------


def test_the_worker_says_which_task_it_was_and_the_others_go_on() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(8)
    [piece] = list(stage.state.ledger.workers["w0"].held.values())[:1]
    assert (piece.lo, piece.hi) == (0, 4)
    sends = stage.say("r0", m.CancelTask(5, "w0"))
    assert [(a.number, a.value) for a in sent(sends, m.Answer, "r0")] == [(5, True)]
    assert len(sent(sends, m.Interrupt, "w0")) == 1
    sends = stage.say("w0", m.Interrupted(1, 1), m.Dropped(1, 2, 4))
    assert [(c.job, c.index) for c in sent(sends, m.Cancelled, "r0")] == [(1, 1)]
    stage.done("w0", 1, lo=0, hi=1)
    stage.say("w0", m.Dropped(1, 1, 2))
    job = stage.state.ledger.jobs["r0", 1]
    assert job.left == 6
    [group] = stage.state.picture(0.0)["groups"]
    assert (group["done"], group["cancelled"], group["failed"]) == (1, 1, 0)
    assert stage.state.endings.patience == stage.state.endings.unheard == {}
    assert stage.state.ledger.strange == 0


def test_a_worker_that_does_not_hear_is_told_which_task_and_then_killed() -> None:
    stage = Stage(workers=1)
    stage.submit(1)
    stage.say("r0", m.CancelTask(1, "w0"))
    assert stage.wait(0.9 * CANCEL_GRACE) == []
    sends = stage.wait(0.2 * CANCEL_GRACE)
    assert [(d.lo, d.hi) for d in sent(sends, m.Drop, "w0")] == [(0, 1)]
    assert [c.index for c in sent(sends, m.Cancelled, "r0")] == [0]
    assert [k.number for k in sent(stage.wait(1.1 * CANCEL_GRACE), m.Kill)] == [0]
    stage.exit(0, begun=1, status=-9)
    assert not stage.state.ledger.jobs
    assert stage.state.deadline() is None


@pytest.mark.parametrize("instead", ["it ended by itself", "the worker answered", "it is one of its own"])
def test_nobody_else_is_taken_for_the_task_that_was_meant(instead: str) -> None:
    stage = Stage(workers=1)
    stage.submit(2)
    if instead == "it is one of its own":
        stage.say("w0", m.Tally((), "child", 0.0, 0.0))
    stage.say("r0", m.CancelTask(1, "w0"))
    if instead == "it ended by itself":
        stage.done("w0", 1)
        assert stage.state.ledger.workers["w0"].held
    elif instead == "the worker answered":
        stage.say("w0", m.Interrupted())
    assert sent(stage.wait(2 * CANCEL_GRACE), m.Drop) == []
    assert sent(stage.sent, m.Cancelled) == []
    assert stage.state.deadline() is None


def test_an_unknown_worker_runs_nothing() -> None:
    stage = Stage(workers=1)
    sends = stage.say("r0", m.CancelTask(1, "w9"))
    assert [a.value for a in sent(sends, m.Answer)] == [False]
    assert sent(sends, m.Interrupt) == []
