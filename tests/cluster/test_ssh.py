"""Pools on several hosts, reached by ssh: real hosts, each with its own sshd."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from scoop_core.config import SILENCE_SECONDS
from tests.cluster import programs
from tests.cluster.hosts import Cluster
from tests.cluster.programs import shelved
from tests.waiting import eventually

WHERE = """
import socket, sys, time
from collections import Counter
import scoop
from scoop import futures

def where(i):
    time.sleep(0.02)
    return socket.gethostname(), scoop.worker

if __name__ == "__main__":
    places = set()
    for _ in range(100):
        if len(places) < scoop.SIZE:  # on a loaded machine a worker may be late
            places |= set(futures.map(where, range(10 * scoop.SIZE)))
    print(scoop.SIZE, dict(sorted(Counter(host for host, _ in places).items())), *sys.argv[1:])
"""


class Program(programs.Program):
    """A program on head that has started a pool; a context manager."""

    def __init__(self, cluster: Cluster, folder: Path, n: int | None = None, **options: Any) -> None:
        super().__init__(cluster, folder, f"scoop.start({n}, launcher=scoop.Ssh(**{options!r}))")


def scoop(cluster: Cluster, folder: Path, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the program that tells where its tasks ran."""
    program = folder / "where.py"
    program.write_text(WHERE)
    before = [str(a) for a in arguments]
    return cluster.run("head", [sys.executable, "-m", "scoop", *before, "--", program, "x"], check=check, timeout=60)


# ---- which hosts get how many -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "counts"),
    [
        (["--host", "nodea", "nodeb", "nodec"], {"head": 1, "nodeb": 1, "nodec": 1}),
        (["--host", "head", "nodea", "nodeb", "nodeb"], {"head": 1, "nodea": 1, "nodeb": 2}),
        (["--host", "nodea", "nodeb", "-n", "5"], {"head": 1, "nodea": 2, "nodeb": 2}),
        (["--host", "head", "nodea", "nodeb", "-n", "2"], {"head": 1, "nodea": 1}),
        (["--host", "head", "node[a,b]", "--tunnel"], None),
        (["--tunnel", "--host", "head", "nodea", "nodeb"], {"head": 1, "nodea": 1, "nodeb": 1}),
        (["--external-hostname", "eth0", "--host", "head", "nodea"], {"head": 1, "nodea": 1}),
    ],
)
def test_hosts_have_the_workers_that_were_asked_for(
    cluster: Cluster, shared_folder: Path, arguments: list[str], counts: dict[str, int] | None
) -> None:
    done = scoop(cluster, shared_folder, *arguments, check=counts is not None)
    if counts is None:
        assert done.returncode == 2 and "is no range of numbers" in done.stderr
    else:
        assert done.stdout == f"{sum(counts.values())} {counts} x\n"


def test_a_host_file_says_where_and_how_many(cluster: Cluster, shared_folder: Path) -> None:
    file = shared_folder / "hosts"
    file.write_text("head 1  # this one\nnodea slots=2\nnodec\n")
    cores = int(cluster.run("nodec", ["nproc"]).stdout)
    done = scoop(cluster, shared_folder, "--hostfile", file)
    assert done.stdout == f"{3 + cores} {{'head': 1, 'nodea': 2, 'nodec': {cores}}} x\n"


# ---- what goes wrong at the start -------------------------------------------------------------------------------


def test_a_host_that_can_not_be_had_ends_the_program_before_it_begins(cluster: Cluster, shared_folder: Path) -> None:
    cluster.kill("nodeb")
    began = time.monotonic()
    done = scoop(cluster, shared_folder, "--host", "head", "nodea", "nodeb", check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert "No workers on nodeb" in done.stderr.splitlines()[-1]
    assert time.monotonic() - began < 20


def test_a_broker_that_can_not_be_reached_is_named_with_its_address(cluster: Cluster, shared_folder: Path) -> None:
    """The commonest of all: it listens where only its own host can reach it."""
    began = time.monotonic()
    done = scoop(cluster, shared_folder, "--external-hostname", "localhost", "--host", "head", "nodea", check=False)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 2 and "No workers on nodea" in last and "tcp://127.0.0.1:" in last, done.stderr
    assert "--tunnel" in last and time.monotonic() - began < 10


def test_a_host_key_that_is_not_known_is_not_trusted(cluster: Cluster, shared_folder: Path) -> None:
    ssh = f"ssh -o UserKnownHostsFile={shared_folder / 'none'} -o GlobalKnownHostsFile=/dev/null"
    done = scoop(cluster, shared_folder, "--ssh-executable", ssh, "--host", "head", "nodea", check=False)
    assert done.returncode == 2 and "Host key verification failed" in done.stderr
    trusting = f"{ssh} -o StrictHostKeyChecking=no"
    done = scoop(cluster, shared_folder, "--ssh-executable", trusting, "--host", "head", "nodea")
    assert done.stdout.startswith("2 ")


def test_the_users_own_configuration_of_ssh_leads_the_way(cluster: Cluster, shared_folder: Path) -> None:
    own = shared_folder / "config"
    settings = [
        "Include /etc/ssh/ssh_config",
        "Host behind",
        "HostName nodeb",
        "User root",
        "Port 22",
        "ProxyJump nodea",
    ]
    own.write_text("\n".join([*settings, ""]))
    with Program(cluster, shared_folder, hosts={"behind": 2}, command=f"ssh -F {own}") as program:
        assert program.hosts() == {"nodeb": 2}
        jumped = cluster.run("nodea", ["sh", "-c", "ss -tnH state established dport = :22"]).stdout
        assert cluster.address("nodeb") in jumped
        assert program.ask("tree(3)") == 27


def test_another_python_is_refused_by_name(cluster: Cluster, shared_folder: Path) -> None:
    fake = shared_folder / "python"
    other = "import scoop_core.versions as v; v.PYTHON = '2.7'; $2"
    fake.write_text(f'#!/bin/sh\nshift\nexec {sys.executable} -P -c "{other}"\n')
    fake.chmod(0o755)
    with Program(cluster, shared_folder, hosts={"nodea": 1}, python=str(fake)) as program:
        kind, text = program.first
    assert kind == "StartFailed" and "nodea" in text and "2.7" in text and "3." in text


def test_secrets_stand_in_no_argument(cluster: Cluster, shared_folder: Path) -> None:
    with Program(cluster, shared_folder, hosts={"nodea": 1}) as program:
        secret = program.ask("pool.client.connection.secrets.client_secret")
        for pid in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                try:
                    assert secret.encode() not in (pid / name).read_bytes()
                except OSError:
                    continue


# ---- what travels -----------------------------------------------------------------------------------------------


def test_large_arrays_come_through_and_lie_on_each_host_once(cluster: Cluster, shared_folder: Path) -> None:
    with Program(cluster, shared_folder, hosts={"localhost": 1, "nodea": 2, "nodeb": 2}) as program:
        assert program.first == "there"
        program.ask("globals().update(np=__import__('numpy'), big=__import__('numpy').arange(1_000_000.0))")
        code = "[float(a.sum()) == float(big.sum()) for a in futures.map(lambda i: big + 0, range(20))]"
        assert program.ask(code) == [True] * 20
        program.ask("shared.setConst(table=big)")
        assert (
            program.ask(
                "[shared.getConst('table') is not None, *futures.map(lambda i: float("
                "shared.getConst('table').sum()) == float(big.sum()), range(20))]"
            )
            == [True] * 21
        )
        for node in ("nodea", "nodeb"):
            assert 0 < sum(size > 7_000_000 for size in shelved(cluster, node)) <= 2
        program.ask("globals().update(big=None)")
        # Only the constant lies there then, for nothing else needs the array.
        eventually(lambda: all(len(shelved(cluster, node)) == 1 for node in ("nodea", "nodeb")), 20)


def test_what_a_task_sends_leaves_its_host_once_and_enters_each_other_once(
    cluster: Cluster, shared_folder: Path
) -> None:
    with Program(cluster, shared_folder, hosts={"nodea": 2, "nodeb": 2}) as program:
        nodes = ("nodea", "nodeb")
        before = cluster.traffic(*nodes)
        # A closure, and an argument: the same 8 MB, made by the task.
        assert program.ask("futures.submit(spread).result()") == [["nodea", 2], ["nodeb", 2]]
        moved = [now - then for now, then in zip(cluster.traffic(*nodes), before, strict=True)]
        assert max(moved) < 1.5 * 8_000_000, moved
        # And nothing of it stays.
        eventually(lambda: not any(shelved(cluster, node) for node in ("head", *nodes)), 20)


# ---- hosts and links that fail ----------------------------------------------------------------------------------


def test_nothing_is_lost_with_a_host_and_it_comes_back(cluster: Cluster, shared_folder: Path) -> None:
    with Program(cluster, shared_folder, hosts={"localhost": 1, "nodea": 2, "nodeb": 2}) as program:
        program.begin("list(futures.map(square, range(1500))) == [x * x for x in range(1500)]")
        cluster.kill("nodeb")
        assert program.read() is True
        assert program.ask("tree(5)") == 243
        cluster.revive("nodeb")
        eventually(lambda: program.hosts() == {"head": 1, "nodea": 2, "nodeb": 2}, 60)
        assert program.ask("tree(4)") == 81


def test_a_short_cut_does_no_harm(cluster: Cluster, shared_folder: Path) -> None:
    with Program(cluster, shared_folder, hosts={"nodea": 2, "nodeb": 2}) as program:
        before = program.ask("sorted(w['pid'] for w in pool.workers)")
        program.begin("list(futures.map(square, range(800))) == [x * x for x in range(800)]")
        cluster.cut("nodeb")
        time.sleep(2.0)
        cluster.mend("nodeb")
        assert program.read() is True
        assert program.ask("sorted(w['pid'] for w in pool.workers)") == before


def test_a_host_that_is_cut_off_is_given_up_on_both_sides(cluster: Cluster, shared_folder: Path) -> None:
    with Program(cluster, shared_folder, hosts={"nodea": 2, "nodeb": 2}) as program:
        program.begin("tree(6)")
        cluster.cut("nodeb")
        assert program.read() == 729
        away = [
            sys.executable,
            "-c",
            "import psutil; print(sum('scoop_core.away' in ' '.join(p.cmdline()) "
            "for p in psutil.process_iter()) - 1)",
        ]
        eventually(lambda: program.hosts() == {"nodea": 2}, 3 * SILENCE_SECONDS)
        eventually(lambda: int(cluster.run("nodeb", away).stdout) <= 0, 3 * SILENCE_SECONDS)
        cluster.mend("nodeb")
        eventually(lambda: program.hosts() == {"nodea": 2, "nodeb": 2}, 90)


def test_a_pool_that_ends_while_a_host_is_cut_off_leaves_nothing(cluster: Cluster, shared_folder: Path) -> None:
    with Program(cluster, shared_folder, hosts={"nodea": 1, "nodeb": 1}) as program:
        program.begin("tree(9)")
        cluster.cut("nodeb")
        program.process.terminate()
    eventually(lambda: cluster.run("head", ["pgrep", "-x", "ssh"], check=False).stdout == "", 10)
    # On the host that was cut off all is over when it has not heard of the broker for so long.
    eventually(lambda: "scoop" not in cluster.run("nodeb", ["ls", "/dev/shm"]).stdout, 3 * SILENCE_SECONDS)


@pytest.mark.parametrize("harm", ["lose", "delay"])
def test_bad_links_cost_time_only(cluster: Cluster, shared_folder: Path, harm: str) -> None:
    with Program(cluster, shared_folder, hosts={"nodea": 2, "nodeb": 2}) as program:
        if harm == "lose":
            cluster.lose("nodeb", 5)
        else:
            cluster.delay("nodeb", 20)
        assert program.ask("list(futures.map(square, range(600))) == [x * x for x in range(600)]") is True
        assert program.ask("tree(4)") == 81


def test_a_pool_that_is_scaled_deals_its_workers_to_the_hosts(cluster: Cluster, shared_folder: Path) -> None:
    with Program(cluster, shared_folder, hosts={"localhost": 1, "nodea": 1}) as program:
        assert program.ask("pool.scale(5)") is None
        assert program.hosts() == {"head": 3, "nodea": 2}
        assert program.ask("pool.scale(1)") is None
        eventually(lambda: program.hosts() == {"head": 1}, 20)
        assert program.ask("pool.scale(4)") is None
        assert program.hosts() == {"head": 2, "nodea": 2}


def test_nothing_is_left_when_the_program_is_killed(cluster: Cluster, shared_folder: Path) -> None:
    with Program(cluster, shared_folder, hosts={"nodea": 2}) as program:
        program.begin("tree(9)")
        program.process.kill()  # what is left is looked for behind each test
