"""How many workers a host should have by default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import ceil, floor
from pathlib import Path


def default_workers(
    environment: Mapping[str, str] | None = None, affinity: int | None = None, cgroup: Path = Path("/sys/fs/cgroup")
) -> int:
    """The number of CPUs that this process may use, at least 1.

    The smallest of: the CPU affinity, the cgroup's quota, `CPU_LIMIT` (JupyterHub) and `SLURM_CPUS_PER_TASK`.
    """
    environment = os.environ if environment is None else environment
    found = [float(affinity or processors())]
    found += [value for name in ("CPU_LIMIT", "SLURM_CPUS_PER_TASK") if (value := _number(environment.get(name)))]
    if (quota := cgroup_quota(cgroup)) is not None:
        found.append(ceil(quota))
    return max(1, floor(min(found)))


def cgroup_quota(folder: Path) -> float | None:
    """CPUs that the cgroup (version 2, or 1) allows, or None for no limit."""
    try:
        quota, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (folder / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if quota in ("max", "-1"):
        return None
    return int(quota) / int(period)


def processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
