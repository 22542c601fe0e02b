"""The functions that the benchmarks run; in a module, so that every pool can send them by name."""

from __future__ import annotations

from scoop import futures


def nothing() -> None:
    pass


def increment(x: int) -> int:
    return x + 1


def tree(depth: int) -> int:
    """The number of tasks in a binary tree of tasks, each of which waits for its two children."""
    if depth == 0:
        return 1
    left, right = (futures.submit(tree, depth - 1) for _ in range(2))
    return 1 + int(left.result()) + int(right.result())
