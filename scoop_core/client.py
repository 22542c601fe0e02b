"""A root that is no worker: a notebook's kernel, or a script that started a pool by itself."""

from __future__ import annotations

import atexit
import itertools
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from scoop_core import messages as m
from scoop_core.config import Connection
from scoop_core.contract import AnyPool, Sink, Viewer
from scoop_core.errors import BrokerLost, NoSuchWorker, NotPicklable, StartFailed
from scoop_core.future import Future
from scoop_core.jobs import MapJob
from scoop_core.owner import DEFAULT, Options
from scoop_core.payload import PackedFunction, explain_argument
from scoop_core.peer import Peer
from scoop_core.program import Program
from scoop_core.task_tree import top
from scoop_core.tunnel import Tunnel


def to_terminal(run: int, worker: str, stream: str, text: str) -> None:
    """Print what a task printed, with the worker's name before each line; of displays, their text."""
    if stream == m.DISPLAY:
        (content,) = json.loads(text).values()
        text = f"{content['data'].get('text/plain', '')}\n"
    target = sys.stderr if stream == "stderr" else sys.stdout
    target.write(with_name(worker, text))
    target.flush()


def with_name(worker: str, text: str) -> str:
    """A task's print with the worker's name before each line."""
    ended = text.endswith("\n")
    lines = text.split("\n")[: -1 if ended else None]
    return "".join(f"[{worker}] {line}\n" for line in lines)


def all_called(picture: dict[str, Any]) -> bool:
    """Whether all hosts of a pool are there that it has sent for, and all its batch jobs at least in the queue.

    Raises:
        StartFailed: some can't be; the message says which, and why.
    """
    rows = [row for row in picture["pool"]["recruits"] if row["slots"]]
    troubles = [f"No workers {_place(row)}: {row['trouble']}." for row in rows if row["trouble"]]
    if troubles:
        raise StartFailed(" ".join(troubles))
    return all(row["state"] == "running" or _is_queued(row) for row in rows)


def on_their_way(picture: dict[str, Any]) -> int:
    """How many workers come when the jobs of the pool begin that are in the queue."""
    return sum(row["slots"] for row in picture["pool"]["recruits"] if _is_queued(row))


def _place(recruit: dict[str, Any]) -> str:
    return f"on {recruit['host']}" if recruit["host"] else "from batch jobs"


def _is_queued(recruit: dict[str, Any]) -> bool:
    return bool(recruit["job"]) and not recruit["host"] and recruit["state"] == "pending"


class Client(Peer):
    """A root's use of a pool.

    Args:
        connection: the pool.
        program: the script that workers import, if there is one.
        way: to it, if it is on another host that ssh reaches; ends with this.
    """

    def __init__(self, connection: Connection, program: Program | None = None, way: Tunnel | None = None) -> None:
        self.run = 0
        self.pool: AnyPool | None = None
        self._runs = itertools.count(1)
        self.sink: Sink = to_terminal
        self._viewers: dict[int, tuple[m.Watch, Viewer]] = {}
        self._specs: dict[tuple[bytes, Options, int], m.Spec] = {}
        self._way = way
        if way is not None:
            atexit.register(self.close)
        name = f"r{os.urandom(4).hex()}-{os.getpid()}"
        super().__init__(connection, name, program, connected=way.socket if way else None)
        self._handlers |= {m.Output: self._output, m.Halted: self._halted}

    @property
    def pool_name(self) -> str:
        """By which others find the pool."""
        return self.connection.name

    def connect(self, timeout: float = 10.0) -> None:
        """Introduce this process, and wait for the broker's welcome.

        Raises:
            StartFailed: nobody answered in time, or the broker refused.
        """
        self.hello("root")
        self.link.serve(lambda: self.welcome or self.refused is not None or self.lost is not None, timeout)
        if not self.welcome:
            self.close()
            place = self.connection.address or self.connection.remote
            reason = self.refused or f"no answer from {place} within {timeout:g} s"
            host = self.connection.host or socket.gethostname()
            raise StartFailed(f"Can't connect to the pool {self.connection.name!r} on {host}: {reason}.")

    # ---- runs --------------------------------------------------------------------------------------------------

    def new_run(self) -> int:
        """Begin a run: what is submitted from now on belongs together, in the task tree and when it is cancelled."""
        self.owner.close_all()
        self._specs.clear()
        self.run = next(self._runs)
        return self.run

    def cancel_run(self, run: int) -> None:
        """Cancel all that was submitted in a run, at whatever depth; a new one begins, if that was the current."""
        self.owner.cancel_run(run)
        self.link.send(m.CancelRun(run))
        if run == self.run:
            self.new_run()

    def halt(self) -> None:
        """Cancel all that runs or waits in the pool, whoever has submitted it; its workers stay."""
        self.link.send(m.Halt())

    # ---- single workers ----------------------------------------------------------------------------------------

    def cancel_task(self, worker: str) -> None:
        """Cancel the task that a worker runs now, whoever submitted it.

        If tasks run one within the other there, as each waits for the next, it is the innermost one. Who waits for it
        gets `CancelledError`, as if its future had been cancelled; of a map, in the turn of this task, and the others
        go on. One that came from elsewhere and does not heed that, deep in compiled code, loses its worker after two
        seconds. Nothing happens if none runs.

        Args:
            worker: its name, as panels show it.

        Raises:
            NoSuchWorker: there is none of this name.
        """
        if not self._request(lambda number: m.CancelTask(number, worker)):
            raise self._no_worker(worker)

    def restart_worker(self, worker: str) -> None:
        """Replace a worker by a new one, of another name.

        What it was running is run again elsewhere, and that is none of the deaths that a task survives. But one that
        may not run twice, for it has no retries, raises `WorkerLost`.

        Args:
            worker: its name, as panels show it.

        Raises:
            NoSuchWorker: there is none of this name, or it is the program itself.
        """
        if not self._request(lambda number: m.RestartWorker(number, worker)):
            raise self._no_worker(worker)

    def _no_worker(self, worker: str) -> NoSuchWorker:
        names = [row["name"] for row in self.picture()["workers"]]
        if worker in names:
            return NoSuchWorker(f"{worker!r} is the program itself, which can't be replaced.")
        known = ", ".join(names) or "none"
        return NoSuchWorker(f"The pool {self.connection.name!r} has no worker {worker!r} (it has: {known}).")

    # ---- submitting --------------------------------------------------------------------------------------------

    def submit(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], options: Options = DEFAULT
    ) -> Future:
        if self.lost is not None:
            self._check()
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
        quiet = not self.owner.pending and not self.owner.dirty  # nothing is under way: it would only wait
        self.owner.call(future, packed, self._spec(packed, options), frozen, at_once=quiet)
        if quiet:
            self.link.flush()
        else:
            self.link.nudge()
        return future

    def _spec(self, packed: PackedFunction, options: Options) -> m.Spec:
        key = (packed.digest, options, self.run)
        spec = self._specs.get(key)
        if spec is None:
            if len(self._specs) > 1000:
                self._specs.clear()
            place = top(self.name, self.run).child(options.name or packed.name)
            spec = self._specs[key] = self.owner.spec(packed, self.name, self.run, place, options)
        return spec

    def _start_map(self, function: Callable[..., Any], items: Sequence[Any], form: str, options: Options) -> MapJob:
        self._check()
        job = MapJob(self.owner)
        job.n = len(items)
        packed = self.packer.pack_function(function)
        self.owner.flush()  # what was submitted before goes before
        try:
            self.owner.enroll(job, packed, self._spec(packed, options))
            if items:
                self.owner.extend_map(job, 0, items, form)
            self.link.flush()
        except BaseException:  # an interrupt: nobody will wait for these
            job.drop()
            self.link.flush()
            raise
        return job

    def _extend_map(self, job: MapJob, rows: Sequence[Any]) -> None:
        self.owner.extend_map(job, job.sent, rows, "rows")
        self.link.flush()

    def cancel(self, future: Future) -> bool:
        self.owner.cancel(future._job, future._index)
        self.link.flush()
        return True

    # ---- waiting -----------------------------------------------------------------------------------------------

    def wait_for(self, future: Future, timeout: float | None) -> bool:
        __tracebackhide__ = True
        if self.owner.dirty:
            self.owner.flush()
        return self.link.serve(future.done, timeout)

    def wait_until(self, until: Callable[[], bool], timeout: float | None, futures: Iterable[Future] = ()) -> bool:
        __tracebackhide__ = True
        self.owner.flush()
        return self.link.serve(until, timeout)

    def wait_for_job(self, job: MapJob) -> None:
        self.wait_until(job.is_over, None)

    def _await_map(self, job: MapJob, index: int, deadline: float | None) -> bool:
        __tracebackhide__ = True
        self.owner.flush()
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        return self.link.serve(partial(job.has_news, index), left)

    # ---- watching ----------------------------------------------------------------------------------------------

    def watch(self, run: int, viewer: Viewer, brief: bool = False) -> int:
        """Have pictures brought to the viewer, at most ten a second.

        Args:
            run: of this one of this root's runs; or of ALL roots' runs, or of the RECENT ones.
            viewer: gets them as plain data.
            brief: without the tree of tasks.

        Returns:
            A number for `unwatch`. The viewer is called in whatever thread serves the link, and must be quick.
        """
        number = next(self._numbers)
        watch = m.Watch(number, run, self.name if run >= 0 else "", brief)
        self._viewers[number] = (watch, viewer)
        self.link.send(watch)
        return number

    def unwatch(self, number: int) -> None:
        """Bring no more pictures."""
        self._viewers.pop(number, None)

    def picture(self, run: int = -1, timeout: float = 5.0) -> dict[str, Any]:
        """The pool and its task tree as they are now, as plain data.

        Raises:
            BrokerLost: the pool is gone.
        """
        picture = self.ask("picture" if run >= 0 else "pool", timeout, job=run)
        if picture is None:
            raise BrokerLost(f"The broker of pool {self.connection.name!r} did not answer within {timeout:g} s.")
        found: dict[str, Any] = picture
        self.size = max(1, len(found["workers"]))
        return found

    def timeline(self, run: int = m.ALL, timeout: float = 5.0) -> dict[str, Any]:
        """What ran on each worker, and when: idle is where there is no span.

        A task that waits for others is not there meanwhile, but what runs in its place is. Tasks of less than a
        millisecond are in the span of their neighbours, or of the task that they ran in. With time all gets coarser:
        there are never more than 8,000 spans.

        Args:
            run: of this one of this program's runs; by default of all that the pool did, for whomever.
            timeout: in seconds.

        Returns:
            ``{"began", "ended", "functions": [name], "lanes": [{"worker": name, "spans": [...]}]}``; a span is
            ``[index of its function, began, ended, tasks that ended in it, how many of them failed]``. Times are in
            seconds since 1970.

        Raises:
            BrokerLost: the pool is gone.
        """
        timeline: dict[str, Any] | None = self.ask("timeline", timeout, job=run)
        if timeline is None:
            raise BrokerLost(f"The broker of pool {self.connection.name!r} did not answer within {timeout:g} s.")
        return timeline

    # ---- what comes --------------------------------------------------------------------------------------------

    def _answer(self, message: m.Answer, frames: m.Frames) -> None:
        watched = self._viewers.get(message.number)
        if watched is None:
            super()._answer(message, frames)
            return
        watch, viewer = watched
        self.link.post(watch)
        viewer(message.value)

    def _output(self, message: m.Output, frames: m.Frames) -> None:
        self.sink(message.run, message.worker, message.stream, message.text)

    def _halted(self, message: m.Halted, frames: m.Frames) -> None:
        if message.run == self.run:
            self.new_run()

    def close(self) -> None:
        """Leave the pool; it goes on."""
        if self.lost is None:
            self.owner.fetch()
            self.fail(BrokerLost(f"This process has left the pool {self.connection.name!r}."))
        self.link.close()
        if self._way is not None:
            self._way.close()
            atexit.unregister(self.close)

    def _why_lost(self) -> str:
        return super()._why_lost() if self._way is None else self._way.why_lost()
