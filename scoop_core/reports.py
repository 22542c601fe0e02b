"""What workers tell: outcomes, what they give back, that they have nothing to do or tasks to share, how they fare."""

from __future__ import annotations

from scoop_core import messages as m
from scoop_core.dealer import Dealer
from scoop_core.endings import Endings, late_line
from scoop_core.ledger import Ledger, Worker

#: How busy a worker is follows from what it has spent by moments that are so far apart, in seconds.
RATE_SECONDS = 0.1


class Reports:
    """Handles the messages of workers."""

    def __init__(self, ledger: Ledger, endings: Endings, dealer: Dealer) -> None:
        self._ledger = ledger
        self._endings = endings
        self._dealer = dealer

    # ---- of pieces ---------------------------------------------------------------------------------------------

    def done(self, peer: str, message: m.Done, frames: m.Frames, now: float) -> None:
        ledger, dealer = self._ledger, self._dealer
        worker = ledger.workers.get(peer)
        piece = worker and worker.piece(message.seq)
        if not worker or not piece or not piece.lo == message.lo < message.hi <= piece.hi:
            ledger.strange += 1
            return
        job, count = piece.job, message.hi - message.lo
        result = m.Result(job.number, message.lo, message.hi, message.form, message.parcel, message.failures, peer)
        ledger.tell(job, result, frames)
        piece.lo = message.hi
        if piece.lo == piece.hi:
            worker.held.pop(message.seq, None)
            worker.parked.pop(message.seq, None)
            worker.task, worker.since = "", now  # if it says nothing else, it begins what it still holds
        if piece.cancelled:
            self._endings.calm(worker, piece)
        dealer.charge(job, message.seconds - count * piece.each)
        job.spent += message.seconds
        known = ledger.means.get(job.spec.function)
        # What was known counts as one task of these, as there is no telling how many of such there will be.
        average = message.seconds / count if known is None else (known + message.seconds) / (1 + count)
        ledger.means[job.spec.function] = average
        self._endings.strike(job, message.lo, message.hi)
        worker.done += count
        worker.occupied = not message.rested and not worker.held
        worker.rested = message.rested
        worker.waits = 0
        if not message.rested:
            ledger.able[peer] = None
        if message.rested and not worker.held:
            dealer.rest(worker, now)
        elif not dealer.feed(worker, now):
            dealer.solicit()
        self._account(worker, message.busy, message.cpu, now)
        if message.spans:
            worker.open = None
            ledger.tree.spans(peer, message.spans)
        if piece.late:
            ledger.tree.failed(job.spec, count, late_line(job.spec), now, message.seconds)
        else:
            failed = len(message.failures)
            ledger.tree.ran(job.spec, peer, count, failed, message.seconds, message.longest, now)

    def dropped(self, peer: str, message: m.Dropped, frames: m.Frames, now: float) -> None:
        worker = self._ledger.workers.get(peer)
        piece = worker and worker.piece(message.seq)
        if not worker or not piece or not piece.lo <= message.lo < message.hi == piece.hi:
            self._ledger.strange += 1
            return
        self._dealer.take_back(worker, piece, message.lo, now)
        self._dealer.deal(now)
        if self._rests(worker):
            self._dealer.rest(worker, now)
        else:
            self._dealer.feed(worker, now)

    def interrupted(self, peer: str, message: m.Interrupted, frames: m.Frames, now: float) -> None:
        self._endings.heard(peer)
        worker = self._ledger.workers.get(peer)
        piece = worker and worker.piece(message.seq)
        if worker and piece and piece.lo <= message.index < piece.hi:
            self._endings.cancel_one(worker, piece, message.index, now)
        else:
            self._ledger.strange += message.seq >= 0

    def overdue(self, peer: str, message: m.Overdue, frames: m.Frames, now: float) -> None:
        worker = self._ledger.workers.get(peer)
        piece = worker and worker.piece(message.seq)
        if worker and piece and piece.job.spec.limit and piece.hi == piece.lo + 1:
            self._endings.overdue(worker, piece, now)
        else:  # as a rule it is over meanwhile
            self._ledger.strange += piece is not None

    def shared(self, peer: str, message: m.Shared, frames: m.Frames, now: float) -> None:
        worker = self._ledger.workers.get(peer)
        if worker is None:
            return
        self._ledger.asked.discard(peer)
        self._ledger.able[peer] = None
        worker.rich = message.rich
        if message.rich:
            worker.rested = 0
        given = message.own
        for seq, lo, hi in message.back:
            piece = worker.piece(seq)
            if piece is None or not piece.lo <= lo < hi == piece.hi:
                self._ledger.strange += 1
                continue
            given += hi - lo
            self._dealer.take_back(worker, piece, lo, now)
        worker.spent = not given and worker.seq == worker.asked_at
        self._dealer.deal(now)
        if self._rests(worker):
            self._dealer.rest(worker, now)
        elif worker.held:  # else it says itself that it has nothing to do
            self._dealer.feed(worker, now)

    def _rests(self, worker: Worker) -> bool:
        """Whether the worker has said that it has nothing to do before it said what it has given away of it."""
        return not worker.held and 0 < worker.rested == worker.seq

    # ---- of itself ---------------------------------------------------------------------------------------------

    def idle(self, peer: str, message: m.Idle, frames: m.Frames, now: float) -> None:
        worker = self._ledger.workers.get(peer)
        if worker is None:
            return
        for seq in [s for s in worker.held if s <= message.seq]:
            worker.parked[seq] = worker.held.pop(seq)
        worker.awake = worker.occupied = False
        if not worker.held:
            self._dealer.rest(worker, now)

    def rich(self, peer: str, message: m.Rich, frames: m.Frames, now: float) -> None:
        worker = self._ledger.workers.get(peer)
        if worker is not None:
            worker.rich = True
            worker.rested = 0
            self._ledger.able[peer] = None
            self._dealer.solicit()

    def tally(self, peer: str, message: m.Tally, frames: m.Frames, now: float) -> None:
        worker = self._ledger.workers.get(peer)
        if worker is None:
            return
        self._ledger.tree.tally(peer, message.groups, now)
        worker.done += sum(group.done + group.failed for group in message.groups)
        self._ledger.tree.spans(peer, message.spans)
        worker.open = message.open
        self._ledger.tree.version += 1
        worker.task, worker.since = message.task, message.since
        self._account(worker, message.busy, message.cpu, now)
        worker.waits = message.waits
        worker.spent = False  # what it began since may prove long
        self._ledger.able[peer] = None
        piece = worker.first
        if message.task and not (message.since and piece and not 0 < message.waits <= piece.seq):
            worker.occupied = True  # by a task of its own, or one that has gone on
        self._dealer.solicit()

    def mishap(self, peer: str, message: m.Mishap, frames: m.Frames, now: float) -> None:
        self._ledger.tree.mishap(peer, message, now)

    def _account(self, worker: Worker, busy: float, cpu: float, now: float) -> None:
        """Note what a worker has spent by now."""
        tree = self._ledger.tree
        worker.heard = now
        if not worker.rates or now - worker.rates[-1][0] >= RATE_SECONDS:
            worker.rates.append((now, busy))
        if busy > worker.busy:  # tallies and outcomes may overtake each other
            tree.busy += busy - worker.busy
            worker.busy = busy
        if cpu > worker.told:
            tree.cpu += cpu - worker.told
            worker.told = cpu

    def output(self, peer: str, message: m.Output, frames: m.Frames, now: float) -> None:
        self._ledger.send(message.root, message)
        worker = self._ledger.workers.get(peer)
        if worker is not None and message.stream != m.DISPLAY:
            worker.prints += message.text.count("\n")
