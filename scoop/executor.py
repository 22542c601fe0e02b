"""The pool as a `concurrent.futures.Executor`, for libraries that take one."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, update_wrapper
from itertools import count
from typing import Any
from weakref import WeakSet

import scoop
from scoop.engine import check_callable, check_map, engine
from scoop_core.contract import AnyPool
from scoop_core.current import current
from scoop_core.errors import BrokerLost
from scoop_core.future import Future
from scoop_core.jobs import MapJob

_numbers = count()


class Executor(concurrent.futures.Executor):
    """Runs calls on the pool that this program uses already, or else on one of its own, which ends with it.

    Args:
        max_workers: of a pool of its own; by default one for each CPU. An existing pool is used as it is.
        initializer: called on each worker before the first task of this executor there.
        initargs: its arguments.

    Attributes:
        size: the number of workers.

    Raises:
        ValueError: max_workers is not above zero.
        TypeError: the initializer is not callable.
        StartFailed: a pool of its own could not be started.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        *,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._pool: AnyPool | None = None
        if current.engine is None and current.starter is None:
            self._pool = scoop.start(max_workers)
        self._engine = engine("Executor")
        self._initializer = initializer and partial(initializer, *initargs)
        self._name = f"{self._engine.name}/{next(_numbers)}"
        self._futures: WeakSet[Future] = WeakSet()
        self._jobs: list[MapJob] = []  # of maps, that go on even if nobody keeps the iterator
        self._lock = threading.Lock()
        self._is_shut = False

    @property
    def size(self) -> int:
        return self._engine.size

    @property
    def _max_workers(self) -> int:
        """What libraries look at that know the executors of the standard library."""
        return self._engine.size

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """Call a function on some worker; its future.

        Raises:
            RuntimeError: after `shutdown`.
            BrokerLost: the pool is gone (a `BrokenExecutor`).
        """
        check_callable(fn)
        with self._lock:
            self._check()
            future = self._engine.submit(self._prepared(fn), args, kwargs)
            self._futures.add(future)
        return future

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[Any]:
        """Call a function with each tuple of arguments; an iterator over the results, in the order of the arguments.

        Args:
            fn: the function.
            iterables: one for each argument, up to the end of the shortest.
            timeout: seconds from now within which all results must be there.
            chunksize: not needed: neighbouring tasks travel together, more of them the shorter they prove to be.
            buffersize: submit only so many calls ahead of the results asked for.

        Raises:
            ValueError: chunksize or buffersize is not above zero.
            RuntimeError: after `shutdown`.
            TimeoutError: while iterating; what is left is cancelled.
        """
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        check_map(fn, iterables)
        with self._lock:
            self._check()
            results = self._engine.map(self._prepared(fn), iterables, timeout, buffersize)
            self._jobs = [job for job in self._jobs if not job.is_over()] + [results.job]
        return results

    def starmap(self, fn: Callable[..., Any], rows: Iterable[Sequence[Any]]) -> list[Any]:
        """Call a function with each row of arguments; the results in their order, as `multiprocessing.Pool.starmap`.

        Raises:
            RuntimeError: after `shutdown`.
        """
        return list(self.map(fn, *zip(*rows, strict=True))) if (rows := list(rows)) else []

    def __reduce__(self) -> tuple[Any, ...]:
        """In a task: an executor of the pool that the task runs on."""
        return Executor, ()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; a pool of its own ends when all is over.

        Args:
            wait: return when all is over.
            cancel_futures: cancel what no worker has been given yet.
        """
        with self._lock:
            first, self._is_shut = not self._is_shut, True
        if cancel_futures:
            self._engine.forgo([f for f in self._futures if not f.done()], self._jobs)
        if wait:
            self._finish()
        elif first and self._pool is not None:
            threading.Thread(target=self._finish, name="scoop-executor").start()

    def _finish(self) -> None:
        """Wait for what is pending, and end a pool of its own."""
        try:
            for future in list(self._futures):
                self._engine.wait_until(future.done, None, [future])
            for job in self._jobs:
                self._engine.wait_for_job(job)
        except BrokerLost:
            pass
        if self._pool is not None:
            self._pool.stop()

    def _check(self) -> None:
        if self._is_shut:
            raise RuntimeError("cannot schedule new futures after shutdown")

    def _prepared(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if self._initializer is None:
            return function
        return update_wrapper(_Initialized(function, self._name, self._initializer), function, updated=())


#: On a worker: the executors that have initialised it.
_initialised: set[str] = set()


class _Initialized:
    """A function that has its process initialised first, once for each executor."""

    def __init__(self, function: Callable[..., Any], executor: str, initialize: Callable[[], object]) -> None:
        self._function = function
        self._executor = executor
        self._initialize = initialize

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._executor not in _initialised:
            self._initialize()
            _initialised.add(self._executor)
        return self._function(*args, **kwargs)
