"""How tasks end: done, lost or cancelled; and what goes with the last task of a job."""

from __future__ import annotations

from collections import deque

from scoop_core import messages as m
from scoop_core.config import CANCEL_GRACE
from scoop_core.ledger import Death, Job, Ledger, Piece, Span, Worker

#: Functions that no job uses any more and that are kept all the same, for the next call of the same.
SPARE_FUNCTIONS = 32


def late_line(spec: m.Spec) -> str:
    """What the tree of tasks shows of a task that ran longer than it may."""
    return f"TaskTimeout: over {spec.limit:g} s"


class Endings:
    """Strikes tasks out of the ledger, and tells their owners."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.patience: dict[tuple[str, int], float] = {}  # (worker, seq) cancelled: until when it may take
        #: Workers that were told to end what they run: until when they may take to answer, and what they run.
        self.unheard: dict[str, tuple[float, int, int]] = {}

    def strike(self, job: Job, lo: int, hi: int) -> None:
        """Tasks [lo, hi), of whatever chunks, are over."""
        job.left -= hi - lo
        first = at = job.position(lo)
        while lo < hi:
            chunk = job.chunks[at]
            end = min(hi, chunk.hi)
            chunk.left -= end - lo
            lo = end
            at += 1
        if at > first + 1:
            job.chunks[first:at] = [chunk for chunk in job.chunks[first:at] if chunk.left]
        elif not chunk.left:
            del job.chunks[first]
        self.forget(job)

    def forget(self, job: Job) -> None:
        """Forget the job, if it is over."""
        ledger = self._ledger
        if not job.closed or job.left or ledger.jobs.get((job.owner, job.number)) is not job:
            return
        del ledger.jobs[job.owner, job.number]
        ledger.functions[job.spec.function].jobs -= 1
        spare = [digest for digest, function in ledger.functions.items() if not function.jobs]
        for digest in spare[: max(0, len(spare) - SPARE_FUNCTIONS)]:
            del ledger.functions[digest]
            ledger.means.pop(digest, None)
            for worker in ledger.workers.values():
                if digest in worker.known:
                    worker.known.remove(digest)
                    ledger.send(worker.name, m.Forget(digest))

    # ---- losing ------------------------------------------------------------------------------------------------

    def lose(self, job: Job, index: int, death: Death, deaths: int, now: float) -> None:
        """A task will not be run again, for its worker died `deaths` times."""
        self._ledger.tree.failed(job.spec, 1, f"WorkerLost: {death}", now)
        name, end = job.spec.name, (death.status, death.peak, deaths, death.limit)
        self._ledger.tell(job, m.Lost(job.number, index, name, *end))
        self.strike(job, index, index + 1)

    def lose_span(self, job: Job, span: Span, now: float) -> None:
        """These tasks must run on one worker, and will not be run there."""
        for index in range(span.lo, span.hi):
            self.lose(job, index, Death(), 0, now)

    def lose_own(self, worker: Worker, now: float) -> None:
        """What waits for this worker and no other will not be run."""
        for job in worker.own:
            spans, job.waiting = job.waiting, deque()
            job.queued = 0
            job.listed = False
            for span in spans:
                self.lose_span(job, span, now)
        worker.own.clear()

    # ---- cancelling --------------------------------------------------------------------------------------------

    def give_up(self, job: Job, peer: str, now: float) -> None:
        """This peer does not want the job any more. If it owns it, it has forgotten it and needs no word."""
        mine = job.owner == peer
        self.cancel(job, 0, job.end, now, tell=not mine)
        if mine:
            job.closed = True
            self.forget(job)

    def cancel(self, job: Job, lo: int, hi: int, now: float, tell: bool) -> None:
        """Tasks [lo, hi) are not wanted any more: those that wait go at once, those that run are interrupted."""
        self.cancel_waiting(job, lo, hi, now, tell)
        for worker in self._ledger.workers.values():
            for piece in worker.pieces():
                if piece.job is job:
                    self._interrupt(worker, piece, max(lo, piece.lo), min(hi, piece.hi), now, tell)

    def cancel_waiting(self, job: Job, lo: int, hi: int, now: float, tell: bool) -> None:
        """Tasks [lo, hi) are not wanted any more, as far as they wait."""
        kept: deque[Span] = deque()
        for span in job.waiting:
            a, b = max(lo, span.lo), min(hi, span.hi)
            if a >= b:
                kept.append(span)
                continue
            job.queued -= b - a
            self.cancelled(job, a, b, now)
            if tell:
                self._ledger.tell(job, m.Cancel(job.number, a, b))
            kept.extend(Span(x, y, span.deaths) for x, y in ((span.lo, a), (b, span.hi)) if x < y)
        job.waiting = kept

    def _interrupt(self, worker: Worker, piece: Piece, lo: int, hi: int, now: float, tell: bool) -> None:
        for a, b, known in list(piece.parts(lo, hi)):
            if known:
                continue
            piece.cancel(a, b)
            self._ledger.send(worker.name, m.Drop(piece.seq, a, b))
            self.patience[worker.name, piece.seq] = now + CANCEL_GRACE
            if tell:
                self._ledger.tell(piece.job, m.Cancel(piece.job.number, a, b))

    def interrupt(self, worker: Worker, now: float) -> None:
        """End the task that a worker runs now; only the worker knows which one that is."""
        self._ledger.send(worker.name, m.Interrupt())
        piece = worker.first
        # It says in its tallies whether it runs a task of its own; to others that would be unjust.
        if piece is not None and (worker.since or not worker.task):
            self.unheard.setdefault(worker.name, (now + CANCEL_GRACE, piece.seq, piece.lo))

    def heard(self, worker: str) -> None:
        """The worker has ended what it was running."""
        self.unheard.pop(worker, None)

    def cancel_one(self, worker: Worker, piece: Piece, index: int, now: float) -> None:
        """One task of a piece is not wanted any more, by the word of somebody who does not own it."""
        if any(not known for _, _, known in piece.parts(index, index + 1)):
            self._interrupt(worker, piece, index, index + 1, now, tell=False)
            self._ledger.tell(piece.job, m.Cancelled(piece.job.number, index))

    def overdue(self, worker: Worker, piece: Piece, now: float) -> None:
        """The piece's only task has run for longer than it may."""
        if piece.late or piece.cancelled:
            return
        piece.late = True
        job, spec = piece.job, piece.job.spec
        self._interrupt(worker, piece, piece.lo, piece.hi, now, tell=False)
        self._ledger.tell(job, m.TimedOut(job.number, piece.lo, spec.name, spec.limit))

    def cancelled(self, job: Job, lo: int, hi: int, now: float, late: bool = False) -> None:
        """Tasks [lo, hi) are over: they were cancelled, or (`late`) ran longer than they may."""
        tree, spec = self._ledger.tree, job.spec
        if late:
            tree.failed(spec, hi - lo, late_line(spec), now, spec.limit)
        else:
            tree.cancelled(spec, hi - lo, now)
        self.strike(job, lo, hi)

    # ---- patience ----------------------------------------------------------------------------------------------

    def calm(self, worker: Worker, piece: Piece) -> None:
        """Do not wait for the end of cancelled tasks any more, if the worker has got rid of all in this piece."""
        if piece.cancelled and not any(cancelled for _, _, cancelled in piece.parts(piece.lo, piece.hi)):
            self.patience.pop((worker.name, piece.seq), None)

    def deadline(self) -> float | None:
        """When to `insist`."""
        return min((*self.patience.values(), *(until for until, _, _ in self.unheard.values())), default=None)

    def leave(self, worker: Worker) -> None:
        """The worker is gone, and with it what it should have let go of."""
        self.heard(worker.name)
        for key in [key for key in self.patience if key[0] == worker.name]:
            del self.patience[key]

    def insist(self, now: float) -> None:
        """Have those workers killed that have not let go of cancelled tasks in time; those that do not hear what they
        should end are told which task that is."""
        for name, (until, seq, lo) in list(self.unheard.items()):
            if until <= now:
                del self.unheard[name]
                worker = self._ledger.workers.get(name)
                piece = worker and worker.held.get(seq)
                if worker and piece and piece.lo == lo:
                    self.cancel_one(worker, piece, lo, now)
        for (name, seq), until in list(self.patience.items()):
            if until <= now:
                del self.patience[name, seq]
                worker = self._ledger.workers.get(name)
                if worker and worker.piece(seq) and worker.agent:
                    self._ledger.send(worker.agent, m.Kill(worker.number))
