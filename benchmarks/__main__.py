"""Measure every pool with the same work, one after the other, several times over; print medians.

    python -m benchmarks [-n WORKERS] [--repeat R] [--json FILE]

The machine is never quite still, so look at ratios within one run rather than at numbers.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import psutil

from benchmarks.peers import PEERS, Scoop
from benchmarks.results import add, quantiles
from benchmarks.tasks import increment, nothing, total, tree, zeros

_now = time.perf_counter

#: name: (what it says, unit, how to measure it with a pool that runs)
Measure = Callable[[Any], float]


def round_trips(pool: Any) -> list[float]:
    """Each of 2,000 sequential submit(nothing).result(), in seconds."""
    times = []
    for _ in range(2_200):
        began = _now()
        pool.result(pool.submit(nothing))
        times.append(_now() - began)
    return times[200:]


def many_tiny(pool: Any) -> float:
    """Tasks a second of map(increment, range(100_000)), with no chunk size given."""
    began = _now()
    pool.map(increment, range(100_000))
    return 100_000 / (_now() - began)


def many_futures(pool: Any) -> float:
    """Tasks a second of 10,000 submits that are then gathered."""
    began = _now()
    for future in [pool.submit(increment, i) for i in range(10_000)]:
        pool.result(future)
    return 10_000 / (_now() - began)


def arrays_in(pool: Any) -> float:
    """MB a second of a map over 64 arrays of 8 MB."""
    arrays = [zeros(1_000_000) + number for number in range(64)]
    began = _now()
    pool.map(total, arrays)
    return 512 / (_now() - began)


def arrays_out(pool: Any) -> float:
    """MB a second of 64 results of 8 MB."""
    began = _now()
    pool.map(zeros, [1_000_000] * 64)
    return 512 / (_now() - began)


def nested(pool: Any) -> float:
    """Tasks a second of a binary tree of 8,191 nested tasks; the others can't nest."""
    if not isinstance(pool, Scoop):
        return float("nan")
    began = _now()
    count: int = pool.result(pool.submit(tree, 12))
    return count / (_now() - began)


MEASURES: list[tuple[Measure, str, str]] = [
    (many_tiny, "map(increment, range(100000))", "tasks/s"),
    (many_futures, "10000 submits, then gather", "tasks/s"),
    (nested, "tree of 8191 nested tasks", "tasks/s"),
    (arrays_in, "64 arrays of 8 MB to workers", "MB/s"),
    (arrays_out, "64 arrays of 8 MB from workers", "MB/s"),
]


def idle(n: int, seconds: float = 5.0) -> tuple[float, float]:
    """Share of one core, and MiB of proportional memory, that an idle pool takes (all of its processes)."""
    pool = Scoop(n)
    try:
        pool.result(pool.submit(nothing))
        processes = psutil.Process().children(recursive=True)
        time.sleep(0.5)  # the last reports go out
        before = sum(sum(p.cpu_times()[:2]) for p in processes)
        time.sleep(seconds)
        used = sum(sum(p.cpu_times()[:2]) for p in processes) - before
        memory = sum(p.memory_full_info().pss for p in processes) / 2**20
    finally:
        pool.stop()
    return used / seconds, memory


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("-n", type=int, default=2, help="workers (default: 2)")
    parser.add_argument("--repeat", type=int, default=3, help="how often each is measured (default: 3)")
    parser.add_argument("--json", metavar="FILE", help="add what was measured to this file, for `benchmarks.plots`")
    options = parser.parse_args()
    round_trip = "submit(nothing).result()"
    found: dict[tuple[str, str], list[float]] = {}
    trips: dict[str, list[float]] = {}
    names: list[str] = []
    for _ in range(options.repeat):
        for make in PEERS:
            began = _now()
            pool = make(options.n)
            pool.result(pool.submit(nothing))
            found.setdefault(("pool to first result", pool.name), []).append((_now() - began) * 1e3)
            names = list(dict.fromkeys([*names, pool.name]))
            try:
                times = round_trips(pool)
                trips.setdefault(pool.name, []).extend(times)
                found.setdefault((round_trip, pool.name), []).append(median(times) * 1e6)
                for measure, title, _unit in MEASURES:
                    found.setdefault((title, pool.name), []).append(measure(pool))
            finally:
                pool.stop()
    units = {"pool to first result": "ms", round_trip: "µs", **{title: unit for _, title, unit in MEASURES}}
    print(f"{options.n} workers, medians of {options.repeat}\n")
    print(f"{'':31}{'':9}" + "".join(f"{name:>22}" for name in names))
    for title, unit in units.items():
        row = [median(found[title, name]) for name in names]
        print(f"{title:31}{unit:9}" + "".join(f"{'-' if x != x else format(x, ',.0f'):>22}" for x in row))
    share, memory = idle(options.n)
    print(f"\nidle pool: {share:.1%} of a core, {memory:.0f} MiB in all its processes")
    rows = [{"what": what, "pool": name, "unit": units[what], "values": v} for (what, name), v in found.items()]
    idling = {"share": share, "MiB": memory}
    distributions = {name: quantiles(times) for name, times in trips.items()}
    add(options.json, workers=options.n, rows=rows, idle=idling, round_trips=distributions)


if __name__ == "__main__":
    main()
