"""A pool under a nested load, while every second something terrible happens to one of its workers."""

from __future__ import annotations

import itertools
import os
import random
import signal
import threading
import time
from pathlib import Path

import psutil

from scoop import Pool, futures
from tests.conftest import PoolFactory, at_rest
from tests.waiting import eventually

WORKERS = 4
SECONDS = 60.0
LIMIT = "300MB"
#: Families that come to their end between two terrible things.
PAUSE = 5 * WORKERS


def leaf(number: int, of: int, folder: Path) -> int:
    """A few milliseconds of work; whoever finds an order in the folder carries it out first, and dies of it.

    But each family does so only once: one that is on board of three deaths in a row is given up, and rightly so.
    """
    for order in ("exit", "abort", "hog"):
        if (folder / f"struck-{of}").exists():
            break
        try:
            (folder / order).rename(folder / f"struck-{of}")
        except FileNotFoundError:
            continue
        if order == "exit":
            os._exit(3)
        elif order == "abort":
            os.abort()
        hoard = []
        while True:  # until it is over the limit
            hoard.append(bytearray(1_000_000))
    end = time.thread_time() + 0.003
    while time.thread_time() < end:
        pass
    return number


def family(number: int, folder: Path) -> int:
    """A tree of tasks, in which submitted ones and maps wait for each other: its sum."""
    children = [futures.submit(generation, number + k, number, folder) for k in range(3)]
    return sum(child.result() for child in children)


def generation(number: int, of: int, folder: Path) -> int:
    return sum(futures.map(leaf, range(number, number + 4), [of] * 4, [folder] * 4))


def expected(number: int) -> int:
    return sum(sum(range(number + k, number + k + 4)) for k in range(3))


class Chaos(threading.Thread):
    """Does something to a random worker every second, unless the work has hardly gone on since the last time.

    For on a machine that is busy otherwise, it could hit the same task again and again, and rightly have it given up.
    """

    def __init__(self, pool: Pool, folder: Path) -> None:
        super().__init__()
        self.over = threading.Event()
        self.done: list[str] = []
        self.count = 0  # families that are over
        self._pool = pool
        self._folder = folder
        self._chance = random.Random(7)

    def run(self) -> None:
        before = 0
        while not self.over.wait(1.0):
            if self.count < before + PAUSE:
                continue
            before = self.count
            what = self._chance.choice(["kill", "kill", "stop", "exit", "abort", "hog"])
            if what in ("exit", "abort", "hog"):
                (self._folder / what).touch()
            else:
                pids = [row["pid"] for row in self._pool.workers if row["pid"]]
                try:
                    os.kill(self._chance.choice(pids), signal.SIGKILL if what == "kill" else signal.SIGSTOP)
                except (ProcessLookupError, IndexError):
                    continue
            self.done.append(what)


def test_whatever_happens_to_workers_the_sums_are_right_and_nothing_is_left(
    new_pool: PoolFactory, tmp_path: Path
) -> None:
    pool = new_pool(WORKERS, memory_limit=LIMIT)
    assert pool._process is not None
    first = psutil.Process(pool._process.pid)
    broker = min(child.pid for child in first.children())
    chaos = Chaos(pool, tmp_path)
    chaos.start()
    open_files: list[int] = []
    end = time.monotonic() + SECONDS
    numbers = itertools.takewhile(lambda _: time.monotonic() < end, itertools.count())
    try:
        for total in futures.map(family, numbers, itertools.repeat(tmp_path), buffersize=100):
            assert total == expected(chaos.count)
            chaos.count += 1
            if chaos.count % 100 == 0:
                open_files.append(psutil.Process(broker).num_fds())
    finally:
        chaos.over.set()
        chaos.join()
    assert chaos.count > 100
    assert set(chaos.done) == {"kill", "stop", "exit", "abort", "hog"}
    eventually(lambda: at_rest(pool, WORKERS), 15)
    assert psutil.Process(broker).num_fds() <= min(open_files) + WORKERS, "the broker keeps nothing of the dead"
    assert len(first.children()) == WORKERS + 2
    assert os.listdir(pool.client.connection.shelf) == []
