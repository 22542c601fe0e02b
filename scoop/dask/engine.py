"""Submitting to a Dask cluster, and waiting: the same in a program and in a task that a worker of Dask runs.

Tasks of a map go in lots, a task of Dask each: that costs about a millisecond, whatever is in it. Functions,
arguments, results and errors are packed as they are in pools of our own, so they look the same; Dask sees bytes.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
import uuid
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import groupby
from math import ceil
from queue import Empty, SimpleQueue
from typing import Any

import dask
import distributed
from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker

from scoop.dask.news import Cargo, Dropped, Lot, Outcome, Queued, keep
from scoop.dask.task import Task, here
from scoop_core import messages as m
from scoop_core.contract import Abilities, unable
from scoop_core.errors import BrokerLost, NoSuchWorker, NotPicklable, TaskFailed, WorkerLost
from scoop_core.future import Batch, Future
from scoop_core.jobs import MapJob
from scoop_core.mapping import Mapper
from scoop_core.owner import DEFAULT, Options
from scoop_core.payload import PackedFunction, Packer, explain_argument, first_line
from scoop_core.peer import log_failure
from scoop_core.store import Shelf
from scoop_core.task_tree import Place
from scoop_core.waits import Waiting

Remote = distributed.Future[Any]

#: Maps are cut in so many lots for each task that the cluster runs at once.
SHARES = 4
#: Larger functions travel apart from the lots, once to each worker that runs any.
LARGE = 32 * 1024
#: So many of them are kept at hand.
FUNCTIONS = 20
#: Who waits looks around after so many seconds, whatever he was told.
LOOK_SECONDS = 0.2
#: How often to ask for a constant that is not there yet, in seconds.
ASK_SECONDS = 0.02


class Sent:
    """A lot that was handed to Dask.

    Args:
        lot: what was sent.
        whose: the job that it belongs to, or the future of the only task in it.
        remote: Dask's future of it.
    """

    def __init__(self, lot: Lot, whose: MapJob | Future, remote: Remote) -> None:
        self.lot = lot
        self.whose = whose
        self.remote = remote
        self.worker = ""  # who has run it

    def deliver(self, batch: Batch) -> None:
        """The outcomes are here. A lot may have been cut off, if it was cancelled from outside."""
        if isinstance(self.whose, Future):
            self.whose._settle_from(batch) if batch.lo < batch.hi else self.whose._drop()
        else:
            self.whose.deliver(batch)
            if batch.hi < self.lot.lo + self.lot.count:
                self.whose.cancelled(batch.hi, self.lot.lo + self.lot.count)

    def cancel(self) -> None:
        """None of its tasks is wanted any more."""
        if isinstance(self.whose, Future):
            self.whose._drop()
        else:
            self.whose.cancelled(self.lot.lo, self.lot.lo + self.lot.count)

    def fail(self, error: BaseException) -> None:
        """None of its tasks has an outcome of its own."""
        if isinstance(self.whose, Future):
            self.whose._fail(error)
        else:
            failures = dict.fromkeys(range(self.lot.lo, self.lot.lo + self.lot.count), error)
            self.whose.deliver(Batch.local(self.lot.lo, [None] * self.lot.count, failures))


class Home:
    """Who owns maps (see `jobs.Home`): there is no broker that would have to know of them.

    Args:
        packer: of this process.
    """

    def __init__(self, packer: Packer) -> None:
        self.packer = packer

    def post(self, header: m.Header, frames: m.Frames, /) -> None:
        """Nothing."""

    def over(self, job: Any, count: int) -> None:
        """`count` tasks of a job are over."""
        job.left -= count

    def close(self, job: Any) -> None:
        """The job will not be extended."""


class DaskEngine(Mapper):
    """One process that submits to a Dask cluster.

    Args:
        name: of this process.
        client: Dask's; it must outlive this.
    """

    abilities = Abilities(
        interrupts=False,
        runs_once=False,
        replaces_workers=False,
        profiles=False,
        waiting_threads=False,
        cheap_tasks=False,
    )
    for_people = False
    recorded = False
    backend = "Dask"
    program = None
    lost: BaseException | None = None
    fewest = 1  # lots of a map, if it has so many tasks

    def __init__(self, name: str, client: distributed.Client) -> None:
        self.name = name
        self.size = 1
        self.client: Any = client  # Dask's own types say None where there is none before it has begun
        self.packer = Packer(Shelf("", name))
        self._sent: dict[str, Sent] = {}  # by key
        self._functions: dict[bytes, Remote] = {}
        self._constants: dict[tuple[str, str], Any] = {}
        self._addresses: dict[str, str] = {}  # of workers
        self._news = threading.Condition()
        self._arrivals: SimpleQueue[tuple[Sent, Any] | None] = SimpleQueue()
        self._settler = threading.Thread(target=self._settle_all, name="scoop-dask", daemon=True)
        self._settler.start()

    # ---- what differs in a program and on a worker -------------------------------------------------------------

    @property
    @abstractmethod
    def runner(self) -> Callable[[Lot, Cargo], Outcome]:
        """Runs a lot on a worker."""

    @abstractmethod
    def context(self) -> tuple[str, int, Place]:
        """The root, the run and the place in the tree of what is submitted now."""

    @abstractmethod
    def tell(self, root: str, news: m.Header) -> None:
        """Have the root know something."""

    # ---- submitting --------------------------------------------------------------------------------------------

    def submit(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], options: Options = DEFAULT
    ) -> Future:
        self._check(options)
        future = Future(self)
        try:
            packed = self.packer.pack_function(function)
        except NotPicklable as error:
            future._fail(error)
            return future
        try:
            frozen = self.packer.freeze((args, kwargs))
        except Exception as error:
            future._fail(explain_argument(packed.name, args, kwargs, error))
            return future
        future._index = 0
        self._send(future, packed, self._spec(packed, options), 0, [frozen], "calls", options)
        return future

    def _start_map(self, function: Callable[..., Any], items: Sequence[Any], form: str, options: Options) -> MapJob:
        self._check(options)
        packed = self.packer.pack_function(function)
        job = DaskMap(Home(self.packer), packed, options, self._spec(packed, options))
        job.n = len(items)
        job.retract = partial(self._retract, job)
        try:
            self._add(job, items, form)
        except BaseException:  # an interrupt: nobody will wait for these
            job.drop()
            raise
        return job

    def _extend_map(self, job: MapJob, rows: Sequence[Any]) -> None:
        assert isinstance(job, DaskMap)
        self._add(job, rows, "rows")

    def _add(self, job: DaskMap, items: Sequence[Any], form: str) -> None:
        size = max(1, ceil(len(items) / max(self.fewest, SHARES * self.size)))
        for start in range(0, len(items), size):
            part = items[start : start + size]
            lo, job.sent, job.left = job.sent, job.sent + len(part), job.left + len(part)
            self._send(job, job.packed, job.spec, lo, part, form, job.options)

    def _spec(self, packed: PackedFunction, options: Options) -> m.Spec:
        root, run, above = self.context()
        name = options.name or packed.name
        place = above.child(name)
        return m.Spec(
            packed.digest, name, root, run, place.group, place.parent, options.retries, options.priority,
            options.worker, place.names,
        )  # fmt: skip

    def _send(
        self,
        whose: DaskMap | Future,
        packed: PackedFunction,
        spec: m.Spec,
        lo: int,
        items: Sequence[Any],
        form: str,
        options: Options,
    ) -> None:
        """Hand tasks [lo, lo + len(items)) to Dask, as one lot."""

        def explain(position: int, error: Exception) -> Exception:
            args = items[position] if form == "rows" else (items[position],)
            return explain_argument(spec.name, args, {}, error)

        packing, parcel, frames, errors = self.packer.pack_items(items, form, explain)
        if errors:  # the others go without those that can't
            assert isinstance(whose, DaskMap)
            for position, error in errors.items():
                whose.lose(lo + position, error)
            for _, run in groupby((i for i in range(len(items)) if i not in errors), _Runs(errors)):
                good = list(run)
                self._send(whose, packed, spec, lo + good[0], items[good[0] : good[-1] + 1], form, options)
            return
        # Its beginning is what Dask's own dashboard shows.
        key = f"{re.sub(r'[^A-Za-z0-9_]+', '_', spec.name)}-{uuid.uuid4().hex}"
        lot = Lot(key, spec, lo, len(items), packing, Cargo(parcel, frames), self.size)
        where: dict[str, Any] = {}
        if options.worker:
            where = {"workers": [self._address_of(options.worker)], "allow_other_workers": False}
        self.tell(spec.root, Queued(key, self.name, spec, lot.count))
        try:
            remote = self._submit(self.runner, lot, self._cargo(packed), key=key, priority=options.priority, **where)
            sent = self._sent[key] = Sent(lot, whose, remote)
        except BaseException:  # an interrupt, or the cluster is gone
            self.tell(spec.root, Dropped(key))
            raise
        if isinstance(whose, Future):
            whose._job = sent
        self.client.loop.add_callback(self._follow, sent)

    def _submit(self, function: Callable[..., Any], *args: Any, **options: Any) -> Remote:
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 PB"}):
            remote: Remote = self.client.submit(function, *args, pure=False, **options)
            return remote

    def _cargo(self, packed: PackedFunction) -> Cargo | Remote:
        """The function, to go with a lot; if it is large, what stands for it."""
        size = len(packed.parcel.data) + sum(map(len, packed.frames))
        cargo = Cargo(packed.parcel, packed.frames, packed.digest)
        if size < LARGE:
            return cargo
        remote = self._functions.get(packed.digest)
        if remote is None:
            if len(self._functions) >= FUNCTIONS:
                self._functions.pop(next(iter(self._functions)))
            remote = self._submit(keep, cargo, key=f"function-{uuid.uuid4().hex}")
            self._functions[packed.digest] = remote
        return remote

    def _check(self, options: Options = DEFAULT) -> None:
        __tracebackhide__ = True
        if self.lost is not None:
            raise type(self.lost)(*self.lost.args)
        if options.limit:
            raise unable("A Dask cluster", "it has no time limits for tasks, for it can't interrupt them")

    @abstractmethod
    def replay(self, failure: str | BaseException = "") -> Any:
        """Run a task that failed once more, in this process."""

    # ---- workers -----------------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return str(self.client.scheduler.address)

    def look(self, info: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
        """What Dask tells of each of its workers, by name.

        Args:
            info: what its scheduler has said of itself; it is asked now without that.
        """
        workers = (info or self.client.scheduler_info(n_workers=-1))["workers"]
        self._addresses = {label(worker["name"]): address for address, worker in workers.items()}
        return {name: workers[self._addresses[name]] for name in sorted(self._addresses, key=lambda n: (len(n), n))}

    def _address_of(self, worker: str) -> str:
        if worker not in self._addresses:
            self.look()
        if worker not in self._addresses:
            known = ", ".join(self._addresses) or "none"
            raise NoSuchWorker(f"The Dask cluster has no worker {worker!r} (it has: {known}).")
        return self._addresses[worker]

    # ---- what comes back ---------------------------------------------------------------------------------------

    async def _follow(self, sent: Sent) -> None:
        """Wait for the end of a lot, in the thread of Dask's event loop, and pass it on."""
        try:
            (found,) = await self.client.gather([sent.remote], asynchronous=True)
        except (Exception, asyncio.CancelledError) as error:
            found = error
        self._arrivals.put((sent, found))

    def _settle_all(self) -> None:
        """In a thread of its own, as callbacks of futures may take long or wait."""
        while (arrival := self._arrivals.get()) is not None:
            self._settle(*arrival)

    def _settle(self, sent: Sent, found: Outcome | BaseException) -> None:
        """A lot is over, in one way or another."""
        spec = sent.lot.spec
        if isinstance(found, BaseException) and "scheduler-connection-lost" in str(found):
            self.fail(BrokerLost("The scheduler of the Dask cluster is gone, or can't be reached any more."))
        if self._sent.pop(sent.lot.key, None) is None:
            return  # this process did not want it any more
        if isinstance(found, Outcome):
            self.tell(spec.root, found.ended)
            sent.worker = found.ended.worker
            lo, hi, results = sent.lot.lo, sent.lot.lo + found.ended.count, found.results
            sent.deliver(Batch(lo, hi, found.form, results.parcel, results.frames, found.failures, self.packer))
        elif isinstance(found, (FutureCancelledError, asyncio.CancelledError)):
            self.tell(spec.root, Dropped(sent.lot.key))
            sent.cancel()
        else:
            error = _explained(spec.name, found)
            self.tell(spec.root, Dropped(sent.lot.key, first_line(error)))
            sent.fail(error)
        self.wake()

    def wake(self) -> None:
        """Something is over: who waits looks again."""
        with self._news:
            self._news.notify_all()

    def fail(self, error: BaseException) -> None:
        """All that is pending, and whatever is asked from now on, fails with this."""
        if self.lost is None:
            self.lost = error
            while self._sent:
                sent = self._sent.popitem()[1]
                if isinstance(sent.whose, MapJob):
                    sent.whose.fail(error)
                else:
                    sent.fail(error)
            self.wake()

    def end(self) -> None:
        """End the thread of this."""
        self._arrivals.put(None)
        if threading.current_thread() is not self._settler:
            self._settler.join()

    # ---- cancelling --------------------------------------------------------------------------------------------

    def cancel(self, future: Future) -> bool:
        """Cancel a task. One that runs goes on until it is over, but nobody learns of it."""
        self.drop([future._job] if future._job is not None else [])
        future._drop()
        return True

    def drop(self, sents: Iterable[Sent]) -> list[Sent]:
        """Have Dask forget these lots; those that it had not forgotten yet."""
        gone = [sent for sent in sents if self._sent.pop(sent.lot.key, None) is not None]
        for sent in gone:
            self.tell(sent.lot.spec.root, Dropped(sent.lot.key))
        if gone:
            remotes = [sent.remote for sent in gone]
            self.client.loop.add_callback(partial(self.client.cancel, remotes, asynchronous=True))
        self.wake()
        return gone

    def _retract(self, job: MapJob) -> None:
        self.drop([sent for sent in list(self._sent.values()) if sent.whose is job])

    def drop_run(self, root: str, run: int) -> None:
        """Cancel all that this process has submitted in a run; -1 for all of the root's."""
        specs = ((sent, sent.lot.spec) for sent in list(self._sent.values()))
        for sent in self.drop([sent for sent, spec in specs if spec.root == root and run in (-1, spec.run)]):
            sent.cancel()
        self.wake()

    def forgo(self, futures: Iterable[Future], jobs: Iterable[MapJob]) -> None:
        busy = self._processing()
        wanted: set[Any] = {*futures, *jobs}
        for sent in self.drop([s for s in list(self._sent.values()) if s.whose in wanted and s.lot.key not in busy]):
            sent.cancel()
        self.wake()

    def is_running(self, future: Future) -> bool:
        return future._job is not None and future._job.lot.key in self._processing()

    def _processing(self) -> set[str]:
        """The keys of all lots that workers have been given."""
        return {str(key) for keys in self.client.processing().values() for key in keys}

    # ---- waiting -----------------------------------------------------------------------------------------------

    def wait_for(self, future: Future, timeout: float | None) -> bool:
        __tracebackhide__ = True
        if future.done():
            return True
        # An event of its own: thousands may wait, and each end should wake one.
        event = threading.Event()
        future._when_over(event.set)
        return self._wait(future.done, event.wait, timeout)

    def wait_for_job(self, job: MapJob) -> None:
        self.wait_until(job.is_over, None)

    def _await_map(self, job: MapJob, index: int, deadline: float | None) -> bool:
        __tracebackhide__ = True

        def until() -> bool:
            if index in job.batches or job.error is not None or job.was_cancelled:
                return True
            return index < 0 and bool(job.arrived)

        event = threading.Event()
        job.waker = event.set

        def news(seconds: float) -> None:
            event.wait(seconds)
            event.clear()

        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        return self._wait(until, news, left)

    def wait_until(self, until: Callable[[], bool], timeout: float | None, futures: Sequence[Future] = ()) -> bool:
        __tracebackhide__ = True

        def news(seconds: float) -> None:
            with self._news:
                if not until():
                    self._news.wait(seconds)

        return self._wait(until, news, timeout)

    def _wait(self, until: Callable[[], bool], news: Callable[[float], object], timeout: float | None) -> bool:
        __tracebackhide__ = True
        if until():
            return True
        end = None if timeout is None else time.monotonic() + timeout
        if threading.current_thread() is self._settler:
            return self._settle_until(until, end)
        with self.resting() as task:
            while not until():
                left = LOOK_SECONDS if end is None else min(LOOK_SECONDS, end - time.monotonic())
                if left <= 0:
                    return False
                if task is not None:
                    task.check()
                news(left)
        return True

    def _settle_until(self, until: Callable[[], bool], end: float | None) -> bool:
        """A callback waits: nobody else would do what is done in its thread."""
        while not until():
            left = LOOK_SECONDS if end is None else min(LOOK_SECONDS, end - time.monotonic())
            if left <= 0:
                return False
            with suppress(Empty):
                arrival = self._arrivals.get(timeout=left)
                if arrival is None:  # it is to end
                    self._arrivals.put(None)
                    return until()
                self._settle(*arrival)
        return True

    @contextmanager
    def resting(self) -> Iterator[Task | None]:
        """While the running task waits, its worker runs another one in its place."""
        task: Task | None = getattr(here, "task", None)
        if task is None or task.rests:
            yield task
            return
        with task.resting():
            yield task

    @property
    def in_task(self) -> bool:
        return getattr(here, "task", None) is not None

    def attend(self, waiter: Any, future: Future) -> None:
        if self.in_task and type(waiter.event) is not Waiting:
            waiter.event = Waiting(self)

    def call_back(self, function: Callable[[Future], Any], future: Future) -> None:
        worker = future._job.worker if future._job is not None else ""
        if not worker:  # it was not run
            function(future)
        else:
            self.submit(function, (future,), {}, Options(worker=worker)).add_done_callback(log_failure)

    # ---- constants ---------------------------------------------------------------------------------------------

    def set_constant(self, name: str, value: Any) -> None:
        """Share a constant; see `Engine.set_constant`.

        It is the result of a task, which Dask keeps as long as its name is published, and makes again if it is lost.
        """
        self._check()
        root, _, _ = self.context()
        parcel, frames = self.packer.pack(value)
        with self.resting():
            remote = self._submit(keep, Cargo(parcel, frames), key=f"constant-{uuid.uuid4().hex}")
            try:
                self.client.publish_dataset(remote, name=published(root, name))
            except KeyError:
                raise TypeError(f"This constant already exists: {name}.") from None
        self._constants[root, name] = value

    def get_constant(self, name: str, timeout: float | None) -> Any:
        root, _, _ = self.context()
        if (root, name) in self._constants:
            return self._constants[root, name]
        end = None if timeout is None else time.monotonic() + timeout
        with self.resting() as task:
            while True:
                try:
                    cargo = self.client.get_dataset(published(root, name)).result()
                    break
                except KeyError:
                    if end is not None and time.monotonic() > end:
                        return None
                    if task is not None:
                        task.check()
                    time.sleep(ASK_SECONDS)
        # Read-only: all tasks of this process see the same object.
        value = self.packer.unpack(cargo.parcel, cargo.frames, writable=False)
        return self._constants.setdefault((root, name), value)


def _explained(name: str, error: BaseException) -> TaskFailed:
    """Why a lot has no outcome, which is not the fault of what its tasks raise."""
    if isinstance(error, KilledWorker):
        return WorkerLost(name, None, 0, error.allowed_failures + 1)
    failed = TaskFailed(
        f"{name!r} could not be run by Dask: {first_line(error)}. Do its workers have the same versions of Python, "
        "scoop-jupyter and cloudpickle?"
    )
    failed.__cause__ = error
    return failed


def label(worker: str | int) -> str:
    """What people call a worker, from its name in Dask."""
    return f"w{worker}" if isinstance(worker, int) else worker


def published(root: str, name: str = "") -> str:
    """Under which name Dask knows a constant."""
    return f"scoop/{root}/{name}"


class DaskMap(MapJob):
    """A map on a Dask cluster.

    Args:
        home: whose it is.
        packed: its function.
        options: of its tasks.
        spec: what they have in common.
    """

    def __init__(self, home: Home, packed: PackedFunction, options: Options, spec: m.Spec) -> None:
        super().__init__(home)
        self.packed = packed
        self.options = options
        self.spec = spec


class _Runs:
    """Tells neighbours that follow each other from those that have a gap between them."""

    def __init__(self, gaps: Iterable[int]) -> None:
        self._gaps = sorted(gaps)

    def __call__(self, position: int) -> int:
        return sum(gap < position for gap in self._gaps)
