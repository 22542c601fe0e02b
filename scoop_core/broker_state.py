"""What the broker knows and decides: which worker gets which tasks, and what becomes of those whose worker died.

Pure: messages go in, and come out by a function that it is given; no socket, no clock, no process. The shell is
`Broker`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from scoop_core import messages as m
from scoop_core.dealer import Dealer
from scoop_core.endings import Endings
from scoop_core.ledger import Deliver, Ledger, Worker
from scoop_core.orders import Orders
from scoop_core.reports import Reports
from scoop_core.rooms import Rooms
from scoop_core.staff import Staff
from scoop_core.watchers import Watchers

#: While somebody watches, agents are told again and again to look at their workers for so many seconds.
OBSERVE_SECONDS = 4.0


class BrokerState:
    """The whole pool as one value: hands every message to who is in charge of it.

    Args:
        name: the pool's name.
        deliver: called with each message, once it is decided and before the books are up to date.
        shown: what `Ask("pool")` tells about the pool beside its workers; plain data.
        wanted: how many workers there should be.
        first: number of the first one.
        here: how many of them on this host; None for all.
        shelf: that peers of this host see.
    """

    def __init__(
        self,
        name: str,
        deliver: Deliver,
        shown: dict[str, Any] | None = None,
        wanted: int = 0,
        first: int = 0,
        here: int | None = None,
        shelf: str = "",
    ) -> None:
        self.shown = shown or {}
        self.garbage = 0  # messages that did not decode
        self.ledger = ledger = Ledger(name, deliver, shelf)
        self.endings = endings = Endings(ledger)
        self.watchers = Watchers()
        self._observed = 0.0  # until when agents send what their workers use
        dealer = Dealer(ledger, endings)
        orders = Orders(ledger, endings, dealer)
        reports = Reports(ledger, endings, dealer)
        self.rooms = rooms = Rooms(ledger, endings, wanted, first, here)
        self.staff = staff = Staff(ledger, endings, dealer, rooms)
        self._handlers: dict[type, Callable[..., None]] = {
            m.Open: orders.open, m.Extend: orders.extend, m.Close: orders.close, m.Cancel: orders.cancel,
            m.CancelRun: orders.cancel_run, m.CancelTask: orders.cancel_task, m.Halt: orders.halt,
            m.Done: reports.done, m.Dropped: reports.dropped, m.Overdue: reports.overdue,
            m.Idle: reports.idle, m.Rich: reports.rich, m.Interrupted: reports.interrupted,
            m.Shared: reports.shared, m.Tally: reports.tally, m.Mishap: reports.mishap, m.Output: reports.output,
            m.Restart: staff.restart, m.RestartWorker: staff.restart_worker,
            m.Stop: staff.stop, m.Usage: staff.usage, m.Exited: staff.exited,
            m.Scale: rooms.scale, m.Rooms: rooms.furnish, m.Recruits: rooms.report, m.Leaving: rooms.leaving,
            m.Constant: self._constant, m.Ask: self._ask, m.Watch: self._watch,
        }  # fmt: skip

    @property
    def stopping(self) -> bool:
        """Whether the pool was told to end."""
        return self.staff.stopping

    # ---- in and out --------------------------------------------------------------------------------------------

    def handle(self, peer: str, message: m.Header, frames: m.Frames, now: float) -> None:
        """Take a message of a peer.

        A message that makes no sense (from a stranger, or about what does not exist) changes nothing but a counter.
        """
        ledger = self.ledger
        if isinstance(message, m.Hello):
            self.staff.hello(peer, message, now)
        elif peer in ledger.peers and (handler := self._handlers.get(type(message))):
            handler(peer, message, frames, now)
        else:
            ledger.strange += 1

    def tick(self, now: float) -> None:
        """Do what is due: see `deadline`."""
        if not (self.watchers.waiting or self.endings.patience or self.endings.unheard):  # as a rule
            return
        self.endings.insist(now)
        for peer, watch in self.watchers.due(self.ledger.tree.version, now):
            self.ledger.send(peer, m.Answer(watch.number, self.picture(now, watch.root, watch.run, watch.brief)))
            if self._observed < now:
                self._observed = now + OBSERVE_SECONDS / 2
                for agent in self.rooms.agents:
                    self.ledger.send(agent, m.Observe(OBSERVE_SECONDS))

    def deadline(self) -> float | None:
        """When `tick` wants to be called, or None for never."""
        if not (self.watchers.waiting or self.endings.patience or self.endings.unheard):
            return None
        times = [self.endings.deadline(), self.watchers.deadline(self.ledger.tree.version)]
        return min(time for time in times if time is not None)

    def leave(self, peer: str, now: float) -> None:
        """The connection of a peer ended."""
        self.staff.leave(peer, now)
        self.watchers.leave(peer)

    # ---- constants, questions, pictures ------------------------------------------------------------------------

    def _constant(self, peer: str, message: m.Constant, frames: m.Frames, now: float) -> None:
        ledger = self.ledger
        new = message.name not in ledger.constants
        if new:
            ledger.constants[message.name] = (message.parcel, frames)
            for name, role in ledger.peers.items():
                if role in ("root", "worker") and (role == "root" or ledger.workers[name].state != "starting"):
                    ledger.send(name, message, frames)
        ledger.send(peer, m.Settled(message.name, new))

    def _ask(self, peer: str, message: m.Ask, frames: m.Frames, now: float) -> None:
        value: Any = None
        if message.what == "pool":
            value = self.picture(now)
        elif message.what == "picture":
            value = self.picture(now, peer, message.job)
        elif message.what == "timeline":
            value = self._timeline(peer, message.job, now)
        elif message.what == "running":
            value = any(
                piece.job.owner == peer and piece.job.number == message.job and piece.lo <= message.index < piece.hi
                for worker in self.ledger.workers.values()
                for piece in worker.pieces()
            )
        elif message.what == "call":
            calls = self.ledger.tree.calls
            value = calls.find(message.id) if message.id else calls.latest(peer)
        self.ledger.send(peer, m.Answer(message.number, value))

    def _timeline(self, peer: str, run: int, now: float) -> dict[str, Any]:
        open = ((worker.name, ran) for worker in self.ledger.workers.values() if (ran := worker.runs(now)))
        return self.ledger.tree.timeline(open, peer if run >= 0 else "", run)

    def _watch(self, peer: str, message: m.Watch, frames: m.Frames, now: float) -> None:
        self.watchers.add(peer, message)

    def picture(self, now: float, root: str = "", run: int = m.ALL, brief: bool = False) -> dict[str, Any]:
        """The pool and its task tree as plain data, for the panel and the CLI."""
        ledger, staff, rooms = self.ledger, self.staff, self.rooms
        running: dict[int, int] = {}
        for worker in ledger.workers.values():
            first = [piece for piece in list(worker.held.values())[:1] if not 0 < worker.waits <= piece.seq]
            for piece in [*worker.parked.values(), *first]:
                group = piece.job.spec.group
                running[group] = running.get(group, 0) + 1
        picture = ledger.tree.picture(running, root, run, brief)
        return {
            "pool": {**self.shown, "name": ledger.pool, "state": "running", "strange": ledger.strange + self.garbage,
                     "lost": staff.lost, "wanted": rooms.wanted, "stillborn": rooms.stillborn,
                     "recruits": [msgspec.structs.asdict(row) for row in rooms.recruits]},
            "time": now, **picture,
            "workers": [self._row(w, now) for w in ledger.workers.values()],
        }  # fmt: skip

    def _row(self, worker: Worker, now: float) -> dict[str, Any]:
        piece = worker.first
        task = worker.task or (piece.job.spec.name if piece else "")
        return {
            "name": worker.name, "number": worker.number, "pid": worker.pid, "host": worker.host,
            "state": "stopped" if worker.retiring else worker.state, "busy": worker.load(now), "cpu": worker.cpu,
            "cpu_share": worker.cpu_share, "memory": worker.memory, "task": task if worker.held else None,
            "since": worker.since or None, "done": worker.done, "prints": worker.prints,
        }  # fmt: skip
