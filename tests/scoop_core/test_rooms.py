"""How many workers each host has."""

from __future__ import annotations

from scoop_core import messages as m
from tests.scoop_core.stage import Stage, sent


def spawned(sends: list, agent: str) -> list[int]:
    return [spawn.number for spawn in sent(sends, m.Spawn, agent)]


def with_hosts(*rooms: int) -> Stage:
    """A stage with agents on other hosts, each with so many workers, and a recruiter; nobody works here."""
    stage = Stage()
    stage.say("recruiter", m.Hello("recruiter", 2, "here"))
    for index, room in enumerate(rooms):
        for spawn in sent(
            stage.say(f"a{index}", m.Hello("agent", 3, f"host{index}", -1, f"s{index}", room)), m.Spawn
        ):
            stage.greet(spawn.number)
    return stage


def exited(stage: Stage, agent: str, number: int, status: int = 0) -> list:
    return stage.say(agent, m.Exited(number, 10 + number, status, 0, 5))


def test_without_a_recruiter_all_workers_are_here() -> None:
    stage = Stage(workers=2)
    sends = stage.say("r0", m.Scale(4))
    assert spawned(sends, "agent") == [2, 3]


def test_an_agent_of_another_host_has_as_many_workers_as_it_has_room_for() -> None:
    stage = with_hosts()
    sends = stage.say("a0", m.Hello("agent", 3, "far", -1, "s0", 2))
    assert spawned(sends, "a0") == [0, 1]
    assert [w.agents for w in sent(sends, m.Wanted)] == [("a0",)]
    assert all(w.host == "far" for w in stage.state.ledger.workers.values())


def test_the_recruiter_learns_what_is_wanted_and_says_who_gets_it() -> None:
    stage = with_hosts(1)
    sends = stage.say("r0", m.Scale(4))
    assert [(w.n, w.agents) for w in sent(sends, m.Wanted)] == [(4, ("a0",))] and not sent(sends, m.Spawn)
    sends = stage.say("recruiter", m.Rooms((("a0", 2), ("", 2))))
    assert len(spawned(sends, "a0")) == 1 and len(spawned(sends, "agent")) == 2
    assert not stage.say("r0", m.Rooms((("a0", 9),)))  # nobody else says so


def test_an_agent_without_room_is_let_go_when_its_last_worker_has_gone() -> None:
    stage = with_hosts(2)
    sends = stage.say("recruiter", m.Rooms((("a0", 0),)))
    assert len(sent(sends, m.Retire)) == 2 and not sent(sends, m.Stop)
    assert not sent(exited(stage, "a0", 0), m.Stop)
    assert len(sent(exited(stage, "a0", 1), m.Stop, "a0")) == 1


def test_an_agent_that_leaves_is_drained_and_is_not_counted_any_more() -> None:
    stage = with_hosts(1, 1)
    sends = stage.say("a0", m.Leaving())
    assert [s.to for s in sends if isinstance(s.header, m.Retire)] == ["w0"]
    assert [w.agents for w in sent(sends, m.Wanted)] == [("a1",)]
    assert not sent(stage.say("recruiter", m.Rooms((("a0", 3),))), m.Spawn)  # that was said before it was known


def test_what_runs_on_a_lost_host_runs_elsewhere_and_is_not_to_blame() -> None:
    stage = with_hosts(2, 1)
    stage.learn(each=10.0)
    stage.submit(3)
    assert not sent(stage.leave("a0"), m.Lost)
    held = [piece for w in stage.state.ledger.workers.values() for piece in w.held.values()]
    waiting = [span for job in stage.state.ledger.jobs.values() for span in job.waiting]
    assert sum(p.hi - p.lo for p in held) + sum(s.hi - s.lo for s in waiting) == 3
    assert all(p.deaths == 0 for p in held) and all(s.deaths == 0 for s in waiting)
    assert set(stage.state.ledger.workers) == {"w2"} and "a0" not in stage.state.ledger.peers
    assert stage.state.staff.lost == 2


def test_nothing_of_a_lost_host_is_given_to_another_worker_of_it() -> None:
    stage = with_hosts(3)
    stage.learn(each=10.0)
    stage.submit(1)
    sends = stage.leave("a0")
    assert not [s for s in sends if isinstance(s.header, m.Assign)]
    sends = stage.say("a1", m.Hello("agent", 3, "host", -1, "s1", 1))
    [number] = spawned(sends, "a1")
    stage.greet(number)
    assert [a.lo for a in sent(stage.sent, m.Assign, f"w{number}")][-1:] == [0]


def test_workers_that_die_as_they_start_stop_only_their_own_host() -> None:
    stage = with_hosts()
    stage.say("a0", m.Hello("agent", 3, "bad", -1, "s0", 1))
    for number in range(20):
        if f"w{number}" not in stage.state.ledger.workers:
            break
        exited(stage, "a0", number, 1)
    assert stage.state.rooms.stillborn == 6
    assert spawned(stage.say("a1", m.Hello("agent", 3, "good", -1, "s1", 2)), "a1")
    assert not sent(exited(stage, "a0", 99), m.Spawn)
    stage.say("r0", m.Scale(3))  # somebody tries again
    assert stage.state.rooms.stillborn == 0


def test_people_see_what_the_recruiter_tells() -> None:
    stage = with_hosts()
    stage.say("recruiter", m.Recruits((m.Recruit("", "far", "", "over", 2, "no route"),)))
    [row] = stage.state.picture(0.0)["pool"]["recruits"]
    assert (row["host"], row["trouble"]) == ("far", "no route")
