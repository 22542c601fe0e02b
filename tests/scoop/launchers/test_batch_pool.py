"""Pools whose workers come in batch jobs, with commands that stand for those of PBS and run the jobs on this host."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from glob import glob
from pathlib import Path

import pytest

import scoop
from scoop import futures
from scoop_core.pool import Pool
from scoop_core.store import shared_memory
from tests.fake_batch import PBS, FakeBatch
from tests.scoop import tasks
from tests.waiting import eventually

SECONDS = 30.0


def leftovers() -> set[str]:
    """The folders of agents on this host."""
    return {path for place in (shared_memory(), tempfile.gettempdir()) for path in glob(f"{place}/scoop-*/.lock")}


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeBatch:
    batch = FakeBatch(tmp_path, PBS)
    monkeypatch.setenv("PATH", f"{batch.bin}{os.pathsep}{os.environ['PATH']}")
    return batch


@pytest.fixture
def pool(queue: FakeBatch, tmp_path: Path) -> Iterator[Pool]:
    """Two jobs with a worker each."""
    launcher = scoop.PBS(per_job=1, folder=str(tmp_path / "shared"), external_hostname="127.0.0.1")
    with scoop.start(2, launcher=launcher) as pool:
        assert isinstance(pool, Pool)
        yield pool
    assert not any((tmp_path / "shared").iterdir())
    eventually(lambda: set(queue.states()) == {"F"} and not queue.running(), SECONDS)


def rows(pool: Pool) -> list[tuple[str, str, str]]:
    return [(row["job"], row["state"], row["trouble"]) for row in pool.agents]


def test_tasks_wait_for_the_jobs(pool: Pool, queue: FakeBatch) -> None:
    future = futures.submit(tasks.inc, 1)
    assert queue.states() == ["Q", "Q"]
    with pytest.raises(TimeoutError, match=r"0 of 2 workers are there after 0\.1 s"):
        pool.wait(timeout=0.1)
    assert rows(pool) == [("1.server", "pending", ""), ("2.server", "pending", "")]
    queue.open()
    assert future.result(SECONDS) == 2
    pool.wait(timeout=SECONDS)
    assert list(futures.map(tasks.inc, range(100))) == list(range(1, 101))


def test_jobs_that_wait_end_with_the_pool(pool: Pool, queue: FakeBatch) -> None:
    assert queue.states() == ["Q", "Q"]


def test_fewer_workers_need_fewer_jobs(pool: Pool, queue: FakeBatch) -> None:
    pool.scale(1)
    eventually(lambda: queue.states() == ["Q", "F"], SECONDS)
    queue.open()
    pool.wait(timeout=SECONDS)
    pool.scale(0)
    eventually(lambda: queue.states() == ["F", "F"], SECONDS)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGUSR1])
def test_a_job_that_is_told_to_end_finishes_what_it_runs(
    pool: Pool, queue: FakeBatch, tmp_path: Path, signum: signal.Signals
) -> None:
    queue.open()
    pool.wait(timeout=SECONDS)
    once = futures.options(retries=0)
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    held = [once.submit(tasks.hold, folder) for folder in folders]
    eventually(lambda: all(tasks.begun(folder) for folder in folders), SECONDS)
    queue.kill("1.server", signum)
    eventually(lambda: len(queue.states()) == 3, SECONDS)  # another one comes in its place
    for folder in folders:
        (folder / "go").touch()
    for future in held:
        future.result(SECONDS)
    eventually(lambda: queue.states()[0] == "F", SECONDS)
    pool.wait(timeout=SECONDS)


def test_the_end_of_a_node_costs_a_repetition(pool: Pool, queue: FakeBatch, tmp_path: Path) -> None:
    queue.open()
    pool.wait(timeout=SECONDS)
    future = futures.submit(tasks.hold, tmp_path)
    eventually(lambda: tasks.begun(tmp_path), SECONDS)
    left = leftovers()
    for job in ("1.server", "2.server"):
        queue.kill(job, signal.SIGKILL)
    (tmp_path / "go").touch()
    future.result(SECONDS)
    assert len(queue.states()) >= 3
    assert left and not left & leftovers()  # the agents that came later have swept it away


def test_a_job_that_fails_says_why(pool: Pool, queue: FakeBatch) -> None:
    queue.rewrite("exec", "echo the module is not there; exit 3 #")
    queue.open()
    with pytest.raises(scoop.StartFailed, match=r"No workers from batch jobs: .*the module is not there"):
        pool.wait(timeout=SECONDS)
