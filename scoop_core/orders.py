"""What owners of jobs, roots and workers alike, want: new jobs, more tasks of them, or that some are cancelled."""

from __future__ import annotations

from itertools import pairwise

from scoop_core import messages as m
from scoop_core.dealer import Dealer
from scoop_core.endings import Endings
from scoop_core.ledger import Chunk, Function, Job, Ledger, Span, weight


class Orders:
    """Handles the messages of owners."""

    def __init__(self, ledger: Ledger, endings: Endings, dealer: Dealer) -> None:
        self._ledger = ledger
        self._endings = endings
        self._dealer = dealer

    def open(self, peer: str, message: m.Open, frames: m.Frames, now: float) -> None:
        ledger = self._ledger
        if (peer, message.job) in ledger.jobs:
            ledger.strange += 1
            return
        digest = message.spec.function
        # Used last: the first in the table is the next to be forgotten.
        function = ledger.functions.pop(digest, None) or Function(message.parcel, frames)
        ledger.functions[digest] = function
        function.jobs += 1
        ledger.jobs[peer, message.job] = Job(peer, message.job, message.spec)

    def extend(self, peer: str, message: m.Extend, frames: m.Frames, now: float) -> None:
        ledger = self._ledger
        job = ledger.jobs.get((peer, message.job))
        lo, hi, skip = message.lo, message.hi, message.skip
        if job is None or not lo < hi or job.overlaps(lo, hi) or (skip and not _ascend(lo - 1, *skip, hi)):
            ledger.strange += 1
            return
        if len(skip) < hi - lo:
            size = weight(message.parcel, frames)
            job.add(Chunk(lo, hi, message.form, message.parcel, frames, hi - lo - len(skip), size))
            self._deal(job, _spans(lo, hi, skip) if skip else [Span(lo, hi)], now)
        ledger.tree.queued(job.spec, hi - lo, now)
        if skip:
            ledger.tree.failed(job.spec, len(skip), "NotPicklable", now)

    def _deal(self, job: Job, spans: list[Span], now: float) -> None:
        """New tasks are there."""
        ledger, spec = self._ledger, job.spec
        if spec.root not in ledger.roots or (spec.root, spec.run) in ledger.unwanted:
            self._refuse(job, spans, now)
        elif spec.worker:
            self._reserve(job, spans, now)
        else:
            for span in spans:
                self._dealer.wait(job, span, last=True)
            self._dealer.deal(now)
            if job.waiting:
                self._dealer.press(job)

    def _refuse(self, job: Job, spans: list[Span], now: float) -> None:
        """The root left, or cancelled its run, while these were on their way."""
        for span in spans:
            self._endings.cancelled(job, span.lo, span.hi, now)
            self._ledger.tell(job, m.Cancel(job.number, span.lo, span.hi))

    def _reserve(self, job: Job, spans: list[Span], now: float) -> None:
        """These must run on one worker and nowhere else."""
        worker = self._ledger.workers.get(job.spec.worker)
        for span in spans:
            if worker is None or worker.retiring:
                self._endings.lose_span(job, span, now)
            else:
                self._dealer.wait(job, span, last=True)
        if worker is not None:
            self._dealer.feed(worker, now)

    def close(self, peer: str, message: m.Close, frames: m.Frames, now: float) -> None:
        job = self._ledger.jobs.get((peer, message.job))
        if job is not None:
            job.closed = True
            self._endings.forget(job)

    def cancel(self, peer: str, message: m.Cancel, frames: m.Frames, now: float) -> None:
        job = self._ledger.jobs.get((peer, message.job))
        if job is None:
            return
        if message.gently:
            self._endings.cancel_waiting(job, message.lo, message.hi, now, tell=True)
        else:
            self._endings.cancel(job, message.lo, message.hi, now, tell=False)
        self._endings.forget(job)

    def cancel_task(self, peer: str, message: m.CancelTask, frames: m.Frames, now: float) -> None:
        worker = self._ledger.workers.get(message.worker)
        self._ledger.send(peer, m.Answer(message.number, worker is not None))
        if worker is not None and worker.state != "starting":
            self._endings.interrupt(worker, now)

    def cancel_run(self, peer: str, message: m.CancelRun, frames: m.Frames, now: float) -> None:
        self._cancel_run(peer, message.run, peer, now)
        self._dealer.deal(now)

    def halt(self, peer: str, message: m.Halt, frames: m.Frames, now: float) -> None:
        ledger = self._ledger
        # A program that is a worker itself has no runs that could end before it does: it is stopped with its pool.
        for root in [name for name, role in ledger.peers.items() if role == "root"]:
            for run in ledger.tree.pending_runs(root):
                self._cancel_run(root, run, "", now)
                ledger.send(root, m.Halted(run))
        self._dealer.deal(now)

    def _cancel_run(self, root: str, run: int, asked: str, now: float) -> None:
        """Cancel all of a run; who `asked` for it needs no word."""
        ledger = self._ledger
        ledger.unwanted.add((root, run))
        for job in [j for j in ledger.jobs.values() if (j.spec.root, j.spec.run) == (root, run)]:
            self._endings.give_up(job, asked, now)
        for worker in ledger.workers.values():
            if worker.state != "starting":
                ledger.send(worker.name, m.DropRun(root, run))


def _ascend(*numbers: int) -> bool:
    return all(a < b for a, b in pairwise(numbers))


def _spans(lo: int, hi: int, skip: tuple[int, ...]) -> list[Span]:
    """[lo, hi) without those that are skipped."""
    spans: list[Span] = []
    for skipped in (*skip, hi):
        if skipped > lo:
            spans.append(Span(lo, skipped))
        lo = skipped + 1
    return spans
