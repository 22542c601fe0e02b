"""Agents on hosts that the user has named: each has one, with as many workers as it is dealt. Pure.

One that does not come, or is lost, is sent for again, after a pause that grows as long as it fails.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from scoop_core import messages as m
from scoop_core.launchers import JobState
from scoop_core.plan import rooms
from scoop_core.recruits import LOST, Attempt, Backoff, Cancel, Step, Submit


class Host(msgspec.Struct, eq=False):
    """A host that may have workers."""

    backoff: Backoff
    attempt: Attempt | None = None
    tried: int = 0


class NamedHosts:
    """What becomes of the hosts of a pool: the state of its recruiter, see `recruits.Recruits`.

    Args:
        hosts: each with the workers that it is meant for, in the order in which they get more; "" is the host of the
            broker.
        n: how many workers there are to be at first.
    """

    def __init__(self, hosts: list[tuple[str, int]], n: int) -> None:
        self._plan = hosts
        self._rooms = rooms(list(hosts), n)
        self._hosts = {host: Host(Backoff()) for host, _ in hosts if host}
        self._leaving: list[Attempt] = []

    # ---- what happens ------------------------------------------------------------------------------------------

    def wanted(self, wanted: m.Wanted, now: float) -> Iterator[Step]:
        if wanted.n != sum(self._rooms.values()):
            self._rooms = rooms(list(self._plan), wanted.n)
            yield m.Rooms((("", self._rooms.get("", 0)),))
        for name, host in self._hosts.items():
            if host.attempt is not None:
                yield from self._compare(host, host.attempt, self._rooms[name], wanted, now)
        yield from self.due(now)

    def _compare(self, host: Host, attempt: Attempt, room: int, wanted: m.Wanted, now: float) -> Iterator[Step]:
        """Whether an agent is there, and has the room that it should have."""
        if attempt.agent in wanted.leaving:
            self._leaving.append(attempt)
            host.attempt = None
            host.backoff.fail("it is being taken away", attempt.called, now)
        elif attempt.agent in wanted.agents:
            if attempt.called is None:
                attempt.called = now
                host.backoff.succeed()
            if attempt.room != room:
                attempt.room = room
                yield m.Rooms(((attempt.agent, room),))
                if not room:
                    self._leaving.append(attempt)
                    host.attempt = None
        elif attempt.called is not None:
            yield from self._fail(host, LOST, now)

    def submitted(self, agent: str, job: str) -> None:
        for host in self._hosts.values():
            if host.attempt and host.attempt.agent == agent:
                host.attempt.job = job

    def failed(self, agent: str, why: str, now: float) -> None:
        for host in self._hosts.values():
            if host.attempt and host.attempt.agent == agent:
                for _ in self._fail(host, why, now):
                    pass

    def looked(self, states: dict[str, JobState], why: dict[str, str], now: float) -> Iterator[Step]:
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
        if attempt is None:
            return
        host.backoff.fail(why, attempt.called, now)
        if attempt.job and attempt.state != "over":
            yield Cancel(attempt.job)

    # ---- what is to be done ------------------------------------------------------------------------------------

    def due(self, now: float) -> Iterator[Step]:
        for name, host in self._hosts.items():
            room = self._rooms[name]
            if not room and host.attempt is not None and host.attempt.called is None:
                if host.attempt.job:
                    yield Cancel(host.attempt.job)
                host.attempt = None
            if room and host.attempt is None and host.backoff.again <= now:
                host.tried += 1
                host.attempt = Attempt(f"agent-{name}-{host.tried}", room, room)
                yield Submit(host.attempt.agent, name, room)

    @property
    def jobs(self) -> list[str]:
        attempts = [host.attempt for host in self._hosts.values() if host.attempt]
        return [attempt.job for attempt in (*attempts, *self._leaving) if attempt.job]

    @property
    def unsettled(self) -> list[str]:
        return self.jobs  # each knows why it ends before the broker misses its agent

    def report(self) -> m.Recruits:
        rows = []
        for name, host in self._hosts.items():
            if host.attempt is not None:
                rows.append(host.attempt.row(name, host.backoff.trouble))
            else:
                rows.append(m.Recruit("", name, "", "over", self._rooms[name], host.backoff.trouble))
        return m.Recruits(tuple(rows))
