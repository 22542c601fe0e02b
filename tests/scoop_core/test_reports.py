"""What the broker makes of what workers tell, by example (see also `test_broker_state`)."""

from __future__ import annotations

from scoop_core import messages as m
from tests.scoop_core.stage import Stage, sent, spans


def test_what_came_back_with_a_cancelled_task_runs_elsewhere() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(4)
    stage.say("r0", m.Cancel(1, 1, 2))
    held = [(p.seq, p.lo, p.hi) for p in stage.state.ledger.workers["w0"].held.values()]
    assert held == [(1, 0, 2), (2, 2, 3)]
    stage.say("w0", m.Dropped(1, 0, 2))
    assert stage.state.ledger.jobs["r0", 1].queued == 2 - len(sent(stage.sent[-1:], m.Assign))
    assert stage.state.ledger.jobs["r0", 1].left == 3


def test_what_came_back_with_a_cancelled_task_goes_to_the_idle_at_once() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(4)
    stage.say("r0", m.Scale(2))
    stage.greet(1)
    stage.done("w1", 1)
    stage.say("r0", m.Cancel(1, 1, 2))
    assert spans(stage.say("w0", m.Dropped(1, 0, 2)), "w1") == [(0, 1)]


def test_a_waiting_task_gives_back_what_stands_behind_it_even_late() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(8)
    stage.say("w0", m.Idle(2))
    stage.say("w0", m.Shared(((1, 1, 4),), 0, False))
    job = stage.state.ledger.jobs["r0", 1]
    assert sum(p.hi - p.lo for p in stage.state.ledger.workers["w0"].pieces()) + job.queued == job.left == 8
    assert stage.state.ledger.strange == 0


def test_that_a_worker_runs_tasks_of_its_own_is_known_by_its_tally_too() -> None:
    stage = Stage(workers=2)
    stage.submit(2)
    assert [s.to for s in stage.done("w1", 1) if isinstance(s.header, m.Share)] == []
    sends = stage.say("w0", m.Tally((), "child", 0.0, 0.0, 1))
    assert [s.to for s in sends if isinstance(s.header, m.Share)] == ["w0"]


def test_what_a_task_prints_goes_to_its_root() -> None:
    stage = Stage(workers=1, roots=2)
    output = m.Output("r1", 3, "w0", "stdout", "hello\n")
    assert [(s.to, s.header) for s in stage.say("w0", output)] == [("r1", output)]
