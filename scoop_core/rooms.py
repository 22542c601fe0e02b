"""How many workers each host has: some are started, others retire, and whole hosts come and go."""

from __future__ import annotations

import msgspec

from scoop_core import messages as m
from scoop_core.config import MAX_STILLBORN
from scoop_core.endings import Endings
from scoop_core.ledger import Ledger, Worker


class Agent(msgspec.Struct, eq=False):
    """One host, or one batch job, as the broker sees it."""

    name: str
    host: str
    room: int  # how many workers it should have
    away: bool  # on another host than the broker
    workers: int = 0  # that it was told to run, and that are not gone
    stillborn: int = 0  # workers that died while they started, since one last came up
    leaving: bool = False  # its time is nearly over
    dismissed: bool = False  # it was told to end


class Rooms:
    """Has in each room as many workers as there should be.

    Where the pool reaches other hosts, a recruiter says how many that are, for it knows the hosts. Else all are here.

    Args:
        ledger: where all peers stand.
        endings: for what workers that retire can't run any more.
        wanted: how many workers there should be.
        first: number of the first one.
        here: how many of them on the broker's own host; None for all.
    """

    def __init__(self, ledger: Ledger, endings: Endings, wanted: int, first: int, here: int | None = None) -> None:
        self._ledger = ledger
        self._endings = endings
        self._here = wanted if here is None else here
        self.wanted = wanted
        self.agents: dict[str, Agent] = {}
        self.recruiter = ""  # its name, if there is one
        self.recruits: tuple[m.Recruit, ...] = ()  # agents that it has sent for
        self.next_number = first
        self._spawned = range(0)  # numbers of all workers that agents were ever told to start

    @property
    def stillborn(self) -> int:
        """How many workers have died in a row while they started, on the host that is worst off."""
        return max((agent.stillborn for agent in self.agents.values()), default=0)

    def has_spawned(self, number: int) -> bool:
        """Whether an agent was ever told to start the worker of this number."""
        return number in self._spawned

    # ---- agents ------------------------------------------------------------------------------------------------

    def enter(self, peer: str, hello: m.Hello, now: float) -> None:
        """An agent is there."""
        away = hello.shelf != self._ledger.shelf
        room = hello.room if away else self._here
        self.agents[peer] = Agent(peer, hello.host, room, away)
        self._tell_recruiter()
        self.fill(now)

    def leave(self, peer: str) -> list[Worker]:
        """An agent of another host is gone, with all its workers; these. With the one of this host the pool ends."""
        if not self.agents[peer].away:
            return []
        del self.agents[peer], self._ledger.peers[peer]
        self._tell_recruiter()
        return [worker for worker in self._ledger.workers.values() if worker.agent == peer]

    def leaving(self, peer: str, message: m.Leaving, frames: m.Frames, now: float) -> None:
        """An agent's time is nearly over: its workers finish what they run."""
        agent = self.agents.get(peer)
        if agent is not None and agent.away:
            agent.leaving, agent.room = True, 0
            self._tell_recruiter()
            self.fill(now)

    def recruit(self, peer: str) -> None:
        """The recruiter is there."""
        self.recruiter = peer
        self._tell_recruiter()

    def _tell_recruiter(self) -> None:
        if self.recruiter:
            away = [agent for agent in self.agents.values() if agent.away]
            there = tuple(agent.name for agent in away if not agent.leaving)
            leaving = tuple(agent.name for agent in away if agent.leaving)
            self._ledger.send(self.recruiter, m.Wanted(self.wanted, there, leaving))

    # ---- how many ----------------------------------------------------------------------------------------------

    def scale(self, peer: str, message: m.Scale, frames: m.Frames, now: float) -> None:
        for agent in self.agents.values():
            agent.stillborn = 0
        self.wanted = max(0, message.n)
        if self.recruiter:
            self._tell_recruiter()
            return
        self._here = self.wanted
        for agent in self.agents.values():
            agent.room = self.wanted
        self.fill(now)

    def furnish(self, peer: str, message: m.Rooms, frames: m.Frames, now: float) -> None:
        """The recruiter says how many workers each agent should have; "" is the one of this host."""
        if peer != self.recruiter:
            return
        for name, room in message.rooms:
            if not name:
                self._here = room
            for agent in self.agents.values():
                if not agent.leaving and (agent.name == name if name else not agent.away):
                    agent.room = room
        self.fill(now)

    def report(self, peer: str, message: m.Recruits, frames: m.Frames, now: float) -> None:
        """What became of those that were sent for."""
        self.recruits = message.rows
        self._ledger.tree.version += 1

    def fill(self, now: float) -> None:
        """Start workers where there is room, and let those go for which there is none."""
        for agent in self.agents.values():
            mine = [w for w in self._ledger.workers.values() if w.agent == agent.name and not w.retiring]
            if agent.stillborn <= MAX_STILLBORN:
                for _ in range(agent.room - len(mine)):
                    self._spawn(agent)
            mine.sort(key=lambda w: (len(w.held) + len(w.parked), -w.number))
            for worker in mine[: max(0, len(mine) - agent.room)]:
                self._retire(worker, now)
            if agent.away and not agent.room and not agent.workers and not agent.dismissed:
                agent.dismissed = True
                self._ledger.send(agent.name, m.Stop())
        self._ledger.tree.version += 1

    def _spawn(self, agent: Agent) -> None:
        agent.workers += 1
        number = self.next_number
        self.next_number += 1
        self._spawned = range(self._spawned.start if self._spawned else number, self.next_number)
        name = f"w{number}"
        self._ledger.workers[name] = Worker(name, number, pid=0, host=agent.host, agent=agent.name)
        self._ledger.peers[name] = "worker"
        self._ledger.send(agent.name, m.Spawn(number))

    def _retire(self, worker: Worker, now: float) -> None:
        worker.retiring = True
        self._ledger.idle.pop(worker.name, None)
        self._endings.lose_own(worker, now)
        if worker.state == "starting":
            self.kill(worker)
        else:
            self._ledger.send(worker.name, m.Retire())

    def kill(self, worker: Worker) -> None:
        """Have a worker killed."""
        if worker.agent in self.agents:
            self._ledger.send(worker.agent, m.Kill(worker.number))

    def came_up(self, worker: Worker) -> None:
        """A worker has started."""
        if (agent := self.agents.get(worker.agent)) is not None:
            agent.stillborn = 0

    def buried(self, worker: Worker, now: float) -> None:
        """A worker is gone: another one takes its place, if there is still room."""
        agent = self.agents.get(worker.agent)
        if agent is not None:
            agent.workers -= 1
            if not worker.retiring:
                agent.stillborn += worker.state == "starting"
            self.fill(now)
