"""Workers in jobs of a batch system."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from scoop_core.config import Recruiting
from scoop_core.errors import StartFailed
from scoop_core.launchers import Order
from scoop_core.launchers.options import BatchOptions, parse_time
from scoop_core.launchers.systems import make_batch
from scoop_core.memory import parse_size
from scoop_core.network import outward, resolve


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """Workers in jobs of a batch system, which are submitted from here: see `Slurm`, `PBS`, `Torque` and `SGE`.

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
        directives: more lines for the batch system, without its sign, such as "--gres=gpu:1".
        prolog: lines of the shell that come first, such as "module load python".
        python: that workers run; by default this one's path.
        template: a whole script instead, with placeholders such as ``{command}``; `show` gives one to begin with.
        folder: which all hosts see; jobs find there what they need, and leave there what they print. By default one
            in the home.
        external_hostname: the name, address or network interface ("ib0") of this host by which the others reach it.

    Raises:
        ValueError: that is no time, no size or no number of workers.
    """

    system: ClassVar[str]

    per_job: int = 8
    time: str | int = ""
    memory: str | int = ""
    queue: str = ""
    account: str = ""
    directives: Sequence[str] = ()
    prolog: Sequence[str] = ()
    python: str = ""
    template: str = ""
    folder: str = ""
    external_hostname: str = ""

    def __post_init__(self) -> None:
        if self.per_job < 1:
            raise ValueError(f"a job can't have {self.per_job} workers")
        self._options()

    def _options(self) -> dict[str, Any]:
        """What the launcher in `scoop_core` takes."""
        options = {
            name: value for name, value in asdict(self).items() if name in BatchOptions.__struct_fields__ and value
        }
        if self.time:
            options["time"] = parse_time(self.time)
        if self.memory:
            options["memory"] = parse_size(self.memory)
        return options

    def recruiting(self, n: int | None, program: bool = False) -> tuple[int, Recruiting]:
        """How many workers there shall be (those of one job, if nobody says so), and how their jobs are submitted."""
        if program:
            raise StartFailed("A program is one of the workers itself: start it within a job instead.")
        options = self._options()
        return n or self.per_job, Recruiting(
            "scoop_core.launchers.systems:make_batch",
            {"system": self.system, "options": options},
            resolve(self.external_hostname) if self.external_hostname else outward(),
            slots=self.per_job,
            seconds=options.get("time", 0),
            folder=self._folder(),
        )

    def _folder(self) -> str:
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        return os.path.abspath(self.folder or Path(state, "scoop"))

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
