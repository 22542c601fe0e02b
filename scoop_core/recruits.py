"""Agents that are sent for: what the recruiter may be told to do, and when one that failed is tried again. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from scoop_core import messages as m
from scoop_core.launchers import JobState

#: Seconds until the next attempt after one that failed; doubled each time, up to the second one.
PAUSE_SECONDS = 2.0
LONGEST_PAUSE = 60.0
LOST = "it was lost"


class Submit(msgspec.Struct, frozen=True):
    """An instruction: start this agent."""

    agent: str
    host: str  # "" for the batch system to choose
    slots: int


class Cancel(msgspec.Struct, frozen=True):
    """An instruction: end this agent's job."""

    job: str


Step = Submit | Cancel | m.Rooms


class Attempt(msgspec.Struct, eq=False):
    """One agent that was sent for."""

    agent: str
    slots: int  # it was sent for with so many
    room: int  # workers that it should have
    job: str = ""  # "" until it is submitted
    state: JobState = "pending"
    called: float | None = None  # when it introduced itself to the broker

    def row(self, host: str, trouble: str) -> m.Recruit:
        """How it goes, for people."""
        state = "pending" if self.called is None else "running"
        return m.Recruit(self.agent, host, self.job, state, self.room, trouble)


class Backoff(msgspec.Struct, eq=False):
    """When to try again, and why the last attempt failed."""

    again: float = 0.0  # not before this time
    trouble: str = ""
    failures: int = 0  # times in a row that attempts failed before they called
    _pause: float = PAUSE_SECONDS

    def fail(self, why: str, called: float | None, now: float) -> None:
        """An attempt has failed, or was lost; `called` is since when it was there."""
        self.trouble = why
        if now < self.again:  # as others have, most likely for the same reason
            return
        if called is None:
            self.failures += 1
        elif now - called > LONGEST_PAUSE:
            self._pause = PAUSE_SECONDS
        self.again = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def succeed(self) -> None:
        """An agent is there."""
        self.trouble = ""
        self.failures = 0


class Recruits(Protocol):
    """Decides which agents are sent for, and which are let go. It owns no clock."""

    def wanted(self, wanted: m.Wanted, now: float) -> Iterator[Step]:
        """What the broker wants, and who is there."""

    def submitted(self, agent: str, job: str) -> None:
        """An agent was started."""

    def failed(self, agent: str, why: str, now: float) -> None:
        """An agent could not be started."""

    def looked(self, states: dict[str, JobState], why: dict[str, str], now: float) -> Iterator[Step]:
        """What the launcher says of the jobs that are `unsettled`, and why those that are over have ended."""

    def due(self, now: float) -> Iterator[Step]:
        """Send for the agents that are missing; call off those that have not come and are not wanted any more."""

    @property
    def jobs(self) -> list[str]:
        """All jobs that may not be over."""

    @property
    def unsettled(self) -> list[str]:
        """Those of them of which the launcher has to tell how far they are."""

    def report(self) -> m.Recruits:
        """How it goes, for people."""
