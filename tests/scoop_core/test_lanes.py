"""Lanes keep what ran, and are coarser where there would be too much."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from typing import Any

import pytest

from scoop_core.lanes import NAMES, Lanes
from scoop_core.messages import Ran


def ran(name: str, began: float, ended: float, tasks: int = 1, failed: int = 0) -> Ran:
    return Ran("r", 1, name, 1e9 + began, 1e9 + ended, tasks, failed)


def drawn(lanes: Lanes) -> dict[str, list[tuple[str, float, float, int, int]]]:
    """By worker: (name, began, ended, tasks, failed)."""
    picture = lanes.picture()
    return {
        lane["worker"]: [
            (picture["functions"][function], round(began - 1e9, 4), round(ended - 1e9, 4), tasks, failed)
            for function, began, ended, tasks, failed in lane["spans"]
        ]
        for lane in picture["lanes"]
    }


def test_each_worker_has_a_lane() -> None:
    lanes = Lanes()
    lanes.add("w0", ran("f", 0.0, 0.5))
    lanes.add("w1", ran("g", 0.25, 0.75, tasks=3, failed=2))
    lanes.add("w0", ran("g", 0.5, 1.0))
    assert drawn(lanes) == {
        "w0": [("f", 0.0, 0.5, 1, 0), ("g", 0.5, 1.0, 1, 0)],
        "w1": [("g", 0.25, 0.75, 3, 2)],
    }


def test_a_picture_is_plain_data() -> None:
    lanes = Lanes()
    assert lanes.picture() == {"began": 0.0, "ended": 0.0, "functions": [], "lanes": []}
    lanes.add("w0", ran("f", 1.00004, 2.00006))
    picture = lanes.picture()
    assert json.loads(json.dumps(picture)) == picture
    assert picture == {
        "began": 1e9 + 1.0,
        "ended": 1e9 + 2.0001,
        "functions": ["f"],
        "lanes": [{"worker": "w0", "spans": [[0, 1e9 + 1.0, 1e9 + 2.0001, 1, 0]]}],
    }


def test_what_runs_now_is_in_the_picture_and_not_kept() -> None:
    lanes = Lanes()
    lanes.add("w0", ran("f", 0.0, 1.0))
    picture = lanes.picture([("w0", ran("g", 1.0, 3.0)), ("w1", ran("f", 2.0, 4.0))])
    assert picture["ended"] == 1e9 + 4.0
    assert [len(lane["spans"]) for lane in picture["lanes"]] == [2, 1]
    assert drawn(lanes) == {"w0": [("f", 0.0, 1.0, 1, 0)]}


def test_neighbours_of_one_function_are_one_and_others_are_not() -> None:
    lanes = Lanes()
    for began in (0.0, 0.5, 1.0):
        lanes.add("w0", ran("f", began, began + 0.4999))
    lanes.add("w0", ran("g", 1.5, 2.0))
    lanes.add("w0", ran("f", 2.0, 2.5))
    lanes.add("w0", ran("f", 3.0, 3.5))
    assert [(name, tasks) for name, _, _, tasks, _ in drawn(lanes)["w0"]] == [("f", 3), ("g", 1), ("f", 1), ("f", 1)]


def test_what_comes_late_is_put_where_it_belongs() -> None:
    lanes = Lanes()
    lanes.add("w0", ran("g", 2.0, 3.0))
    lanes.add("w0", ran("f", 0.0, 1.0))
    assert [name for name, *_ in drawn(lanes)["w0"]] == ["f", "g"]


@pytest.mark.parametrize("workers", [1, 7, 300])
def test_there_are_never_more_than_the_limit_and_nothing_is_lost(workers: int) -> None:
    rng = random.Random(1)
    limit = 1000
    lanes = Lanes(limit)
    times = dict.fromkeys(range(workers), 0.0)
    busy: dict[str, float] = {"f": 0.0, "g": 0.0}
    count = 30_000
    for _ in range(count):
        worker = rng.randrange(workers)
        began = times[worker] + rng.choice((0.0, 0.001, 0.01))
        times[worker] = ended = began + rng.expovariate(200)
        name = rng.choice("fg")
        busy[name] += ended - began
        lanes.add(f"w{worker}", ran(name, began, ended, failed=1))
        assert lanes._count <= limit
    found = drawn(lanes)
    spans = [span for lane in found.values() for span in lane]
    assert workers <= len(spans) <= limit
    assert sum(tasks for *_, tasks, _ in spans) == sum(failed for *_, failed in spans) == count
    for worker, lane in found.items():
        assert all(a[2] <= b[1] + 1e-3 for a, b in pairwise(lane)), "one over the other"
        assert abs(lane[-1][2] - times[int(worker[1:])]) < 1e-3
    covered = sum(ended - began for _, began, ended, _, _ in spans)
    assert sum(busy.values()) <= covered + 1.0 <= 2 * sum(times.values())


def test_idle_time_is_seen_at_any_grain() -> None:
    lanes = Lanes(100)
    for hour in range(3):
        for second in range(600):
            lanes.add("w0", ran("f", 3600.0 * hour + second, 3600.0 * hour + second + 0.9))
    spans = drawn(lanes)["w0"]
    assert len(spans) <= 100
    assert sum(began - ended > 2900 for (_, _, ended, *_), (_, began, *_) in pairwise(spans)) == 2


def test_the_function_that_had_most_of_the_time_gives_the_name() -> None:
    lanes = Lanes(2)
    for number in range(1000):
        lanes.add("w0", ran("short", number, number + 0.1))
        lanes.add("w0", ran("long", number + 0.1, number + 1.0))
    assert {name for name, *_ in drawn(lanes)["w0"]} == {"long"}


def test_more_workers_than_spans_have_one_each() -> None:
    lanes = Lanes(10)
    for number in range(50):
        for worker in range(100):
            lanes.add(f"w{worker}", ran("f", number, number + 0.1))
    assert len(drawn(lanes)) == 100
    assert lanes._count <= 200


def test_names_do_not_grow_without_end() -> None:
    lanes = Lanes()
    for number in range(NAMES + 100):
        lanes.add("w0", ran(f"f{number}", number, number + 0.5))
    functions = lanes.picture()["functions"]
    assert len(functions) == NAMES + 1
    assert functions[-1] == "(more)"


def test_lanes_of_several_runs_are_put_together() -> None:
    one, other = Lanes(), Lanes()
    one.add("w0", ran("f", 0.0, 1.0))
    other.add("w0", ran("g", 1.0, 2.0))
    other.add("w1", ran("f", 1.0, 2.0))
    both: Any = drawn(one.together([other]))
    assert {worker: [name for name, *_ in lane] for worker, lane in both.items()} == {"w0": ["f", "g"], "w1": ["f"]}
    assert drawn(one) == {"w0": [("f", 0.0, 1.0, 1, 0)]}
