"""Tasks that several test modules run. Workers import this module, so it imports little."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from scoop import futures


def inc(x: int) -> int:
    return x + 1


def square(x: int) -> int:
    return x * x


def add(a: Any, b: Any) -> Any:
    return a + b


def keywords(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, kwargs


def odd_fails(x: int) -> int:
    if x % 2:
        raise ValueError(f"{x} is odd")
    return x


def raise_it(error: BaseException) -> None:
    raise error


def pid(_: object = None) -> int:
    return os.getpid()


def begun(folder: Path) -> list[int]:
    """The processes in which `hold` has begun."""
    return [int(path.name.removeprefix("begun-")) for path in folder.glob("begun-*")]


def hold(folder: Path, value: Any = None) -> Any:
    """Say that it runs (see `begun`), and go on when there is a file `go`."""
    (folder / f"begun-{os.getpid()}").touch()
    while not (folder / "go").exists():
        time.sleep(0.002)
    return value


def sleep(folder: Path) -> None:
    """Say that it runs, and sleep for longer than any test lasts.

    Not at once: a signal that comes between Python's last look for one and the system call does not end that.
    """
    (folder / f"begun-{os.getpid()}").touch()
    for _ in range(3600):
        time.sleep(1)


def spin(folder: Path) -> None:
    """Say that it runs, and compute for longer than any test lasts."""
    (folder / f"begun-{os.getpid()}").touch()
    while True:
        pass


def slowly(x: int) -> int:
    time.sleep(0.005)
    return x


def slow_sum(n: int) -> int:
    return sum(futures.map(slowly, range(n)))


def leaves(depth: int) -> int:
    """The leaves of a tree whose nodes are tasks."""
    if depth == 0:
        return 1
    return sum(futures.map(leaves, [depth - 1] * 2))


def fibonacci(n: int) -> int:
    if n < 2:
        return n
    one, two = futures.submit(fibonacci, n - 1), futures.submit(fibonacci, n - 2)
    return one.result() + two.result()


def descend(depth: int) -> int:
    """A chain of tasks, each of which waits for the next one."""
    return 0 if depth == 0 else 1 + futures.submit(descend, depth - 1).result()
