"""A Dask cluster whose workers are jobs of a real Slurm, as dask-jobqueue starts them, as the engine of a pool."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cluster.hosts import Cluster
from tests.cluster.slurm import NODES, Slurm

pytest.importorskip("dask_jobqueue")

PROGRAM = """
import json
from dask_jobqueue import SLURMCluster
from tests.dask_cluster import use

if __name__ == "__main__":
    cluster = SLURMCluster(
        cores=1, processes=1, memory="400MB", walltime="00:05:00", job_cpu=2, interface="eth0",
        worker_extra_args=["--no-dashboard"], log_directory="logs", local_directory="scratch",
        scheduler_options={"interface": "eth0", "dashboard_address": None},
    )
    found = [*use(cluster, 3), cluster.status.name]  # it was there before
    cluster.close()
    print(json.dumps(found))
"""


def test_a_pool_on_workers_that_dask_jobqueue_starts(cluster: Cluster, slurm: Slurm, shared_folder: Path) -> None:
    program = shared_folder / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, program]
    done = cluster.run("head", command, env=slurm.variables, cwd=shared_folder, timeout=120)
    assert json.loads(done.stdout.splitlines()[-1]) == [sorted(NODES), 16, 49500, "running"]
