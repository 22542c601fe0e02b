"""The scripts in `deploy/submit_files` as jobs of real batch systems."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.grid_engine import GridEngine
from tests.cluster.jobs import SECONDS
from tests.cluster.slurm import Slurm
from tests.waiting import eventually

FILES = Path(__file__).parents[2] / "deploy" / "submit_files"
PROGRAM = """
import socket, time
import scoop
from scoop import futures

def where(i):
    time.sleep(0.01)
    return socket.gethostname(), scoop.worker

if __name__ == "__main__":
    places = set()
    for _ in range(100):
        if len(places) < scoop.SIZE:  # on a loaded machine a worker may be late
            places |= set(futures.map(where, range(10 * scoop.SIZE)))
    print(scoop.SIZE, "workers on", sorted(host for host, _ in places))
"""

POOL = """
import scoop

if __name__ == "__main__":
    with scoop.start(launcher="allocation") as pool:
        print("workers on", sorted(worker["host"] for worker in pool.workers))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One with a program."""
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


def here(environment: dict[str, str]) -> dict[str, str]:
    """An environment in which python is the one that runs the tests."""
    return {**environment, "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"}


@pytest.mark.parametrize(
    ("tasks", "said"),
    [(2, "2 workers on ['nodea', 'nodea']\n"), (5, "5 workers on ['nodea', 'nodea', 'nodeb', 'nodeb', 'nodec']\n")],
)
def test_slurm(slurm: Slurm, folder: Path, tasks: int, said: str) -> None:
    options = [f"--ntasks={tasks}", f"--chdir={folder}", "--parsable"]
    command = ["sbatch", *options, str(FILES / "slurm.sh")]
    done = subprocess.run(command, env=here(slurm.environment), capture_output=True, text=True, check=True)
    log = folder / f"program-{done.stdout.strip()}.log"
    eventually(lambda: log.exists() and "workers" in log.read_text(), SECONDS, 0.05)
    assert log.read_text() == said


def test_what_starts_a_pool_itself_in_a_job_has_all_its_hosts(slurm: Slurm, folder: Path) -> None:
    lines = ["#!/bin/sh", "#SBATCH --output=log", "#SBATCH --nodes=3", "exec python pool.py", ""]
    (folder / "job.sh").write_text("\n".join(lines))
    (folder / "pool.py").write_text(POOL)
    command = ["sbatch", f"--chdir={folder}", "--ntasks=5", "job.sh"]
    subprocess.run(command, env=here(slurm.environment), cwd=folder, capture_output=True, check=True)
    log = folder / "log"
    eventually(lambda: log.exists() and "workers" in log.read_text(), SECONDS, 0.05)
    assert log.read_text() == "workers on ['nodea', 'nodea', 'nodeb', 'nodeb', 'nodec']\n"


@pytest.mark.parametrize(("environment", "slots", "hosts"), [("smp", 2, 1), ("spread", 5, 3)])
def test_grid_engine(grid_engine: GridEngine, folder: Path, environment: str, slots: int, hosts: int) -> None:
    command = ["qsub", "-terse", "-pe", environment, str(slots), "-wd", str(folder), str(FILES / "grid_engine.sh")]
    done = subprocess.run(command, env=here(grid_engine.environment), capture_output=True, text=True, check=True)
    log = folder / f"program.o{done.stdout.strip()}"
    eventually(lambda: log.exists() and "workers" in log.read_text(), SECONDS, 0.05)
    count, places = log.read_text().split(" workers on ")
    assert count == str(slots) and len(set(ast.literal_eval(places))) == hosts
