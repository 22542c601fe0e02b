"""Workers in jobs of batch systems that PSI/J knows, such as LSF and Flux; see `jobs`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from scoop.launchers.jobs import AnyJobs
from scoop_core.errors import StartFailed


@dataclass(frozen=True, kw_only=True)
class PsiJ(AnyJobs):
    """Workers in jobs that PSI/J submits, as ``scoop.PsiJ(executor="lsf", time="2h")``; needs
    ``scoop-jupyter[psij]``. `AnyJobs` has the other arguments.

    Args:
        executor: what PSI/J calls the batch system: "lsf", "flux", "cobalt", ...; "local" starts processes here.
        time: as there. By default one hour, for PSI/J always says some time.
        attributes: more for the executor, as ``{"lsf.core_isolation": "2"}``.
    """

    executor: str
    time: str | int = "1h"
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.time:
            raise ValueError("PSI/J wants to know how long a job may run: give its time")
        super().__post_init__()

    def _making(self) -> tuple[str, dict[str, Any]]:
        if find_spec("psij") is None:
            raise StartFailed("There is no PSI/J here: `pip install 'scoop-jupyter[psij]'` brings it.")
        return "scoop_core.launchers.psij:make_psij", {"options": self._options()}
