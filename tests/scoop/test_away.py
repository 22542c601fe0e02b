"""Parts of a pool that are on other hosts than its broker: here on the same, but as if they were not."""

from __future__ import annotations

import operator
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy
import pytest

import scoop
from scoop import futures
from scoop_core.config import Launch
from scoop_core.pool import Pool
from tests.waiting import eventually

Away = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def pool() -> Iterator[Pool]:
    with scoop.start(0, tcp=True) as pool:
        yield pool


@pytest.fixture
def away(pool: Pool, tmp_path: Path) -> Iterator[Away]:
    """Starts an agent with workers, as a batch job would."""
    started: list[subprocess.Popen[str]] = []

    def start(n: int = 2, **changes: Any) -> subprocess.Popen[str]:
        connection = msgspec.structs.replace(pool.client.connection, address="", folder="", shelf="")
        site = f"agent-{len(started)}"
        launch = Launch(connection, n, path=sys.path, cwd=os.getcwd(), site=site, size=n)
        file = tmp_path / site
        file.write_bytes(msgspec.json.encode(msgspec.structs.replace(launch, **changes)))
        command = [sys.executable, "-m", "scoop_core.away", str(file)]
        started.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    pool.stop()
    for process in started:
        process.wait(20)
        process.stderr.close()


def there(pool: Pool) -> int:
    return sum(worker["state"] in ("idle", "busy") for worker in pool.workers)


def slow(x: int) -> int:
    time.sleep(0.02)
    return x + 1


def first(text: str, seconds: float) -> str:
    time.sleep(seconds)
    return text[:7]


def test_workers_that_join_get_work_and_end_with_the_pool(pool: Pool, away: Away) -> None:
    results = futures.map(slow, range(40))  # it waits for somebody to come
    process = away()
    assert list(results) == list(range(1, 41))
    pool.stop()
    assert process.wait(20) == 0


@pytest.mark.parametrize("seconds", [0.0, 0.001])
def test_a_long_map_whose_arguments_lie_in_shared_memory(pool: Pool, away: Away, seconds: float) -> None:
    """That of the other host, to which they are brought for pieces of a whole chunk, and of a few tasks."""
    away()
    texts = [f"{number:07}" * 1000 for number in range(600)]  # four megabytes
    for _ in range(2):
        assert list(futures.map(first, texts, [seconds] * 600)) == [text[:7] for text in texts]
        assert list(futures.map(operator.itemgetter(0), [[text] for text in texts])) == texts


@pytest.mark.parametrize("reason", [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, "time"])
def test_a_job_whose_time_is_nearly_over_is_drained_and_loses_nothing(pool: Pool, away: Away, reason: Any) -> None:
    first = away(seconds=4.0 if reason == "time" else 0.0)
    eventually(lambda: there(pool) == 2, 20)
    results = futures.map(slow, range(300))
    assert next(results) == 1
    second = away()
    if reason != "time":
        first.send_signal(reason)
    assert first.wait(20) == 0
    assert list(results) == list(range(2, 301))
    assert second.poll() is None and pool.client.picture()["pool"]["lost"] == 0


def test_a_job_that_is_killed_loses_nothing(pool: Pool, away: Away) -> None:
    first = away()
    eventually(lambda: there(pool) == 2, 20)
    results = futures.map(slow, range(200))
    assert next(results) == 1
    away()
    first.kill()
    first.wait(20)
    assert list(results) == list(range(2, 201))


def test_a_job_that_is_cancelled_while_it_imports_leaves_nothing(away: Away, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    (tmp_path / "vast.py").write_text(f"import pathlib, time\npathlib.Path({str(begun)!r}).touch()\ntime.sleep(60)")
    process = away(path=[str(tmp_path), *sys.path], preload=["vast"])
    eventually(begun.exists, 20)
    process.terminate()
    assert process.wait(20) == -signal.SIGTERM


TOLD_TO_END = """
import os, signal
from scoop_core import files
hold = files.hold
def told(path):
    os.kill(os.getpid(), signal.SIGTERM)
    hold(path)
files.hold = told
"""


def test_a_job_that_is_cancelled_when_it_has_its_first_files_takes_them_away(away: Away, tmp_path: Path) -> None:
    (tmp_path / "cancelled.py").write_text(TOLD_TO_END)
    process = away(path=[str(tmp_path), *sys.path], preload=["cancelled"])
    assert process.wait(20) == 0


def test_another_python_is_told(pool: Pool, away: Away) -> None:
    connection = msgspec.structs.replace(pool.client.connection, address="", versions={"Python": "2.7"})
    process = away(connection=connection)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1 and "2.7 in the pool" in said and len(said.splitlines()) == 1


def test_a_package_of_another_version_is_told_and_does_no_harm(pool: Pool, away: Away) -> None:
    versions = {**pool.client.connection.versions, "numpy": numpy.__version__ + ".1"}
    process = away(1, connection=msgspec.structs.replace(pool.client.connection, address="", versions=versions))
    eventually(lambda: there(pool) == 1, 20)
    pool.stop()
    assert process.stderr is not None
    assert f"numpy is {numpy.__version__} here, and {numpy.__version__}.1 in the pool" in process.stderr.read()


def test_a_module_that_is_missing_is_told(pool: Pool, away: Away) -> None:
    process = away(preload=["no_such_module"])
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1 and "no_such_module" in said and len(said.splitlines()) == 1


def test_a_broker_that_is_not_there_is_told_with_its_address(pool: Pool, away: Away) -> None:
    connection = msgspec.structs.replace(pool.client.connection, address="", remote="tcp://127.0.0.1:1")
    process = away(connection=connection)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1 and "tcp://127.0.0.1:1" in said and len(said.splitlines()) == 1
