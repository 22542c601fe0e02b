"""Pools whose workers come in jobs of a real batch system, submitted from outside."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.grid_engine import GridEngine
from tests.cluster.hosts import Cluster
from tests.cluster.programs import Program
from tests.cluster.slurm import NODES, Slurm
from tests.waiting import eventually

SECONDS = 40.0
ROWS = "[(r['job'], r['state'], r['slots'], r['trouble']) for r in pool.agents]"
SQUARES = "list(futures.map(square, range(400))) == [x * x for x in range(400)]"


class System:
    """A batch system, as these tests see it: three nodes with two CPUs each."""

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        launcher: str,
        variables: Mapping[str, str],
        queue: list[str],
        **options: Any,
    ) -> None:
        self._cluster = cluster
        self._folder = folder
        self._launcher = launcher
        self._variables = variables
        self._queue = queue
        self._options = options
        self.jobs_folder = folder / "jobs"
        self.cancel = "scancel" if launcher == "Slurm" else "qdel"

    def program(self, n: int, **options: Any) -> Program:
        """A program with a pool of n workers, two in each job."""
        options = {"per_job": 2, "folder": str(self.jobs_folder), **self._options, **options}
        opening = f"scoop.start({n}, launcher=scoop.{self._launcher}(**{options!r}))"
        return Program(self._cluster, self._folder, opening, env=self._variables)

    def ask(self, *command: str) -> str:
        return self._cluster.run("head", command, env=self._variables, check=False).stdout

    @property
    def queue(self) -> list[str]:
        """The jobs that there are, a line each."""
        return [line for line in self.ask(*self._queue).splitlines() if line.strip()]

    def nothing_is_left(self) -> bool:
        return not self.queue and not any(self.jobs_folder.iterdir())


@pytest.fixture(scope="session", params=["slurm", "grid_engine"])
def installed(request: pytest.FixtureRequest) -> Slurm | GridEngine:
    found: Slurm | GridEngine = request.getfixturevalue(f"all_{request.param}")
    return found


@pytest.fixture
def system(installed: Slurm | GridEngine, cluster: Cluster, shared_folder: Path) -> System:
    installed.restore()
    if isinstance(installed, Slurm):
        return slurm_system(installed, cluster, shared_folder)
    queue = ["sh", "-c", "qstat | tail -n +3"]
    return System(cluster, shared_folder, "SGE", installed.variables, queue, parallel_environment="smp")


def slurm_system(slurm: Slurm, cluster: Cluster, folder: Path) -> System:
    return System(cluster, folder, "Slurm", slurm.variables, ["squeue", "-h", "-t", "PD,R", "-o", "%i %T"])


@pytest.fixture
def a_slurm(slurm: Slurm, cluster: Cluster, shared_folder: Path) -> System:
    """For what has no need of being seen on each."""
    return slurm_system(slurm, cluster, shared_folder)


def states(program: Program) -> list[str]:
    return sorted(state for _, state, _, _ in program.ask(ROWS))


def test_workers_come_as_their_jobs_begin_and_the_jobs_end_with_the_pool(system: System) -> None:
    with system.program(8) as program:
        assert program.first == "there"
        assert len(program.ask(ROWS)) == 4  # at once, whatever has begun
        assert program.ask(SQUARES) is True
        eventually(lambda: states(program) == ["pending", "running", "running", "running"], SECONDS)
        eventually(lambda: program.hosts() == dict.fromkeys(NODES, 2), SECONDS)
        assert program.ask("tree(4)") == 81
    eventually(system.nothing_is_left, SECONDS)


def test_there_are_as_many_jobs_as_the_number_of_workers_takes(system: System) -> None:
    with system.program(2) as program:
        program.ask("pool.wait(timeout=40)")
        assert len(program.hosts()) == 1
        program.ask("pool.scale(7)")
        assert [slots for _, _, slots, _ in program.ask(ROWS)] == [2, 2, 2, 1]
        program.ask("pool.wait(6, 40)")
        program.begin(SQUARES)
        assert program.read() is True
        program.ask("pool.scale(1)")
        eventually(lambda: len(system.queue) == 1, SECONDS)
        assert program.ask(SQUARES) is True
        eventually(lambda: sum(program.hosts().values()) == 1, SECONDS)


def test_the_end_of_a_jobs_time_loses_nothing(system: System) -> None:
    with system.program(4, time="12s") as program:
        program.ask("pool.wait(timeout=40)")
        first = {job for job, *_ in program.ask(ROWS)}
        program.begin("sum(futures.map(lambda x: square(x) and 1, range(1, 6001)))")
        assert program.read() == 6000
        assert not first & {job for job, *_ in program.ask(ROWS)}
        assert program.ask("pool.client.picture()['pool']['lost']") == 0


def test_jobs_that_somebody_cancels_finish_what_they_run(system: System) -> None:
    with system.program(4) as program:
        program.ask("pool.wait(timeout=40)")
        jobs = [job for job, *_ in program.ask(ROWS)]
        program.begin("list(futures.options(retries=0).map(square, range(1500))) == [x * x for x in range(1500)]")
        for job in jobs:
            system.ask(system.cancel, job)
        assert program.read() is True
        assert program.ask("pool.client.picture()['pool']['lost']") == 0
        eventually(lambda: sum(program.hosts().values()) == 4, SECONDS)


def test_a_node_that_fails_costs_a_repetition(a_slurm: System, cluster: Cluster) -> None:
    with a_slurm.program(4) as program:
        program.ask("pool.wait(timeout=40)")
        program.begin("list(futures.map(square, range(1500))) == [x * x for x in range(1500)]")
        cluster.kill(
            next(iter(program_hosts)) if (program_hosts := a_slurm.ask("squeue", "-h", "-o", "%N").split()) else ""
        )
        assert program.read() is True
        eventually(lambda: sum(program.hosts().values()) == 4, SECONDS)


def test_who_is_killed_leaves_no_job_behind(system: System) -> None:
    with system.program(8) as program:
        program.ask("pool.wait(2, 40)")
        os.kill(program.process.pid, signal.SIGKILL)
        eventually(system.nothing_is_left, SECONDS)


def test_what_the_batch_system_refuses_is_told_at_the_start(system: System) -> None:
    with system.program(4, queue="nowhere") as program:
        kind, text = program.first
    assert kind == "StartFailed" and "nowhere" in text
    assert system.nothing_is_left()


def test_jobs_that_fail_tell_why_and_are_given_up(a_slurm: System) -> None:
    with a_slurm.program(2, python="/no/such/python") as program:
        assert program.first == "there"
        kind, text = program.ask("pool.wait(timeout=40)")
        assert kind == "StartFailed" and "/no/such/python" in text, text
        eventually(lambda: "given up" in program.ask(ROWS)[0][3], SECONDS)
        assert a_slurm.queue == []


def test_launch_data_is_seen_by_nobody_else(a_slurm: System) -> None:
    with a_slurm.program(8) as program:
        program.ask("pool.wait(2, 40)")
        [folder] = a_slurm.jobs_folder.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        files = list(folder.glob("*.launch"))
        assert files and {file.stat().st_mode & 0o777 for file in files} == {0o600}
