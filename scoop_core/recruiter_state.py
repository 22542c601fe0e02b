"""Which agents are sent for, and which are let go: what the recruiter decides. Pure; it owns no clock.

Each host that is to have workers has one agent. One that does not come, or is lost, is sent for again, after a pause
that grows as long as it fails.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from scoop_core import messages as m
from scoop_core.launchers import JobState
from scoop_core.plan import deal

#: Seconds until a host is tried again; doubled each time that it fails, up to the second one.
PAUSE_SECONDS = 2.0
LONGEST_PAUSE = 60.0


class Submit(msgspec.Struct, frozen=True):
    """An instruction: start this agent."""

    agent: str
    host: str
    slots: int


class Cancel(msgspec.Struct, frozen=True):
    """An instruction: end this agent's job."""

    job: str


Step = Submit | Cancel | m.Rooms


class Attempt(msgspec.Struct, eq=False):
    """One agent that was sent for."""

    agent: str
    host: str
    slots: int
    job: str = ""
    state: JobState = "pending"
    called: bool = False  # it has introduced itself to the broker
    leaving: bool = False  # it was let go, or will leave by itself


class Host(msgspec.Struct, eq=False):
    """A host that may have workers."""

    attempt: Attempt | None = None
    tried: int = 0
    pause: float = PAUSE_SECONDS
    again: float = 0.0  # not before this time
    trouble: str = ""


class RecruiterState:
    """What becomes of the hosts of a pool.

    Args:
        hosts: each with its workers, in the order in which they get more; "" is the host of the broker.
    """

    def __init__(self, hosts: list[tuple[str, int]]) -> None:
        self._plan = hosts
        self._rooms = dict(hosts)
        self._hosts = {host: Host() for host, _ in hosts if host}
        self._leaving: list[Attempt] = []

    # ---- what happens ------------------------------------------------------------------------------------------

    def wanted(self, n: int, agents: tuple[str, ...], now: float) -> Iterator[Step]:
        """The broker wants n workers, and these agents are there."""
        if n != sum(self._rooms.values()):
            self._rooms = dict.fromkeys(self._rooms, 0) | (dict(deal(list(self._plan), n)) if n else {})
            yield m.Rooms((("", self._rooms.get("", 0)),))
        for name, host in self._hosts.items():
            attempt = host.attempt
            if attempt is None:
                continue
            if attempt.agent in agents:
                if not attempt.called:
                    attempt.called, host.pause, host.trouble = True, PAUSE_SECONDS, ""
                if attempt.slots != self._rooms[name]:
                    attempt.slots = self._rooms[name]
                    yield m.Rooms(((attempt.agent, attempt.slots),))
                    if not attempt.slots:
                        self._leaving.append(attempt)
                        host.attempt = None
            elif attempt.called:
                yield from self._fail(host, "it was lost", now)
        yield from self.due(now)

    def submitted(self, agent: str, job: str) -> None:
        """An agent was started."""
        for host in self._hosts.values():
            if host.attempt and host.attempt.agent == agent:
                host.attempt.job = job

    def failed(self, agent: str, why: str, now: float) -> None:
        """An agent could not be started."""
        for host in self._hosts.values():
            if host.attempt and host.attempt.agent == agent:
                for _ in self._fail(host, why, now):
                    pass

    def looked(self, states: dict[str, JobState], why: dict[str, str], now: float) -> Iterator[Step]:
        """What the launcher says of the jobs, and why those that are over have ended."""
        for host in self._hosts.values():
            attempt = host.attempt
            if attempt is None or not attempt.job:
                continue
            attempt.state = states.get(attempt.job, "over")
            if attempt.state == "over":
                yield from self._fail(host, why.get(attempt.job, "") or "it has ended", now)
        self._leaving = [a for a in self._leaving if states.get(a.job, "over") != "over"]

    def _fail(self, host: Host, why: str, now: float) -> Iterator[Step]:
        attempt, host.attempt = host.attempt, None
        host.trouble = why
        host.again = now + host.pause
        host.pause = min(2 * host.pause, LONGEST_PAUSE)
        if attempt is not None and attempt.job and attempt.state != "over":
            yield Cancel(attempt.job)

    # ---- what is to be done ------------------------------------------------------------------------------------

    def due(self, now: float) -> Iterator[Step]:
        """Send for the agents that are missing; call off those that have not come and are not wanted any more."""
        for name, host in self._hosts.items():
            slots = self._rooms[name]
            if not slots and host.attempt is not None and not host.attempt.called:
                if host.attempt.job:
                    yield Cancel(host.attempt.job)
                host.attempt = None
            if slots and host.attempt is None and host.again <= now:
                host.tried += 1
                host.attempt = Attempt(f"agent-{name}-{host.tried}", name, slots)
                yield Submit(host.attempt.agent, name, slots)

    def deadline(self) -> float | None:
        """When something is `due` again."""
        waiting = [h.again for name, h in self._hosts.items() if h.attempt is None and self._rooms[name]]
        return min(waiting, default=None)

    @property
    def jobs(self) -> list[str]:
        """All jobs that may not be over."""
        attempts = [host.attempt for host in self._hosts.values() if host.attempt]
        return [attempt.job for attempt in (*attempts, *self._leaving) if attempt.job]

    def report(self) -> m.Recruits:
        """How it goes, for people."""
        rows = []
        for name, host in self._hosts.items():
            attempt = host.attempt
            state = "over" if attempt is None else "running" if attempt.called else "pending"
            job = attempt.job if attempt else ""
            rows.append(
                m.Recruit(attempt.agent if attempt else "", name, job, state, self._rooms[name], host.trouble)
            )
        return m.Recruits(tuple(rows))
