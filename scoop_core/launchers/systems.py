"""The batch systems that there are, and the launchers that use them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from scoop_core.launchers.batch import Batch, System
from scoop_core.launchers.options import BatchOptions
from scoop_core.launchers.pbs import PBS
from scoop_core.launchers.sge import SGE
from scoop_core.launchers.slurm import Slurm

SYSTEMS: Mapping[str, System] = {"slurm": Slurm(), "pbs": PBS(), "torque": PBS(torque=True), "sge": SGE()}


def make_batch(folder: str, system: str, options: dict[str, Any]) -> Batch:
    """A launcher for one of them.

    Args:
        folder: for its files; all hosts see it.
        system: which one.
        options: those of `BatchOptions`.
    """
    return Batch(SYSTEMS[system], msgspec.convert(options, BatchOptions), Path(folder))
