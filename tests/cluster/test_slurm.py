"""Jobs of a real Slurm."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scoop_core.errors import LaunchFailed
from scoop_core.launchers.options import BatchOptions
from scoop_core.launchers.slurm import Slurm as SlurmCommands
from tests.cluster.hosts import Cluster
from tests.cluster.jobs import ALLOCATED, STAYS, Jobs
from tests.cluster.slurm import CPUS, NODES, Slurm


@pytest.fixture
def jobs(slurm: Slurm, tmp_path: Path) -> Iterator[Jobs]:
    folder = tmp_path / "with a blank, 100%j"
    folder.mkdir()
    jobs = Jobs(SlurmCommands(), slurm.environment, folder)
    yield jobs
    jobs.close()


def test_a_job_waits_for_its_turn_and_runs_to_its_end(jobs: Jobs) -> None:
    busy = [jobs.submit(STAYS, CPUS, f"busy-{node}") for node in NODES]
    last = jobs.submit(
        f"echo $0 $SLURM_CPUS_PER_TASK $SLURM_JOB_NUM_NODES $SLURM_JOB_NAME; {STAYS}", CPUS, "my job/1"
    )
    for job in busy:
        jobs.await_state(job, "running")
    assert jobs.state(last) == "pending"
    jobs.batch().cancel(busy[:1])
    jobs.await_state(last, "running")
    jobs.await_print(f"my-job-1.launch {CPUS} 1 my-job-1\n", "my-job-1")


def test_a_job_that_ends_by_itself_is_over(jobs: Jobs) -> None:
    job = jobs.submit("echo done")
    jobs.await_state(job, "over")
    assert jobs.printed() == "done\n"


def test_a_job_that_is_cancelled_is_told_so(jobs: Jobs) -> None:
    job = jobs.submit(STAYS)
    jobs.await_print("node")
    jobs.batch().cancel([job])
    jobs.await_state(job, "over")
    jobs.await_print("told to end")
    jobs.batch().cancel([job, "4000000"])


def test_a_job_ends_with_its_time(jobs: Jobs) -> None:
    job = jobs.submit(STAYS, options=BatchOptions(time=1))
    jobs.await_print("node")
    jobs.await_state(job, "over", 150)  # Slurm counts in minutes, and looks every half of one
    jobs.await_print("told to end")
    jobs.await_print("DUE TO TIME LIMIT")


def test_a_job_is_over_when_its_node_fails(jobs: Jobs, cluster: Cluster) -> None:
    job = jobs.submit(STAYS)
    jobs.await_print("node")
    host = jobs.printed().strip()
    cluster.kill(host)
    jobs.await_state(job, "over")


def test_what_is_asked_for_is_known_to_slurm(jobs: Jobs, slurm: Slurm) -> None:
    options = BatchOptions(time=5400, memory=100 * 2**20, queue="main", directives=("--comment='for tests'",))
    job = jobs.submit(STAYS, options=options)
    command = ["squeue", "--noheader", f"--jobs={job}", "--format=%l %m %P %k"]
    said = subprocess.run(command, env=slurm.environment, capture_output=True, text=True, check=True).stdout
    assert said == "1:30:00 100M main for tests\n"


def test_refusals(jobs: Jobs) -> None:
    with pytest.raises(LaunchFailed, match=r"sbatch failed: .*invalid partition specified: nowhere"):
        jobs.submit("true", options=BatchOptions(queue="nowhere"))
    with pytest.raises(LaunchFailed, match=r"sbatch failed: .*Memory specification can not be satisfied"):
        jobs.submit("true", options=BatchOptions(memory=2**50))


def test_jobs_that_nobody_knows_are_over(jobs: Jobs) -> None:
    assert jobs.batch().status(["4000000"]) == {"4000000": "over"}
    assert jobs.batch().status(["4000000", "4000001"]) == {"4000000": "over", "4000001": "over"}


@pytest.mark.parametrize(
    ("asked", "hosts"),
    [
        (["--ntasks=5"], [("nodea", 2), ("nodeb", 2), ("nodec", 1)]),
        (["--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=2"], [("nodea", 2), ("nodeb", 2)]),
        (["--nodes=3", "--exclusive"], [("nodea", 2), ("nodeb", 2), ("nodec", 2)]),
        (["--nodes=2"], [("nodea", 1), ("nodeb", 1)]),
        (["--cpus-per-task=2"], [("nodea", 2)]),
    ],
)
def test_a_job_knows_what_it_was_given(
    slurm: Slurm, tmp_path: Path, asked: list[str], hosts: list[tuple[str, int]]
) -> None:
    jobs = Jobs(SlurmCommands(), slurm.environment, tmp_path)
    directives = "\n".join(f"#SBATCH {word}" for word in asked)
    python = shlex.join([sys.executable, "-c", ALLOCATED])
    text = f"#!/bin/sh\n{directives}\n#SBATCH --output='{{log}}'\n{python.replace('{', '{{')}\n"
    job = jobs.submit("", options=BatchOptions(template=text))
    jobs.await_state(job, "over")
    assert jobs.printed() == f"Slurm {hosts}\n"
