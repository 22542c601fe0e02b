"""Who comes and goes, and what becomes of the tasks of the dead, by example (see also `test_broker_state`)."""

from __future__ import annotations

import pytest

from scoop_core import messages as m
from scoop_core.config import PARKED_SUSPICION
from tests.scoop_core.stage import Stage, sent, spans


def test_a_name_is_given_once() -> None:
    stage = Stage(workers=1)
    assert stage.say("w0", m.Hello("worker", 99, "elsewhere", 0)) == []
    assert stage.state.ledger.workers["w0"].pid == 10


def test_those_with_the_least_to_do_retire_and_get_no_work_any_more() -> None:
    stage = Stage(workers=2)
    stage.submit(1)
    assert [s.to for s in stage.say("r0", m.Scale(1)) if isinstance(s.header, m.Retire)] == ["w1"]
    assert spans(stage.submit(5, job=2), "w1") == []
    stage.exit(1, begun=0, status=0)
    assert stage.state.staff.lost == 0
    assert len(sent(stage.sent, m.Spawn)) == 0


def test_a_retiring_worker_that_greets_late_is_not_taken_for_idle() -> None:
    stage = Stage()
    stage.say("r0", m.Scale(1), m.Scale(0))
    assert [k.number for k in sent(stage.sent, m.Kill)] == [0]
    stage.greet(0)
    assert spans(stage.submit(1)) == []
    assert sent(stage.sent, m.Share) == []


def test_a_restart_cancels_all_and_replaces_every_worker() -> None:
    stage = Stage(workers=2)
    stage.submit(10)
    sends = stage.say("r0", m.Restart())
    assert {k.number for k in sent(sends, m.Kill)} == {0, 1}
    assert sorted(i for c in sent(sends, m.Cancel, "r0") for i in range(c.lo, c.hi)) == list(range(10))
    assert spans(stage.submit(1, job=2, retries=0)) == [], "not on a worker that is about to die"
    stage.exit(0, begun=1, status=-9)
    stage.exit(1, begun=1, status=-9)
    assert {s.number for s in sent(stage.sent, m.Spawn)} == {2, 3}
    stage.greet(2)
    assert spans(stage.sent, "w2") == [(0, 1)]
    assert stage.state.staff.lost == 0


def test_a_program_that_is_a_worker_itself_needs_no_agent() -> None:
    stage = Stage()
    stage.say("w0", m.Hello("worker", 5, "here", 0))
    assert spans(stage.submit(1), "w0") == [], "it runs the program"
    assert spans(stage.say("w0", m.Idle(0)), "w0") == [(0, 1)]
    stage.say("r0", m.Scale(1))
    assert [s.number for s in sent(stage.sent, m.Spawn)] == [1]
    stage.leave("w0")
    stage.greet(1)
    assert spans(stage.sent, "w1") == [(0, 1)]


def test_nothing_is_done_for_a_root_that_left() -> None:
    stage = Stage(workers=2)
    stage.submit(10)
    stage.submit(10, owner="w0", root="r0", function="child")
    stage.leave("r0")
    assert {s.to for s in stage.sent if isinstance(s.header, m.Drop)} == {"w0", "w1"}
    assert {s.to for s in stage.sent if s.header == m.DropRun("r0", -1)} == {"w0", "w1"}
    stage.say("w0", m.Dropped(1, 0, 1))
    stage.say("w1", m.Dropped(1, 1, 2))
    stage.sent.clear()
    # What was on its way: the owner hears that it is cancelled.
    stage.submit(5, owner="w0", root="r0", job=2, function="late")
    assert [(c.lo, c.hi) for c in sent(stage.sent, m.Cancel, "w0")] == [(0, 5)]
    assert not stage.state.ledger.jobs
    assert "r0" not in stage.state.ledger.roots
    assert stage.state.picture(0.0)["groups"] == []


# ---- deaths ----------------------------------------------------------------------------------------------------


def test_after_some_deaths_a_poison_task_is_lost_and_its_neighbours_go_on() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(8, retries=2)
    assert spans(stage.sent)[0] == (0, 4)
    done: set[int] = set()
    for number in range(20):  # task 2 kills whoever runs it
        name = f"w{number}"
        while name in stage.state.ledger.workers and stage.state.ledger.workers[name].held:
            piece = next(iter(stage.state.ledger.workers[name].held.values()))
            if piece.lo <= 2 < piece.hi:
                stage.exit(number, begun=piece.seq)
            else:
                done.update(range(piece.lo, piece.hi))
                stage.done(name, piece.seq)
        if not stage.state.ledger.jobs:
            break
        stage.greet(number + 1)
    assert done == {0, 1, 3, 4, 5, 6, 7}
    [lost] = sent(stage.sent, m.Lost)
    assert (lost.index, lost.status, lost.deaths, lost.peak) == (2, -11, 3, 5)
    assert stage.state.staff.lost == 3
    assert not stage.state.ledger.jobs


def test_after_a_death_tasks_run_one_by_one_so_that_the_next_one_points_at_one() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(8)
    stage.exit(0, begun=2)
    stage.greet(1)
    assert [hi - lo for lo, hi in spans(stage.sent, "w1")] == [1, 1]


def test_without_retries_the_first_death_is_the_last() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(5, retries=0)
    assert spans(stage.sent) == [(0, 1), (1, 2)], "one by one: of a larger piece all would be lost"
    assert [lost.index for lost in sent(stage.exit(0, begun=1), m.Lost)] == [0]


def test_what_had_not_begun_is_not_to_blame() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(2, retries=0)
    for number in range(5):
        assert sent(stage.exit(number, begun=0), m.Lost) == []
        stage.greet(number + 1)
    stage.done("w5", 1)
    stage.done("w5", 2)
    assert not stage.state.ledger.jobs


def test_a_task_that_waits_for_others_is_blamed_little() -> None:
    stage = Stage(workers=1)
    stage.submit(1, retries=2)
    deaths = 0
    while not sent(stage.sent, m.Lost):
        stage.say(f"w{deaths}", m.Idle(1))
        stage.exit(deaths, begun=1)
        deaths += 1
        stage.greet(deaths)
    assert deaths == 9


@pytest.mark.parametrize("again", [False, True])
def test_a_task_that_was_about_to_go_on_is_blamed_in_full(again: bool) -> None:
    stage = Stage(workers=2)
    stage.submit(1, retries=1)
    stage.submit(1, owner="w0", root="r0", function="child")
    stage.say("w0", m.Idle(1))
    stage.done("w1", 1)
    if again:  # it waits again
        stage.say("w0", m.Idle(1))
    stage.exit(0, begun=1)
    [piece] = stage.state.ledger.workers["w1"].held.values()
    assert piece.deaths == (PARKED_SUSPICION if again else 1)


def test_what_a_dead_worker_had_finished_is_not_run_again() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(8)
    stage.done("w0", 1, hi=3, idle=False)
    stage.exit(0, begun=1)
    stage.greet(1)
    assert min(spans(stage.sent, "w1")) == (3, 4)


def test_the_children_of_a_dead_worker_are_dropped() -> None:
    stage = Stage(workers=2)
    stage.submit(1)
    stage.submit(10, owner="w0", root="r0", function="child")
    sends = stage.exit(0, begun=1)
    assert [(d.lo, d.hi) for d in sent(sends, m.Drop, "w1")] == [(0, 1)]
    assert [job.owner for job in stage.state.ledger.jobs.values()] == ["r0", "w0"], "the one that runs is waited for"
    stage.say("w1", m.Dropped(1, 0, 1))
    assert [job.owner for job in stage.state.ledger.jobs.values()] == ["r0"]


def test_a_dead_worker_is_replaced() -> None:
    stage = Stage(workers=2)
    assert [s.number for s in sent(stage.exit(0, begun=0), m.Spawn)] == [2]


def test_a_worker_may_die_before_its_first_word() -> None:
    stage = Stage()
    stage.say("r0", m.Scale(1))
    stage.exit(0, begun=0, status=1)
    assert [s.number for s in sent(stage.sent, m.Spawn)] == [0, 1]


def test_if_no_worker_comes_up_it_is_not_tried_for_ever() -> None:
    stage = Stage()
    stage.say("r0", m.Scale(1))
    for number in range(50):
        if f"w{number}" in stage.state.ledger.workers:
            stage.exit(number, begun=0, status=1)
    tries = len(sent(stage.sent, m.Spawn))
    assert 1 < tries < 50
    stage.say("r0", m.Scale(1))
    assert len(sent(stage.sent, m.Spawn)) == tries + 1, "until somebody asks again"
    stage.greet(tries)
    stage.exit(tries, begun=0)
    assert len(sent(stage.sent, m.Spawn)) == tries + 2


def test_the_first_word_of_a_worker_that_is_dead_already_gets_no_work() -> None:
    stage = Stage()
    stage.submit(1)
    stage.say("r0", m.Scale(1))
    stage.exit(0, begun=0)
    stage.greet(0)
    assert sent(stage.sent, m.Assign) == []
    assert "w0" not in stage.state.ledger.workers


def test_a_task_for_one_worker_is_lost_with_it() -> None:
    stage = Stage(workers=2)
    stage.submit(1, worker="w1")
    [lost] = sent(stage.exit(1, begun=1), m.Lost, "r0")
    assert (lost.status, lost.deaths) == (-11, 1)
    [lost] = sent(stage.submit(1, job=2, worker="w1"), m.Lost, "r0")
    assert lost.deaths == 0, "this one has never begun"
    assert not stage.state.ledger.jobs


# ---- a worker is replaced at somebody's word ---------------------------------------------------------------------


def test_what_a_replaced_worker_held_runs_elsewhere_as_if_nothing_had_been() -> None:
    stage = Stage(workers=2)
    stage.submit(2, retries=1)
    for number in range(5):  # more often than tasks survive
        worker = next(w for w in stage.state.ledger.workers.values() if w.held and w.name != "w1")
        sends = stage.say("r0", m.RestartWorker(7, worker.name))
        assert [(a.number, a.value) for a in sent(sends, m.Answer, "r0")] == [(7, True)]
        assert [k.number for k in sent(sends, m.Kill, "agent")] == [worker.number]
        assert spans(stage.submit(1, job=10 + number), worker.name) == [], "it is about to die"
        stage.exit(worker.number, begun=1, status=-9)
        [spawn] = sent(stage.sent[-2:], m.Spawn)
        stage.greet(spawn.number)
        assert spans(stage.sent, f"w{spawn.number}")[0] == (0, 1)
    assert sent(stage.sent, m.Lost) == []
    assert all(piece.deaths == 0 for w in stage.state.ledger.workers.values() for piece in w.held.values())
    assert (stage.state.staff.lost, stage.state.rooms.stillborn) == (0, 0)


def test_what_must_not_run_twice_is_lost_with_a_replaced_worker() -> None:
    stage = Stage(workers=1)
    stage.submit(1, retries=0)
    stage.say("r0", m.RestartWorker(1, "w0"))
    stage.exit(0, begun=1, status=-9)
    assert [lost.index for lost in sent(stage.sent, m.Lost)] == [0]


def test_what_must_not_run_twice_and_had_not_begun_is_not_lost() -> None:
    stage = Stage(workers=1)
    stage.submit(1, retries=0)
    stage.say("r0", m.RestartWorker(1, "w0"))
    stage.exit(0, begun=0, status=-9)
    stage.greet(1)
    assert sent(stage.sent, m.Lost) == []
    assert spans(stage.sent, "w1") == [(0, 1)]


def test_an_unknown_worker_and_the_program_are_not_replaced() -> None:
    stage = Stage(workers=1)
    stage.say("w7", m.Hello("worker", 5, "here", 7))
    for name in ("w9", "w7", "r0", ""):
        sends = stage.say("r0", m.RestartWorker(1, name))
        assert [a.value for a in sent(sends, m.Answer)] == [False]
        assert sent(sends, m.Kill) == []
    assert not stage.state.ledger.workers["w7"].retiring


def test_a_worker_that_starts_can_be_replaced() -> None:
    stage = Stage()
    stage.say("r0", m.Scale(1))
    assert [k.number for k in sent(stage.say("r0", m.RestartWorker(1, "w0")), m.Kill)] == [0]
    stage.exit(0, begun=0, status=-9)
    assert [s.number for s in sent(stage.sent, m.Spawn)] == [0, 1]
    assert stage.state.rooms.stillborn == 0
