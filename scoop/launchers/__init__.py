"""Where the workers of a pool are, if not on this host: what `scoop.start` is given as its launcher.

Each is a class whose arguments are the options, with a method `recruiting`; what that returns names what starts the
agents, see `scoop_core.launchers`. Those here need little; `batch` and `psij` have those for jobs. The module `names`
finds each by its name.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scoop_core.config import Recruiting
from scoop_core.errors import StartFailed
from scoop_core.launchers import remote_shells
from scoop_core.launchers.allocation import allocation
from scoop_core.launchers.shells import network_name, with_numbers
from scoop_core.network import own_names, resolve, route_to
from scoop_core.plan import from_names


class Launcher(Protocol):
    """Where workers are, and how they get there."""

    def recruiting(self, n: int | None, program: bool = False) -> tuple[int | None, Recruiting | None]:
        """How many workers there shall be in all, and how those on other hosts are started; None if there are none.

        Args:
            n: how many are wanted; None for as many as fit.
            program: whether one of them is the program itself, which runs here.

        Raises:
            StartFailed: that can't be.
        """


@dataclass(frozen=True)
class Local:
    """Workers on this host."""

    def recruiting(self, n: int | None, program: bool = False) -> tuple[int | None, None]:
        return n, None


@dataclass(frozen=True)
class Ssh:
    """Workers on hosts that are reached by ssh: ``scoop.start(launcher=scoop.Ssh(["nodea", "nodea", "nodeb"]))``.

    Users, ports, keys and jump hosts are those of ``~/.ssh/config``; host keys are checked as ssh does it, and nobody
    is asked for a password. Each host has one agent, which ends with the connection.

    Args:
        hosts: names, each as often as it shall have workers, or ``{"nodea": 4}``; None stands for one for each core.
            This host is "localhost". All must have this Python, with the same packages.
        tunnel: they reach this host through their ssh connections, instead of directly.
        external_hostname: the name, address or network interface ("ib0") of this host by which they reach it; by
            default the address of the route to the first of them.
        command: with its own options, as ``"ssh -p 2222"``; in a batch job it may be its "srun" or "qrsh".
        python: that they run; by default this one's path.

    Raises:
        ValueError: something in `hosts` can't be the name of a host.
    """

    hosts: Mapping[str, int | None] | Sequence[str]
    tunnel: bool = False
    external_hostname: str = ""
    command: str = "ssh"
    python: str = ""

    def recruiting(self, n: int | None, program: bool = False) -> tuple[int, Recruiting | None]:
        """How many workers there shall be in all, and how those on other hosts are started; None if there are none.

        Args:
            n: how many are wanted; None for as many as the hosts have. See `scoop_core.plan.deal`.
            program: whether one of them is the program itself. It runs here in any case: if this host is not among
                `hosts`, it takes the place of a worker of the first one.

        Raises:
            StartFailed: the command can't lead there, or nobody could tell how many cores a host has.
        """
        command = shlex.split(self.command)
        remote_shells.check(command, self.tunnel, os.environ)
        named = list(self.hosts.items()) if isinstance(self.hosts, Mapping) else from_names(self.hosts)
        hosts = with_numbers(named, own_names(), command)
        n = sum(count for _, count in hosts) if n is None else n
        if program:
            first = next((index for index, (host, _) in enumerate(hosts) if not host), 0)
            hosts[first] = hosts[first][0], hosts[first][1] - 1
        others = [host for host, _ in hosts if host]
        if not others:
            return n, None
        options = {"shell": command, "python": self.python, "tunnel": self.tunnel}
        return n, Recruiting(
            "scoop_core.launchers.shells:make_shells", options, self._listen(command, others[0]), hosts
        )

    def _listen(self, command: Sequence[str], first: str) -> str:
        """The address of this host that the others connect to."""
        if self.tunnel:
            return "127.0.0.1"
        if self.external_hostname:
            return resolve(self.external_hostname)
        return route_to(network_name(command, first))


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """Workers on all hosts of the batch job around this process, as a notebook in a job of several hosts has them.

    Each host has a worker for each task or slot that the job has there; or, if each has just one, for each CPU. Where
    ssh is closed between them, the batch system leads there: ``scoop.Allocation(command="srun")``.

    Args:
        tunnel: see `Ssh`.
        external_hostname: see `Ssh`.
        command: see `Ssh`.
    """

    tunnel: bool = False
    external_hostname: str = ""
    command: str = "ssh"

    def recruiting(self, n: int | None, program: bool = False) -> tuple[int, Recruiting | None]:
        """As `Ssh.recruiting`.

        Raises:
            StartFailed: there is no such job, or what is said of it can't be understood.
        """
        try:
            job = allocation(os.environ, lambda path: Path(path).read_text())
        except (OSError, ValueError) as error:
            raise StartFailed(f"What the batch system says of this job can't be used: {error}.") from error
        if job is None:
            raise StartFailed("This process is in no job of Slurm, PBS, Torque or Grid Engine.")
        ssh = Ssh(dict(job.hosts), self.tunnel, self.external_hostname, self.command)
        return ssh.recruiting(n, program)
