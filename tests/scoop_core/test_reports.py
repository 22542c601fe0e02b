"""What the broker makes of what workers tell, by example (see also `test_broker_state`)."""

from __future__ import annotations

from typing import Any

import pytest

from scoop_core import messages as m
from tests.scoop_core.stage import Stage, sent, spans


@pytest.mark.parametrize("count", [1, 100])
def test_many_tasks_tell_more_of_their_function_than_one(count: int) -> None:
    stage = Stage(workers=1)
    stage.learn(each=0.01)
    [(lo, hi), *_] = spans(stage.submit(2 * count - 1))
    assert hi - lo == min(count, 50), "the piece"
    stage.done("w0", 1, each=0.001)
    known = stage.state.ledger.means[b"f"]
    assert known == pytest.approx((0.01 + (hi - lo) * 0.001) / (1 + hi - lo))


def test_a_worker_is_as_busy_as_it_was_in_the_last_seconds() -> None:
    stage = Stage(workers=1)
    worker = stage.state.ledger.workers["w0"]

    def done(seq: int, busy: float) -> None:
        stage.say("w0", m.Done(seq, seq - 1, seq, "values", m.Parcel(b""), (), 1.0, 1.0, seq, busy, busy))

    assert worker.load(stage.now) == 0.0
    stage.submit(2, limit=10.0)
    assert worker.load(stage.now) == 1.0, "nothing else is known"
    stage.now = 1.0
    done(1, busy=1.0)
    stage.now = 2.0
    assert worker.load(stage.now) == pytest.approx(1.0), "it has gone on"
    done(2, busy=2.0)
    assert worker.load(stage.now) == pytest.approx(1.0)
    assert [worker.load(stage.now + rest) for rest in (0.5, 1.0, 1.5)] == pytest.approx([1.0 / 1.5, 0.5, 0.0])
    stage.now = 3.0
    stage.submit(1, job=2)
    stage.now = 3.5
    assert worker.load(stage.now) == pytest.approx(0.5 / 1.5), "it has begun again"
    stage.say("w0", m.Tally((), "f", 1e9, 2.4, 2.4, (), None, 0))
    assert worker.load(stage.now) == pytest.approx(0.4 / 1.5), "whatever the clocks of other hosts say"


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
    sends = stage.say("w0", m.Tally((), "child", 0.0, 0.0))
    assert [s.to for s in sends if isinstance(s.header, m.Share)] == ["w0"]


def row(stage: Stage, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = stage.state.picture(stage.now)["workers"][number]
    return found


def test_of_what_the_broker_gave_it_a_worker_need_not_say_what_it_runs_and_has_done() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.now = 5.0
    stage.submit(30)
    assert (row(stage)["task"], row(stage)["since"], row(stage)["done"]) == ("f", 5.0, 0)
    stage.now = 6.0
    stage.done("w0", 1, idle=False)
    first, second = stage.held["w0", 1], stage.held["w0", 2]
    assert (row(stage)["task"], row(stage)["since"], row(stage)["done"]) == ("f", 6.0, first.hi)
    stage.done("w0", 2, hi=second.lo + 3, idle=False)
    own = m.GroupTally(2, 1, "own", "r0", 1, queued=2, running=1, done=5, failed=2, cancelled=1, seconds=0, longest=0)
    stage.say("w0", m.Tally((own,), "own", 0.0, 0.0))
    assert (row(stage)["task"], row(stage)["since"], row(stage)["done"]) == ("own", None, first.hi + 3 + 7)


def test_what_comes_behind_a_task_of_the_workers_own_has_not_begun() -> None:
    stage = Stage(workers=2)
    stage.submit(1)
    stage.say("w0", m.Idle(1))
    stage.say("w0", m.Tally((), "own", 0.0, 0.0))
    stage.submit(1, job=2)
    assert (row(stage)["task"], row(stage)["since"]) == ("own", None)


@pytest.mark.parametrize(("since", "waits"), [(0.0, 0), (4.0, 1)])
def test_who_runs_something_else_than_its_first_piece_is_asked_for_it(since: float, waits: int) -> None:
    stage = Stage(workers=2)
    stage.submit(2)
    stage.done("w1", 1)
    sends = stage.say("w0", m.Tally((), "f", since, 0.0, waits=waits))
    assert [s.to for s in sends if isinstance(s.header, m.Share)] == ["w0"]


def test_who_runs_its_only_task_is_not_asked_for_it() -> None:
    stage = Stage(workers=2)
    stage.submit(2)
    stage.done("w1", 1)
    assert sent(stage.say("w0", m.Tally((), "f", 4.0, 0.0)), m.Share) == []


def test_what_runs_is_in_the_timeline_as_it_looks_now() -> None:
    stage = Stage(workers=1)
    stage.now = 5.0
    stage.submit(1)

    def spans() -> list[tuple[str, float, float]]:
        stage.now += 1.0
        [answer] = sent(stage.say("r0", m.Ask(1, "timeline", m.ALL)), m.Answer)
        timeline: Any = answer.value
        return [(timeline["functions"][s[0]], s[1], s[2]) for lane in timeline["lanes"] for s in lane["spans"]]

    assert spans() == [("f", 5.0, 6.0)], "from when it was given"
    stage.say("w0", m.Tally((), "own", 0.0, 0.0, open=m.Ran("r0", 1, "own", 5.5, 6.0, 0, 0)))
    assert spans() == [("own", 5.5, 7.0)], "by its own word"
    over = m.Ran("r0", 1, "f", 5.0, 7.5, 1, 0)
    stage.say("w0", m.Done(1, 0, 1, "values", m.Parcel(b""), (), 2.5, 2.5, 1, spans=(over,)))
    assert spans() == [("f", 5.0, 7.5)]


def test_what_a_task_prints_goes_to_its_root() -> None:
    stage = Stage(workers=1, roots=2)
    output = m.Output("r1", 3, "w0", "stdout", "hello\n")
    assert [(s.to, s.header) for s in stage.say("w0", output)] == [("r1", output)]
