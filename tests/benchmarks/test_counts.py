"""The engine does not do more for a task than it did: counts, which no machine's mood changes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.counts import count
from benchmarks.model import Model
from benchmarks.regress import TOLERANCE, compare

HERE = Path(__file__).parent.parent.parent


def test_nothing_costs_more_than_it_did() -> None:
    """If it does so for a good reason: `python -m benchmarks.counts --json > benchmarks/counts.json`."""
    before = json.loads((HERE / "benchmarks" / "counts.json").read_text())
    rows = compare(before, count())
    assert len(rows) == 10
    assert [row for row in rows if row[-1] > TOLERANCE] == []


def test_two_commits_are_compared() -> None:
    if shutil.which("git") is None or not (HERE / ".git").exists():
        pytest.skip("this is no clone of the repository")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.regress", "HEAD", "HEAD"], cwd=HERE, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" 1.00\n") == 10


def test_what_got_worse_is_told() -> None:
    rows = compare({"work": {"messages": 10.0, "gone": 1.0}, "old": {"messages": 1.0}}, {"work": {"messages": 12.0}})
    assert rows == [("work: messages", 10.0, 12.0, 1.2)]


@pytest.mark.parametrize(("workers", "seconds"), [(2, 0.00001), (50, 0.001), (300, 0.1)])
def test_a_model_of_a_pool_does_all_its_tasks(workers: int, seconds: float) -> None:
    model = Model(workers, workers * 50, seconds, service=20e-6)
    assert 0 < model.efficiency <= 1
    assert 0 < model.load <= 1
    assert len(model.workers) == workers
