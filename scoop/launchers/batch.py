"""Workers in jobs of a batch system."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from scoop.launchers.jobs import AnyJobs
from scoop_core.launchers import Order
from scoop_core.launchers.systems import make_batch


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
