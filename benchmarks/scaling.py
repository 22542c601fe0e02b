"""What a task costs beside itself as workers grow: CPU seconds of all processes, which others on the machine don't
change much.

    python -m benchmarks.scaling [--workers 1,2,4,8,16] [--json FILE]
"""

from __future__ import annotations

import argparse
import time

import psutil

import scoop
from benchmarks.results import add
from scoop import futures


def work(seconds: float) -> None:
    """Use the processor for so long."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def cost(n: int, seconds: float, total: float = 4.0) -> float:
    """CPU seconds a task takes beside its own, with n workers; `total` is the work of all tasks together."""
    with scoop.start(n):
        list(futures.map(work, [seconds] * 20 * n))
        root = psutil.Process()
        processes = [root, *root.children(recursive=True)]
        before = sum(sum(p.cpu_times()[:2]) for p in processes)
        tasks = int(total / seconds)
        list(futures.map(work, [seconds] * tasks))
        used = sum(sum(p.cpu_times()[:2]) for p in processes) - before
    return (used - tasks * seconds) / tasks


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--workers", default="1,2,4,8,16", help="how many, as a list (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="add what was measured to this file, for `benchmarks.plots`")
    options = parser.parse_args()
    rows = []
    lengths = (0.0001, 0.001, 0.01)
    print("CPU time a task takes beside its own, in µs")
    print(f"{'workers':>8}" + "".join(f"{seconds * 1e3:>10g} ms" for seconds in lengths))
    for n in map(int, options.workers.split(",")):
        costs = [cost(n, seconds) for seconds in lengths]
        rows += [
            {"workers": n, "task": seconds, "cost": found} for seconds, found in zip(lengths, costs, strict=True)
        ]
        print(f"{n:>8}" + "".join(f"{found * 1e6:>13.0f}" for found in costs), flush=True)
    add(options.json, scaling=rows)


if __name__ == "__main__":
    main()
