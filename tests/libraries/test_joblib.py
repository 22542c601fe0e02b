"""joblib's backend, and scikit-learn on it."""

from __future__ import annotations

import math
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest

import scoop
from scoop import NotStarted
from scoop_core.current import current
from tests.conftest import PoolFactory
from tests.scoop import tasks
from tests.waiting import eventually

joblib: Any = pytest.importorskip("joblib")
pytest.importorskip("scoop.joblib")


def parallel(**options: Any) -> Any:
    return joblib.Parallel(**options)


def test_calls_run_on_the_pool(pool: scoop.Pool) -> None:
    with joblib.parallel_config("scoop"):
        found = parallel()(joblib.delayed(math.sqrt)(x) for x in range(2000))
        assert set(parallel()(joblib.delayed(tasks.pid)(x) for x in range(50))) <= {
            row["pid"] for row in pool.workers
        }
        assert joblib.effective_n_jobs() == 2
    assert found == [math.sqrt(x) for x in range(2000)]


@pytest.mark.parametrize(("n_jobs", "expected"), [(-1, 3), (-2, 2), (2, 2), (-10, 1), (None, 3)])
def test_the_number_of_jobs(new_pool: PoolFactory, n_jobs: int | None, expected: int) -> None:
    new_pool(3)
    with joblib.parallel_config("scoop", n_jobs=n_jobs) if n_jobs else joblib.parallel_config("scoop"):
        assert joblib.effective_n_jobs(n_jobs or -1) == expected


@pytest.mark.parametrize("how", ["list", "generator", "generator_unordered"])
def test_results_in_every_form(pool: scoop.Pool, how: str) -> None:
    with joblib.parallel_config("scoop"):
        found = parallel(return_as=how)(joblib.delayed(tasks.square)(x) for x in range(30))
        assert sorted(found) == [x * x for x in range(30)]


def test_an_error_ends_all(pool: scoop.Pool, tmp_path: Path) -> None:
    def some(x: int) -> int:
        if x == 3:
            raise ValueError("three")
        (tmp_path / str(x)).touch()
        time.sleep(0.002)
        return x

    with joblib.parallel_config("scoop"), pytest.raises(ValueError, match="three"):
        parallel(batch_size=1)(joblib.delayed(some)(x) for x in range(10_000))
    eventually(lambda: all(row["state"] == "idle" for row in pool.workers))
    assert len(list(tmp_path.iterdir())) < 5000


def test_a_time_limit(pool: scoop.Pool) -> None:
    with joblib.parallel_config("scoop"), pytest.raises(multiprocessing.TimeoutError):
        parallel(timeout=0.1)(joblib.delayed(time.sleep)(10) for _ in range(2))
    eventually(lambda: all(row["state"] == "idle" for row in pool.workers))


def level(depth: int) -> tuple[int, list[Any]]:
    """A Parallel in a Parallel in a Parallel; none of them names the backend."""
    if depth == 0:
        return os.getpid(), []
    return os.getpid(), parallel()(joblib.delayed(level)(depth - 1) for _ in range(3))


@pytest.mark.parametrize("n", [1, 2])
def test_parallels_within_parallels(new_pool: PoolFactory, n: int) -> None:
    pids = {row["pid"] for row in new_pool(n).workers}
    with joblib.parallel_config("scoop", n_jobs=2):
        found = parallel()(joblib.delayed(level)(2) for _ in range(4))

    def all_of(tree: tuple[int, list[Any]]) -> list[int]:
        return [tree[0], *(pid for below in tree[1] for pid in all_of(below))]

    ran = [pid for tree in found for pid in all_of(tree)]
    assert len(ran) == 4 * (1 + 3 + 9)
    assert set(ran) <= pids


def uneven(count: int) -> int:
    """Some of its tasks go to another worker, whose answers come while this one runs the others."""
    return sum(parallel(n_jobs=2)(joblib.delayed(tasks.slowly)(x) for x in range(count)))


def test_parallels_that_share_their_calls_with_other_workers_end(pool: scoop.Pool) -> None:
    with joblib.parallel_config("scoop"):
        for _ in range(10):
            assert parallel()(joblib.delayed(uneven)(count) for count in (30, 1)) == [435, 0]


def test_without_a_pool() -> None:
    assert current.engine is None
    with joblib.parallel_config("scoop", n_jobs=2), pytest.raises(NotStarted, match="needs a pool"):
        parallel()(joblib.delayed(abs)(x) for x in range(3))


# ---- scikit-learn --------------------------------------------------------------------------------------------------


def test_scikit_learn(pool: scoop.Pool) -> None:
    pytest.importorskip("sklearn")
    from sklearn.datasets import make_classification
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.tree import DecisionTreeClassifier

    x, y = make_classification(400, random_state=1)
    search = GridSearchCV(
        DecisionTreeClassifier(random_state=1), {"max_depth": [1, 3, 5], "criterion": ["gini"]}, cv=3
    )
    forest = RandomForestClassifier(20, random_state=1)
    with joblib.parallel_config("scoop"):
        best = search.fit(x, y).best_params_
        here = forest.fit(x, y).predict(x)
        scores = cross_val_score(RandomForestClassifier(10, n_jobs=2, random_state=1), x, y, cv=3)
    with joblib.parallel_config("sequential"):
        assert best == search.fit(x, y).best_params_
        assert (here == forest.fit(x, y).predict(x)).all()
        alone = cross_val_score(RandomForestClassifier(10, random_state=1), x, y, cv=3)
    assert (scores == alone).all()
