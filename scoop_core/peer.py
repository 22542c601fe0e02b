"""What roots and workers have in common: a link, jobs of their own, shared constants, questions to the broker."""

from __future__ import annotations

import logging
import os
import socket
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any

import msgspec

from scoop_core import messages as m
from scoop_core.config import Connection
from scoop_core.contract import Abilities
from scoop_core.distant import DistantShelf
from scoop_core.errors import BrokerLost, NothingToReplay, RemoteTraceback
from scoop_core.files import is_running, remove_pool
from scoop_core.future import Future
from scoop_core.jobs import MapJob
from scoop_core.link import Link
from scoop_core.mapping import Mapper
from scoop_core.owner import DEFAULT, Options, Owner
from scoop_core.payload import Packer, first_line
from scoop_core.program import Program
from scoop_core.store import Shelf


class Peer(Mapper):
    """One process that uses a pool.

    Attributes:
        for_people: whether people can interrupt this process, for it is a root.
        size: how many workers the pool has, as far as this process knows: on a worker, how many it had at its start.
        recorded: whether all tasks are recorded for the timeline (``--debug``).
        came_from: the worker that has run the tasks whose outcomes are being handled; else an empty string.

    Args:
        connection: the pool.
        name: of this process in it.
        program: the script that workers import, if there is one.
        lifeline: a descriptor whose end means the end of the pool.
        shielded: see `Link`.
        connected: see `Link`.
    """

    for_people = True
    recorded = False
    came_from = ""
    abilities = Abilities()

    def __init__(
        self,
        connection: Connection,
        name: str,
        program: Program | None = None,
        lifeline: int | None = None,
        shielded: bool = True,
        connected: socket.socket | None = None,
    ) -> None:
        self.connection = connection
        self.name = name
        self.size = 1
        self.program = program
        self.link = Link(connection, name, self._handle, self._lose, self._duty, lifeline, shielded, connected)
        post = self.link.post
        shelf = DistantShelf(connection.shelf, name, post) if connection.away else Shelf(connection.shelf, name)
        self.packer = Packer(shelf, program)
        self.owner = Owner(name, post, self.packer)
        self.lost: BaseException | None = None
        self._constants: dict[str, tuple[m.Parcel, m.Frames]] = {}
        self._loaded: dict[str, Any] = {}
        self._settled: dict[str, bool] = {}
        self._answers: dict[int, Any] = {}
        self._numbers = count(1)
        self.welcome = False
        self.refused: str | None = None
        self._handlers: dict[type, Callable[[Any, m.Frames], object]] = {
            m.Result: self._outcome, m.Lost: self._outcome, m.TimedOut: self._outcome,
            m.Cancelled: self._outcome, m.Cancel: self._outcome,
            m.Constant: self._constant, m.Settled: self._settle, m.Answer: self._answer,
            m.Welcome: self._welcome, m.Refused: self._refuse,
        }  # fmt: skip

    @property
    def address(self) -> str:
        """Of the broker."""
        return self.connection.address or self.connection.remote

    @property
    def broker_host(self) -> str:
        """The name of the broker's host."""
        return self.connection.host or socket.gethostname()

    @property
    def backend(self) -> str:
        """How the processes are connected."""
        return "TCP" if self.connection.secrets else "Unix"

    def hello(self, role: str, number: int = -1) -> None:
        """Introduce this process to the broker; from now on messages come."""
        self.link.start()
        self.link.send(m.Hello(role, os.getpid(), socket.gethostname(), number, self.connection.shelf))

    # ---- what differs ------------------------------------------------------------------------------------------

    @abstractmethod
    def submit(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], options: Options = DEFAULT
    ) -> Future:
        """Submit one call."""

    @abstractmethod
    def wait_until(self, until: Callable[[], bool], timeout: float | None, futures: Sequence[Future] = ()) -> bool:
        """Wait until `until()`, which depends on the futures, or on a message; False if it timed out."""

    @abstractmethod
    def wait_for(self, future: Future, timeout: float | None) -> bool:
        """Wait for one future; False if it timed out."""

    # ---- constants and questions -------------------------------------------------------------------------------

    def set_constant(self, name: str, value: Any) -> None:
        """Share a constant with the whole pool.

        Raises:
            TypeError: there is one of that name already, or the value can't be pickled.
        """
        if name in self._constants:
            raise TypeError(f"This constant already exists: {name}.")
        parcel, frames = self.packer.pack(value)
        self._settled.pop(name, None)
        self.link.send(m.Constant(name, parcel), frames)
        self._loaded.setdefault(name, value)
        self.wait_until(lambda: name in self._settled or self.lost is not None, None)
        self._check()
        if not self._settled.pop(name):
            self._loaded.pop(name, None)
            self.packer.discard(parcel)
            raise TypeError(f"This constant already exists: {name}.")

    def get_constant(self, name: str, timeout: float | None) -> Any:
        """A shared constant, waiting up to `timeout` seconds for it; None if it is not there then."""
        if name not in self._loaded:
            if not self.wait_until(lambda: name in self._constants, timeout):
                return None
            parcel, frames = self._constants[name]
            # Read-only: all tasks of this process see the same object.
            self._loaded[name] = self.packer.unpack(parcel, frames, writable=False)
        return self._loaded[name]

    def ask(self, what: str, timeout: float | None = 10.0, job: int = -1, index: int = -1, id: str = "") -> Any:
        """Ask the broker; see `messages.Ask`. None if there was no answer in time."""
        return self._request(lambda number: m.Ask(number, what, job, index, id), timeout)

    def _request(self, message: Callable[[int], m.Header], timeout: float | None = 10.0) -> Any:
        """Send a message that the broker answers by its number; the answer, or None if there was none in time."""
        self._check()
        number = next(self._numbers)
        self.owner.flush()  # what was submitted before goes before
        self.link.send(message(number))
        self.wait_until(lambda: number in self._answers or self.lost is not None, timeout)
        self._check()
        return self._answers.pop(number, None)

    def replay(self, failure: str | BaseException = "") -> Any:
        """Run a task that failed once more, in this process: so that a debugger gets to where it fails.

        The function is what the worker had; what it submits goes to the pool. The arguments are those that the task
        got, if they came to its worker from elsewhere. Those of a task that ran where it was submitted are as it has
        left them.

        Args:
            failure: its id, as panels show it and `RemoteTraceback.id` holds it, or an exception that came from it.
                By default the last one of this program's runs; or, if that has only passed on what another one
                raised, for which it waited, that other one.

        Returns:
            What the function returns, if it does not fail this time.

        Raises:
            NothingToReplay: there is no such failure, it is not kept any more, or its arguments don't travel.
            BaseException: what the function raises.
        """
        __tracebackhide__ = True
        function, args, kwargs = self._failed_call(failure)
        return function(*args, **kwargs)

    def _failed_call(self, failure: str | BaseException) -> Any:
        __tracebackhide__ = True
        id = failure if isinstance(failure, str) else id_of(failure)
        return failed_call(self.ask("call", id=id), id)

    @property
    def in_task(self) -> bool:
        """Whether it is a task that asks."""
        return False

    def attend(self, waiter: Any, future: Future) -> None:
        """`waiter`, of the standard library, will wait for this future (and for others, if it comes again)."""

    def forgo(self, futures: Iterable[Future], jobs: Iterable[MapJob]) -> None:
        """Cancel those of these tasks that no worker has been given."""
        self.owner.flush()
        for future in futures:
            if future._job is not None:
                future._job.cancel(future._index, future._index + 1, gently=True)
        for job in jobs:
            if job.number >= 0:
                job.cancel(0, job.sent, gently=True)
        self.link.flush()

    @abstractmethod
    def wait_for_job(self, job: MapJob) -> None:
        """Wait until all that was submitted of a map is over."""

    def is_running(self, future: Future) -> bool:
        """Whether a worker has the task (see `Future.running`)."""
        if future._index < 0:
            return False
        return bool(self.ask("running", job=future._job.number, index=future._index))

    def call_back(self, function: Callable[[Future], Any], future: Future) -> None:
        """Call a function with a future that is just over, in the process that has run its task."""
        worker = self.came_from if future._index >= 0 else ""
        if worker in ("", self.name):
            function(future)
        else:
            call = self.submit(function, (future,), {}, Options(retries=0, worker=worker))
            call.add_done_callback(log_failure)

    # ---- what comes --------------------------------------------------------------------------------------------

    def _handle(self, message: m.Header, frames: m.Frames) -> None:
        """Take any message; by the thread that has its turn."""
        handler = self._handlers.get(type(message))
        if handler is not None:
            handler(message, frames)

    def _outcome(self, message: m.Header, frames: m.Frames) -> None:
        outer = self.came_from  # a callback may wait, and have further messages handled
        self.came_from = message.worker if isinstance(message, m.Result) else ""
        try:
            self.owner.handle(message, frames)
        finally:
            self.came_from = outer

    def _constant(self, message: m.Constant, frames: m.Frames) -> None:
        self._constants[message.name] = (message.parcel, frames)

    def _settle(self, message: m.Settled, frames: m.Frames) -> None:
        self._settled[message.name] = message.new

    def _answer(self, message: m.Answer, frames: m.Frames) -> None:
        self._answers[message.number] = message.value

    def _welcome(self, message: m.Welcome, frames: m.Frames) -> None:
        self.welcome = True

    def _refuse(self, message: m.Refused, frames: m.Frames) -> None:
        self.refused = message.reason

    def _lose(self) -> None:
        """The broker is gone."""
        self._give_up()

    def _give_up(self) -> None:
        """All that is pending fails, as the broker is gone; what the pool has left behind goes."""
        self.fail(BrokerLost(self._why_lost()))
        if self.connection.away:  # on another host, where nobody can tell whether the pool is gone
            return
        end = time.monotonic() + 0.2  # the system needs a moment to close all that a dead process had open
        while is_running(self.connection):
            if time.monotonic() > end:
                return
            time.sleep(0.01)
        remove_pool(self.connection)  # perhaps nobody else is left who would

    def _why_lost(self) -> str:
        """What to tell people of the end of the connection."""
        if self.connection.away:
            return (
                f"The connection to the pool {self.connection.name!r} at {self.connection.remote} is lost: the pool "
                "has ended, or its host is silent. What was pending here is lost; if the pool goes on, connect again."
            )
        return (
            f"The pool {self.connection.name!r} is gone: its broker ended or was killed. "
            "Start a new one, and submit again what was pending."
        )

    def fail(self, error: BaseException) -> None:
        """All that is pending, and whatever is asked from now on, fails with this."""
        if self.lost is None:
            self.owner.fetch()
            self.lost = error
            self.owner.fail_all(error)

    def _check(self) -> None:
        __tracebackhide__ = True
        if self.lost is not None:
            raise type(self.lost)(*self.lost.args)

    def _duty(self) -> float | None:
        """What is due for the thread that has its turn; in how many seconds again, or None."""
        if self.owner.dirty:
            self.owner.flush()
        return None


def failed_call(found: Any, id: str) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """The function of a failed task and its arguments.

    Args:
        found: its `Mishap` as plain data; None if nobody remembers it.
        id: by which it was looked for; empty for the last one.

    Raises:
        NothingToReplay: it is not remembered, or does not travel.
    """
    if found is None:
        what = f"{id!r} names no failed task" if id else "no task has failed"
        raise NothingToReplay(
            f"There is nothing to replay: {what}, as far as this pool remembers. It keeps the first failures of "
            "each function, as long as the run that they belong to is among the last ones."
        )
    mishap = msgspec.convert(found, m.Mishap)
    if not mishap.call:
        raise NothingToReplay(f"{mishap.name!r} can't be replayed: {mishap.why}.")
    try:
        return Packer.unpack_call(mishap.call)
    except Exception as error:
        raise NothingToReplay(
            f"{mishap.name!r} can't be replayed here, its function or arguments do not unpickle: {first_line(error)}"
        ) from error


def id_of(error: BaseException) -> str:
    """The id of the failed task that an exception came from."""
    chain: BaseException | None = error
    for _ in range(100):  # chains may be closed
        if isinstance(chain, RemoteTraceback) and chain.id:
            return chain.id
        chain = chain and (chain.__cause__ or chain.__context__)
    raise NothingToReplay(
        f"{first_line(error)!r} can't be replayed: it is not what a task raised, or not among the first failures of "
        "its function, which are kept."
    )


def log_failure(call: Future) -> None:
    """Log why a callback failed in another process, as the standard library does for those in this one."""
    error = None if call.cancelled() else call.exception()
    if error is not None and not isinstance(error, BrokerLost):
        logging.getLogger("concurrent.futures").error("a callback has failed", exc_info=error)
