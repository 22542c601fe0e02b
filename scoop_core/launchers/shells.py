"""Agents that are started host by host through a remote shell, as ssh; each lives as long as its connection.

The launch data goes over the standard input, never into arguments, which others can see; and its end there is the end
of the agent. What the shell and the agent print to their error stream is shown, and the last of it kept: it says why
one could not be started.
"""

from __future__ import annotations

import contextlib
import random
import shlex
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Collection, Sequence
from pathlib import Path
from subprocess import PIPE, Popen

import msgspec

from scoop_core.config import Launch
from scoop_core.errors import LaunchFailed, StartFailed
from scoop_core.launchers import JobState, Order
from scoop_core.plan import Hosts

#: Nobody is there to be asked, and a terminal is not needed.
OPTIONS = ("-T", "-x", "-o", "BatchMode=yes", "-o", "ConnectTimeout=8", "-o", "ServerAliveInterval=5")
_HERE = str(Path(__file__).resolve().parent.parent.parent)
#: What Python is to run on other hosts, which need not have this package installed.
AGENT = f"import sys; sys.path.insert(0, {_HERE!r}); from scoop_core.away import main; sys.exit(main([]))"
#: How often to look at the remote shells, in seconds: they are children of this process.
LOOK_SECONDS = 0.5
#: Lines of the error stream that are kept.
LINES = 10
#: Seconds that a remote shell gets to end when its standard input has.
END_SECONDS = 3.0
#: Ports on other hosts that tunnels begin at; which of them are free is not known here.
PORTS = range(20_000, 60_000)


class Remote:
    """One agent on another host.

    Args:
        command: that starts it.
        data: its launch, as a line.
    """

    def __init__(self, command: Sequence[str], data: bytes) -> None:
        self.process = Popen(command, stdin=PIPE, stderr=PIPE)  # in the group of the recruiter, and killed with it
        self._lines: deque[str] = deque(maxlen=LINES)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended already, and said why
            self.process.stdin.write(data)
            self.process.stdin.flush()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for raw in self.process.stderr:
            line = raw.decode(errors="replace").rstrip()
            self._lines.append(line)
            print(line, file=sys.stderr, flush=True)

    def why(self) -> str:
        """The last words of one that has ended."""
        self._reader.join(1.0)
        return " ".join(line for line in self._lines if line) or f"exit status {self.process.returncode}"

    def close(self) -> None:
        """Let it end."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()

    def end(self) -> None:
        """See to it that it has."""
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(1.0)


class Shells:
    """Starts agents by a remote shell.

    Args:
        shell: the command, to which options, host and command line are added.
        python: that agents run; by default the one of this process.
        tunnel: whether the broker is reached through the connection.
    """

    pauses = (LOOK_SECONDS, LOOK_SECONDS)

    def __init__(self, shell: Sequence[str], python: str = "", tunnel: bool = False) -> None:
        self._shell = [*shell, *OPTIONS]
        self._tunnel = tunnel
        self._command = shlex.join(["exec", python or sys.executable, "-P", "-c", AGENT])
        self._remotes: dict[str, Remote] = {}

    def submit(self, order: Order) -> str:
        data = order.launch
        options: list[str] = []
        if self._tunnel:
            port = random.choice(PORTS)
            data, options = tunnelled(data, port)
        try:
            remote = Remote([*self._shell, *options, order.host, self._command], data)
        except OSError as error:
            raise LaunchFailed(f"{self._shell[0]!r} can't be run: {error.strerror}") from None
        self._remotes[order.name] = remote
        return order.name

    def status(self, ids: Collection[str]) -> dict[str, JobState]:
        return {i: "running" for i in ids if i in self._remotes and self._remotes[i].process.poll() is None}

    def why(self, id: str) -> str:
        """Why an agent has ended."""
        return self._remotes[id].why() if id in self._remotes else ""

    def cancel(self, ids: Collection[str]) -> None:
        remotes = [self._remotes.pop(i) for i in ids if i in self._remotes]
        for remote in remotes:
            remote.close()
        for remote in remotes:
            remote.end()


def make_shells(folder: str, shell: Sequence[str], python: str, tunnel: bool) -> Shells:
    """A launcher for named hosts; it needs no folder."""
    return Shells(shell, python, tunnel)


def ssh_name(ssh: Sequence[str], host: str) -> str:
    """The name or address that ssh connects to for this host; its configuration may say another one."""
    try:
        told = subprocess.run([*ssh, "-G", host], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return host
    found = [line.partition(" ")[2] for line in told.stdout.splitlines() if line.startswith("hostname ")]
    return found[0] if found else host


def with_numbers(hosts: Hosts, here: Collection[str], ssh: Sequence[str]) -> list[tuple[str, int]]:
    """Each host with its workers; "" for this one. A host whose number is not given has one for each of its cores.

    Raises:
        StartFailed: a host did not tell how many that are.
    """
    asked = {
        host: Popen([*ssh, *OPTIONS, host, "nproc"], stdout=PIPE, stderr=PIPE, text=True)
        for host, count in hosts
        if count is None
    }
    cores: dict[str, int] = {}
    for host, process in asked.items():
        out, err = process.communicate()
        if not out.strip().isdecimal():
            raise StartFailed(f"{host} does not tell how many cores it has: {' '.join(err.split())}")
        cores[host] = int(out)
    return [("" if host in here else host, cores.get(host, 0) if count is None else count) for host, count in hosts]


def tunnelled(data: bytes, port: int) -> tuple[bytes, list[str]]:
    """The launch of an agent that finds the broker behind a port of its own host, and ssh's options for that."""
    launch = msgspec.json.decode(data, type=Launch)
    there = launch.connection.remote.removeprefix("tcp://")
    connection = msgspec.structs.replace(launch.connection, remote=f"tcp://127.0.0.1:{port}")
    moved = msgspec.json.encode(msgspec.structs.replace(launch, connection=connection)) + b"\n"
    return moved, ["-o", "ExitOnForwardFailure=yes", "-R", f"127.0.0.1:{port}:{there}"]
