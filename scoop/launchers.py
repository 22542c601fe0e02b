"""Where the workers of a pool are, if not on this host: what `scoop.start` is given as its launcher.

Launchers have names, under which the magic and the configuration know them: those of the entry points of the group
`scoop.launchers`, to which other packages may add. Each is a class whose arguments are the options, with a method
`recruiting`; what that returns names what starts the agents, see `scoop_core.launchers`.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, Protocol

from scoop.launcher_options import check, options_of
from scoop_core.config import Recruiting
from scoop_core.errors import StartFailed
from scoop_core.launchers import Order
from scoop_core.launchers.options import parse_time
from scoop_core.launchers.shells import ssh_name, with_numbers
from scoop_core.launchers.systems import make_batch
from scoop_core.memory import parse_size
from scoop_core.network import outward, own_names, resolve, route_to
from scoop_core.plan import deal, from_names

GROUP = "scoop.launchers"


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
        command: with its own options, as ``"ssh -p 2222"``.
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
            StartFailed: nobody could tell how many cores a host has.
        """
        command = shlex.split(self.command)
        named = list(self.hosts.items()) if isinstance(self.hosts, Mapping) else from_names(self.hosts)
        hosts = with_numbers(named, own_names(), command)
        if n is not None:
            hosts = deal(list(hosts), n)
        n = sum(count for _, count in hosts)
        if program:
            first = next((index for index, (host, _) in enumerate(hosts) if not host), 0)
            hosts[first] = hosts[first][0], hosts[first][1] - 1
        others = [host for host, count in hosts if host and count]
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
        return route_to(ssh_name(command, first))


@dataclass(frozen=True, kw_only=True)
class AnyJobs:
    """Workers in jobs that are submitted from here: to a batch system (`Jobs`), or through PSI/J (`PsiJ`).

    A pool has as many jobs as it takes for its workers. These come as their jobs begin; jobs that end are replaced,
    and with the pool all of them end.

    Args:
        per_job: workers in a job; it gets as many CPUs, all on one host.
        time: how long a job may run: "90s", "45m", "1h30m", "2d", "01:30:00". A number counts seconds. Workers that
            come to the end of it finish what they run, while the next job starts. By default what the batch system
            says.
        memory: of a job, as "16GB". A number counts bytes.
        queue: or partition, as Slurm says.
        account: who pays.
        prolog: lines of the shell that come first, such as "module load python".
        python: that workers run; by default this one's path.
        folder: which all hosts see; jobs find there what they need, and leave there what they print. By default one
            in the home.
        external_hostname: the name, address or network interface ("ib0") of this host by which the others reach it.

    Raises:
        ValueError: that is no time, no size or no number of workers.
    """

    per_job: int = 8
    time: str | int = ""
    memory: str | int = ""
    queue: str = ""
    account: str = ""
    prolog: Sequence[str] = ()
    python: str = ""
    folder: str = ""
    external_hostname: str = ""

    def __post_init__(self) -> None:
        if self.per_job < 1:
            raise ValueError(f"a job can't have {self.per_job} workers")
        self._options()

    def _making(self) -> tuple[str, dict[str, Any]]:
        """Where the launcher is made in `scoop_core`, and what from."""
        raise NotImplementedError

    def _options(self) -> dict[str, Any]:
        """What the launcher there takes."""
        here_only = ("per_job", "folder", "external_hostname")
        options = {name: value for name, value in asdict(self).items() if value and name not in here_only}
        if self.time:
            options["time"] = parse_time(self.time)
        if self.memory:
            options["memory"] = parse_size(self.memory)
        return options

    def recruiting(self, n: int | None, program: bool = False) -> tuple[int, Recruiting]:
        """How many workers there shall be (those of one job, if nobody says so), and how their jobs are submitted."""
        if program:
            raise StartFailed("A program is one of the workers itself: start it within a job instead.")
        launcher, options = self._making()
        return n or self.per_job, Recruiting(
            launcher,
            options,
            resolve(self.external_hostname) if self.external_hostname else outward(),
            slots=self.per_job,
            seconds=self._options().get("time", 0),
            folder=self._folder(),
        )

    def _folder(self) -> str:
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        return os.path.abspath(self.folder or Path(state, "scoop"))


@dataclass(frozen=True, kw_only=True)
class Jobs(AnyJobs):
    """Workers in jobs of a batch system, see `Slurm`, `PBS`, `Torque` and `SGE`; `AnyJobs` has the other arguments.

    Args:
        directives: more lines for the batch system, without its sign, such as "--gres=gpu:1".
        template: a whole script instead, with placeholders such as ``{command}``; `show` gives one to begin with.
    """

    system: ClassVar[str]

    directives: Sequence[str] = ()
    template: str = ""

    def _making(self) -> tuple[str, dict[str, Any]]:
        return "scoop_core.launchers.systems:make_batch", {"system": self.system, "options": self._options()}

    def show(self, n: int | None = None, name: str = "pool") -> str:
        """The script of the first job of a pool of n workers.

        Raises:
            LaunchFailed: there can be none.
        """
        slots = min(n or self.per_job, self.per_job)
        batch = make_batch(os.path.join(self._folder(), "scoop-..."), self.system, self._options())
        return batch.show(Order(slots, f"{name}-job-1", b""))


@dataclass(frozen=True, kw_only=True)
class Slurm(Jobs):
    """Workers in jobs of Slurm, as ``scoop.Slurm(per_job=8, time="2h")``; `Jobs` has the arguments."""

    system = "slurm"


@dataclass(frozen=True, kw_only=True)
class PBS(Jobs):
    """Workers in jobs of PBS, as ``scoop.PBS(per_job=8, time="2h")``; `Jobs` has the arguments."""

    system = "pbs"


@dataclass(frozen=True, kw_only=True)
class Torque(Jobs):
    """Workers in jobs of Torque, as ``scoop.Torque(per_job=8, time="2h")``; `Jobs` has the arguments."""

    system = "torque"


@dataclass(frozen=True, kw_only=True)
class SGE(Jobs):
    """Workers in jobs of Grid Engine, as ``scoop.SGE(per_job=8, time="2h")``; `Jobs` has the other arguments.

    Args:
        parallel_environment: one whose jobs have all slots on one host; needed for more than one worker per job.
    """

    system = "sge"

    parallel_environment: str = ""


def names() -> list[str]:
    """Of all launchers."""
    return sorted(entry.name for entry in entry_points(group=GROUP))


def find(name: str) -> type[Launcher]:
    """The class of the launchers of this name.

    Args:
        name: one of `names`.

    Raises:
        ValueError: there is none; the message says what there is.
        StartFailed: it needs what is not installed.
    """
    found = entry_points(group=GROUP, name=name)
    if not found:
        raise ValueError(f"there is no launcher {name!r}: it is {', '.join(names())}")
    try:
        kind: type[Launcher] = next(iter(found)).load()
    except ImportError as error:
        raise StartFailed(f"The launcher {name!r} can't be used: {error}.") from error
    return kind


def make(name: str, **options: Any) -> Launcher:
    """A launcher by its name.

    Args:
        name: one of `names`.
        options: its arguments.

    Raises:
        ValueError: there is none of this name, or such options make no sense; the message says what there is.
        StartFailed: it needs what is not installed.
    """
    kind = find(name)
    check(name, options_of(kind), options)
    return kind(**options)
