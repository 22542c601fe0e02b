"""Which batch jobs are submitted, and which are cancelled."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from scoop_core import messages as m
from scoop_core.batch_jobs import MOST_FAILURES, BatchJobs
from scoop_core.recruits import LONGEST_PAUSE, PAUSE_SECONDS, Cancel, Step, Submit


class Play:
    """The state, a batch system, and the agents that the broker sees."""

    def __init__(self, slots: int, n: int = 0, refuses: str = "") -> None:
        self.state = BatchJobs(slots)
        self.now = 1000.0
        self.n = 0
        self.refuses = refuses  # what the batch system says to who submits
        self.queue: dict[str, str] = {}  # agents of jobs that are pending or running
        self.there: dict[str, int] = {}  # agents with their rooms
        self.leaving: list[str] = []
        self.slots: dict[str, int] = {}
        self.cancelled: list[str] = []
        if n:
            self.want(n)

    def _do(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if isinstance(step, Submit) and self.refuses:
                self.state.failed(step.agent, self.refuses, self.now)
            elif isinstance(step, Submit):
                assert step.host == "" and step.agent not in self.slots
                self.slots[step.agent] = step.slots
                self.queue[step.agent] = f"id of {step.agent}"
                self.state.submitted(step.agent, self.queue[step.agent])
            elif isinstance(step, Cancel):
                self.cancelled.append(step.job)
                for agent in [agent for agent, job in self.queue.items() if job == step.job]:
                    del self.queue[agent]
                    self.there.pop(agent, None)
            else:
                for agent, room in step.rooms:
                    self.there[agent] = room

    def want(self, n: int | None = None) -> None:
        self.n = self.n if n is None else n
        self._do(self.state.wanted(m.Wanted(self.n, tuple(self.there), tuple(self.leaving)), self.now))

    def call(self, agent: str) -> None:
        """A job has begun, and its agent is there."""
        self.there[agent] = self.slots[agent]
        self.want()

    def leave(self, agent: str) -> None:
        """The time of a job is nearly over."""
        del self.there[agent]
        self.leaving.append(agent)
        self.want()

    def end(self, agent: str) -> None:
        """A job is over."""
        del self.queue[agent]
        self.there.pop(agent, None)
        if agent in self.leaving:
            self.leaving.remove(agent)
        self.want()

    def look(self, why: str = "") -> None:
        jobs = self.state.unsettled
        states = {job: "pending" for job in jobs if job in self.queue.values()}
        self._do(self.state.looked(states, dict.fromkeys(jobs, why), self.now))

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self._do(self.state.due(self.now))

    @property
    def rows(self) -> list[tuple[str, str, int]]:
        return [(row.job, row.state, row.slots) for row in self.state.report().rows]


def test_there_are_as_many_jobs_as_it_takes() -> None:
    play = Play(4, 10)
    assert list(play.slots.values()) == [4, 4, 2]
    assert [state for _, state, _ in play.rows] == ["pending"] * 3
    play.want()
    play.wait(1000)
    assert len(play.slots) == 3


def test_workers_come_as_their_jobs_begin() -> None:
    play = Play(4, 8)
    play.call("job-2")
    assert play.rows == [("id of job-1", "pending", 4), ("id of job-2", "running", 4)]
    assert play.state.unsettled == ["id of job-1"] and len(play.state.jobs) == 2


def test_fewer_workers_cost_first_the_jobs_that_wait_and_then_the_youngest() -> None:
    play = Play(4, 16)
    for agent in ("job-1", "job-2"):
        play.call(agent)
    play.want(8)
    assert play.cancelled == ["id of job-4", "id of job-3"]
    play.want(5)
    assert play.there == {"job-1": 4, "job-2": 1}
    play.want(4)
    assert play.there == {"job-1": 4, "job-2": 0} and len(play.cancelled) == 2  # it ends when its workers have


def test_a_job_that_was_sent_for_with_more_gets_fewer_when_it_begins() -> None:
    play = Play(4, 8)
    play.want(6)
    assert not play.cancelled
    play.call("job-2")
    assert play.there == {"job-2": 2}
    play.want(8)
    assert play.there == {"job-2": 4} and len(play.slots) == 2


def test_what_a_job_has_left_is_used_before_another_one_is_submitted() -> None:
    play = Play(4, 4)
    play.call("job-1")
    play.want(2)
    play.want(7)
    assert play.there == {"job-1": 4} and play.slots == {"job-1": 4, "job-2": 3}


def test_a_job_whose_time_is_nearly_over_is_replaced_at_once_and_not_ended() -> None:
    play = Play(4, 4)
    play.call("job-1")
    play.leave("job-1")
    assert play.slots == {"job-1": 4, "job-2": 4} and not play.cancelled
    assert play.state.jobs == ["id of job-2", "id of job-1"]  # it is ended with the pool, if not before
    play.end("job-1")
    play.look()
    assert play.state.jobs == ["id of job-2"] and len(play.slots) == 2


def test_a_job_that_is_lost_is_replaced_after_a_pause() -> None:
    play = Play(4, 8)
    for agent in ("job-1", "job-2"):
        play.call(agent)
    play.end("job-1")
    assert play.cancelled == ["id of job-1"]  # its agent is gone, the job perhaps not
    assert ("", "over", 4) in play.rows
    play.wait(PAUSE_SECONDS)
    assert play.rows == [("id of job-2", "running", 4), ("id of job-3", "pending", 4)]


def test_jobs_that_are_lost_again_and_again_are_replaced_less_and_less_often() -> None:
    play = Play(1, 1)
    pauses = []
    for number in range(1, 9):
        play.call(f"job-{number}")
        play.now += 1.0
        play.end(f"job-{number}")
        began = play.now
        while f"job-{number + 1}" not in play.slots:
            play.wait(1.0)
        pauses.append(play.now - began)
    assert pauses[:3] == [2.0, 4.0, 8.0] and pauses[-1] == LONGEST_PAUSE
    play.call("job-9")
    play.now += LONGEST_PAUSE + 1
    play.end("job-9")
    play.wait(PAUSE_SECONDS)
    assert "job-10" in play.slots


def test_jobs_that_fail_before_their_agents_are_there_are_given_up() -> None:
    play = Play(4, 8)
    play.want(4)
    for number in range(1, 10):
        if f"job-{number}" in play.queue:
            del play.queue[f"job-{number}"]
            play.look("no such file")
            play.wait(LONGEST_PAUSE)
    assert MOST_FAILURES <= len(play.slots) < 5
    [row] = play.state.report().rows
    assert row.trouble.startswith("job id of job-")
    assert "no such file (given up after 3 attempts; `scale` tries again)" in row.trouble
    before = len(play.slots)
    play.want(5)
    assert len(play.slots) > before


def test_jobs_that_fail_together_count_once() -> None:
    play = Play(1, 8)
    play.queue.clear()
    play.look("the node failed")
    assert [row.trouble for row in play.state.report().rows] == ["job id of job-8: the node failed"]
    play.wait(PAUSE_SECONDS)
    assert len(play.slots) == 16


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_refused_job_is_told_and_no_others_are_tried_at_once(jobs: int) -> None:
    play = Play(4, 4 * jobs, refuses="no such partition")
    [row] = play.state.report().rows
    assert (row.state, row.slots, row.trouble) == ("over", 4 * jobs, "no such partition")
    play.refuses = ""
    play.wait(PAUSE_SECONDS)
    assert len(play.slots) == jobs
    play.call("job-2")
    assert not any(row.trouble for row in play.state.report().rows)


def test_whatever_happens_in_the_end_there_are_as_many_as_are_wanted() -> None:
    """Jobs begin, end, fail, are taken away and cancelled in any order, and other numbers are wanted."""
    for seed in range(300):
        rng = random.Random(seed)
        play = Play(rng.randrange(1, 5), rng.randrange(1, 12))
        for _ in range(60):
            play.now += rng.random()
            pending = [agent for agent in play.queue if agent not in play.there and agent not in play.leaving]
            match rng.randrange(8):
                case 0 | 1 if pending:
                    play.call(rng.choice(pending))
                case 2 if play.queue:
                    play.end(rng.choice(list(play.queue)))
                case 3 if play.there:
                    play.leave(rng.choice(list(play.there)))
                case 4:
                    play.want(rng.randrange(12))
                case 5:
                    play.look("why")
                case _:
                    play.wait(rng.random())
            assert sum(slots for _, _, slots in play.rows) == play.n, seed
        play.want(play.n + 1)  # after a change nothing is given up
        for _ in range(40):
            for agent in [a for a in play.queue if a not in play.there and a not in play.leaving]:
                play.call(agent)
            for agent in list(play.leaving):
                play.end(agent)
            play.look()
            play.wait(LONGEST_PAUSE)
        assert all(state == "running" for _, state, _ in play.rows), (seed, play.rows)
        assert sum(play.there.values()) == play.n, (seed, play.there)
        ids = {play.queue[agent] for agent, room in play.there.items() if room}
        assert ids <= set(play.state.jobs)
