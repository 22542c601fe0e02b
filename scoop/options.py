"""The functions of `futures` with something set for all tasks: a time limit, retries, a priority, a name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import update_wrapper
from typing import Any

from scoop.engine import check_callable, check_map, engine
from scoop.reductions import mapReduce, mapScan
from scoop_core.future import Future
from scoop_core.owner import DEFAULT, Options

Errors = type[BaseException] | tuple[type[BaseException], ...]


class Retrying:
    """A function that is called again when it raises.

    Args:
        function: the function.
        retries: how often it is called again.
        errors: after which exceptions.
    """

    def __init__(self, function: Callable[..., Any], retries: int, errors: Errors) -> None:
        self._function = function
        self._retries = retries
        self._errors = errors
        update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for _ in range(self._retries):
            try:
                return self._function(*args, **kwargs)
            except self._errors:
                continue
        return self._function(*args, **kwargs)


class Functions:
    """What `futures.options` returns: the same functions, for tasks with these options.

    Args:
        options: of the engine.
        retries: how often a task is run again after one of these errors; None for never.
        errors: after which.
    """

    def __init__(self, options: Options, retries: int | None, errors: Errors) -> None:
        self._options = options
        self._retries = retries
        self._errors = errors

    def _prepared(self, function: Callable[..., Any]) -> Callable[..., Any]:
        check_callable(function)
        return Retrying(function, self._retries, self._errors) if self._retries else function

    def map(
        self,
        func: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        buffersize: int | None = None,
    ) -> Iterator[Any]:
        """As `futures.map`, but without a pool it raises `NotStarted`. `timeout` is for all results together."""
        check_map(func, iterables)
        return engine("map").map(self._prepared(func), iterables, timeout, buffersize, options=self._options)

    def map_as_completed(
        self, func: Callable[..., Any], *iterables: Iterable[Any], timeout: float | None = None
    ) -> Iterator[Any]:
        """As `futures.map_as_completed`."""
        check_map(func, iterables)
        function = self._prepared(func)
        return engine("map_as_completed").map(function, iterables, timeout, as_completed=True, options=self._options)

    def submit(self, func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """As `futures.submit`."""
        function = self._prepared(func)
        return engine("submit").submit(function, args, kwargs, self._options)

    def mapReduce(
        self, mapFunc: Callable[..., Any], reductionFunc: Callable[[Any, Any], Any], *iterables: Iterable[Any]
    ) -> Any:
        """As `mapReduce`; the options are for the calls of both functions."""
        return mapReduce(self._call(mapFunc), self._call(reductionFunc), *iterables)

    def mapScan(
        self, mapFunc: Callable[..., Any], reductionFunc: Callable[[Any, Any], Any], *iterables: Iterable[Any]
    ) -> list[Any]:
        """As `mapScan`; the options are for the calls of both functions."""
        return mapScan(self._call(mapFunc), self._call(reductionFunc), *iterables)

    def _call(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function as a task of its own, if these options need one."""
        function = self._prepared(function)
        if self._options == DEFAULT:
            return function
        return _AsTask(function, self._options)

    map_reduce = mapReduce
    map_scan = mapScan


class _AsTask:
    """A function each call of which is a task with options of its own."""

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        self._function = function
        self._options = options
        update_wrapper(self, function, updated=())

    def __call__(self, *args: Any) -> Any:
        return engine("submit").submit(self._function, args, {}, self._options).result()


def options(
    *,
    timeout: float | None = None,
    retries: int | None = None,
    errors: Errors = Exception,
    priority: int = 0,
    name: str | None = None,
) -> Functions:
    """The functions of `futures` for tasks with these options: ``futures.options(timeout=5).map(f, xs)``.

    Args:
        timeout: seconds that each task may run, from the call of its function. It is interrupted then, and
            raises `TaskTimeout`; if it does not heed, its worker is replaced after another second.
        retries: how often a task is run again after it raised, or after its worker died; by default not at all after
            the former, and twice after the latter.
        errors: which exceptions make it run again; any by default, if `retries` is given.
        priority: tasks with a higher one go first, among those of this program. What has begun goes on.
        name: what panels, the tree of tasks and errors call the tasks; by default the name of the function.

    Raises:
        ValueError: the timeout is not above zero, or retries is negative.
        TypeError: something is not of its type.
    """
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout must be above zero, not {timeout}")
    if retries is not None and (isinstance(retries, bool) or not isinstance(retries, int)):
        raise TypeError(f"retries must be a whole number, not {retries!r}")
    if retries is not None and retries < 0:
        raise ValueError(f"retries can't be negative: {retries}")
    if not isinstance(priority, int):
        raise TypeError(f"priority must be a whole number, not {priority!r}")
    chosen = Options(
        retries=DEFAULT.retries if retries is None else retries,
        priority=priority,
        limit=float(timeout or 0.0),
        name=name or "",
    )
    return Functions(DEFAULT if chosen == DEFAULT else chosen, retries, errors)
