"""The timeline of real pools: who ran what and when, and that idle time shows."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from scoop import BrokerLost, Pool, futures
from tests.conftest import PoolFactory
from tests.scoop import tasks
from tests.waiting import eventually

#: How exact a timeline is, in seconds: the clocks of processes agree, but are read at different moments.
SLACK = 0.002

Spans = list[tuple[str, float, float, int, int]]


@pytest.fixture(autouse=True)
def run(pool: Pool) -> None:
    """Each test is a run of its own."""
    pool.client.new_run()


def lanes(pool: Pool, run: int | None = None) -> dict[str, Spans]:
    """By worker: (name, began, ended, tasks, failed)."""
    timeline = pool.client.timeline(pool.client.run if run is None else run)
    names = timeline["functions"]
    return {
        lane["worker"]: [(names[function], *rest) for function, *rest in lane["spans"]] for lane in timeline["lanes"]
    }


def total(found: dict[str, Spans], name: str) -> tuple[float, int, int]:
    """Seconds, tasks and failures of a function."""
    spans = [span for lane in found.values() for span in lane if span[0] == name]
    return sum(s[2] - s[1] for s in spans), sum(s[3] for s in spans), sum(s[4] for s in spans)


def nap(seconds: float) -> tuple[float, float]:
    """When it ran, by its own clock: machines are not always quick."""
    began = time.time()
    time.sleep(abs(seconds))
    if seconds < 0:
        raise ValueError
    return began, time.time()


def covers(lane: Spans, name: str, ran: tuple[float, float]) -> bool:
    """Whether a span of this name has this time in it."""
    return any(n == name and began <= ran[0] + SLACK and ran[1] - SLACK <= ended for n, began, ended, *_ in lane)


def test_each_task_that_takes_some_time_is_seen(pool: Pool) -> None:
    before = time.time()
    results = futures.map(nap, [0.1, 0.2, 0.15, -0.1])
    times = [next(results) for _ in range(3)]
    with pytest.raises(ValueError):
        next(results)
    eventually(lambda: total(lanes(pool), "nap")[1:] == (4, 1))
    found = lanes(pool)
    assert len(found) == 2
    for ran in times:
        assert any(covers(lane, "nap", ran) for lane in found.values())
    timeline = pool.client.timeline(pool.client.run)
    assert before - SLACK < timeline["began"] < timeline["ended"] < time.time() + SLACK


def test_a_single_short_task_is_seen_at_once(pool: Pool) -> None:
    futures.submit(nap, 0.0).result()
    [lane] = lanes(pool).values()
    assert [(name, tasks) for name, _, _, tasks, _ in lane] == [("nap", 1)]


def test_tiny_tasks_are_counted_in_few_spans(pool: Pool) -> None:
    assert sum(futures.map(tasks.inc, range(50_000))) == sum(range(50_001))
    eventually(lambda: total(lanes(pool), "inc")[1] == 50_000)
    assert sum(map(len, lanes(pool).values())) < 500


def parent(children: int) -> list[tuple[float, float]]:
    first = nap(0.1)
    return [first, *futures.map(nap, [0.05] * children), nap(0.1)]


def test_a_parent_is_not_there_while_it_waits(new_pool: PoolFactory) -> None:
    pool = new_pool(1)
    first, *children, last = futures.submit(parent, 4).result()
    [lane] = lanes(pool).values()
    assert [span[0] for span in lane] == ["parent", "nap", "parent"]
    assert covers(lane, "parent", first) and covers(lane, "parent", last)
    assert covers(lane, "nap", (children[0][0], children[-1][1]))
    assert total({"w0": lane}, "nap")[1] == 4


def call_once(seconds: float) -> tuple[float, float]:
    future = futures.submit(nap, seconds)
    error = future.exception()
    return (0.0, 0.0) if error else future.result()


@pytest.mark.parametrize(("seconds", "failed"), [(0.05, 0), (-0.05, 1)])
def test_a_single_task_that_a_task_calls_has_its_own_span(new_pool: PoolFactory, seconds: float, failed: int) -> None:
    pool = new_pool(1)
    ran = futures.submit(call_once, seconds).result(20)
    [lane] = lanes(pool).values()
    assert [span[3:] for span in lane if span[0] == "nap"] == [(1, failed)]
    assert failed or covers(lane, "nap", ran)
    assert pool.client.picture()["pool"]["strange"] == 0


def waiting(folder: Path) -> Any:
    """Waits for a task on another worker, while there is nothing else to do; when it did something itself."""
    ran = nap(0.05)
    futures.options(retries=0).submit(tasks.hold, folder).result()  # leaves this worker
    return ran


def test_a_worker_whose_tasks_all_wait_is_idle(pool: Pool, tmp_path: Path) -> None:
    future = futures.submit(waiting, tmp_path)
    eventually(lambda: tasks.begun(tmp_path))
    eventually(lambda: total(lanes(pool), "hold")[0] > 0.2 + 4 * total(lanes(pool), "waiting")[0], seconds=20)
    (tmp_path / "go").touch()
    ran = future.result()
    eventually(lambda: total(lanes(pool), "hold")[1] == 1)
    assert any(covers(lane, "waiting", ran) for lane in lanes(pool).values())
    assert total(lanes(pool), "waiting")[0] < total(lanes(pool), "hold")[0]


def test_what_runs_on_is_seen(pool: Pool, tmp_path: Path) -> None:
    future = futures.submit(tasks.hold, tmp_path)
    eventually(lambda: total(lanes(pool), "hold")[0] > 0.2)
    assert total(lanes(pool), "hold")[1] == 0
    assert total(lanes(pool, -1), "hold")[0] > 0.2
    (tmp_path / "go").touch()
    future.result()
    eventually(lambda: total(lanes(pool), "hold")[1] == 1)


def test_the_whole_pool_has_the_spans_of_all_runs(new_pool: PoolFactory) -> None:
    pool = new_pool(1)
    for name in ("one", "two"):
        pool.client.new_run()
        futures.options(name=name).submit(nap, 0.02).result()
    assert [name for name, *_ in lanes(pool)["w0"]] == ["two"]
    assert [name for name, *_ in lanes(pool, -1)["w0"]] == ["one", "two"]
    assert lanes(pool, 77) == {}


def test_spans_of_a_lane_do_not_lie_over_each_other(pool: Pool) -> None:
    assert futures.submit(tasks.leaves, 9).result() == 512
    assert futures.submit(tasks.fibonacci, 15).result() == 610
    assert futures.submit(tasks.slow_sum, 40).result() == sum(range(40))
    for lane in lanes(pool).values():
        for one, other in pairwise(lane):
            assert one[1] <= one[2] <= other[1] + SLACK


def test_without_a_pool_there_is_no_timeline(new_pool: PoolFactory) -> None:
    pool = new_pool(1)
    pool.stop()
    with pytest.raises(BrokerLost):
        pool.client.timeline()
