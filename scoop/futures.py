"""Run functions on the pool: `map`, `submit` and what is made of them.

All of these may be called in a task as well. The camelCase names are the original's; each has a snake_case twin.
"""

from __future__ import annotations

import builtins
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, CancelledError
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from scoop.engine import check_callable, check_map, engine
from scoop.later import later
from scoop_core.current import current

if TYPE_CHECKING:
    from scoop.executor import Executor
    from scoop.options import options
    from scoop.reductions import map_reduce, map_scan, mapReduce, mapScan
    from scoop_core.contract import Engine
    from scoop_core.future import Future

__all__ = [
    "ALL_COMPLETED",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "CancelledError",
    "Executor",
    "Future",
    "as_completed",
    "map",
    "mapReduce",
    "mapScan",
    "map_as_completed",
    "map_reduce",
    "map_scan",
    "options",
    "shutdown",
    "submit",
    "wait",
]


def map(
    func: Callable[..., Any],
    *iterables: Iterable[Any],
    timeout: float | None = None,
    buffersize: int | None = None,
) -> Iterator[Any]:
    """Call a function with each tuple of arguments, on all workers: as the built-in `map`, but in parallel.

    Args:
        func: any callable that can be pickled: functions, lambdas and classes of the notebook included.
        iterables: one for each argument; the shortest decides how many calls there are. All are submitted now.
        timeout: seconds from now within which all results must be there.
        buffersize: submit only so many calls ahead of the results asked for; the iterables may be endless then.

    Returns:
        An iterator over the results, in the order of the arguments. A call that failed raises when its turn comes,
        with the remote traceback as the cause. An interrupt while it waits cancels what is left.

    Raises:
        NotPicklable: the function can't be sent to a worker.
        TimeoutError: while iterating; what is left is cancelled.

    Without a pool it warns, and is the built-in map.
    """
    if current.engine is None and current.starter is None:
        warnings.warn(
            "futures.map runs serially: there is no pool. Start the program with `python -m scoop program.py`, "
            "or call `scoop.start()`.",
            RuntimeWarning,
            stacklevel=2,
        )
        return builtins.map(func, *iterables)
    check_map(func, iterables)
    return engine("map").map(func, iterables, timeout, buffersize)


def map_as_completed(
    func: Callable[..., Any], *iterables: Iterable[Any], timeout: float | None = None
) -> Iterator[Any]:
    """As `map`, with the results in the order in which they are ready.

    Raises:
        NotStarted: there is no pool.
    """
    check_map(func, iterables)
    return engine("map_as_completed").map(func, iterables, timeout, as_completed=True)


def submit(func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
    """Call a function on some worker.

    Args:
        func: any callable that can be pickled.
        args, kwargs: its arguments; as they are now, whatever is done to them afterwards.

    Returns:
        Its future. Should an argument not be picklable, the future raises `NotPicklable`.

    Raises:
        TypeError: func is not callable.
        NotStarted: there is no pool.
    """
    if not callable(func):
        check_callable(func)  # type: ignore[unreachable]
    found: Engine = current.engine or engine("submit")  # a tree of tasks comes here once for each
    return found.submit(func, args, kwargs)


class DoneAndNotDone(NamedTuple):
    """What `wait` returns."""

    done: set[Future]
    not_done: set[Future]


def wait(fs: Iterable[Future], timeout: float | None = -1, return_when: str = ALL_COMPLETED) -> DoneAndNotDone:
    """Wait for futures. What their tasks raised is left to `result`.

    Args:
        fs: the futures.
        timeout: in seconds. None and negative numbers wait as long as it takes; 0 only looks.
        return_when: `ALL_COMPLETED`, `FIRST_COMPLETED` or `FIRST_EXCEPTION`.

    Returns:
        A named tuple of two sets: `done` and `not_done`.
    """
    if return_when not in (ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION):
        raise ValueError(f"return_when can't be {return_when!r}")
    futures = list(dict.fromkeys(fs))
    limit = None if timeout is None or timeout < 0 else timeout
    end = None if limit is None else time.monotonic() + limit
    if return_when == ALL_COMPLETED:
        for future in futures:
            if not future.done() and not _await(future.done, end, [future]):
                break
    elif return_when == FIRST_COMPLETED:
        _Arrivals(futures).wait(end, min(1, len(futures)))
    else:
        arrivals = _Arrivals(futures)
        while len(arrivals.done) < len(futures) and not any(_raised(f) for f in arrivals.done):
            if not arrivals.wait(end, len(arrivals.done) + 1):
                break
    done = {future for future in futures if future.done()}
    return DoneAndNotDone(done, set(futures) - done)


def _raised(future: Future) -> bool:
    return not future.cancelled() and future.exception() is not None


def as_completed(fs: Iterable[Future], timeout: float | None = None) -> Iterator[Future]:
    """Futures as they are over, those that failed or were cancelled included.

    Args:
        fs: the futures; each is yielded once.
        timeout: seconds from now for all of them.

    Raises:
        TimeoutError: not all were over in time.
    """
    futures = list(dict.fromkeys(fs))
    end = None if timeout is None else time.monotonic() + timeout
    arrivals = _Arrivals(futures)
    for count in range(1, len(futures) + 1):
        if len(arrivals.done) < count and not arrivals.wait(end, count):
            raise TimeoutError(f"{len(futures) - count + 1} of {len(futures)} futures are not over")
        yield arrivals.done[count - 1]


class _Arrivals:
    """Futures in the order in which they are over."""

    def __init__(self, futures: Sequence[Future]) -> None:
        self.done: list[Future] = [f for f in futures if f.done()]
        self._absent = set(futures).difference(self.done)
        self._rest: deque[Future] = deque(f for f in futures if f in self._absent)
        for future in self._rest:
            future._when_over(partial(self._arrive, future))

    def _arrive(self, future: Future) -> None:
        if future in self._absent:
            self._absent.discard(future)
            self.done.append(future)

    def wait(self, end: float | None, count: int = 1) -> bool:
        """Wait until `count` are over; False at the end of the time."""
        while self._rest and self._rest[0].done():
            self._rest.popleft()
        return _await(lambda: len(self.done) >= count, end, self._rest)


def _await(until: Callable[[], bool], end: float | None, futures: Sequence[Future]) -> bool:
    if until():
        return True
    left = None if end is None else max(0.0, end - time.monotonic())
    return engine("wait").wait_until(until, left, futures)


def shutdown(wait: bool = True) -> None:
    """Nothing: the pool ends with `Pool.stop`, or with the program. Kept for programs of the original."""


def __dir__() -> list[str]:
    return __all__


__getattr__ = later(
    __name__,
    {
        "Executor": "scoop.executor",
        "Future": "scoop_core.future",
        "mapReduce": "scoop.reductions",
        "mapScan": "scoop.reductions",
        "map_reduce": "scoop.reductions",
        "map_scan": "scoop.reductions",
        "options": "scoop.options",
    },
)
