"""What share of all CPU time is the tasks' own, and who takes the rest: here, in `multiprocessing.Pool`, in the
barest pool that works as ours does, and in loops without a pool. By turns, in new processes each time. Linux only.

    python -m benchmarks.efficiency [--workers 2] [--rounds 7]
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable
from math import ceil
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from queue import SimpleQueue
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median, quantiles
from threading import Thread
from typing import Any, Protocol

import psutil

from benchmarks.peers import Multiprocessing, Scoop
from benchmarks.scaling import work

LENGTHS = (0.01, 0.001, 0.0001, 0.00001)
TOTAL = 4.0  # seconds that all tasks of one map take together
PIECES = 9  # that a worker of ours gets of that
PARTS = ("tasks", "threads", "others", "program")


class Loops:
    """Processes that do what they are given, each a part of it; they are forked for that, and end with it."""

    def __init__(self, n: int) -> None:
        self._n = n

    def stop(self) -> None:
        """Nothing is left."""

    def map(self, function: Callable[[Any], Any], items: list[Any]) -> list[Any]:
        for place in range(self._n):
            if not os.fork():
                list(map(function, items[place :: self._n]))
                os._exit(0)
        for _ in range(self._n):
            os.wait()
        return []


class Bare:
    """As little as can pass work on through a third process, to workers that listen while they work."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._end, far = Pipe()
        pairs = [Pipe() for _ in range(n)]
        self._processes = [Process(target=self._broker, args=(far, [near for near, _ in pairs]), daemon=True)]
        self._processes += [Process(target=self._worker, args=(end,), daemon=True) for _, end in pairs]
        for process in self._processes:
            process.start()

    @staticmethod
    def _broker(program: Connection, workers: list[Connection]) -> None:
        while pieces := program.recv():
            waiting = deque(pieces)
            for worker in 2 * workers:  # one to work on, and the next one
                worker.send_bytes(waiting.popleft())
            for _ in pieces:
                worker = next(each for each in wait(workers) if isinstance(each, Connection))
                program.send_bytes(worker.recv_bytes())
                if waiting:
                    worker.send_bytes(waiting.popleft())

    @staticmethod
    def _worker(end: Connection) -> None:
        came: SimpleQueue[bytes] = SimpleQueue()

        def listen() -> None:
            while True:
                came.put(end.recv_bytes())

        Thread(target=listen, daemon=True).start()
        while True:
            function, items = pickle.loads(came.get())
            end.send(list(map(function, items)))

    def map(self, function: Callable[[Any], Any], items: list[Any]) -> list[Any]:
        size = ceil(len(items) / PIECES / self._n)
        pieces = [pickle.dumps((function, items[lo : lo + size])) for lo in range(0, len(items), size)]
        self._end.send(pieces)
        return [result for _ in pieces for result in self._end.recv()]

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.join()


def at(_: int) -> int:
    """Where a task runs; it takes long enough to have all workers run some."""
    work(0.001)
    return os.getpid()


def seconds_of(process: int) -> dict[int, float]:
    """CPU seconds of each thread of a process; to the nanosecond, which its times elsewhere are not."""
    tasks = Path(f"/proc/{process}/task")
    return {int(task.name): int((task / "schedstat").read_text().split()[0]) / 1e9 for task in tasks.iterdir()}


def used(workers: set[int]) -> dict[str, float]:
    """CPU seconds up to now of the workers' main threads, which run the tasks, of their other ones, of all other
    processes below this one, and of this one."""
    me = os.getpid()
    sums = dict.fromkeys(PARTS, 0.0)
    for process in (me, *(child.pid for child in psutil.Process().children(recursive=True))):
        for thread, seconds in seconds_of(process).items():
            if process in workers:
                sums["tasks" if thread == process else "threads"] += seconds
            else:
                sums["program" if process == me else "others"] += seconds
    gone = getrusage(RUSAGE_CHILDREN)
    sums["tasks"] += gone.ru_utime + gone.ru_stime  # where the workers end with their work
    return sums


class Pool(Protocol):
    """What is measured."""

    def map(self, function: Callable[[Any], Any], items: list[Any]) -> list[Any]: ...

    def stop(self) -> None: ...


POOLS: dict[str, Callable[[int], Pool]] = {
    "loops": Loops, "bare": Bare, "multiprocessing.Pool": Multiprocessing, "scoop": Scoop,
}  # fmt: skip


def measure(name: str, n: int) -> list[dict[str, float]]:
    """For tasks of each length: CPU seconds in a new pool, by who has spent them."""
    pool = POOLS[name](n)
    try:
        workers = set(pool.map(at, list(range(50 * n))))
        rows = []
        for length in LENGTHS:
            items = [length] * round(TOTAL / length)
            before = used(workers)
            pool.map(work, items)
            rows.append({part: seconds - before[part] for part, seconds in used(workers).items()})
        return rows
    finally:
        pool.stop()


def shares(rows: Iterable[dict[str, float]]) -> list[float]:
    """Of what was used, what the tasks were meant to use, in percent."""
    return [100 * TOTAL / sum(row.values()) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.efficiency", description=__doc__)
    parser.add_argument("--workers", type=int, default=2, help="of each pool (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="of which medians are shown (default: %(default)s)")
    parser.add_argument("--one", choices=POOLS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("quartiles need two rounds at least")
    if options.one:
        print(json.dumps(measure(options.one, options.workers)))
        return
    found: dict[str, list[list[dict[str, float]]]] = {name: [] for name in POOLS}
    for turn in range(options.rounds):
        for name in sorted(found, reverse=turn % 2 > 0):
            command = [sys.executable, "-m", "benchmarks.efficiency", f"--workers={options.workers}", "--one", name]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found[name].append(json.loads(done.stdout))
    show({name: list(zip(*rounds, strict=True)) for name, rounds in found.items()})


def show(found: dict[str, list[tuple[dict[str, float], ...]]]) -> None:
    """Print what was found of each pool: for each length of tasks, what each round has used."""
    print("Of all CPU time, the tasks' own, in percent: medians")
    print(
        f"{'tasks of':>10}" + "".join(f"{name:>22}" for name in found) + "   the last less the one before: quartiles"
    )
    for place, length in enumerate(LENGTHS):
        of = {name: shares(rows[place]) for name, rows in found.items()}
        apart = [a - b for a, b in zip(of["scoop"], of["multiprocessing.Pool"], strict=True)]
        print(f"{length * 1e6:>7g} µs" + "".join(f"{median(one):>22.1f}" for one in of.values()), end="   ")
        print("  ".join(f"{quartile:.2f}" for quartile in quantiles(apart, n=4)))
    print("\nBeside that, in ms: main threads of workers, their other threads, other processes, the program")
    for place, length in enumerate(LENGTHS):
        print(f"{length * 1e6:>7g} µs", end="")
        for rows in found.values():
            beside = [median(row[part] for row in rows[place]) - TOTAL * (part == "tasks") for part in PARTS]
            print("  " + "".join(f"{seconds * 1e3:>5.0f}" for seconds in beside), end="")
        print()


if __name__ == "__main__":
    main()
