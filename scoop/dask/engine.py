"""A Dask cluster as the engine: the same in a program and in a task that a worker of Dask runs.

Tasks of a map go in lots, a task of Dask each: that costs about a millisecond, whatever is in it. Functions,
arguments, results and errors are packed as they are in pools of our own, so they look the same; Dask sees bytes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from socket import gethostname
from typing import Any
from urllib.parse import urlsplit

import distributed

from scoop.dask.cluster import Cluster
from scoop.dask.constants import Constants
from scoop.dask.pending import Pending
from scoop.dask.sending import Runner, Sending
from scoop.dask.sent import DaskMap, Home
from scoop.dask.task import running_task
from scoop.dask.waits import Waits
from scoop_core import messages as m
from scoop_core.contract import Abilities, unable
from scoop_core.errors import NotPicklable
from scoop_core.future import Future
from scoop_core.jobs import MapJob
from scoop_core.mapping import Mapper
from scoop_core.owner import DEFAULT, Options, Owner
from scoop_core.payload import PackedFunction, Packer, explain_argument
from scoop_core.peer import log_failure
from scoop_core.store import Shelf
from scoop_core.task_tree import Place
from scoop_core.waits import Waiting


class DaskEngine(Mapper):
    """One process that submits to a Dask cluster.

    Args:
        name: of this process.
        client: Dask's; it must outlive this.
        runner: runs a lot on a worker.
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
    fewest = 1  # lots of a map, if it has so many tasks

    def __init__(self, name: str, client: distributed.Client, runner: Runner) -> None:
        self.name = name
        self.client: Any = client  # see `Cluster`
        self.packer = Packer(Shelf("", name))
        self.cluster = Cluster(client)
        self.pending = Pending(self.cluster, self.packer, self.tell)
        self._sending = Sending(name, runner, self.cluster, self.packer, self.pending, self.tell)
        self._waits = Waits(self.pending)
        self._constants = Constants(self.cluster, self.packer)

    @property
    def size(self) -> int:
        """How many tasks the cluster runs at once."""
        return self.cluster.size

    @property
    def lost(self) -> BaseException | None:
        """Why the cluster can't be used any more."""
        return self.pending.lost or self.cluster.lost

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return str(self.client.scheduler.address)

    @property
    def broker_host(self) -> str:
        """The name or address of the scheduler's host."""
        return urlsplit(self.address).hostname or gethostname()

    # ---- what differs in a program and on a worker -------------------------------------------------------------

    @abstractmethod
    def context(self) -> tuple[str, int, Place]:
        """The root, the run and the place in the tree of what is submitted now."""

    @abstractmethod
    def tell(self, root: str, news: m.Header) -> None:
        """Have the root know something."""

    @abstractmethod
    def replay(self, failure: str | BaseException = "") -> Any:
        """Run a task that failed once more, in this process."""

    # ---- submitting --------------------------------------------------------------------------------------------

    def submit(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], options: Options = DEFAULT
    ) -> Future:
        self._check(options)
        future = Future()
        future._engine = self
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
        self._sending.call(future, packed, self._spec(packed, options), frozen)
        return future

    def _start_map(self, function: Callable[..., Any], items: Sequence[Any], form: str, options: Options) -> MapJob:
        self._check(options)
        packed = self.packer.pack_function(function)
        job = DaskMap(Home(self.packer), packed, self._spec(packed, options))
        job.n = len(items)
        job.retract = partial(self.pending.retract, job)
        try:
            self._sending.extend_map(job, items, form, self.fewest)
        except BaseException:  # an interrupt: nobody will wait for these
            job.drop()
            raise
        return job

    def _extend_map(self, job: MapJob, rows: Sequence[Any]) -> None:
        assert isinstance(job, DaskMap)
        self._sending.extend_map(job, rows, "rows", self.fewest)

    def _spec(self, packed: PackedFunction, options: Options) -> m.Spec:
        root, run, above = self.context()
        return Owner.spec(packed, root, run, above.child(options.name or packed.name), options)

    def _check(self, options: Options = DEFAULT) -> None:
        __tracebackhide__ = True
        if self.lost is not None:
            raise type(self.lost)(*self.lost.args)
        if options.limit:
            raise unable("A Dask cluster", "it has no time limits for tasks, for it can't interrupt them")

    # ---- cancelling --------------------------------------------------------------------------------------------

    def cancel(self, future: Future) -> bool:
        """Cancel a task. One that runs goes on until it is over, but nobody learns of it."""
        self.pending.drop([future._job] if future._job is not None else [])
        future._drop()
        return True

    def forgo(self, futures: Iterable[Future], jobs: Iterable[MapJob]) -> None:
        self.pending.forgo(futures, jobs)

    def is_running(self, future: Future) -> bool:
        return future._job is not None and future._job.lot.key in self.cluster.processing()

    # ---- waiting -----------------------------------------------------------------------------------------------

    def wait_for(self, future: Future, timeout: float | None) -> bool:
        __tracebackhide__ = True
        return self._waits.wait_for(future, timeout)

    def wait_for_job(self, job: MapJob) -> None:
        self._waits.wait_until(job.is_over, None)

    def wait_until(self, until: Callable[[], bool], timeout: float | None, futures: Sequence[Future] = ()) -> bool:
        __tracebackhide__ = True
        return self._waits.wait_until(until, timeout)

    def _await_map(self, job: MapJob, index: int, deadline: float | None) -> bool:
        __tracebackhide__ = True
        return self._waits.await_map(job, index, deadline)

    @property
    def in_task(self) -> bool:
        return running_task() is not None

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
        self._check()
        self._constants.set(self.context()[0], name, value)

    def get_constant(self, name: str, timeout: float | None) -> Any:
        return self._constants.get(self.context()[0], name, timeout)
