"""Jobs of several hosts that no ssh leads to: the batch system itself does, by srun or qrsh."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.grid_engine import GridEngine
from tests.cluster.hosts import Cluster
from tests.cluster.programs import Program
from tests.cluster.scripts import SECONDS, Scripts
from tests.cluster.slurm import NODES, Slurm
from tests.waiting import eventually

SSH_PORT = 22
PROGRAM = """
import os, socket, time
from collections import Counter
from pathlib import Path
import scoop
from scoop import futures

def where(i):
    time.sleep(0.01)
    return socket.gethostname(), scoop.worker, os.environ.get("SLURM_CPUS_ON_NODE")

def stay(i):
    Path("begun").touch()
    time.sleep(1000)

if __name__ == "__main__":
    places = set()
    for _ in range(100):
        if len(places) < scoop.SIZE:  # on a loaded machine a worker may be late
            places |= set(futures.map(where, range(10 * scoop.SIZE)))
    print(scoop.SIZE, "workers:", sorted(Counter(host for host, _, _ in places).values()))
    print("CPUs:", dict(sorted((host, cpus) for host, _, cpus in places)), flush=True)
    if os.environ.get("STAY"):
        list(futures.map(stay, range(40)))
"""


@pytest.fixture(scope="session", params=["all_slurm", "all_grid_engine"])
def system(request: pytest.FixtureRequest) -> Slurm | GridEngine:
    found: Slurm | GridEngine = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def scripts(system: Slurm | GridEngine, cluster: Cluster, tmp_path: Path) -> Iterator[Scripts]:
    """Jobs of each system, on hosts that refuse ssh."""
    system.restore()
    for host in NODES:
        cluster.reset(host, SSH_PORT)
    with Scripts(system, tmp_path, PROGRAM) as scripts:
        yield scripts


def test_a_program_has_workers_on_all_hosts_of_its_job(scripts: Scripts) -> None:
    scripts.submit(
        "python -m scoop program.py",
        f"python -m scoop -e --ssh-executable {scripts.shell} program.py",
        f"python -m scoop --ssh-executable {scripts.shell} program.py",
        "echo the job goes on",
    )
    scripts.jobs.await_print("the job goes on")
    refused, _, ran = scripts.jobs.printed().partition("There is no tunnel through")
    assert "No workers on node" in refused and f"--ssh-executable {scripts.shell}" in refused
    assert "5 workers: [1, 2, 2]\n" in ran
    if scripts.shell == "srun":  # and the job has just one on the last of them
        assert "CPUs: {'nodea': '2', 'nodeb': '2', 'nodec': '1'}\n" in ran


def test_a_pool_is_what_it_is_anywhere(scripts: Scripts, cluster: Cluster) -> None:
    job, environment = scripts.inside()
    hosts = hosts_of(environment)
    first, second, _ = hosts
    with on_all_hosts(scripts, cluster, first, environment) as program:
        assert program.first == "there"
        assert program.hosts() == hosts
        assert program.ask("tree(5)") == 243
        secret = program.ask("pool.client.connection.secrets.client_secret").encode()
        assert not seen(secret, cluster.folder)
        # Agents go, and others come.
        assert program.ask("pool.scale(1)") is None
        eventually(lambda: program.hosts() == {first: 1}, SECONDS)
        assert program.ask("pool.scale(5)") is None
        eventually(lambda: program.hosts() == hosts, SECONDS)
        assert program.ask("list(futures.map(square, range(50))) == [x * x for x in range(50)]") is True
    cores = int(cluster.run(second, ["nproc"]).stdout)
    opening = f"scoop.start(launcher=scoop.Ssh({ {first: 1, second: None} }, command={scripts.shell!r}))"
    with Program(cluster, scripts.folder, opening, first, environment) as program:
        assert program.hosts() == {first: 1, second: cores}
    assert scripts.jobs.state(job) == "running"


def test_of_a_program_that_is_killed_nothing_is_left_in_its_job(scripts: Scripts, cluster: Cluster) -> None:
    job, environment = scripts.inside()
    first, *others = hosts_of(environment)
    with on_all_hosts(scripts, cluster, first, environment) as program:
        program.begin("tree(9)")
        assert all(agents(cluster, host) for host in others)
        program.process.kill()
    eventually(lambda: not any(agents(cluster, host) for host in others), SECONDS, 0.05)
    assert scripts.jobs.state(job) == "running"


def test_an_agent_that_is_killed_is_sent_for_again_where_the_job_goes_on(scripts: Scripts, cluster: Cluster) -> None:
    job, environment = scripts.inside()
    hosts = hosts_of(environment)
    first, second, _ = hosts
    with on_all_hosts(scripts, cluster, first, environment) as program:
        program.begin("tree(6)")
        cluster.run(second, ["kill", "-9", *agents(cluster, second)[:1]])
        if scripts.shell == "srun":
            assert program.read() == 729
            eventually(lambda: program.hosts() == hosts, SECONDS)
        else:  # Grid Engine has ended it
            scripts.jobs.await_state(job, "over")


def test_with_its_job_all_of_a_program_ends(scripts: Scripts) -> None:
    job = scripts.submit(f"STAY=1 python -m scoop --ssh-executable {scripts.shell} program.py")
    eventually((scripts.folder / "begun").exists, SECONDS, 0.05)
    scripts.jobs.batch().cancel([job])
    scripts.jobs.await_state(job, "over")  # what is left is looked for behind each test


def on_all_hosts(scripts: Scripts, cluster: Cluster, first: str, environment: dict[str, str]) -> Program:
    """A program within a job, on its first host, with a pool on all of them."""
    opening = f"scoop.start(launcher=scoop.Allocation(command={scripts.shell!r}))"
    return Program(cluster, scripts.folder, opening, first, environment)


def hosts_of(environment: dict[str, str]) -> dict[str, int]:
    """The hosts of a job with their slots, the job's own one first."""
    if file := environment.get("PE_HOSTFILE"):
        return {line.split()[0]: int(line.split()[1]) for line in Path(file).read_text().splitlines()}
    return {"nodea": 2, "nodeb": 2, "nodec": 1}


def agents(cluster: Cluster, host: str) -> list[str]:
    """The processes of agents on a host, the eldest first."""
    return cluster.run(host, ["pgrep", "-f", "scoop_core.away"], check=False).stdout.split()


def seen(secret: bytes, folder: Path) -> bool:
    """Whether a secret stands in the arguments or the environment of a process, or in a file of a batch system."""
    places = [pid / name for pid in Path("/proc").glob("[0-9]*") for name in ("cmdline", "environ")]
    places += [path for system in ("slurm", "sge") for path in (folder / system).rglob("*") if path.is_file()]
    found = False
    for place in places:
        try:
            found = found or secret in place.read_bytes()
        except OSError:  # it is gone
            continue
    return found
