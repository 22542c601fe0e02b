"""On the workers of a Dask cluster: how lots of tasks run, what these submit to, and what is told of them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from functools import partial
from typing import Any

import distributed

from scoop.dask.cluster import label
from scoop.dask.engine import DaskEngine
from scoop.dask.news import Begun, Cargo, Ended, Lot, Outcome, encode, topic
from scoop.dask.task import Task, here, running_task
from scoop_core import messages as m
from scoop_core.calls import call_of, calls, raised, raiser, run_many
from scoop_core.contract import unable
from scoop_core.current import current
from scoop_core.errors import NotPicklable
from scoop_core.mishaps import Call, Mishaps
from scoop_core.output import Outputs
from scoop_core.payload import explain_result, first_line
from scoop_core.task_tree import Place
from scoop_core.worker_state import GroupCount

#: Failed calls that are larger can't be made again: Dask's scheduler keeps the last thousand words of workers.
CALL_BYTES = 64 * 1024
#: Functions, and nodes of task trees, that are at hand.
KEPT = 1000


class WorkerEngine(DaskEngine):
    """What tasks on a Dask worker submit to.

    Args:
        worker: of Dask.
    """

    def __init__(self, worker: distributed.Worker) -> None:
        super().__init__(label(worker.name), worker._get_client(), run_lot)
        self._worker = worker
        self.latest: Task | None = None
        self.seats = threading.Semaphore(worker.state.nthreads)
        self._functions_here: dict[bytes, Callable[..., Any]] = {}
        self._groups: dict[tuple[str, int, int], GroupCount] = {}
        self._outputs = Outputs(self.name, self._post, running_task, self._task)
        self._mishaps = Mishaps(self.name, self.packer, self._post, self._outputs)

    def install(self) -> None:
        """Have tasks find this, and their prints be sent; but not where the program itself runs."""
        if current.engine is None:
            current.engine = self
            self._outputs.install()

    # ---- what differs from a program ---------------------------------------------------------------------------

    def context(self) -> tuple[str, int, Place]:
        task = running_task() or self.latest  # a thread that a task has started
        assert task is not None
        return task.root, task.run, task.place

    def tell(self, root: str, news: m.Header) -> None:
        self._worker.log_event(topic(root), encode(news))

    def replay(self, failure: str | BaseException = "") -> Any:
        raise unable("A Dask cluster", "failed tasks are run again by the program only, not by tasks")

    # ---- running -----------------------------------------------------------------------------------------------

    def function(self, cargo: Cargo) -> Callable[..., Any]:
        """A function that came; the same one for all lots."""
        found = self._functions_here.get(cargo.digest)
        if found is None:
            if len(self._functions_here) >= KEPT:
                self._functions_here.clear()
            found = self._functions_here[cargo.digest] = self.packer.unpack_function(cargo.parcel, cargo.frames)
        return found

    def failure(
        self, lot: Lot, index: int, error: BaseException, function: Any, call: Callable[[], Call], began: float
    ) -> m.Failure:
        """The outcome of a task that failed; people are told."""
        spec = lot.spec
        key = (spec.root, spec.run, spec.group)
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= KEPT:
                self._groups.clear()
            place = Place(spec.group, spec.parent, spec.path)
            group = self._groups[key] = GroupCount(place, spec.name, spec.root, spec.run)
        failure = self.packer.pack_error(lot.lo + index, error)
        failure.id = self._mishaps.note(group, error, function, call, began)
        return failure

    def _post(self, header: m.Header, frames: m.Frames) -> None:
        if isinstance(header, m.Mishap):
            if len(header.call) > CALL_BYTES:
                header.call, header.why = (
                    b"",
                    "its function and arguments were too large to be kept on a Dask cluster",
                )
            self.tell(header.root, header)
        elif isinstance(header, m.Output):
            self.tell(header.root, header)

    def _task(self) -> int:
        return id(running_task())

    def show(self, content: str) -> bool:
        """Have something else than text shown where the prints of the running task are; False if that can't be."""
        return self._outputs.show(content)

    def flush(self) -> None:
        """Send what was printed."""
        self._outputs.flush(rest=True)


def engine_of(worker: distributed.Worker) -> WorkerEngine:
    """The engine of a worker; made when it is first asked for."""
    found = getattr(worker, "scoop", None)
    if found is None:
        # Several threads may come here at once: one of them makes what stays.
        mine = WorkerEngine(worker)
        found = worker.__dict__.setdefault("scoop", mine)
        if found is mine:
            mine.install()
    engine: WorkerEngine = found
    return engine


async def drop_run(root: str, run: int, dask_worker: distributed.Worker) -> None:
    """On a worker: cancel what tasks have submitted in a run (-1: in all) of a root."""
    engine = getattr(dask_worker, "scoop", None)
    if engine is not None:
        engine.pending.drop_run(root, run)


class _Items:
    """The arguments of a lot, one after the other, until the lot is not wanted any more."""

    def __init__(self, items: Sequence[Any], task: Task) -> None:
        self._rest = iter(items)
        self._task = task
        self.given = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._task.unwanted:
            raise StopIteration
        item = next(self._rest)
        self.given += 1
        return item


def run_lot(lot: Lot, cargo: Cargo) -> Outcome:
    """Run the tasks of a lot, as one task of Dask."""
    worker = distributed.get_worker()
    engine = engine_of(worker)
    engine.cluster.size = lot.size
    task = here.task = Task(lot, worker, engine.seats)
    engine.seats.acquire()
    engine.latest = task
    label = engine.name
    since = time.time()
    engine.tell(lot.spec.root, Begun(lot.key, label, os.getpid(), since))
    out: list[Any] = []
    failures: list[m.Failure] = []
    began, cpu = time.perf_counter(), time.thread_time()
    try:
        form = lot.form
        arguments: Sequence[Any] = [None] * lot.count
        try:
            function = engine.function(cargo)
            arguments = engine.packer.unpack_items(form, lot.arguments.parcel, lot.arguments.frames)
        except BaseException as error:
            broken = NotPicklable(f"{lot.spec.name!r} can't be run here, it does not unpickle: {first_line(error)}")
            broken.__cause__ = error
            function, form = raiser(broken), "column"
        items = _Items(arguments, task)
        while True:
            try:
                run_many(out, calls(function, items, form))
                if items.given > len(out):  # a task's own StopIteration looks like the end
                    raise StopIteration
                break
            except BaseException as error:
                if task.unwanted and isinstance(error, CancelledError):
                    break
                error, index = raised(error), len(out)
                if error.__traceback__ is not None:  # people don't want to see this function
                    error.__traceback__ = error.__traceback__.tb_next
                call = partial(call_of, arguments[index], form)
                failures.append(engine.failure(lot, index, error, function, call, began))
                out.append(None)
        spent, used = time.perf_counter() - began, time.thread_time() - cpu

        def explain(position: int, error: Exception) -> Exception:
            return explain_result(lot.spec.name, out[position], error)

        form, parcel, frames, errors = engine.packer.pack_items(out, "values", explain)
        failures += [engine.packer.pack_error(lot.lo + position, error) for position, error in errors.items()]
        ended = Ended(lot.key, label, len(out), len(failures), spent, used, since, time.time())
        return Outcome(form, Cargo(parcel, frames), failures, ended)
    finally:
        engine.seats.release()
        engine.flush()
        here.task = None
