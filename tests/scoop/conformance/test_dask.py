"""What is special about Dask clusters: what users of Dask stumble over, and what becomes of the cluster itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scoop import NotSupported, WorkerLost, futures, shared, start
from scoop.dask import DaskPool
from tests.cells import Cells
from tests.scoop import tasks
from tests.scoop.conformance.conftest import Engine
from tests.waiting import eventually


@pytest.fixture(scope="module", params=["dask"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = Engine(request.param)
    yield engine
    engine.stop()


def groups(pool: DaskPool) -> dict[str, dict[str, Any]]:
    return {group["name"]: group for group in pool.client.picture()["groups"]}


def die_first(folder: Path) -> str:
    """Kills its worker, the first time."""
    try:
        (folder / "died").touch(exist_ok=False)
    except FileExistsError:
        return "alive"
    os.kill(os.getpid(), signal.SIGKILL)
    return ""


def test_equal_calls_are_tasks_of_their_own(pool: DaskPool) -> None:
    """Dask would take a call that it has seen for the same one (`pure`)."""
    pending = [futures.submit(os.urandom, 8) for _ in range(10)]
    assert len({future.result() for future in pending}) == 10


def test_a_map_of_many_tasks_is_few_tasks_of_dask(pool: DaskPool) -> None:
    results = futures.map(tasks.inc, range(100_000))
    assert len(pool.client.pending.sents) <= 100
    assert sum(results) == sum(range(1, 100_001))
    assert groups(pool)["inc"]["done"] == 100_000


def test_a_cluster_in_the_namespace_of_a_notebook_does_not_travel(pool: DaskPool, cells: Cells) -> None:
    cells.namespace.update(pool=pool, cluster=pool.cluster, client=pool.client.client)
    cells("def triple(x): return 3 * x")
    assert list(futures.map(cells.triple, range(4))) == [0, 3, 6, 9]
    cells("def triple(x): return 4 * x")
    assert list(futures.map(cells.triple, range(4))) == [0, 4, 8, 12]


def test_a_constant_survives_the_death_of_workers(tmp_path: Path) -> None:
    with start(1, engine="dask"):
        shared.setConst(kept=list(range(10)))
        assert futures.submit(die_first, tmp_path).result() == "alive"
        assert futures.submit(shared.getConst, "kept", timeout=10).result() == list(range(10))


def test_a_task_that_kills_its_workers_is_given_up() -> None:
    with start(1, engine="dask"):
        with pytest.raises(
            WorkerLost, match=r"^\d+ workers died, one after the other, while running '_exit'\. The task"
        ):
            futures.submit(os._exit, 1).result(timeout=60)
        assert futures.submit(tasks.inc, 1).result(timeout=60) == 2


def test_tasks_are_counted_in_the_tree_whoever_submits_them(pool: DaskPool) -> None:
    run = pool.client.new_run()
    assert futures.submit(tasks.leaves, 3).result() == 8
    assert list(futures.map(tasks.slow_sum, [4, 4])) == [6, 6]
    picture = pool.client.picture(run)
    counts = {group["name"]: group["done"] for group in picture["groups"]}
    assert counts == {"leaves": 15, "slow_sum": 2, "slowly": 8}
    assert picture["tasks"] == {"queued": 0, "running": 0, "done": 25, "failed": 0, "cancelled": 0}
    assert sum(span[3] for lane in pool.client.timeline(run)["lanes"] for span in lane["spans"]) == 25


def test_prints_and_failures_are_told(pool: DaskPool) -> None:
    said: list[tuple[str, str]] = []
    pool.client.sink = lambda run, worker, stream, text: said.append((stream, text))
    futures.submit(print, "hello").result()
    assert ("stdout", "hello\n") in said
    failed = futures.submit(tasks.odd_fails, 3)
    assert isinstance(failed.exception(), ValueError)
    (failure,) = groups(pool)["odd_fails"]["failures"]
    assert failure["arguments"] == "3" and "ValueError: 3 is odd" in failure["error"]
    with pytest.raises(ValueError, match="3 is odd"):
        failed.replay()


def test_a_run_is_cancelled_at_whatever_depth(pool: DaskPool, tmp_path: Path) -> None:
    def parent() -> None:
        list(futures.map(tasks.hold, [tmp_path] * 20))

    run = pool.client.new_run()
    future = futures.submit(parent)
    eventually(lambda: tasks.begun(tmp_path), 20)
    pool.client.cancel_run(run)
    assert future.cancelled()
    (tmp_path / "go").touch()
    assert futures.submit(tasks.inc, 1).result(timeout=20) == 2


def test_what_dask_can_not_do_has_a_name(pool: DaskPool) -> None:
    with pytest.raises(NotSupported, match="no time limits"):
        futures.options(timeout=1).submit(tasks.inc, 1)
    with pytest.raises(NotSupported, match="interrupted"):
        pool.client.cancel_task("w0")
    with pytest.raises(NotSupported, match="no such options"):
        start(engine="dask", memory_limit="1GB")


def test_a_foreign_cluster_goes_on_and_forgets(pool: DaskPool) -> None:
    address = pool.client.address
    with start(engine="dask", address=address) as guest:
        shared.setConst(of_the_guest=1)
        assert list(futures.map(tasks.inc, range(3))) == [1, 2, 3]
        with pytest.raises(NotSupported, match="known by its address"):
            guest.scale(3)
        with pytest.raises(NotSupported, match="of others"):
            guest.restart()
    assert not guest.alive
    assert not [name for name in pool.client.client.list_datasets() if guest.client.name in name]
    assert len(pool.workers) == 2


def test_a_cluster_of_its_own_is_scaled(pool: DaskPool) -> None:
    pool.scale(3)
    assert len(pool.workers) == 3
    pool.scale(2)
    eventually(lambda: len(pool.workers) == 2, 20)
