"""Pools whose workers come in jobs of PSI/J: its executor "local" runs them as processes of this host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import scoop
from scoop import futures
from scoop_core.pool import Pool
from tests.fake_batch import FakeBatch
from tests.scoop import tasks
from tests.waiting import eventually

SECONDS = 60.0
#: Where `make psij` puts it.
INSTALLED = Path(__file__).parents[3] / "build" / "psij"
needs_psij = pytest.mark.usefixtures("installed")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("psij") is None:
        monkeypatch.setattr(sys, "path", [*sys.path, str(INSTALLED)])
    if find_spec("psij") is None:
        pytest.skip("there is no PSI/J: make psij")


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is written in the home goes elsewhere; in the end there is nothing."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    yield
    assert [*tmp_path.glob("scoop/*"), *(tmp_path / "home").iterdir()] == []


def psij(**options: Any) -> scoop.PsiJ:
    return scoop.PsiJ(**{"executor": "local", "per_job": 2, "external_hostname": "127.0.0.1"} | options)


@needs_psij
def test_from_the_first_job_to_the_last() -> None:
    with scoop.start(3, "mine", launcher=psij(prolog=["export WORD=said"])) as pool:
        pool.wait(timeout=SECONDS)
        assert len(pool.workers) == 3
        assert list(futures.map(tasks.square, range(50))) == [x * x for x in range(50)]
        assert futures.submit(os.getenv, "WORD").result() == "said"
        pool.scale(1)
        eventually(lambda: len(pool.workers) == 1, SECONDS)
        pool.scale(4)
        pool.wait(timeout=SECONDS)
        assert len(pool.workers) == 4
        assert "psij" not in sys.modules  # it starts threads, and handles signals


@needs_psij
def test_a_job_that_is_lost_is_replaced() -> None:
    with scoop.start(2, launcher=psij()) as pool:
        pool.wait(timeout=SECONDS)
        before = {row["pid"] for row in pool.workers}
        (agent,) = (row["job"] for row in pool.agents)
        for child in Path(f"/proc/{agent}/task/{agent}/children").read_text().split():
            os.kill(int(child), signal.SIGTERM)
        eventually(lambda: is_renewed(pool, before), SECONDS)
        assert futures.submit(abs, -1).result(SECONDS) == 1


def is_renewed(pool: Pool, before: set[int]) -> bool:
    rows = [row["pid"] for row in pool.workers if row["state"] == "idle"]
    return len(rows) == 2 and not before.intersection(rows)


@needs_psij
def test_what_it_asks_a_batch_system_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slurm = FakeBatch(tmp_path)
    monkeypatch.setenv("PATH", f"{slurm.bin}{os.pathsep}{os.environ['PATH']}")
    options = {"time": "2h", "memory": "16GB", "queue": "long", "account": "physics"}
    with scoop.start(2, launcher=psij(executor="slurm", attributes={"slurm.qos": "x"}, **options)):
        lines = slurm.script(slurm.jobs("PENDING")[0]).splitlines()
        wanted = ['--partition="long"', '--account="physics"', "--time=2:0:0", '--qos="x"', "--mem=15625000K"]
        wanted += ["--nodes=1", "--ntasks-per-node=2"]
        assert [line for line in wanted if f"#SBATCH {line}" not in lines] == []
    eventually(lambda: not slurm.jobs("PENDING"), SECONDS)


@needs_psij
def test_an_executor_that_is_none() -> None:
    with pytest.raises(scoop.StartFailed, match=r"PSI/J can't submit to 'nowhere': .*it has the executors .*local"):
        scoop.start(2, launcher=psij(executor="nowhere"))


@needs_psij
def test_a_batch_system_that_is_not_there() -> None:
    with pytest.raises(scoop.StartFailed, match=r"PSI/J can't submit to 'lsf': .*bsub"):
        scoop.start(2, launcher=psij(executor="lsf"))


def test_options_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="how long a job may run"):
        psij(time="")
    with pytest.raises(ValueError, match="a job can't have 0 workers"):
        psij(per_job=0)


@pytest.mark.skipif(find_spec("psij") is not None, reason="PSI/J is here")
def test_without_psij_the_start_says_what_brings_it() -> None:
    with pytest.raises(scoop.StartFailed, match=r"`pip install 'scoop-jupyter\[psij\]'` brings it"):
        scoop.start(2, launcher=psij())


#: Has two jobs cancelled: one that is about to end, and one that stays.
CANCELS = """
import sys
from pathlib import Path
import psutil
from scoop_core.launchers import Order, psij

folder = Path(sys.argv[1])
for name, work in (("ends", "sleep 1; touch $0.done"), ("stays", "exec sleep 60")):
    script = folder / name
    script.write_text(f"#!/bin/sh\\n{work}\\n")
    script.chmod(0o755)
jobs = []
for name in ("ends", "stays"):
    launcher = psij.make_psij(str(folder), {"executor": "local", "time": 60, "python": str(folder / name)})
    job = launcher.submit(Order(1, name, b""))
    process = psutil.Process(int(job))
    launcher.cancel([job])
    process.wait(20)
    assert launcher.status([job]) == {job: "over"}
"""


@needs_psij
def test_a_job_that_is_cancelled_may_end_by_itself(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", CANCELS, str(tmp_path)], env=environment, check=True, timeout=60)
    assert [path.name for path in tmp_path.glob("*.done")] == ["ends.done"]
    assert list(tmp_path.glob("*.launch")) == []
