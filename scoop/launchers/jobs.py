"""What workers in jobs have in common, whoever submits these."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scoop_core.config import Recruiting
from scoop_core.errors import StartFailed
from scoop_core.launchers.options import parse_time
from scoop_core.memory import parse_size
from scoop_core.network import outward, resolve


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
