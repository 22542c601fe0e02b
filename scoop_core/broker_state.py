"""What the broker knows and decides: which worker gets which tasks, and what becomes of those whose worker died.

Pure: messages go in, messages to send come out; no socket, no clock, no process. `Broker` carries it out.

The unit is the *span*, neighbouring tasks of a job: a map of a million tasks is one span until it is cut into pieces,
so what is kept here grows with messages, not with tasks. A task is at any time in exactly one place: in a waiting
span, in a piece that a worker holds, or over.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable
from math import ceil
from typing import Any

from scoop_core import messages as m
from scoop_core.config import CANCEL_GRACE, PARKED_SUSPICION, PIECE_SECONDS, PREFETCH_SECONDS
from scoop_core.ledger import Chunk, Function, Job, Piece, Root, Send, Span, Worker
from scoop_core.task_tree import TaskTree
from scoop_core.watchers import Watchers

#: Functions that no job uses any more and that are kept all the same, for the next call of the same.
SPARE_FUNCTIONS = 32
#: While somebody watches, agents are told again and again to look at their workers for so many seconds.
OBSERVE_SECONDS = 4.0
#: When more workers than this have died in a row while they started, no more are started.
MAX_STILLBORN = 5
#: Less than this many seconds of expected work is not worth taking from a worker that has begun it.
WORTH_SHARING = 0.001
#: How long a task is taken to last while nothing is known of its function, for the shares of roots. In seconds.
GUESS = 0.001


class BrokerState:
    """The whole pool as one value.

    Args:
        name: the pool's name.
        shown: what `Ask("pool")` tells about the pool beside its workers; plain data.
    """

    def __init__(self, name: str, shown: dict[str, Any] | None = None) -> None:
        self.name = name
        self.shown = shown or {}
        self.tree = TaskTree()
        self.roots: dict[str, Root] = {}
        self.workers: dict[str, Worker] = {}
        self.agents: dict[str, int] = {}  # name: workers it was told to run
        self.jobs: dict[tuple[str, int], Job] = {}
        self.functions: dict[bytes, Function] = {}
        self.means: dict[bytes, float] = {}  # seconds a task, by function; forgotten with it
        self.constants: dict[str, tuple[m.Parcel, m.Frames]] = {}
        self.peers: dict[str, str] = {}  # name: role
        self.wanted = 0  # workers
        self.next_number = 0
        self.strange = 0  # messages from nobody known, or that made no sense
        self.lost_workers = 0
        self.stillborn = 0  # workers that died while they started, since one last came up
        self.garbage = 0  # messages that did not decode
        self.stopping = False
        self._spawned = range(0)  # numbers of all workers that agents were ever told to start
        self._claims: dict[str, Root] = {}  # roots with jobs that have, or had, waiting spans
        self._unwanted: set[tuple[str, int]] = set()  # runs (root, number) that were cancelled
        self._idle: dict[str, None] = {}  # workers with nothing to run, the longest idle first
        self._patience: dict[tuple[str, int], float] = {}  # (worker, seq) cancelled: until when it may take
        self.watchers = Watchers()
        self._observed = 0.0  # until when agents send what their workers use
        self._out: list[Send] = []
        self._handlers: dict[type, Callable[..., None]] = {
            m.Open: self._open, m.Extend: self._extend, m.Cancel: self._cancel, m.CancelRun: self._cancel_run,
            m.Close: self._close, m.Constant: self._constant, m.Ask: self._ask, m.Watch: self._watch,
            m.Done: self._done, m.Dropped: self._dropped, m.Idle: self._idled, m.Rich: self._grew_rich,
            m.Shared: self._shared, m.Output: self._output, m.Tally: self._tally, m.Scale: self._scale,
            m.Restart: self._restart, m.Stop: self._stop, m.Usage: self._usage, m.Exited: self._exited,
        }  # fmt: skip

    # ---- in and out --------------------------------------------------------------------------------------------

    def handle(self, peer: str, message: m.Header, frames: m.Frames, now: float) -> list[Send]:
        """Take a message of a peer; return what is to be sent for it.

        A message that makes no sense (from a stranger, or about what does not exist) changes nothing but a counter.
        """
        if isinstance(message, m.Hello):
            self._hello(peer, message, now)
        elif peer in self.peers and (handler := self._handlers.get(type(message))):
            handler(peer, message, frames, now)
        else:
            self.strange += 1
        return self._take()

    def tick(self, now: float) -> list[Send]:
        """Do what is due: see `deadline`."""
        if not self._patience and not self.watchers:
            return []
        for (name, seq), until in list(self._patience.items()):
            if until <= now:
                del self._patience[name, seq]
                worker = self.workers.get(name)
                if worker and (seq in worker.held or seq in worker.parked) and worker.agent:
                    self._send(worker.agent, m.Kill(worker.number))
        for peer, watch in self.watchers.due(self.tree.version, now):
            self._send(peer, m.Answer(watch.number, self.picture(now, watch.root, watch.run)))
            if self._observed < now:
                self._observed = now + OBSERVE_SECONDS / 2
                for agent in self.agents:
                    self._send(agent, m.Observe(OBSERVE_SECONDS))
        return self._take()

    def deadline(self) -> float | None:
        """When `tick` wants to be called, or None for never."""
        if not self._patience and not self.watchers:
            return None
        times = [*self._patience.values(), self.watchers.deadline(self.tree.version)]
        return min(time for time in times if time is not None)

    def leave(self, peer: str, now: float) -> list[Send]:
        """A root or a worker without an agent is gone (its connection ended)."""
        role = self.peers.get(peer)
        if role == "root":
            self._disown(peer, now)
            self.roots.pop(peer, None)
            self._claims.pop(peer, None)
            self._unwanted = {key for key in self._unwanted if key[0] != peer}
            self.tree.root_lost(peer)
            del self.peers[peer]
            for worker in self.workers.values():
                if worker.state != "starting":
                    self._send(worker.name, m.DropRun(peer, -1))
        elif role == "worker" and not self.workers[peer].agent:
            self._bury(self.workers[peer], status=0, begun=0, peak=0, now=now)
        self.watchers.leave(peer)
        return self._take()

    def _send(self, to: str, header: m.Header, frames: m.Frames | None = None) -> None:
        self._out.append(Send(to, header, frames or []))

    def _tell(self, job: Job, header: m.Header, frames: m.Frames | None = None) -> None:
        """Tell the owner of a job what became of some tasks."""
        self._send(job.owner, header, frames)
        if (owner := self.workers.get(job.owner)) is not None:
            owner.awake = True

    def _take(self) -> list[Send]:
        out, self._out = self._out, []
        return out

    # ---- who is there ------------------------------------------------------------------------------------------

    def _hello(self, peer: str, hello: m.Hello, now: float) -> None:
        known = self.peers.get(peer)
        if known and not (known == "worker" and self.workers[peer].state == "starting"):
            self.strange += 1
            return
        if hello.role == "worker" and not known and hello.number in self._spawned:
            self.strange += 1  # the last word of a dead one: it must not get work
            return
        self._send(peer, m.Welcome(self.name))
        self.tree.version += 1
        if hello.role == "agent":
            self.peers[peer] = "agent"
            self.agents[peer] = 0
            self._staff(now)
        elif hello.role == "worker":
            worker = self.workers.get(peer)
            if worker is None:  # the program itself is this worker: it has no agent
                worker = self.workers[peer] = Worker(peer, hello.number, hello.pid, hello.host, agent="")
                self.peers[peer] = "worker"
                self.next_number = max(self.next_number, hello.number + 1)
                worker.state = "busy"  # with the program, until it says that it is idle
            self.stillborn = 0
            worker.pid, worker.host = hello.pid, hello.host
            self._root(peer)
            for name, (parcel, frames) in self.constants.items():
                self._send(peer, m.Constant(name, parcel), frames)
            if worker.agent:
                self._rest(worker, now)
        else:
            self.peers[peer] = "root"
            self._root(peer)
            for name, (parcel, frames) in self.constants.items():
                self._send(peer, m.Constant(name, parcel), frames)

    def _root(self, name: str) -> Root:
        """The account of a root (a worker has one too: it may be a program); it starts level with the others."""
        root = self.roots.get(name)
        if root is None:
            least = min((r.used for r in self._claims.values()), default=0.0)
            root = self.roots[name] = Root(name, used=least)
            self.tree.root_found(name)
        return root

    def _scale(self, peer: str, message: m.Scale, frames: m.Frames, now: float) -> None:
        self.stillborn = 0
        self.wanted = max(0, message.n)
        self._staff(now)

    def _staff(self, now: float) -> None:
        """Have as many workers as wanted: start some, or let those with the least to do retire."""
        if self.stopping or not self.agents or self.stillborn > MAX_STILLBORN:
            return
        mine = [w for w in self.workers.values() if w.agent and not w.retiring]
        for _ in range(self.wanted - len(mine)):
            agent = min(self.agents, key=lambda a: self.agents[a])
            self.agents[agent] += 1
            number = self.next_number
            self.next_number += 1
            self._spawned = range(self._spawned.start if self._spawned else number, self.next_number)
            name = f"w{number}"
            self.workers[name] = Worker(name, number, pid=0, host="", agent=agent)
            self.peers[name] = "worker"
            self._send(agent, m.Spawn(number))
        mine.sort(key=lambda w: (len(w.held) + len(w.parked), -w.number))
        for worker in mine[: max(0, len(mine) - self.wanted)]:
            worker.retiring = True
            self._idle.pop(worker.name, None)
            self._lose_own(worker, now)
            if worker.state == "starting":
                self._send(worker.agent, m.Kill(worker.number))
            else:
                self._send(worker.name, m.Retire())
        self.tree.version += 1

    def _restart(self, peer: str, message: m.Restart, frames: m.Frames, now: float) -> None:
        for job in list(self.jobs.values()):
            self._cancel_tasks(job, 0, max((c.hi for c in job.chunks), default=0), now, tell=True)
        for worker in self.workers.values():
            if worker.agent:
                worker.retiring = True  # it gets no work any more
                self._idle.pop(worker.name, None)
                self._send(worker.agent, m.Kill(worker.number))

    def _stop(self, peer: str, message: m.Stop, frames: m.Frames, now: float) -> None:
        self.stopping = True

    def _exited(self, peer: str, message: m.Exited, frames: m.Frames, now: float) -> None:
        worker = self.workers.get(f"w{message.number}")
        if worker is None or worker.agent != peer:
            self.strange += 1
            return
        worker.pid = message.pid
        self._bury(worker, message.status, message.begun, message.peak, now)

    def _bury(self, worker: Worker, status: int, begun: int, peak: int, now: float) -> None:
        """A worker is gone: what it held goes to others, what it owned is dropped, and it is replaced."""
        name = worker.name
        del self.workers[name]
        del self.peers[name]
        self._idle.pop(name, None)
        self._patience = {k: t for k, t in self._patience.items() if k[0] != name}
        self._disown(name, now)
        self.roots.pop(name, None)
        self._claims.pop(name, None)
        self.tree.root_lost(name)
        self.tree.worker_lost(name)
        for piece in worker.pieces():
            for lo, hi, cancelled in piece.parts(piece.lo, piece.hi):
                if cancelled:
                    self._cancelled(piece.job, lo, hi, now)
                elif piece.job.spec.worker == name:
                    for index in range(lo, hi):
                        self._lose(piece.job, index, status, peak, 1, now)
                else:
                    self._suspect(worker, piece, Span(lo, hi), status, begun, peak, now)
        self._lose_own(worker, now)
        if worker.agent:
            self.agents[worker.agent] -= 1
            if not worker.retiring:
                self.lost_workers += 1
                self.stillborn += worker.state == "starting"
            self._staff(now)
        self._deal(now)

    def _suspect(
        self, worker: Worker, piece: Piece, span: Span, status: int, begun: int, peak: int, now: float
    ) -> None:
        """Give tasks of a dead worker to others, and remember that they were on board.

        A piece that had not begun is innocent. One that had is run again task by task, so that a further death
        points at one task only. Parked ones may be to blame too, with tasks of their own, but seldom.
        """
        blame = 0.0
        if piece.seq in worker.parked and not worker.awake:
            blame = PARKED_SUSPICION
        elif piece.seq <= begun:
            blame = 1.0
        span.deaths = piece.deaths + blame
        if span.deaths > piece.job.spec.retries and span.hi - span.lo == 1:
            self._lose(piece.job, span.lo, status, peak, ceil(span.deaths), now)
        else:
            self._wait(piece.job, span)

    def _lose(self, job: Job, index: int, status: int, peak: int, deaths: int, now: float) -> None:
        how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
        self.tree.done(job.spec, 0, [f"WorkerLost: {how}"], 0.0, 0.0, now)
        self._tell(job, m.Lost(job.number, index, job.spec.name, status, peak, deaths))
        self._strike(job, index, index + 1)

    def _lose_own(self, worker: Worker, now: float) -> None:
        """What waits for this worker and no other will not be run."""
        for job in worker.own:
            spans, job.waiting = job.waiting, deque()
            job.queued = 0
            job.listed = False
            for span in spans:
                self._lose_span(job, span, now)
        worker.own.clear()

    def _lose_span(self, job: Job, span: Span, now: float) -> None:
        for index in range(span.lo, span.hi):
            self._lose(job, index, 0, 0, 0, now)

    def _disown(self, owner: str, now: float) -> None:
        """The owner is gone: nobody waits for its jobs, nor for what others submitted in its tasks."""
        for job in [j for j in self.jobs.values() if owner in (j.owner, j.spec.root)]:
            self._cancel_tasks(job, 0, max((c.hi for c in job.chunks), default=0), now, tell=job.owner != owner)
            if job.owner == owner:
                job.closed = True
                self._end(job)

    # ---- jobs --------------------------------------------------------------------------------------------------

    def _open(self, peer: str, message: m.Open, frames: m.Frames, now: float) -> None:
        if (peer, message.job) in self.jobs:
            self.strange += 1
            return
        digest = message.spec.function
        # Used last: the first in the table is the next to be forgotten.
        function = self.functions.pop(digest, None) or Function(message.parcel, frames)
        self.functions[digest] = function
        function.jobs += 1
        self.jobs[peer, message.job] = Job(peer, message.job, message.spec)

    def _extend(self, peer: str, message: m.Extend, frames: m.Frames, now: float) -> None:
        job = self.jobs.get((peer, message.job))
        if job is None or not message.lo < message.hi or not all(message.lo <= i < message.hi for i in message.skip):
            self.strange += 1
            return
        count = message.hi - message.lo - len(message.skip)
        self.tree.queued(job.spec, count + len(message.skip), now)
        if message.skip:
            self.tree.done(job.spec, 0, ["NotPicklable"] * len(message.skip), 0.0, 0.0, now)
        if count == 0:
            return
        chunk = Chunk(message.lo, message.hi, message.form, message.parcel, frames, count)
        if not job.chunks or job.chunks[-1].lo < message.lo:
            job.chunks.append(chunk)
        else:  # a worker gives away the end of its map first
            insort(job.chunks, chunk, key=lambda c: c.lo)
        job.left += count
        spans: list[Span] = []
        lo = message.lo
        for skipped in (*message.skip, message.hi):
            if skipped > lo:
                spans.append(Span(lo, skipped))
            lo = skipped + 1
        if job.spec.root not in self.roots or (job.spec.root, job.spec.run) in self._unwanted:
            # The root left, or cancelled its run, while this was on its way.
            for span in spans:
                self._cancelled(job, span.lo, span.hi, now)
                self._tell(job, m.Cancel(job.number, span.lo, span.hi))
            return
        if not job.spec.worker:
            for span in spans:
                self._wait(job, span, last=True)
            self._deal(now)
            return
        worker = self.workers.get(job.spec.worker)
        for span in spans:
            if worker is None or worker.retiring:
                self._lose_span(job, span, now)
            else:
                self._wait(job, span, last=True)
        if worker is not None:
            self._feed(worker, now)

    def _wait(self, job: Job, span: Span, last: bool = False) -> None:
        (job.waiting.append if last else job.waiting.appendleft)(span)
        job.queued += span.hi - span.lo
        if job.listed:
            return
        job.listed = True
        if job.spec.worker:
            worker = self.workers.get(job.spec.worker)
            if worker is not None:
                worker.own.append(job)
            return
        root = self._root(job.spec.root)
        if not root.ready:  # it had nothing to do for a while: no credit for that
            root.used = max(root.used, min((r.used for r in self._claims.values()), default=root.used))
            self._claims[root.name] = root
        jobs = root.ready.setdefault(job.spec.priority, deque())
        # Tasks of tasks go first: somebody in the pool waits for them.
        (jobs.append if job.owner == root.name else jobs.appendleft)(job)

    def _cancel(self, peer: str, message: m.Cancel, frames: m.Frames, now: float) -> None:
        job = self.jobs.get((peer, message.job))
        if job is not None:
            self._cancel_tasks(job, message.lo, message.hi, now, tell=False)
            self._end(job)

    def _cancel_run(self, peer: str, message: m.CancelRun, frames: m.Frames, now: float) -> None:
        self._unwanted.add((peer, message.run))
        for job in [j for j in self.jobs.values() if (j.spec.root, j.spec.run) == (peer, message.run)]:
            self._cancel_tasks(job, 0, max((c.hi for c in job.chunks), default=0), now, tell=job.owner != peer)
            if job.owner == peer:  # it has forgotten the job
                job.closed = True
                self._end(job)
        for worker in self.workers.values():
            if worker.state != "starting":
                self._send(worker.name, m.DropRun(peer, message.run))
        self._deal(now)

    def _cancel_tasks(self, job: Job, lo: int, hi: int, now: float, tell: bool) -> None:
        """Tasks [lo, hi) are not wanted any more: those that wait go at once, those that run are interrupted."""
        kept: deque[Span] = deque()
        for span in job.waiting:
            a, b = max(lo, span.lo), min(hi, span.hi)
            if a >= b:
                kept.append(span)
                continue
            job.queued -= b - a
            self._cancelled(job, a, b, now)
            if tell:
                self._tell(job, m.Cancel(job.number, a, b))
            kept.extend(Span(x, y, span.deaths) for x, y in ((span.lo, a), (b, span.hi)) if x < y)
        job.waiting = kept
        for worker in self.workers.values():
            for piece in worker.pieces():
                if piece.job is not job:
                    continue
                for a, b, known in list(piece.parts(max(lo, piece.lo), min(hi, piece.hi))):
                    if known:
                        continue
                    piece.cancelled.append((a, b))
                    self._send(worker.name, m.Drop(piece.seq, a, b))
                    self._patience[worker.name, piece.seq] = now + CANCEL_GRACE
                    if tell:
                        self._tell(job, m.Cancel(job.number, a, b))

    def _close(self, peer: str, message: m.Close, frames: m.Frames, now: float) -> None:
        job = self.jobs.get((peer, message.job))
        if job is not None:
            job.closed = True
            self._end(job)

    def _end(self, job: Job) -> None:
        """Forget the job, if it is over."""
        if not job.closed or job.left or self.jobs.get((job.owner, job.number)) is not job:
            return
        del self.jobs[job.owner, job.number]
        function = self.functions[job.spec.function]
        function.jobs -= 1
        spare = [d for d, f in self.functions.items() if not f.jobs]
        for digest in spare[: max(0, len(spare) - SPARE_FUNCTIONS)]:
            del self.functions[digest]
            self.means.pop(digest, None)
            for worker in self.workers.values():
                if digest in worker.known:
                    worker.known.remove(digest)
                    self._send(worker.name, m.Forget(digest))

    def _strike(self, job: Job, lo: int, hi: int) -> None:
        """Tasks [lo, hi) of one chunk are over."""
        job.left -= hi - lo
        chunk = job.chunk(lo)
        chunk.left -= hi - lo
        if not chunk.left:
            job.chunks.remove(chunk)
        self._end(job)

    def _cancelled(self, job: Job, lo: int, hi: int, now: float) -> None:
        """Tasks [lo, hi), of whatever chunks, are over: they were cancelled."""
        self.tree.cancelled(job.spec, hi - lo, now)
        while lo < hi:
            end = min(hi, job.chunk(lo).hi)
            self._strike(job, lo, end)
            lo = end

    # ---- dealing out work --------------------------------------------------------------------------------------

    def _deal(self, now: float) -> None:
        """Give work to those who have none, as far as it goes; then ask the rich for more."""
        for name in list(self._idle):
            if not self._feed(self.workers[name], now):
                break
        self._solicit()

    def _feed(self, worker: Worker, now: float) -> bool:
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
        mean = self.means.get(piece.job.spec.function)
        return mean is not None and mean * (piece.hi - piece.lo) < PREFETCH_SECONDS

    def _choose(self, worker: Worker) -> Job | None:
        """The job to cut the next piece from: the worker's own first, then that of the root which had least."""
        while worker.own:
            if worker.own[0].waiting:
                return worker.own[0]
            worker.own.popleft().listed = False
        if not self._claims:
            return None
        chosen = min(self._claims.values(), key=lambda root: root.used)
        while chosen.ready:
            priority = max(chosen.ready) if len(chosen.ready) > 1 else next(iter(chosen.ready))
            jobs = chosen.ready[priority]
            if jobs[0].waiting:
                return jobs[0]
            jobs.popleft().listed = False
            if not jobs:
                del chosen.ready[priority]
        del self._claims[chosen.name]
        return self._choose(worker)

    def _assign(self, worker: Worker, job: Job, now: float) -> None:
        """Cut a piece from the job's first waiting span, and send it."""
        span = job.waiting[0]
        chunk = job.chunk(span.lo)
        mean = self.means.get(job.spec.function)
        # One task where nothing is known, where a death must point at one, or where none may run twice.
        size = 1
        if mean is not None and not span.deaths and job.spec.retries:
            fair = ceil(job.queued / (2 * max(1, len(self.workers))))
            size = max(1, min(int(PIECE_SECONDS / max(mean, 1e-8)), fair))
        lo, hi = span.lo, min(span.lo + size, span.hi, chunk.hi)
        if hi == span.hi:
            job.waiting.popleft()
        else:
            span.lo = hi
        job.queued -= hi - lo
        self.roots[job.spec.root].used += (hi - lo) * (GUESS if mean is None else mean)
        digest = job.spec.function
        if digest not in worker.known:
            worker.known.add(digest)
            function = self.functions[digest]
            self._send(worker.name, m.Define(digest, function.parcel), function.frames)
        worker.seq += 1
        worker.held[worker.seq] = Piece(worker.seq, job, lo, hi, span.deaths)
        worker.spent = False
        worker.state = "busy"
        self._idle.pop(worker.name, None)
        assign = m.Assign(worker.seq, job.owner, job.number, job.spec, lo, hi, chunk.lo, chunk.form, chunk.parcel)
        self._send(worker.name, assign, chunk.frames)

    def _solicit(self) -> None:
        """For workers that are idle while nothing waits: ask others for a part of what they have not begun."""
        hungry = len(self._idle)
        if hungry:
            hungry -= sum(w.asked for w in self.workers.values())
        if hungry <= 0:
            return
        for worker in self.workers.values():
            if not worker.asked and self._can_share(worker):
                worker.asked, worker.asked_at = True, worker.seq
                self._send(worker.name, m.Share())
                hungry -= 1
                if not hungry:
                    return

    def _can_share(self, worker: Worker) -> bool:
        if worker.rich:
            return True
        if worker.spent or not worker.held:
            return False
        if len(worker.held) > 1:
            return True
        piece = next(iter(worker.held.values()))
        if piece.job.spec.worker:
            return False
        if worker.awake or worker.occupied:  # this piece may wait behind that
            return True
        mean = self.means.get(piece.job.spec.function, 0.0)
        return (piece.hi - piece.lo - 1) * mean > WORTH_SHARING

    def _shared(self, peer: str, message: m.Shared, frames: m.Frames, now: float) -> None:
        worker = self.workers.get(peer)
        if worker is None:
            return
        worker.asked = False
        worker.rich = message.rich
        given = message.own
        for seq, lo, hi in message.back:
            piece = worker.held.get(seq) or worker.parked.get(seq)
            if piece is None or not piece.lo <= lo < hi == piece.hi:
                self.strange += 1
                continue
            given += hi - lo
            self._return(worker, piece, lo, now)
        worker.spent = not given and worker.seq == worker.asked_at
        self._deal(now)

    def _return(self, worker: Worker, piece: Piece, lo: int, now: float) -> None:
        """The worker will not do tasks [lo, end) of this piece: those that are wanted still wait again."""
        hi, piece.hi = piece.hi, lo
        if piece.lo == piece.hi:
            worker.held.pop(piece.seq, None)
            worker.parked.pop(piece.seq, None)
        self._calm(worker, piece)
        for a, b, cancelled in reversed(list(piece.parts(lo, hi))):
            if cancelled:
                self._cancelled(piece.job, a, b, now)
            elif worker.retiring and piece.job.spec.worker:
                self._lose_span(piece.job, Span(a, b), now)
            else:
                self._wait(piece.job, Span(a, b, piece.deaths))

    def _calm(self, worker: Worker, piece: Piece) -> None:
        """Do not wait for the end of cancelled tasks any more, if the worker has got rid of all in this piece."""
        if not any(cancelled for _, _, cancelled in piece.parts(piece.lo, piece.hi)):
            self._patience.pop((worker.name, piece.seq), None)

    def _grew_rich(self, peer: str, message: m.Rich, frames: m.Frames, now: float) -> None:
        if peer in self.workers:
            self.workers[peer].rich = True
            self._solicit()

    def _idled(self, peer: str, message: m.Idle, frames: m.Frames, now: float) -> None:
        worker = self.workers.get(peer)
        if worker is None:
            return
        for seq in [s for s in worker.held if s <= message.seq]:
            worker.parked[seq] = worker.held.pop(seq)
        worker.awake = worker.occupied = False
        if not worker.held:
            self._rest(worker, now)

    def _rest(self, worker: Worker, now: float) -> None:
        """The worker has nothing to run."""
        worker.rich = False
        if worker.retiring:
            return
        worker.state = "idle"
        self.tree.version += 1
        self._idle[worker.name] = None
        if not self._feed(worker, now):
            self._solicit()

    # ---- outcomes ----------------------------------------------------------------------------------------------

    def _done(self, peer: str, message: m.Done, frames: m.Frames, now: float) -> None:
        worker = self.workers.get(peer)
        piece = worker and (worker.held.get(message.seq) or worker.parked.get(message.seq))
        if not worker or not piece or not piece.lo == message.lo < message.hi <= piece.hi:
            self.strange += 1
            return
        job, count = piece.job, message.hi - message.lo
        piece.lo = message.hi
        if piece.lo == piece.hi:
            worker.held.pop(message.seq, None)
            worker.parked.pop(message.seq, None)
        self._calm(worker, piece)
        mean = message.seconds / count
        known = self.means.get(job.spec.function)
        self.means[job.spec.function] = mean if known is None else (known + mean) / 2
        good = count - len(message.failures)
        lines = [failure.line for failure in message.failures]
        self._account(worker, message.busy, message.cpu)
        self.tree.done(job.spec, good, lines, message.seconds, message.longest, now)
        result = m.Result(job.number, message.lo, message.hi, message.form, message.parcel, message.failures)
        self._tell(job, result, frames)
        self._strike(job, message.lo, message.hi)
        worker.occupied = not message.idle and not worker.held
        if message.idle and not worker.held:
            self._rest(worker, now)
        elif not self._feed(worker, now):
            self._solicit()

    def _dropped(self, peer: str, message: m.Dropped, frames: m.Frames, now: float) -> None:
        worker = self.workers.get(peer)
        piece = worker and (worker.held.get(message.seq) or worker.parked.get(message.seq))
        if not worker or not piece or not piece.lo <= message.lo < message.hi == piece.hi:
            self.strange += 1
            return
        self._return(worker, piece, message.lo, now)
        self._deal(now)
        self._feed(worker, now)

    def _output(self, peer: str, message: m.Output, frames: m.Frames, now: float) -> None:
        self._send(message.root, message)

    def _tally(self, peer: str, message: m.Tally, frames: m.Frames, now: float) -> None:
        worker = self.workers.get(peer)
        if worker is None:
            return
        self.tree.tally(peer, message.groups, now)
        self.tree.version += 1
        worker.task, worker.since = message.task, message.since
        self._account(worker, message.busy, message.cpu)
        worker.done = message.done
        worker.rates.append((now, message.busy))
        worker.spent = False  # what it began since may prove long
        piece = next(iter(worker.held.values()), None)
        if piece is not None and message.task not in ("", piece.job.spec.name):
            worker.occupied = True
        self._solicit()

    def _account(self, worker: Worker, busy: float, cpu: float) -> None:
        """Note what a worker has spent by now."""
        self.tree.busy += max(0.0, busy - worker.busy)
        self.tree.cpu += max(0.0, cpu - worker.told)
        worker.busy, worker.told = max(busy, worker.busy), max(cpu, worker.told)

    def _usage(self, peer: str, message: m.Usage, frames: m.Frames, now: float) -> None:
        for number, cpu, memory in message.workers:
            worker = self.workers.get(f"w{number}")
            if worker is not None:
                worker.cpu, worker.memory = cpu, memory
        self.tree.version += 1

    # ---- constants, questions, pictures ------------------------------------------------------------------------

    def _constant(self, peer: str, message: m.Constant, frames: m.Frames, now: float) -> None:
        new = message.name not in self.constants
        if new:
            self.constants[message.name] = (message.parcel, frames)
            for name, role in self.peers.items():
                if role != "agent" and (role == "root" or self.workers[name].state != "starting"):
                    self._send(name, message, frames)
        self._send(peer, m.Settled(message.name, new))

    def _ask(self, peer: str, message: m.Ask, frames: m.Frames, now: float) -> None:
        value: Any = None
        if message.what == "pool":
            value = self.picture(now)
        elif message.what == "picture":
            value = self.picture(now, peer, message.job)
        elif message.what == "running":
            value = any(
                piece.job.owner == peer and piece.job.number == message.job and piece.lo <= message.index < piece.hi
                for worker in self.workers.values()
                for piece in worker.pieces()
            )
        self._send(peer, m.Answer(message.number, value))

    def _watch(self, peer: str, message: m.Watch, frames: m.Frames, now: float) -> None:
        self.watchers.add(peer, message)

    def picture(self, now: float, root: str = "", run: int = -1) -> dict[str, Any]:
        """The pool and its task tree as plain data, for the panel and the CLI."""
        running: dict[int, int] = {}
        for worker in self.workers.values():
            begun = list(worker.parked.values()) + list(worker.held.values())[:1]
            for piece in begun:
                group = piece.job.spec.group
                running[group] = running.get(group, 0) + 1
        picture = self.tree.picture(running, root, run)
        return {
            "pool": {**self.shown, "name": self.name, "state": "running", "strange": self.strange + self.garbage,
                     "lost": self.lost_workers, "wanted": self.wanted, "stillborn": self.stillborn},
            "time": now, "ended": None, **picture,
            "workers": [self._row(w, now) for w in self.workers.values()],
        }  # fmt: skip

    def _row(self, worker: Worker, now: float) -> dict[str, Any]:
        piece = next(iter(worker.held.values()), None)
        task = worker.task or (piece.job.spec.name if piece else "")
        recent = [(t, b) for t, b in worker.rates if t >= now - 2.0]
        share = 1.0 if worker.held else 0.0
        if len(recent) > 1 and recent[-1][0] > recent[0][0]:
            share = min(1.0, (recent[-1][1] - recent[0][1]) / (recent[-1][0] - recent[0][0]))
        return {
            "name": worker.name, "number": worker.number, "pid": worker.pid, "host": worker.host,
            "state": "stopped" if worker.retiring else worker.state, "busy": share, "cpu": worker.cpu,
            "memory": worker.memory, "task": task if worker.held else None, "since": worker.since or None,
            "done": worker.done,
        }  # fmt: skip
