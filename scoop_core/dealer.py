"""Which worker gets which tasks: pieces of a good size, fair shares for roots, and nobody idle beside work."""

from __future__ import annotations

from collections import deque
from math import ceil

from scoop_core import messages as m
from scoop_core.config import (
    BROKER_SECONDS,
    LEAST_SHARE,
    LONG_PIECE_SECONDS,
    PIECE_SECONDS,
    PIECE_TASKS,
    PREFETCH,
)
from scoop_core.endings import Endings
from scoop_core.ledger import Job, Ledger, Piece, Root, Span, Worker, used, weight

#: Less than this many seconds of expected work is not worth taking from a worker that has begun it.
WORTH_SHARING = 0.001
#: A job that came while all were busy goes before others for so many seconds of work: small ones are over then.
FRESH_SECONDS = 0.1
#: Of the jobs of one root the oldest goes first, but every so many pieces one of the others has its turn.
TURNS = 4
#: How long a task is taken to last while nothing is known of its function, for the shares of roots. In seconds.
GUESS = 0.001


class Dealer:
    """Deals out the spans that wait, takes back what a worker will not do, and asks the rich for more."""

    def __init__(self, ledger: Ledger, endings: Endings) -> None:
        self._ledger = ledger
        self._endings = endings

    # ---- tasks that wait ---------------------------------------------------------------------------------------

    def wait(self, job: Job, span: Span, last: bool = False) -> None:
        """These tasks wait for a worker, before the others of their job or (`last`) behind them."""
        job.queued += span.hi - span.lo
        waiting = job.waiting
        if last and waiting and waiting[-1].hi == span.lo and waiting[-1].deaths == span.deaths:
            waiting[-1].hi = span.hi
        elif not last and waiting and waiting[0].lo == span.hi and waiting[0].deaths == span.deaths:
            waiting[0].lo = span.lo
        else:
            (waiting.append if last else waiting.appendleft)(span)
        if job.listed:
            return
        job.listed = True
        ledger = self._ledger
        if job.spec.worker:
            worker = ledger.workers.get(job.spec.worker)
            if worker is not None:
                worker.own.append(job)
            return
        root = ledger.root(job.spec.root)
        if not root.ready:  # it had nothing to do for a while: no credit for that
            root.used = max(root.used, ledger.least())
            ledger.claims[root.name] = root
        jobs = root.ready.setdefault(job.spec.priority, deque())
        # Tasks of tasks go first: somebody in the pool waits for them.
        (jobs.append if job.owner == root.name else jobs.appendleft)(job)

    def take_back(self, worker: Worker, piece: Piece, lo: int, now: float) -> None:
        """The worker will not do tasks [lo, end) of this piece: those that are wanted still wait again."""
        hi, piece.hi = piece.hi, lo
        self.charge(piece.job, (lo - hi) * piece.each)
        if piece.lo == piece.hi:
            worker.held.pop(piece.seq, None)
            worker.parked.pop(piece.seq, None)
        self._endings.calm(worker, piece)
        for a, b, cancelled in reversed(list(piece.parts(lo, hi))):
            if cancelled:
                self._endings.cancelled(piece.job, a, b, now, piece.late)
            elif worker.retiring and piece.job.spec.worker:
                self._endings.lose_span(piece.job, Span(a, b), now)
            else:
                self.wait(piece.job, Span(a, b, piece.deaths))

    # ---- giving ------------------------------------------------------------------------------------------------

    def deal(self, now: float) -> None:
        """Give work to those who have none, as far as it goes; then ask the rich for more."""
        ledger = self._ledger
        fed: list[Worker] = []
        while ledger.idle:
            # Who has rested last goes first: most of what it needs is still in its processor's caches.
            worker = ledger.workers[next(reversed(ledger.idle))]
            job = self._choose(worker)
            if job is None:
                break
            self._assign(worker, job, now)
            fed.append(worker)
        for worker in fed:  # only now, when everybody has something to do, what is to be done next
            self.feed(worker, now)
        self.solicit()

    def rest(self, worker: Worker, now: float) -> None:
        """The worker has nothing to run."""
        worker.rich = False
        worker.rested = 0
        if worker.retiring:
            return
        worker.state = "idle"
        self._ledger.tree.version += 1
        self._ledger.idle[worker.name] = None
        if not self.feed(worker, now):
            self.solicit()

    def feed(self, worker: Worker, now: float) -> bool:
        """Give a worker what it should have; tell whether it has something to run now."""
        while self._hungry(worker):
            job = self._choose(worker)
            if job is None:
                return bool(worker.held)
            self._assign(worker, job, now)
        return True

    def _hungry(self, worker: Worker) -> bool:
        if worker.state == "starting" or worker.retiring:
            return False
        if not worker.held or worker.own:
            return True
        if len(worker.held) > 1:
            return False
        piece = next(iter(worker.held.values()))
        mean = self._ledger.means.get(piece.job.spec.function)
        return mean is not None and mean * (piece.hi - piece.lo) < PREFETCH * piece.stint

    def _choose(self, worker: Worker) -> Job | None:
        """The job to cut the next piece from: the worker's own first, then that of the root which had least."""
        while worker.own:
            if worker.own[0].waiting:
                return worker.own[0]
            worker.own.popleft().listed = False
        fresh = self._ledger.fresh
        while fresh:
            if fresh[0].waiting and fresh[0].used < FRESH_SECONDS:
                return fresh[0]
            fresh.popleft()
        claims = self._ledger.claims
        while claims:
            root = min(claims.values(), key=used)
            if job := self._next_of(root):
                return job
            del claims[root.name]
        return None

    def _next_of(self, root: Root) -> Job | None:
        """The job of a root that is to be served next; None if none of its jobs has something that waits."""
        while root.ready:
            priority = max(root.ready)
            jobs = root.ready[priority]
            if len(jobs) > 1 and (other := self._other(root, jobs)):
                return other
            if jobs[0].waiting:
                return jobs[0]
            jobs.popleft().listed = False
            if not jobs:
                del root.ready[priority]
        return None

    def _other(self, root: Root, jobs: deque[Job]) -> Job | None:
        """A job behind the first one, if it is the turn of those: a small map must not wait for all of a huge one."""
        if jobs[0].owner != root.name:  # tasks of tasks, for which somebody waits
            return None
        root.turn += 1
        if root.turn % TURNS:
            return None
        job = jobs[1 + root.turn // TURNS % (len(jobs) - 1)]
        return job if job.waiting else None

    def _assign(self, worker: Worker, job: Job, now: float) -> None:
        """Cut a piece from the job's first waiting span, and send it."""
        ledger = self._ledger
        span = job.waiting[0]
        mean = ledger.means.get(job.spec.function)
        size, stint = self._size(job, span, mean)
        lo, hi = span.lo, min(span.lo + size, span.hi)
        at = job.position(lo)
        chunk = job.chunks[at]
        others = job.reach(at, hi) if hi > chunk.hi else []
        last = others[-1] if others else chunk
        hi = min(hi, last.hi)
        more = tuple([other.parcel for other in others]) if others else ()
        sent = sum([other.weight[0] for other in others]) if others else 0
        has_chunk = worker.chunk == (job.owner, job.number, chunk.lo)
        worker.chunk = (job.owner, job.number, last.lo) if last.parcel.bare else None
        if not has_chunk:
            travels, lies = chunk.weight
            sent += travels + lies * (hi - lo) // (chunk.hi - chunk.lo)
        digest = job.spec.function
        if digest not in worker.known:
            worker.known.add(digest)
            function = ledger.functions[digest]
            sent += sum(weight(function.parcel, function.frames))
            ledger.send(worker.name, m.Define(digest, function.parcel), function.frames)
        worker.seq += 1
        cut = (lo, hi, chunk.lo, chunk.form, None if has_chunk else chunk.parcel)
        assign = m.Assign(worker.seq, job.owner, job.number, job.spec, *cut, stint, more)
        ledger.deliver(worker.name, assign, [] if has_chunk else chunk.frames)
        if not (worker.held or worker.awake or worker.occupied):
            worker.task, worker.since, worker.heard = "", now, now
        each = GUESS if mean is None else mean
        worker.held[worker.seq] = Piece(worker.seq, job, lo, hi, span.deaths, stint, each)
        if hi == span.hi:
            job.waiting.popleft()
        else:
            span.lo = hi
        job.queued -= hi - lo
        self.charge(job, (hi - lo) * each)
        worker.spent = False
        worker.state = "busy"
        ledger.idle.pop(worker.name, None)
        ledger.able[worker.name] = None
        ledger.tree.sent(job.spec, sent, now)

    def charge(self, job: Job, seconds: float) -> None:
        """Note that workers spend so much more time on this job; or less, as they give tasks back or were faster."""
        job.used = max(0.0, job.used + seconds)
        if (root := self._ledger.roots.get(job.spec.root)) is not None:
            root.used += seconds

    def _size(self, job: Job, span: Span, mean: float | None) -> tuple[int, float]:
        """How many tasks the job's next piece should have, and how long it should last, in seconds."""
        # One where nothing is known, where a death must point at one, or where none may run twice or for too long.
        if mean is None or span.deaths or not job.spec.retries or job.spec.limit:
            return 1, PIECE_SECONDS
        mean = max(mean, 1e-8)
        workers = max(1, len(self._ledger.workers))
        longest = max(PIECE_SECONDS, workers * BROKER_SECONDS)
        if mean < PIECE_SECONDS:  # shorter where several roots want something: their shares are equal sooner
            longest = max(longest, LONG_PIECE_SECONDS / max(1, len(self._ledger.claims)))
        had = job.spent + (job.left - job.queued) * mean  # what is under way, by what is known now
        least = max(WORTH_SHARING, had / workers * LEAST_SHARE)
        size = max(ceil(job.queued / (2 * workers)), int(least / mean))
        size = max(1, min(size, int(longest / mean), PIECE_TASKS))
        return size, max(PIECE_SECONDS, min(longest, size * mean))

    # ---- asking ------------------------------------------------------------------------------------------------

    def solicit(self) -> None:
        """For workers that are idle while nothing waits: ask others for a part of what they have not begun."""
        ledger = self._ledger
        hungry = len(ledger.idle)
        if hungry:
            hungry -= len(ledger.asked)
        while hungry > 0 and ledger.able:
            name = next(iter(ledger.able))
            worker = ledger.workers.get(name)
            del ledger.able[name]  # until there is news of it
            if worker is not None and name not in ledger.asked and self._can_share(worker):
                self._ask(worker, m.Share())
                hungry -= 1

    def _ask(self, worker: Worker, share: m.Share) -> None:
        self._ledger.asked.add(worker.name)
        worker.asked_at = worker.seq
        self._ledger.send(worker.name, share)

    def press(self, job: Job) -> None:
        """Tasks of a new job wait, while all have something to do: some give back what they have not begun, and get a
        piece of this job next. So it begins at once, however much others have waiting."""
        ledger = self._ledger
        root = ledger.roots.get(job.spec.root)
        if root is None or job.used or job.spec.worker or job.owner != root.name:
            return
        if root.used > ledger.least() + PIECE_SECONDS or max(root.ready) > job.spec.priority:
            return
        wanted = job.queued
        for worker in ledger.workers.values():
            if worker.name not in ledger.asked and self._can_give_back(worker):
                self._ask(worker, m.Share(everything=True))
                wanted -= 1
                if not wanted:
                    break
        if wanted < job.queued:
            ledger.fresh.append(job)

    def _can_give_back(self, worker: Worker) -> bool:
        """Whether the worker has pieces, or a part of one, that it has not begun."""
        if worker.retiring or not worker.held:
            return False
        piece, spare = _first(worker)
        return spare or (piece.hi - piece.lo > 1 and not piece.job.spec.worker)

    def _can_share(self, worker: Worker) -> bool:
        if worker.rich:
            return True
        if worker.spent or not worker.held:
            return False
        piece, spare = _first(worker)
        if spare:
            return True
        if piece.job.spec.worker:
            return False
        if worker.awake or worker.occupied:  # this piece may wait behind that
            return True
        mean = self._ledger.means.get(piece.job.spec.function, 0.0)
        return (piece.hi - piece.lo - 1) * mean > WORTH_SHARING


def _first(worker: Worker) -> tuple[Piece, bool]:
    """The piece that the worker has probably begun, and whether it holds others that may run elsewhere."""
    piece, *others = worker.held.values()
    return piece, any(not other.job.spec.worker for other in others)
