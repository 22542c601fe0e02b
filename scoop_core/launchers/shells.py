"""Agents that are started host by host through a remote shell, as ssh or srun; each lives as long as its connection.

The launch data goes over the standard input, never into arguments, which others can see; and its end there is the end
of the agent. What the shell and the agent print to their error stream is shown, and the last of it kept: it says why
one could not be started.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Collection, Sequence
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

import msgspec

from scoop_core.config import Launch
from scoop_core.errors import LaunchFailed, StartFailed
from scoop_core.launchers import JobState, Order, remote_shells
from scoop_core.plan import Hosts

_HERE = str(Path(__file__).resolve().parent.parent.parent)
#: What Python is to run on other hosts, which need not have this package installed.
AGENT = f"import sys; sys.path.insert(0, {_HERE!r}); from scoop_core.away import main; sys.exit(main([]))"
#: How often to look at the remote shells, in seconds: they are children of this process.
LOOK_SECONDS = 0.5
#: Lines of the error stream that are kept.
LINES = 10
#: Seconds that a remote shell gets to end when its standard input has, and again when it is told to.
END_SECONDS = 3.0
#: With this status ssh ends if it is itself what failed, and not what it ran.
SSH_FAILED = 255
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
        with self.process.stderr as said:
            for raw in said:
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

    def has_ended(self, until: float) -> bool:
        """Whether it has, which is waited for until then."""
        try:
            self.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self) -> None:
        """Wait until it has, and all that it said was read."""
        self.process.wait()
        self._reader.join(1.0)


class Shells:
    """Starts agents by a remote shell.

    Args:
        shell: the program and its own options; see `remote_shells`.
        python: that agents run; by default the one of this process.
        tunnel: whether the broker is reached through the connection.
    """

    pauses = (LOOK_SECONDS, LOOK_SECONDS)

    def __init__(self, shell: Sequence[str], python: str = "", tunnel: bool = False) -> None:
        self._shell = shell
        self._tunnel = tunnel
        self._agent = [python or sys.executable, "-P", "-c", AGENT]
        self._remotes: dict[str, Remote] = {}

    def submit(self, order: Order) -> str:
        data = order.launch
        options: list[str] = []
        if self._tunnel:
            port = random.choice(PORTS)
            data, options = tunnelled(data, port)
        try:
            remote = Remote(remote_shells.argv([*self._shell, *options], order.host, self._agent), data)
        except OSError as error:
            raise LaunchFailed(f"{self._shell[0]!r} can't be run: {error.strerror}") from None
        self._remotes[order.name] = remote
        return order.name

    def status(self, ids: Collection[str]) -> dict[str, JobState]:
        return {i: "running" for i in ids if i in self._remotes and self._remotes[i].process.poll() is None}

    def why(self, id: str) -> str:
        """Why an agent has ended."""
        if id not in self._remotes:
            return ""
        remote = self._remotes[id]
        failed = remote.process.returncode == SSH_FAILED
        return remote.why() + (remote_shells.instead(self._shell, os.environ) if failed else "")

    def cancel(self, ids: Collection[str]) -> None:
        remotes = [self._remotes.pop(i) for i in ids if i in self._remotes]
        for remote in remotes:
            remote.close()
        # They are not killed at once: Grid Engine ends the whole job with a qrsh that is.
        for end in (Popen.terminate, Popen.kill):
            until = time.monotonic() + END_SECONDS
            for remote in remotes:
                if not remote.has_ended(until):
                    end(remote.process)
        for remote in remotes:
            remote.end()


def make_shells(folder: str, shell: Sequence[str], python: str, tunnel: bool) -> Shells:
    """A launcher for named hosts; it needs no folder."""
    return Shells(shell, python, tunnel)


def network_name(shell: Sequence[str], host: str) -> str:
    """The name or address of this host in the network; ssh's configuration may say another one than it is given."""
    if remote_shells.name(shell) != "ssh":
        return host
    try:
        told = subprocess.run([*shell, "-G", host], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return host
    found = [line.partition(" ")[2] for line in told.stdout.splitlines() if line.startswith("hostname ")]
    return found[0] if found else host


def with_numbers(hosts: Hosts, here: Collection[str], shell: Sequence[str]) -> list[tuple[str, int]]:
    """Each host with its workers; "" for this one. A host whose number is not given has one for each of its cores.

    Raises:
        StartFailed: a host did not tell how many that are.
    """
    asked: dict[str, Popen[str]] = {}
    for host in [host for host, count in hosts if count is None]:
        command = remote_shells.argv(shell, host, ["nproc"])
        try:
            asked[host] = Popen(command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, text=True)
        except OSError as error:
            raise StartFailed(f"{shell[0]!r} can't be run: {error.strerror}") from None
    cores: dict[str, int] = {}
    for host, process in asked.items():
        out, err = process.communicate()
        if not out.strip().isdecimal():
            why = " ".join(err.split()) + remote_shells.instead(shell, os.environ)
            raise StartFailed(f"{host} does not tell how many cores it has: {why}")
        cores[host] = int(out)
    return [("" if host in here else host, cores.get(host, 0) if count is None else count) for host, count in hosts]


def tunnelled(data: bytes, port: int) -> tuple[bytes, list[str]]:
    """The launch of an agent that finds the broker behind a port of its own host, and ssh's options for that."""
    launch = msgspec.json.decode(data, type=Launch)
    there = launch.connection.remote.removeprefix("tcp://")
    connection = msgspec.structs.replace(launch.connection, remote=f"tcp://127.0.0.1:{port}")
    moved = msgspec.json.encode(msgspec.structs.replace(launch, connection=connection)) + b"\n"
    return moved, ["-o", "ExitOnForwardFailure=yes", "-R", f"127.0.0.1:{port}:{there}"]
