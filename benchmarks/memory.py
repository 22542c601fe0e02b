"""How much memory pools take as workers grow: idle, and while every worker uses the same large array.

    python -m benchmarks.memory [--workers 1,2,4,8] [--json FILE]

Counted are all processes of a pool but the program itself; what several of them share counts once.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import psutil

from benchmarks.peers import PEERS, Scoop
from benchmarks.results import add
from benchmarks.tasks import hold, nothing, zeros
from scoop import shared

MEGABYTES = 200
SECONDS = 1.0  # for which each worker has the array


def taken() -> float:
    """MB of all processes that this one has started, by their proportional shares."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            total += process.memory_full_info().pss
        except psutil.Error:  # it has just ended
            continue
    return total / 1e6


@contextmanager
def peak() -> Iterator[list[float]]:
    """The most memory that was taken in the block, as the only element of a list; 0 before its end."""
    seen, over = [0.0], False

    def look() -> None:
        while not over:
            seen[0] = max(seen[0], taken())
            time.sleep(0.02)

    watch = Thread(target=look)
    watch.start()
    try:
        yield seen
    finally:
        over = True
        watch.join()


def shared_by(_: int) -> int:
    return hold(shared.getConst("array"), SECONDS)


def use(pool: Any, n: int, array: Any) -> None:
    """Have each of n workers use an array: a shared constant where there is such a thing, else an argument."""
    if isinstance(pool, Scoop):
        shared.setConst(array=array)
        pool.map(shared_by, range(n))
    else:
        for future in [pool.submit(hold, array, SECONDS) for _ in range(n)]:
            pool.result(future)


def measure(make: Callable[[int], Any], n: int) -> tuple[str, float, float]:
    """The name of a pool of n workers, and its memory in MB: idle, and with the array in use."""
    gc.collect()  # what pools before have left would be forked with the program
    pool = make(n)
    try:
        for future in [pool.submit(nothing) for _ in range(4 * n)]:
            pool.result(future)
        idle = taken()
        array = zeros(MEGABYTES * 10**6 // 8) + 1.0  # now, as what is there before is forked with the program
        with peak() as seen:
            use(pool, n, array)
        return pool.name, idle, seen[0]
    finally:
        pool.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--workers", default="1,2,4,8", help="how many, as a list (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="add what was measured to this file, for `benchmarks.plots`")
    options = parser.parse_args()
    rows = []
    print(f"MB of all processes of a pool: idle, and while all use an array of {MEGABYTES} MB")
    for n in map(int, options.workers.split(",")):
        for make in PEERS:
            name, idle, used = measure(make, n)
            rows.append({"pool": name, "workers": n, "idle": idle, "used": used})
            print(f"{n:>4} workers  {name:22}{idle:>8.0f}{used:>8.0f}", flush=True)
    add(options.json, memory=rows)


if __name__ == "__main__":
    main()
