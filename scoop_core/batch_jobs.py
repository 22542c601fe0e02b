"""Agents in the jobs of a batch system: as many jobs as there are workers for. Pure.

Workers come as their jobs begin. A job whose time is nearly over is replaced at once; one that fails, after a pause.
When that has happened several times in a row before an agent was there, no more are submitted until somebody wants
another number of workers: something is wrong that only people can mend, and each attempt takes a place in the queue.
"""

from __future__ import annotations

from collections.abc import Iterator

from scoop_core import messages as m
from scoop_core.launchers import JobState
from scoop_core.recruits import LOST, Attempt, Backoff, Cancel, Step, Submit

#: So often in a row jobs may fail.
MOST_FAILURES = 3


class BatchJobs:
    """What becomes of the jobs of a pool: the state of its recruiter, see `recruits.Recruits`.

    Args:
        slots: how many workers a job has at most.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._wanted = 0
        self._count = 0
        self._attempts: list[Attempt] = []
        self._leaving: list[Attempt] = []
        self._backoff = Backoff()

    # ---- what happens ------------------------------------------------------------------------------------------

    def wanted(self, wanted: m.Wanted, now: float) -> Iterator[Step]:
        if wanted.n != self._wanted:
            self._wanted = wanted.n
            self._backoff = Backoff()
        for attempt in list(self._attempts):
            if attempt.agent in wanted.leaving:
                self._let_go(attempt)
            elif attempt.agent in wanted.agents:
                if attempt.called is None:
                    yield from self._welcome(attempt, now)
            elif attempt.called is not None:
                yield from self._fail(attempt, LOST, now)
        yield from self.due(now)

    def _welcome(self, attempt: Attempt, now: float) -> Iterator[Step]:
        """An agent is there; by now it may be to have fewer workers than it was sent for with."""
        attempt.called = now
        self._backoff.succeed()
        if attempt.room != attempt.slots:
            yield m.Rooms(((attempt.agent, attempt.room),))

    def _let_go(self, attempt: Attempt) -> None:
        self._attempts.remove(attempt)
        self._leaving.append(attempt)

    def submitted(self, agent: str, job: str) -> None:
        for attempt in self._attempts:
            if attempt.agent == agent:
                attempt.job = job

    def failed(self, agent: str, why: str, now: float) -> None:
        for attempt in [a for a in self._attempts if a.agent == agent]:
            self._attempts.remove(attempt)
            self._backoff.fail(why, None, now)

    def looked(self, states: dict[str, JobState], why: dict[str, str], now: float) -> Iterator[Step]:
        for attempt in list(self._attempts):
            if attempt.called is None and attempt.job:
                attempt.state = states.get(attempt.job, "over")
                if attempt.state == "over":
                    yield from self._fail(attempt, why.get(attempt.job, "") or "it has ended", now)
        self._leaving = [a for a in self._leaving if states.get(a.job, "over") != "over"]

    def _fail(self, attempt: Attempt, why: str, now: float) -> Iterator[Step]:
        self._attempts.remove(attempt)
        self._backoff.fail(f"job {attempt.job}: {why}", attempt.called, now)
        if attempt.state != "over":
            yield Cancel(attempt.job)

    # ---- what is to be done ------------------------------------------------------------------------------------

    def due(self, now: float) -> Iterator[Step]:
        missing = self._wanted - sum(attempt.room for attempt in self._attempts)
        if missing < 0:
            yield from self._shrink(-missing)
            return
        for attempt in self._attempts:
            more = min(missing, attempt.slots - attempt.room)
            if more:
                missing -= more
                yield from self._furnish(attempt, attempt.room + more)
        while missing and self._backoff.again <= now and self._backoff.failures < MOST_FAILURES:
            self._count += 1
            slots = min(missing, self._slots)
            attempt = Attempt(f"job-{self._count}", slots, slots)
            self._attempts.append(attempt)
            missing -= slots
            yield Submit(attempt.agent, "", slots)

    def _shrink(self, surplus: int) -> Iterator[Step]:
        """Have fewer workers: first those go that are not there yet, and the youngest of the others."""
        here = [attempt for attempt in self._attempts if attempt.called is not None]
        coming = [attempt for attempt in self._attempts if attempt.called is None]
        for attempt in reversed(here + coming):
            less = min(surplus, attempt.room)
            surplus -= less
            if less and less == attempt.room and attempt.called is None:
                self._attempts.remove(attempt)
                if attempt.job:
                    yield Cancel(attempt.job)
            elif less:
                yield from self._furnish(attempt, attempt.room - less)

    def _furnish(self, attempt: Attempt, room: int) -> Iterator[Step]:
        attempt.room = room
        if attempt.called is not None:
            yield m.Rooms(((attempt.agent, room),))
            if not room:
                self._let_go(attempt)

    @property
    def jobs(self) -> list[str]:
        return [attempt.job for attempt in (*self._attempts, *self._leaving) if attempt.job]

    @property
    def unsettled(self) -> list[str]:
        attempts = [attempt for attempt in self._attempts if attempt.called is None]
        return [attempt.job for attempt in (*attempts, *self._leaving) if attempt.job]

    def report(self) -> m.Recruits:
        rows = [attempt.row("", "") for attempt in self._attempts]
        if missing := self._wanted - sum(row.slots for row in rows):
            rows.append(m.Recruit("", "", "", "over", missing, self._why()))
        return m.Recruits(tuple(rows))

    def _why(self) -> str:
        if self._backoff.failures < MOST_FAILURES:
            return self._backoff.trouble
        return f"{self._backoff.trouble} (given up after {MOST_FAILURES} attempts; `scale` tries again)"
