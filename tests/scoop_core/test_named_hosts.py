"""Which agents are sent for, and which are let go."""

from __future__ import annotations

import random

from scoop_core import messages as m
from scoop_core.named_hosts import NamedHosts
from scoop_core.recruits import LONGEST_PAUSE, PAUSE_SECONDS, Cancel, Submit


class Play:
    """A recruiter's state, and what it has done so far: agents that were started, and jobs that were ended."""

    def __init__(self, *hosts: tuple[str, int]) -> None:
        self.state = NamedHosts(list(hosts), sum(count for _, count in hosts))
        self.now = 0.0
        self.n = sum(count for _, count in hosts)
        self.there: list[str] = []
        self.leaving: list[str] = []
        self.submitted: list[Submit] = []
        self.cancelled: list[str] = []
        self.rooms: dict[str, int] = {}

    def _do(self, steps) -> None:
        for step in list(steps):
            if isinstance(step, Submit):
                self.submitted.append(step)
                self.state.submitted(step.agent, f"job of {step.agent}")
            elif isinstance(step, Cancel):
                self.cancelled.append(step.job)
            else:
                self.rooms.update(step.rooms)

    def want(self, n: int | None = None) -> None:
        self.n = self.n if n is None else n
        self._do(self.state.wanted(m.Wanted(self.n, tuple(self.there), tuple(self.leaving)), self.now))

    def call(self, agent: str) -> None:
        self.there.append(agent)
        self.want()

    def lose(self, agent: str) -> None:
        self.there.remove(agent)
        self.want()

    def look(self, **over: str) -> None:
        states = {job: "running" for job in self.state.jobs if job not in over}
        self._do(self.state.looked(states, over, self.now))

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self._do(self.state.due(self.now))

    @property
    def agents(self) -> list[str]:
        return [submit.agent for submit in self.submitted]


def test_each_other_host_gets_one_agent() -> None:
    play = Play(("", 2), ("a", 3), ("b", 1))
    play.want()
    assert [(s.host, s.slots) for s in play.submitted] == [("a", 3), ("b", 1)]
    play.want()
    assert len(play.submitted) == 2


def test_a_lost_host_is_sent_for_again_after_a_pause() -> None:
    play = Play(("a", 3))
    play.want()
    [first] = play.agents
    play.call(first)
    play.lose(first)
    assert play.cancelled == [f"job of {first}"] and play.agents == [first]
    assert play.state.report().rows[0].trouble == "it was lost"
    play.wait(PAUSE_SECONDS)
    [_, second] = play.agents
    assert second != first  # the broker may not know yet that the first is gone
    play.call(second)
    assert play.state.report().rows[0] == m.Recruit(second, "a", f"job of {second}", "running", 3)


def test_who_fails_again_and_again_is_tried_less_and_less() -> None:
    play = Play(("a", 1))
    play.want()
    pauses = []
    for _ in range(8):
        began = play.now
        play.look(**{play.state.jobs[0]: "no route"})
        count = len(play.submitted)
        while len(play.submitted) == count:
            play.wait(1.0)
        pauses.append(play.now - began)
    assert pauses[:3] == [2.0, 4.0, 8.0] and pauses[-1] == LONGEST_PAUSE
    assert play.state.report().rows[0].trouble == "no route"


def test_workers_are_dealt_anew_when_another_number_is_wanted() -> None:
    play = Play(("", 1), ("a", 2), ("b", 2))
    play.want()
    for agent in play.agents:
        play.call(agent)
    play.want(7)
    assert play.rooms == {"": 2, play.agents[0]: 3} and sum(play.rooms.values()) + 2 == 7
    play.rooms.clear()
    play.want(1)
    assert play.rooms == {"": 1, play.agents[0]: 0, play.agents[1]: 0}
    play.there.clear()  # they were let go
    play.want(5)
    assert [s.slots for s in play.submitted[2:]] == [2, 2]


def test_hosts_that_were_not_needed_at_first_get_workers_later() -> None:
    state = NamedHosts([("", 1), ("a", 2), ("b", 2)], 2)
    assert [s.host for s in state.wanted(m.Wanted(2, ()), 0.0) if isinstance(s, Submit)] == ["a"]
    assert [row.slots for row in state.report().rows] == [1, 0]
    steps = list(state.wanted(m.Wanted(5, ()), 0.0))
    assert [(s.host, s.slots) for s in steps if isinstance(s, Submit)] == [("b", 2)]


def test_who_has_not_come_and_is_not_wanted_any_more_is_called_off() -> None:
    play = Play(("", 1), ("a", 1))
    play.want()
    play.want(1)
    assert play.cancelled == [f"job of {play.agents[0]}"] and play.state.jobs == []


def test_who_is_being_taken_away_may_finish() -> None:
    play = Play(("a", 1))
    play.want()
    [first] = play.agents
    play.call(first)
    play.there.remove(first)
    play.leaving.append(first)
    play.want()
    assert play.cancelled == [] and play.state.jobs == [f"job of {first}"]
    assert play.state.report().rows[0].trouble == "it is being taken away"
    play.leaving.clear()
    play.want()
    play.look(**{f"job of {first}": ""})
    assert play.state.jobs == []
    play.wait(PAUSE_SECONDS)
    assert len(play.agents) == 2


def test_whatever_happens_in_the_end_all_are_there() -> None:
    """Hosts come, are lost and fail in any order, and other numbers are wanted; then all is quiet."""
    for seed in range(300):
        rng = random.Random(seed)
        play = Play(("", rng.randrange(3)), *((f"h{i}", rng.randrange(1, 4)) for i in range(rng.randrange(1, 4))))
        play.want()
        for _ in range(60):
            play.now += rng.random()
            live = [s.agent for s in play.submitted if f"job of {s.agent}" in play.state.jobs]
            waiting = [agent for agent in live if agent not in play.there]
            match rng.randrange(6):
                case 0 if waiting:
                    play.call(rng.choice(waiting))
                case 1 if play.there:
                    play.lose(rng.choice(play.there))
                case 2 if waiting:
                    play.look(**{f"job of {rng.choice(waiting)}": "it failed"})
                case 3:
                    play.want(rng.randrange(8))
                case _:
                    play.wait(rng.random())
            play.there = [agent for agent in play.there if agent in {s.agent for s in play.submitted}]
        for _ in range(40):
            play.wait(LONGEST_PAUSE)
            for submit in list(play.submitted):
                if f"job of {submit.agent}" in play.state.jobs and submit.agent not in play.there:
                    play.call(submit.agent)
        rows = [row for row in play.state.report().rows if row.slots]
        assert all(row.state == "running" and not row.trouble for row in rows), (seed, rows)
