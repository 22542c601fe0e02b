"""A user of a real JupyterHub has a real Slurm start the workers of a notebook."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.cluster.hosts import Cluster
from tests.cluster.slurm import Slurm
from tests.jupyterhub.hub import PROJECT, install, missing, unix_user

pytestmark = pytest.mark.timeout(300)

#: What the user does; it runs where the hub is, for nobody else reaches that.
SESSION = """
import json, sys
from contextlib import closing
from pathlib import Path
from tests.jupyterhub.hub import Hub, User

folder, name, password, environment = sys.argv[1:]
with Hub(Path(folder), {name}, json.loads(environment)) as hub, closing(User(hub, name, password)) as user:
    user.begin_server()
    user.await_server()
    with user.kernel() as kernel:
        cells = json.load(sys.stdin)
        print(json.dumps([kernel.run(cell) for cell in cells]))
"""
CELLS = [
    "%load_ext scoop",
    "%scoop start -n 4 --launcher slurm --per-job 2 --time 10m --memory 600MB",
    "%scoop wait --timeout 25",
    """%%scoop --quiet
import getpass, socket, time
factor = 3
def where(i):
    time.sleep(0.05)
    return factor * i, socket.gethostname(), getpass.getuser()
found = list(futures.map(where, range(60)))
print(sum(value for value, *_ in found), len({host for _, host, _ in found}), {user for *_, user in found})""",
    "%scoop status",
    "%scoop stop",
    "!squeue --noheader --states=PENDING,RUNNING",
]


def test_a_notebook_on_a_hub_has_slurm_start_its_workers(
    cluster: Cluster, slurm: Slurm, shared_folder: Path, tmp_path: Path
) -> None:
    if why := missing():
        pytest.skip(why)
    install(tmp_path)
    shared_folder.chmod(0o755)
    with unix_user(shared_folder, "ada") as (name, password):
        environment = json.dumps(slurm.variables)
        command = [sys.executable, "-c", SESSION, str(tmp_path / "hub"), name, password, environment]
        (tmp_path / "hub").mkdir()
        env = {"PYTHONPATH": os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])}
        done = cluster.run("head", command, input=json.dumps(CELLS), env=env, timeout=240)
    _, start, wait, cell, status, stop, queue = json.loads(done.stdout.splitlines()[-1])
    assert "2 jobs" in start and wait == "4 workers\n"
    assert cell == f"5310 2 {{'{name}'}}\n"
    assert "where" in status and "stopped" in stop and queue == ""
