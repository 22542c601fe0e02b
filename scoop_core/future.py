"""Futures, and the outcomes that they wait for.

A `Future` is a `concurrent.futures.Future`, made cheap: its lock and its lists exist once somebody asks for them, and
a result that came from elsewhere is unpickled by the thread that asks for it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from concurrent.futures import Future as StandardFuture
from concurrent.futures._base import CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED, PENDING
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from scoop_core.errors import BrokerLost, NothingToReplay, NotPicklable
from scoop_core.messages import Failure, Frames, Parcel
from scoop_core.payload import Packed, Packer, unpack_error


class Engine(Protocol):
    """What runs tasks, as their futures see it."""

    def wait_for(self, future: Future, timeout: float | None) -> bool:
        """Wait until the future is over; False if the timeout (seconds) came first."""

    def cancel(self, future: Future) -> bool:
        """Cancel the future's task, unless it is over; tell whether it was."""

    def is_running(self, future: Future) -> bool:
        """Whether some worker has begun the task."""

    def attend(self, waiter: Any, future: Future) -> None:
        """Somebody is about to wait for the future by a function of the standard library."""

    @property
    def in_task(self) -> bool:
        """Whether a task asks: who blocks its thread then keeps others from running."""

    def call_back(self, function: Callable[[Future], Any], future: Future) -> None:
        """Call a function with a future that is just over, in the process that has run its task."""

    def replay(self, failure: str | BaseException) -> Any:
        """Run a task that failed once more, in this process."""


class Batch:
    """The outcomes of tasks [lo, hi) of a job, loaded when they are first looked at."""

    __slots__ = ("__weakref__", "_failures", "_frames", "_packer", "_parcel", "_values", "form", "hi", "lo")

    def __init__(
        self, lo: int, hi: int, form: str, parcel: Parcel, frames: Frames, failures: Sequence[Failure], packer: Packer
    ) -> None:
        self.lo = lo
        self.hi = hi
        self.form = form
        self._parcel: Parcel | None = parcel
        self._frames = frames
        self._failures: dict[int, Failure | BaseException] = {f.index: f for f in failures} if failures else {}
        self._packer = packer
        self._values: Sequence[Any] = ()

    @classmethod
    def local(cls, lo: int, values: Sequence[Any], failures: dict[int, BaseException]) -> Batch:
        """Outcomes that never left this process."""
        batch = cls.__new__(cls)
        batch.lo, batch.hi, batch.form = lo, lo + len(values), "values"
        batch._parcel, batch._frames, batch._values = None, [], values
        batch._failures = dict(failures)
        return batch

    def load(self) -> Sequence[Any]:
        """The values; those of failed tasks are None, and those that came alone are still `Packed`."""
        parcel = self._parcel
        if parcel is not None:
            try:
                self._values = self._packer.unpack_items(self.form, parcel, self._frames, take=True)
            except FileNotFoundError as error:
                raise BrokerLost("The result lay in the shared memory of a pool that is gone.") from error
            self._parcel, self._frames = None, []
        return self._values

    def fetch(self) -> None:
        """Bring in what lies on the shelf, before that goes; what has gone already is missed when it is asked for."""
        parcel = self._parcel
        if parcel is not None and parcel.buffers:
            try:
                self._frames = self._packer.fetch(parcel, self._frames)
            except OSError:
                return
            self._parcel = Parcel(parcel.data, (None,) * len(parcel.buffers))

    def failed(self, index: int) -> bool:
        return index in self._failures

    def get(self, index: int) -> Any:
        """The result of a task. Raises what the task raised."""
        __tracebackhide__ = True
        failure = self._failures.get(index)
        if failure is not None:
            if isinstance(failure, Failure):
                failure = self._failures[index] = unpack_error(failure)
            raise failure
        value = self.load()[index - self.lo]
        return value.load() if type(value) is Packed else value

    def __iter__(self) -> Iterator[Any]:
        """The results in order; a failed one raises, and the next call of `next` goes on behind it."""
        if not self._failures and not self.form.endswith("+"):
            return iter(self.load())
        return _Stepper(self)

    def __del__(self) -> None:
        # Nobody looked: what it has on the shelf goes all the same.
        if self._parcel is not None and self._parcel.buffers:
            self._packer.discard(self._parcel)


class _Stepper:
    """Iterates over a batch one by one; unlike a generator, it survives what it raises."""

    __slots__ = ("_batch", "_index")

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._index = batch.lo

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        __tracebackhide__ = True
        index = self._index
        if index >= self._batch.hi:
            raise StopIteration
        self._index = index + 1
        try:
            return self._batch.get(index)
        except StopIteration as error:  # it must not end the iteration
            raise RuntimeError("a task raised StopIteration") from error


class _Late:
    """An attribute that is made when it is first asked for, once, whatever the number of threads that ask.

    The object is marked as `_shared`: to look into its dictionary would have the interpreter make one.
    """

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        made = instance.__dict__.setdefault(self._name, self._make(instance))
        instance._shared = True
        return made


def _loop_runs() -> bool:
    """Whether an event loop of asyncio runs in this thread."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


class _Waiters(list[Any]):
    """Who waits by `concurrent.futures.wait` or `as_completed`; the engine may change how."""

    def __init__(self, future: Future) -> None:
        super().__init__()
        self._future = future

    def append(self, waiter: Any) -> None:
        self._future._engine.attend(waiter, self._future)
        super().append(waiter)


_CANCELLED = (CANCELLED_AND_NOTIFIED, CANCELLED)  # the latter: by a method of the base class
_OVER = (FINISHED, *_CANCELLED)


class Future(StandardFuture[Any]):
    """The asynchronous execution of a callable; the methods and their meaning are those of PEP 3148.

    One thing is stronger: `cancel()` also ends a task that runs on a worker already.
    """

    if not TYPE_CHECKING:
        # That of the base class makes a lock and two lists, at three times the cost of a small task. Who makes a
        # future sets its engine: to have a method do so would be a tenth of that cost.
        __init__ = object.__init__

    _engine: Engine
    _state: str = PENDING
    _result: Any = None
    _exception: BaseException | None = None
    _condition = _Late(lambda _: threading.Condition())
    _waiters = _Late(lambda future: _Waiters(future))
    _done_callbacks = _Late(lambda _: [])

    _shared: bool = False  # somebody may wait at the lock, or for a callback
    _batch: Batch | None = None
    _index: int = -1  # among the tasks of its job; -1: it has not left its process
    _job: Any = None
    _call: Any = None  # (function, arguments, keyword arguments), while it may run here
    _group: Any = None  # whose tally it belongs to, on a worker
    _parked: Any = None  # who waits for it, on a worker

    # ---- what is asked -----------------------------------------------------------------------------------------

    def result(self, timeout: float | None = None) -> Any:
        """The task's result, waiting for it if need be.

        Args:
            timeout: in seconds; None waits as long as it takes.

        Raises:
            TimeoutError: it was not over in time; it goes on.
            concurrent.futures.CancelledError: it was cancelled.
            BaseException: what the task raised, with the remote traceback as its cause.
        """
        __tracebackhide__ = True
        if self._state != FINISHED:
            self._await(timeout)
        if self._exception is not None:
            raise self._exception
        batch = self._batch
        if batch is not None:
            self._unwrap(batch)
            if self._exception is not None:
                raise self._exception
        return self._result

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the task raised, or None; waits, and raises for a timeout or cancellation, as `result` does."""
        self._await(timeout)
        if self._batch is not None:
            self._unwrap(self._batch)
        return self._exception

    def replay(self) -> Any:
        """Run the task that failed once more, in this process: with ``%debug`` you then are where it fails.

        Waits for its end. The arguments are those that the task got; see `Peer.replay`.

        Returns:
            What the function returns, if it does not fail this time.

        Raises:
            NothingToReplay: it has not failed, or not by what it raised, or is not among the failures that are kept.
            concurrent.futures.CancelledError: it was cancelled.
            BaseException: what the function raises.
        """
        __tracebackhide__ = True
        error = self.exception()
        if error is None:
            raise NothingToReplay("There is nothing to replay: the task has not failed, its result is there.")
        return self._engine.replay(error)

    def __await__(self) -> Generator[Any, None, Any]:
        """In a coroutine: the result. In a task, where nothing else could run meanwhile, it waits at once."""
        if self._engine.in_task:
            return self.result()
        import asyncio  # who awaits has imported it already; others need not

        return (yield from asyncio.wrap_future(self).__await__())

    def _await(self, timeout: float | None) -> None:
        __tracebackhide__ = True
        if self._state not in _OVER and not self._engine.wait_for(self, timeout):
            raise TimeoutError(f"not over after {timeout:g} s; it goes on")
        if self._state != FINISHED:
            raise CancelledError

    def _unwrap(self, batch: Batch) -> None:
        __tracebackhide__ = True
        try:
            self._result = batch.get(self._index)
        except BaseException as error:
            self._exception = error
        self._batch = None

    def cancel(self) -> bool:
        """Cancel the task, whether it waits or runs; False if it is over already."""
        if self._state in _OVER:
            return self._state in _CANCELLED
        return self._engine.cancel(self)

    def cancelled(self) -> bool:
        return self._state in _CANCELLED

    def done(self) -> bool:
        return self._state in _OVER

    def running(self) -> bool:
        return self._state not in _OVER and self._engine.is_running(self)

    def add_done_callback(
        self, fn: Callable[[Any], Any], inCallbackType: str = "standard", inCallbackGroup: str | None = None
    ) -> None:
        """Call a function with this future once it is over; at once, if it is already.

        Args:
            fn: called in the order in which they were added. What it raises is logged.
            inCallbackType: ``"standard"`` calls it in this process, ``"universal"`` in the one that runs the task; it
                must be picklable then, and gets a copy of the future.
            inCallbackGroup: has no effect; the original had it.

        Raises:
            ValueError: there is no such type.
        """
        if inCallbackType not in ("standard", "universal"):
            raise ValueError(f"inCallbackType can't be {inCallbackType!r}")
        if inCallbackType == "universal" and not self.done():
            fn = partial(self._engine.call_back, fn)
        if not self.done() and self._engine.in_task and _loop_runs():
            # The loop that waits for it keeps the thread, and with it perhaps the only one who could run the task.
            self._engine.wait_for(self, None)
        super().add_done_callback(fn)

    def __reduce__(self) -> tuple[Any, ...]:
        """As a future that is over it travels, with its outcome."""
        if not self.done():
            raise NotPicklable("a future can be sent once it is over; before that, send what it is made from")
        if self.cancelled():
            return _over, (self._state, None, None, None)
        error = self.exception()
        cause = None if error is None else error.__cause__
        return _over, (self._state, None if error else self.result(), error, cause)

    def _when_over(self, wake: Callable[[], None]) -> None:
        """Call `wake` once it is over; now, if it is already. It may be called twice."""
        if self._parked is None:
            self._parked = []
        self._parked.append(wake)
        if self._state in _OVER and self._parked is not None and wake in self._parked:
            wake()

    # ---- what comes --------------------------------------------------------------------------------------------

    def _settle(self, result: Any) -> None:
        self._result = result
        self._end(FINISHED)

    def _settle_from(self, batch: Batch) -> None:
        self._batch = batch
        self._end(FINISHED)

    def _fail(self, error: BaseException) -> None:
        self._exception = error
        self._end(FINISHED)

    def _drop(self) -> None:
        self._end(CANCELLED_AND_NOTIFIED)

    def _end(self, state: str) -> None:
        # Who holds the lock looks at the state more than once, and it must not change meanwhile. Where there is no
        # lock yet, none is made either between this look and the change: the interpreter lets another thread run only
        # at calls, at the beginning of functions and at jumps back.
        if self._shared:
            if not self._announce(state):
                return
        elif self._state in _OVER:
            return
        else:
            self._state = state
        self._call = None
        parked = self._parked
        if parked is not None:
            self._parked = None
            for wake in parked:
                wake()

    def _announce(self, state: str) -> bool:
        """It is over; tell those who may wait at the lock. False if it was over before."""
        with self._condition:
            if self._state in _OVER:
                return False
            self._state = state
            for waiter in self._waiters:
                if state == CANCELLED_AND_NOTIFIED:
                    waiter.add_cancelled(self)
                elif self._exception is not None or (self._batch is not None and self._batch.failed(self._index)):
                    waiter.add_exception(self)
                else:
                    waiter.add_result(self)
            self._condition.notify_all()
        self._invoke_callbacks()  # type: ignore[attr-defined]
        return True


def _over(state: str, result: Any, error: BaseException | None, cause: BaseException | None) -> Future:
    """A copy of a future that is over somewhere else."""
    future = Future.__new__(Future)  # it needs no engine any more
    future._state, future._result, future._exception = state, result, error
    if error is not None:
        error.__cause__ = cause
    return future
