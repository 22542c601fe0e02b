"""The pools that are measured, behind one small interface."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool
from typing import Any, Protocol

import scoop
from scoop import futures


class Peer(Protocol):
    """A pool of processes."""

    name: str

    def stop(self) -> None: ...

    def submit(self, function: Callable[..., Any], *args: Any) -> Any: ...

    def result(self, future: Any) -> Any: ...

    def map(self, function: Callable[..., Any], items: Iterable[Any]) -> list[Any]: ...


class Scoop:
    """This project, as a user has it: nothing set."""

    name = "scoop"

    def __init__(self, n: int) -> None:
        self.pool = scoop.start(n)

    def stop(self) -> None:
        self.pool.stop()

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return futures.submit(function, *args)

    def result(self, future: Any) -> Any:
        return future.result()

    def map(self, function: Callable[..., Any], items: Iterable[Any]) -> list[Any]:
        return list(futures.map(function, items))


class Executor:
    """`concurrent.futures.ProcessPoolExecutor`."""

    name = "ProcessPoolExecutor"

    def __init__(self, n: int) -> None:
        self._pool = ProcessPoolExecutor(n)

    def stop(self) -> None:
        self._pool.shutdown()

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self._pool.submit(function, *args)

    def result(self, future: Any) -> Any:
        return future.result()

    def map(self, function: Callable[..., Any], items: Iterable[Any]) -> list[Any]:
        return list(self._pool.map(function, items))


class Multiprocessing:
    """`multiprocessing.Pool`."""

    name = "multiprocessing.Pool"

    def __init__(self, n: int) -> None:
        self._pool = Pool(n)

    def stop(self) -> None:
        self._pool.close()
        self._pool.join()

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self._pool.apply_async(function, args)

    def result(self, future: Any) -> Any:
        return future.get()

    def map(self, function: Callable[..., Any], items: Iterable[Any]) -> list[Any]:
        return self._pool.map(function, items)


PEERS: list[Callable[[int], Any]] = [Scoop, Executor, Multiprocessing]
