"""The functions that the benchmarks run; in a module, so that every pool can send them by name."""

from __future__ import annotations

import time
from typing import Any

from scoop import futures


def nothing() -> None:
    pass


def increment(x: int) -> int:
    return x + 1


def zeros(count: int) -> Any:
    """An array of so many numbers; its memory travels apart from the pickle, if the pool knows how."""
    import numpy

    return numpy.zeros(count)


def total(array: Any) -> float:
    return float(array.sum())


def hold(array: Any, seconds: float) -> int:
    """Use all of an array, and keep it for a while."""
    array.sum()
    time.sleep(seconds)
    return len(array)


def tree(depth: int) -> int:
    """The number of tasks in a binary tree of tasks, each of which waits for its two children."""
    if depth == 0:
        return 1
    left, right = (futures.submit(tree, depth - 1) for _ in range(2))
    return 1 + int(left.result()) + int(right.result())
