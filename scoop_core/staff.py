"""Who is there: peers come and go, and what dead ones held is given to others."""

from __future__ import annotations

from math import ceil

from scoop_core import messages as m
from scoop_core.config import PARKED_SUSPICION
from scoop_core.dealer import Dealer
from scoop_core.endings import Endings
from scoop_core.ledger import Death, Ledger, Piece, Span, Worker
from scoop_core.rooms import Rooms


class Staff:
    """Welcomes peers, buries the dead, and gives their tasks to others.

    Args:
        ledger: where all peers stand.
        endings: for what is cancelled or lost with a peer.
        dealer: gets those that are there, and the tasks of those that died.
        rooms: has others started in the place of those that died.
    """

    def __init__(self, ledger: Ledger, endings: Endings, dealer: Dealer, rooms: Rooms) -> None:
        self._ledger = ledger
        self._endings = endings
        self._dealer = dealer
        self._rooms = rooms
        self.lost = 0  # workers that died
        self.stopping = False

    # ---- coming ------------------------------------------------------------------------------------------------

    def hello(self, peer: str, hello: m.Hello, now: float) -> None:
        """The first word of a peer."""
        ledger = self._ledger
        if not self._credible(peer, hello):
            ledger.strange += 1
            return
        ledger.send(peer, m.Welcome(ledger.pool))
        ledger.tree.version += 1
        if hello.role == "agent":
            ledger.peers[peer] = "agent"
            self._rooms.enter(peer, hello, now)
        elif hello.role == "recruiter":
            ledger.peers[peer] = "recruiter"
            self._rooms.recruit(peer)
        elif hello.role == "worker":
            self._employ(peer, hello, now)
        else:
            ledger.peers[peer] = "root"
            self._introduce(peer)

    def _credible(self, peer: str, hello: m.Hello) -> bool:
        ledger = self._ledger
        known = ledger.peers.get(peer)
        if known:
            return known == "worker" and ledger.workers[peer].state == "starting"
        # Else it may be the last word of a dead worker, which must not get work.
        return hello.role != "worker" or not self._rooms.has_spawned(hello.number)

    def _employ(self, peer: str, hello: m.Hello, now: float) -> None:
        ledger = self._ledger
        worker = ledger.workers.get(peer)
        if worker is None:  # the program itself is this worker: it has no agent
            worker = ledger.workers[peer] = Worker(peer, hello.number, hello.pid, hello.host, agent="")
            ledger.peers[peer] = "worker"
            self._rooms.next_number = max(self._rooms.next_number, hello.number + 1)
            worker.state = "busy"  # with the program, until it says that it is idle
        self._rooms.came_up(worker)
        worker.pid, worker.host = hello.pid, hello.host
        self._introduce(peer)
        if worker.agent:
            self._dealer.rest(worker, now)

    def _introduce(self, peer: str) -> None:
        """Open an account for who may submit, and send all constants."""
        self._ledger.root(peer)
        for name, (parcel, frames) in self._ledger.constants.items():
            self._ledger.send(peer, m.Constant(name, parcel), frames)

    # ---- replacing ---------------------------------------------------------------------------------------------

    def restart(self, peer: str, message: m.Restart, frames: m.Frames, now: float) -> None:
        ledger = self._ledger
        for job in list(ledger.jobs.values()):
            self._endings.cancel(job, 0, job.end, now, tell=True)
        for worker in ledger.workers.values():
            if worker.agent:
                self._dismiss(worker)

    def restart_worker(self, peer: str, message: m.RestartWorker, frames: m.Frames, now: float) -> None:
        worker = self._ledger.workers.get(message.worker)
        self._ledger.send(peer, m.Answer(message.number, worker is not None and worker.agent != ""))
        if worker is not None and worker.agent:
            worker.dismissed = True
            self._dismiss(worker)

    def _dismiss(self, worker: Worker) -> None:
        """Have the worker killed; it gets no work any more, and is replaced when it is gone."""
        worker.retiring = True
        self._ledger.idle.pop(worker.name, None)
        self._rooms.kill(worker)

    def stop(self, peer: str, message: m.Stop, frames: m.Frames, now: float) -> None:
        self.stopping = True

    def usage(self, peer: str, message: m.Usage, frames: m.Frames, now: float) -> None:
        """An agent has looked at its workers."""
        for number, cpu, memory, share in message.workers:
            worker = self._ledger.workers.get(f"w{number}")
            if worker is not None:
                worker.cpu, worker.memory, worker.cpu_share = cpu, memory, share
        self._ledger.tree.version += 1

    # ---- going -------------------------------------------------------------------------------------------------

    def leave(self, peer: str, now: float) -> None:
        """A root, an agent of another host or a worker without an agent is gone (its connection ended)."""
        ledger = self._ledger
        role = ledger.peers.get(peer)
        if role == "agent":
            self._lose_host(peer, now)
        if role == "root":
            self._disown(peer, now)
            del ledger.peers[peer]
            for worker in ledger.workers.values():
                if worker.state != "starting":
                    ledger.send(worker.name, m.DropRun(peer, -1))
        elif role == "worker" and not ledger.workers[peer].agent:  # of others their agent tells
            self._bury(ledger.workers[peer], Death(), 0, now)

    def _lose_host(self, agent: str, now: float) -> None:
        """An agent of another host is gone: so are its workers, and what they ran is not to blame."""
        lost = self._rooms.leave(agent)
        for worker in lost:  # all of them, before anything of theirs is given to others
            self._dismiss(worker)
            worker.dismissed = True
        for worker in lost:
            self._bury(worker, Death(), worker.seq, now)
        self.lost += len(lost)

    def exited(self, peer: str, message: m.Exited, frames: m.Frames, now: float) -> None:
        worker = self._ledger.workers.get(f"w{message.number}")
        if worker is None or worker.agent != peer:
            self._ledger.strange += 1
            return
        worker.pid = message.pid
        self._bury(worker, Death(message.status, message.peak, message.limit), message.begun, now)

    def _disown(self, owner: str, now: float) -> None:
        """The owner is gone: nobody waits for its jobs, nor for what others submitted in its tasks."""
        ledger = self._ledger
        for job in [j for j in ledger.jobs.values() if owner in (j.owner, j.spec.root)]:
            self._endings.give_up(job, owner, now)
        ledger.roots.pop(owner, None)
        ledger.claims.pop(owner, None)
        ledger.unwanted -= {key for key in ledger.unwanted if key[0] == owner}
        ledger.tree.root_lost(owner)

    def _bury(self, worker: Worker, death: Death, begun: int, now: float) -> None:
        """A worker is gone: what it held goes to others, what it owned is dropped, and it is replaced."""
        ledger, endings, name = self._ledger, self._endings, worker.name
        del ledger.workers[name]
        del ledger.peers[name]
        ledger.idle.pop(name, None)
        ledger.able.pop(name, None)
        ledger.asked.discard(name)
        endings.leave(worker)
        self._disown(name, now)
        ledger.tree.worker_lost(name)
        for piece in worker.pieces():
            for lo, hi, cancelled in piece.parts(piece.lo, piece.hi):
                if cancelled:
                    endings.cancelled(piece.job, lo, hi, now, piece.late)
                elif piece.job.spec.worker == name:
                    for index in range(lo, hi):
                        endings.lose(piece.job, index, death, 1, now)
                else:
                    self._suspect(worker, piece, Span(lo, hi), death, begun, now)
        endings.lose_own(worker, now)
        if worker.agent:
            self.lost += not worker.retiring
            self._rooms.buried(worker, now)
        self._dealer.deal(now)

    def _suspect(self, worker: Worker, piece: Piece, span: Span, death: Death, begun: int, now: float) -> None:
        """Give tasks of a dead worker to others, and remember that they were on board.

        A piece that had not begun is innocent. One that had is run again task by task, so that a further death
        points at one task only. Parked ones may be to blame too, with tasks of their own, but seldom. Nobody is if
        the worker was dismissed; but what must not run twice does not.
        """
        blame = 0.0
        if worker.dismissed and piece.job.spec.retries:
            pass
        elif piece.seq in worker.parked and not worker.awake:
            blame = PARKED_SUSPICION
        elif piece.seq <= begun:
            blame = 1.0
        span.deaths = piece.deaths + blame
        if span.deaths > piece.job.spec.retries and span.hi - span.lo == 1:
            self._endings.lose(piece.job, span.lo, death, ceil(span.deaths), now)
        else:
            self._dealer.wait(piece.job, span)
