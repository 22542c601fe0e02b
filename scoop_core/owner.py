"""The jobs that one process owns: how they leave it, and how their outcomes come back.

Roots and workers own jobs alike. Neighbouring `submit` calls of one function become one growing job, so that ten
thousand of them cost a few messages; a `map` is a job from the start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from math import ceil
from threading import RLock
from typing import Any
from weakref import WeakSet

import msgspec

from scoop_core import messages as m
from scoop_core.config import PIECE_TASKS, RETRIES
from scoop_core.errors import TaskTimeout, WorkerLost
from scoop_core.future import Batch, Future
from scoop_core.jobs import CallJob, MapJob, OwnedJob, Shelved
from scoop_core.payload import Dumped, PackedFunction, Packer, explain_item
from scoop_core.task_tree import Place

#: Calls that are sent together at the most.
CALLS = 256
#: Arguments of a map travel in chunks of about so many bytes: the broker sends one whole, for whatever part of it ...
CHUNK_BYTES = 64 * 1024
#: ... or, where there would be more of these than so many, in larger ones (as a rule they lie in shared memory), ...
CHUNKS = 16
#: ... up to so many bytes. One has ...
LARGE_CHUNK_BYTES = 512 * 1024
#: ... so many times more tasks than the one before; the first has one: so it is soon known how large they are.
GROWTH = 64
#: A worker that maps cuts what it keeps in about so many lots, for others to take, ...
LOTS = 100
#: ... of at most so many tasks.
LOT_TASKS = 10_000
#: Growing jobs that are kept open for further calls.
OPEN_JOBS = 32

Post = Callable[[m.Header, m.Frames], None]


class Options(msgspec.Struct, frozen=True):
    """What may be set for tasks.

    Attributes:
        retries: how often a task is run again after its worker died.
        priority: tasks of higher ones go first, among those of one root.
        worker: run on the worker of this name only.
        limit: how long a task may run, in seconds; 0 for as long as it takes.
        name: what people call the tasks; by default the name of their function.
    """

    retries: int = RETRIES
    priority: int = 0
    worker: str = ""
    limit: float = 0.0
    name: str = ""


DEFAULT = Options()


class Owner:
    """All jobs of one process.

    Args:
        name: of the process in its pool.
        post: sends a message with the next flush.
        packer: packs what travels.
    """

    def __init__(self, name: str, post: Post, packer: Packer) -> None:
        self.name = name
        self.post = post
        self.packer = packer
        self._jobs: dict[int, OwnedJob] = {}
        # Several threads submit, and the link's IO thread hands out what they submitted.
        self._lock = RLock()
        self._growing: dict[tuple[Any, ...], CallJob] = {}
        self.dirty: dict[CallJob, None] = {}  # jobs with calls that wait to be handed out (see `flush`)
        self._shelved: WeakSet[Batch] = WeakSet()  # results that may lie on the shelf
        self._number = 0
        self.pending = 0  # tasks that were handed out and are not over

    # ---- out ---------------------------------------------------------------------------------------------------

    @staticmethod
    def spec(packed: PackedFunction, root: str, run: int, place: Place, options: Options) -> m.Spec:
        """What the broker is told of a job of this function."""
        return m.Spec(
            packed.digest,
            options.name or packed.name,
            root,
            run,
            place.group,
            place.parent,
            options.retries,
            options.priority,
            options.worker,
            place.names,
            options.limit,
        )

    def enroll(self, job: OwnedJob, packed: PackedFunction, spec: m.Spec) -> None:
        """Tell the broker of a new job; tasks can be handed out then."""
        with self._lock:
            self._number += 1
            job.number = self._number
        job.spec = spec
        self._jobs[job.number] = job
        self.post(m.Open(job.number, spec, packed.parcel), packed.frames)
        if packed.parcel.buffers:
            job.parcels.append(packed.parcel)

    def call(self, future: Future, packed: PackedFunction, spec: m.Spec, frozen: Any, at_once: bool = False) -> None:
        """Hand out one call, with the next flush.

        Args:
            future: for its outcome.
            packed: the function.
            spec: of its job; calls with equal ones share a job.
            frozen: the call, from `Packer.freeze`.
            at_once: do not wait for others that could go with it.
        """
        key = (packed.digest, spec.root, spec.run, spec.group, spec.retries, spec.priority, spec.worker, spec.limit)
        with self._lock:
            job = self._growing.get(key)
            if job is None:
                job = self._growing[key] = CallJob(self)
                self.enroll(job, packed, spec)
                if len(self._growing) > OPEN_JOBS:
                    for old in [k for k, j in self._growing.items() if not j.waiting and j is not job][:1]:
                        self.close(self._growing.pop(old))
            future._job = job
            future._index = index = job.sent + len(job.waiting)
            job.futures[index] = future
            job.waiting.append(frozen)
            self.dirty[job] = None
            if at_once or len(job.waiting) >= CALLS:
                self._hand_out(job)

    def flush(self) -> None:
        """Hand out all calls that wait."""
        while self.dirty:
            try:
                job = next(iter(self.dirty))
            except StopIteration:
                return
            self._hand_out(job)

    def _hand_out(self, job: CallJob) -> None:
        with self._lock:
            self.dirty.pop(job, None)
            calls, job.waiting = job.waiting, []
            if calls:
                lo, job.sent = job.sent, job.sent + len(calls)
                dumped = self.packer.dump_frozen(calls)
                self._extend(job, lo, dumped, *self.packer.parcel(dumped))

    def _extend(self, job: OwnedJob, lo: int, chunk: Dumped, parcel: m.Parcel, frames: m.Frames) -> None:
        """Hand out tasks from `lo` on, as many as are in this chunk."""
        hi = lo + chunk.count
        with self._lock:
            job.left += chunk.count
            self.pending += chunk.count
        if parcel.buffers:
            job.shelved.append(Shelved(lo, hi, chunk.count, parcel))
        skip = tuple([lo + position for position in chunk.errors]) if chunk.errors else ()
        self.post(m.Extend(job.number, lo, hi, chunk.form, parcel, skip), frames)
        for position, error in chunk.errors.items():
            job.lose(lo + position, error)

    def extend_map(self, job: MapJob, lo: int, items: Sequence[Any], form: str) -> None:
        """Hand out tasks [lo, lo + len(items)) of a map, in chunks.

        Args:
            job: enrolled.
            lo: index of the first.
            items: their arguments.
            form: as of `columns`.
        """
        job.sent = max(job.sent, lo + len(items))
        with closing(self.packer.layer()) as layer:
            for chunk, parcel, frames in layer.parcels(self._chunks(job, items, form)):
                self._extend(job, lo, chunk, parcel, frames)
                lo += chunk.count

    def _chunks(self, job: OwnedJob, items: Sequence[Any], form: str) -> Iterator[Dumped]:
        start, size = 0, len(items) if form == "range" else 1  # how many are in the next one
        while chunk := items[start : start + size]:
            explain = partial(explain_item, job.spec.name, chunk, form)
            yield (dumped := self.packer.dump_items(chunk, form, explain))
            start += len(chunk)
            each = dumped.weight / len(chunk)
            most = max(CHUNK_BYTES, min(each * len(items) / CHUNKS, LARGE_CHUNK_BYTES))
            size = max(1, min(int(most / each), GROWTH * len(chunk), PIECE_TASKS))

    # ---- in ----------------------------------------------------------------------------------------------------

    def handle(self, message: m.Header, frames: m.Frames) -> bool:
        """Take an outcome; tell whether the message was one."""
        if isinstance(message, m.Result):
            job = self._jobs.get(message.job)
            batch = Batch(message.lo, message.hi, message.form, message.parcel, frames, message.failures, self.packer)
            if message.parcel.buffers:
                self._shelved.add(batch)
            if job is not None:
                job.deliver(batch)
        elif isinstance(message, m.Lost):
            job = self._jobs.get(message.job)
            if job is not None:
                end = (message.status, message.peak, message.deaths, message.limit)
                job.lose(message.index, WorkerLost(message.name, *end))
        elif isinstance(message, m.TimedOut):
            job = self._jobs.get(message.job)
            if job is not None:
                job.time_out(message.index, TaskTimeout(message.name, message.limit))
        elif isinstance(message, m.Cancelled):
            job = self._jobs.get(message.job)
            if job is not None:
                job.cancel_one(message.index)
        elif isinstance(message, m.Cancel):
            job = self._jobs.get(message.job)
            if job is not None:
                job.cancelled(message.lo, message.hi)
        else:
            return False
        return True

    def fetch(self) -> None:
        """Bring in the results that lie on the shelf: the pool ends."""
        for batch in list(self._shelved):
            batch.fetch()

    def over(self, job: OwnedJob, count: int) -> None:
        """`count` tasks of a job are over."""
        with self._lock:
            count = min(count, job.left)
            job.left -= count
            self.pending -= count
            if job.left <= 0 and job.closed:
                self._forget(job)

    def close(self, job: OwnedJob) -> None:
        """The job will not be extended."""
        with self._lock:
            if job.number >= 0 and not job.closed:
                job.closed = True
                self.post(m.Close(job.number), [])
                if job.left <= 0:
                    self._forget(job)

    def close_all(self) -> None:
        """A run is over: jobs do not grow beyond it."""
        with self._lock:
            growing, self._growing = self._growing, {}
            for job in growing.values():
                self._hand_out(job)
                self.close(job)

    def _forget(self, job: OwnedJob) -> None:
        self._jobs.pop(job.number, None)
        for parcel in (*job.parcels, *(part.parcel for part in job.shelved)):
            self.packer.discard(parcel)
        job.parcels.clear()
        job.shelved.clear()

    def cancel(self, job: CallJob, index: int) -> None:
        """Cancel one call; its future is over at once."""
        with self._lock:
            if index >= job.sent:
                self._hand_out(job)
        job.cancel(index, index + 1)
        job.cancelled(index, index + 1)

    def cancel_run(self, run: int) -> None:
        """Forget all jobs of a run; their futures are cancelled."""
        for job in [j for j in self._jobs.values() if j.spec.run == run]:
            if isinstance(job, CallJob):
                self.dirty.pop(job, None)
            job.abandon()
            job.closed = True
            self.over(job, job.left)
        self._growing = {k: j for k, j in self._growing.items() if j.number in self._jobs}

    def fail_all(self, error: BaseException) -> None:
        """The pool is gone."""
        jobs, self._jobs = self._jobs, {}
        self._growing.clear()
        self.dirty.clear()
        self.pending = 0
        for job in jobs.values():
            job.fail(error)


def columns(iterables: Sequence[Iterable[Any]]) -> tuple[Sequence[Any], str]:
    """The arguments of a map, and their form; consumes the iterables, up to the shortest one's end."""
    if len(iterables) == 1:
        only = iterables[0]
        return (only, "range") if type(only) is range else (list(only), "column")
    return list(zip(*iterables, strict=False)), "rows"


def lots(items: Sequence[Any]) -> Iterator[tuple[int, Sequence[Any]]]:
    """Arguments in about a hundred parts: (first index, part)."""
    size = max(1, min(LOT_TASKS, ceil(len(items) / LOTS)))
    source = iter(items)
    start = 0
    while chunk := list(islice(source, size)):
        yield start, chunk
        start += len(chunk)
