"""What is special about Dask clusters: what users of Dask stumble over, and what becomes of the cluster itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scoop import BrokerLost, NotSupported, WorkerLost, futures, shared, start
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


def begin(folder: Path, number: int) -> None:
    """Say that this one runs, and go on when there is a file `go`."""
    (folder / f"begun-{number}").touch()
    while not (folder / "go").exists():
        time.sleep(0.002)


def test_an_interrupt_while_waiting_for_a_map_cancels_what_is_left(pool: DaskPool, tmp_path: Path) -> None:
    def interrupt() -> None:
        eventually(lambda: len(tasks.begun(tmp_path)) == 2, 20)
        os.kill(os.getpid(), signal.SIGINT)

    results = futures.map(begin, [tmp_path] * 20, range(20))
    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        next(results)
    interrupter.join()
    assert not pool.client.pending.sents
    with pytest.raises(CancelledError, match="the tasks of 'begin' were cancelled"):
        next(results)
    eventually(lambda: not pool.client.cluster.processing(), 20)
    (tmp_path / "go").touch()
    assert futures.submit(tasks.inc, 1).result(timeout=20) == 2
    assert len(tasks.begun(tmp_path)) <= 4  # a worker has one that waits, beside the one that runs


@contextmanager
def processes(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a cluster whose scheduler and only worker are processes of their own, and its scheduler."""
    where = folder / "scheduler.json"
    common = ["--scheduler-file", str(where), "--no-dashboard"]
    with (folder / "log").open("wb") as log:

        def run(part: str, *more: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", f"distributed.cli.dask_{part}", *common, "--host", "127.0.0.1", *more]
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)

        parts = [run("scheduler", "--port", "0")]
        try:
            parts.append(run("worker", "--nthreads", "1", "--no-nanny", "--local-directory", str(folder)))
            eventually(lambda: where.exists() and where.read_text().endswith("}"), 60)
            yield json.loads(where.read_text())["address"], parts[0]
        finally:
            for process in parts:
                process.kill()
                process.wait()


def test_the_loss_of_the_scheduler_fails_what_is_pending_and_what_is_asked(tmp_path: Path) -> None:
    with processes(tmp_path) as (address, scheduler), start(engine="dask", address=address) as pool:
        future = futures.submit(tasks.hold, tmp_path)
        results = futures.map(tasks.hold, [tmp_path] * 3)
        eventually(lambda: tasks.begun(tmp_path), 60)
        scheduler.kill()
        with pytest.raises(BrokerLost, match=r"^The scheduler of the Dask cluster is gone"):
            future.result(timeout=60)
        with pytest.raises(BrokerLost, match="is gone"):
            next(results)
        for ask in (lambda: futures.submit(tasks.inc, 1), pool.client.picture, lambda: shared.setConst(late=1)):
            with pytest.raises(BrokerLost, match="is gone"):
                ask()
        assert not pool.alive


def test_the_loss_of_the_scheduler_is_told_when_nothing_is_pending(tmp_path: Path) -> None:
    with processes(tmp_path) as (address, scheduler), start(engine="dask", address=address) as pool:
        assert futures.submit(tasks.inc, 1).result(timeout=60) == 2
        scheduler.kill()
        eventually(lambda: not pool.alive, 20)
        with pytest.raises(BrokerLost, match="is gone"):
            futures.submit(tasks.inc, 1)


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
