"""The hosts themselves: all that is tested on them relies on this."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.cluster.hosts import NAMES, Cluster
from tests.waiting import eventually

PORT = 4000
#: Says everything back to whom it came from.
ECHO = f"""
import socket, sys
with socket.create_server((sys.argv[1], {PORT})) as server:
    print("there", flush=True)
    while True:
        connection, _ = server.accept()
        while said := connection.recv(65536):
            connection.sendall(said)
"""
#: Sends each line that it reads, and prints what comes back, or the error.
ASK = f"""
import socket, sys
with socket.create_connection((sys.argv[1], {PORT}), timeout=float(sys.argv[2])) as connection:
    for line in sys.stdin:
        try:
            connection.sendall(line.encode())
            print(connection.recv(65536).decode(), end="", flush=True)
        except OSError as error:
            print(type(error).__name__, flush=True)
"""


class Conversation:
    """A connection from head to a server on another host.

    Args:
        cluster: where.
        host: of the server.
        seconds: how long to wait for an answer.
    """

    def __init__(self, cluster: Cluster, host: str, seconds: float = 20.0) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        address = cluster.address(host)
        self._server = cluster.popen(host, [sys.executable, "-c", ECHO, address], **pipes)
        assert self._server.stdout.readline() == "there\n"
        self._client = cluster.popen("head", [sys.executable, "-c", ASK, address, str(seconds)], **pipes)

    def say(self, word: str) -> None:
        self._client.stdin.write(f"{word}\n")

    def hear(self) -> str:
        return self._client.stdout.readline().strip()

    def ask(self, word: str) -> str:
        self.say(word)
        return self.hear()

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self._client, self._server):
            process.kill()
            process.communicate()


def sleeping(cluster: Cluster, host: str) -> bool:
    """Whether there is a `sleep` on a host."""
    return cluster.run(host, ["pgrep", "-x", "sleep"], check=False).returncode == 0


def test_each_host_has_its_name_and_reaches_the_others_by_ssh(cluster: Cluster) -> None:
    for host in NAMES:
        assert cluster.run(host, ["hostname"]).stdout == f"{host}\n"
    hop = ["ssh", "nodea", "ssh", "-F", str(cluster.ssh_config), "nodeb", "'hostname; id -un; printenv TMPDIR'"]
    said = cluster.run("head", hop).stdout.split()
    assert said == ["nodeb", "root", cluster.environment("nodeb")["TMPDIR"]]


def test_memory_files_and_processes_are_those_of_one_host(cluster: Cluster) -> None:
    cluster.run("nodea", ["touch", "/dev/shm/mark"])
    assert cluster.run("nodea", ["ls", "/dev/shm"]).stdout == "mark\n"
    assert cluster.run("nodeb", ["ls", "/dev/shm"]).stdout == ""
    assert not Path("/dev/shm/mark").exists()
    cluster.run("nodea", ["rm", "/dev/shm/mark"])
    assert cluster.run("nodea", ["cat", "/proc/1/comm"]).stdout == "sshd\n"


def test_nothing_of_it_is_in_the_network_of_this_machine(cluster: Cluster) -> None:
    here = psutil.net_if_addrs()
    assert not here.keys() & {"lan", *NAMES}
    network = cluster.address("nodea").rpartition(".")[0]
    assert not [one for found in here.values() for one in found if one.address.startswith(f"{network}.")]
    assert network in cluster.run("head", ["ip", "address"]).stdout


def test_programs_run_as_a_user_in_a_folder_with_an_environment(cluster: Cluster) -> None:
    done = cluster.run(
        "nodea",
        ["sh", "-c", "id -un; pwd; echo $WORD; cat"],
        user="nobody",
        cwd="/usr",
        env={"WORD": "x"},
        input="in",
    )
    assert done.stdout == "nobody\n/usr\nx\nin"
    assert cluster.run("nodea", ["false"], check=False).returncode == 1
    with pytest.raises(AssertionError, match="ended with 3:\nwhy"):
        cluster.run("nodea", ["sh", "-c", "echo why >&2; exit 3"])


def test_a_program_ends_with_the_process_that_stands_for_it(cluster: Cluster) -> None:
    process = cluster.popen("nodea", ["sleep", "60"])
    eventually(lambda: sleeping(cluster, "nodea"), step=0.05)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    eventually(lambda: not sleeping(cluster, "nodea"), step=0.05)


def test_without_power_a_host_is_silent_and_all_on_it_is_gone(cluster: Cluster) -> None:
    with Conversation(cluster, "nodeb", 0.3) as talk:
        assert talk.ask("hello") == "hello"
        orphan = "setsid sleep 61 > /dev/null 2>&1 < /dev/null & echo"
        cluster.run("nodeb", ["sh", "-c", orphan])
        space = os.readlink(f"/proc/{cluster.pid('nodeb')}/ns/pid")
        cluster.kill("nodeb")
        assert talk.ask("hello?") == "TimeoutError"  # no end of the connection
    assert cluster.run("head", ["ssh", "-o", "ConnectTimeout=1", "nodeb", "true"], check=False).returncode == 255
    cluster.revive("nodeb")
    assert cluster.run("head", ["ssh", "nodeb", "hostname"]).stdout == "nodeb\n"
    assert os.readlink(f"/proc/{cluster.pid('nodeb')}/ns/pid") != space
    assert not sleeping(cluster, "nodeb")


@pytest.mark.parametrize("trouble", [Cluster.cut, lambda cluster, host: cluster.lose(host, 100)], ids=["cut", "deaf"])
def test_connections_outlive_a_cut(cluster: Cluster, trouble: Callable[[Cluster, str], None]) -> None:
    with Conversation(cluster, "nodea") as talk:
        assert talk.ask("one") == "one"
        trouble(cluster, "nodea")
        assert cluster.run("head", ["ssh", "-o", "ConnectTimeout=1", "nodea", "true"], check=False).returncode == 255
        talk.say("two")
        cluster.mend("nodea")
        assert talk.hear() == "two"


def test_a_reset_ends_connections(cluster: Cluster) -> None:
    with Conversation(cluster, "nodea") as talk:
        assert talk.ask("one") == "one"
        cluster.reset("nodea", PORT)
        assert talk.ask("two") == "ConnectionResetError"
        assert cluster.run("head", ["ssh", "nodea", "hostname"]).stdout == "nodea\n"


def test_lost_packets_are_sent_again(cluster: Cluster) -> None:
    with Conversation(cluster, "nodea") as talk:
        cluster.lose("nodea", 30)
        assert [talk.ask(str(number)) for number in range(5)] == list("01234")


def test_a_delay_counts_each_way_and_large_frames_arrive(cluster: Cluster) -> None:
    with Conversation(cluster, "nodec") as talk:
        cluster.delay("nodec", 20)
        begun = time.monotonic()
        assert talk.ask("slow") == "slow"
        assert time.monotonic() - begun >= 0.04
        copied = cluster.run("head", ["ssh", "nodec", "head -c 300000 /dev/zero | wc -c"])
        assert copied.stdout.strip() == "300000"
        there = cluster.run("head", ["ssh", "nodec", "cat"], input="x" * 300_000)
        assert len(there.stdout) == 300_000
        cluster.mend("nodec")
        assert talk.ask("quick") == "quick"
