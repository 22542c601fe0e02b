"""Maps whose results are combined on the workers: `mapReduce` and `mapScan`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

from scoop.engine import check_map, engine
from scoop_core.future import Future
from scoop_core.owner import Options
from scoop_core.payload import function_name

#: Where tasks are dear, a reduction has about so many for each that can run at once.
LEAVES = 8


def mapReduce(
    mapFunc: Callable[..., Any], reductionFunc: Callable[[Any, Any], Any], *iterables: Iterable[Any]
) -> Any:
    """Map, and combine the results in pairs along a tree of tasks, keeping their order.

    Args:
        mapFunc: called with one argument from each iterable.
        reductionFunc: combines two neighbouring results; must be associative, need not be commutative.
        iterables: up to the end of the shortest.

    Raises:
        TypeError: there is nothing to reduce.
        NotStarted: there is no pool.
    """
    check_map(mapFunc, iterables)
    rows = list(zip(*iterables, strict=False))
    if not rows:
        raise TypeError("mapReduce() of empty iterables")
    peer = engine("mapReduce")
    leaf = 1 if peer.abilities.cheap_tasks else max(1, len(rows) // (LEAVES * peer.size))
    return _settle(peer.submit(_Reduction(mapFunc, reductionFunc, leaf), (rows,), {}))


class _Reduction:
    """A task that maps and reduces a part of the whole, the right half of which is a task of its own.

    Args:
        map_function, reduction: as of `mapReduce`.
        leaf: so many rows are not worth another task.
    """

    def __init__(self, map_function: Callable[..., Any], reduction: Callable[[Any, Any], Any], leaf: int) -> None:
        self._map = map_function
        self._reduce = reduction
        self._leaf = leaf
        self.__qualname__ = f"mapReduce({function_name(map_function)})"  # what people see

    def __call__(self, rows: list[Any]) -> Any:
        if len(rows) <= self._leaf:
            return reduce(self._reduce, (self._map(*row) for row in rows))
        half = len(rows) // 2
        right = engine("mapReduce").submit(self, (rows[half:],), {})
        try:
            left = self(rows[:half])
        except BaseException:
            right.cancel()
            raise
        return self._reduce(left, _settle(right))


def _settle(future: Future) -> Any:
    """The result of a task of which nobody else knows: who is interrupted while waiting cancels it."""
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def mapScan(
    mapFunc: Callable[..., Any], reductionFunc: Callable[[Any, Any], Any], *iterables: Iterable[Any]
) -> list[Any]:
    """Map, and return the prefix scan of the results: first, first + second, first + second + third, ...

    Args:
        mapFunc: called with one argument from each iterable.
        reductionFunc: combines two neighbouring results; must be associative, need not be commutative.
        iterables: up to the end of the shortest.

    Raises:
        NotStarted: there is no pool.
    """
    check_map(mapFunc, iterables)
    peer = engine("mapScan")
    rows = list(zip(*iterables, strict=False))
    size = max(1, -(-len(rows) // (4 * peer.size)))
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    options = Options(name=f"mapScan({function_name(mapFunc)})")
    functions = [mapFunc] * len(parts), [reductionFunc] * len(parts)
    scans = list(peer.map(_scan, (*functions, parts), options=options))
    offsets: list[Any] = []
    for scan in scans[:-1]:
        offsets.append(reductionFunc(offsets[-1], scan[-1]) if offsets else scan[-1])
    shifted = peer.map(_shift, ([reductionFunc] * len(offsets), offsets, scans[1:]), options=options)
    return reduce(lambda whole, part: whole + part, shifted, scans[0] if scans else [])


def _scan(map_function: Callable[..., Any], reduction: Callable[[Any, Any], Any], rows: list[Any]) -> list[Any]:
    out: list[Any] = []
    for row in rows:
        value = map_function(*row)
        out.append(reduction(out[-1], value) if out else value)
    return out


def _shift(reduction: Callable[[Any, Any], Any], offset: Any, scan: list[Any]) -> list[Any]:
    return [reduction(offset, value) for value in scan]


map_reduce = mapReduce
map_scan = mapScan
