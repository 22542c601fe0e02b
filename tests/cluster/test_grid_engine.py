"""Jobs of a real Grid Engine."""

from __future__ import annotations

import ast
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scoop_core.errors import LaunchFailed
from scoop_core.launchers.options import BatchOptions
from scoop_core.launchers.sge import SGE
from tests.cluster.grid_engine import NODES, SLOTS, GridEngine
from tests.cluster.jobs import ALLOCATED, STAYS, Jobs

WHOLE = BatchOptions(parallel_environment="smp")


@pytest.fixture
def jobs(grid_engine: GridEngine, tmp_path: Path) -> Iterator[Jobs]:
    folder = tmp_path / "with a blank"
    folder.mkdir()
    jobs = Jobs(SGE(), grid_engine.environment, folder)
    yield jobs
    jobs.close()


def test_a_job_waits_for_its_turn_and_runs_to_its_end(jobs: Jobs) -> None:
    busy = [jobs.submit(STAYS, SLOTS, f"busy-{node}", WHOLE) for node in NODES]
    last = jobs.submit(f"echo $0 $NSLOTS $NHOSTS $JOB_NAME; {STAYS}", SLOTS, "my job/1", WHOLE)
    for job in busy:
        jobs.await_state(job, "running")
    assert jobs.state(last) == "pending"
    jobs.batch().cancel(busy[:1])
    jobs.await_state(last, "running")
    jobs.await_print(f"my-job-1.launch {SLOTS} 1 my-job-1\n", "my-job-1")


def test_a_job_that_ends_by_itself_is_over(jobs: Jobs) -> None:
    job = jobs.submit("echo done")
    jobs.await_state(job, "over")
    assert jobs.printed() == "done\n"


def test_a_job_that_is_cancelled_is_over(jobs: Jobs) -> None:
    job = jobs.submit(STAYS)
    jobs.await_print("node")
    jobs.batch().cancel([job])
    jobs.await_state(job, "over")
    jobs.batch().cancel([job, "4000000"])


def test_a_job_ends_with_its_time(jobs: Jobs) -> None:
    job = jobs.submit(STAYS, options=BatchOptions(time=1, memory=2**30, queue="main.q"))
    jobs.await_print("node")
    jobs.await_state(job, "over")


def test_a_job_that_can_not_begin_is_over(jobs: Jobs) -> None:
    template = "#!/bin/sh\n#$ -S /bin/sh\n#$ -j y\n#$ -o /nowhere/at/all\ntrue\n"
    job = jobs.submit("true", options=BatchOptions(template=template))
    jobs.await_state(job, "over")


def test_refusals(jobs: Jobs) -> None:
    with pytest.raises(LaunchFailed, match=r'qsub failed: .*unknown queue "nowhere"'):
        jobs.submit("true", options=BatchOptions(queue="nowhere"))
    with pytest.raises(LaunchFailed, match=r'qsub failed: .*"physics" does not exist'):
        jobs.submit("true", options=BatchOptions(account="physics"))
    with pytest.raises(LaunchFailed, match="no job for Grid Engine: a job with 2 slots"):
        jobs.submit("true", slots=2)


@pytest.mark.parametrize(
    ("asked", "slots"),
    [("smp 2", [2]), ("spread 5", [1, 2, 2])],
)
def test_a_job_knows_what_it_was_given(jobs: Jobs, asked: str, slots: list[int]) -> None:
    python = shlex.join([sys.executable, "-c", ALLOCATED])
    template = f"#!/bin/sh\n#$ -S /bin/sh\n#$ -j y\n#$ -o '{{log}}'\n#$ -pe {asked}\n{python}\n"
    job = jobs.submit("", options=BatchOptions(template=template))
    jobs.await_state(job, "over")
    system, hosts = jobs.printed().split(" [", 1)
    assert system == "Grid Engine"
    given = dict(ast.literal_eval(f"[{hosts}"))
    assert sorted(given.values()) == slots and given.keys() <= set(NODES)
