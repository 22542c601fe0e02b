"""What a host is: how many workers it should have by default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import ceil, floor, isfinite
from pathlib import Path

#: Where memory is limited, a worker is taken to need this much, in bytes: Python, some libraries and their data. The
#: program that starts the pool is, too.
WORKER_MEMORY = 256 * 2**20
CGROUP = Path("/sys/fs/cgroup")


def default_workers(
    environment: Mapping[str, str] | None = None,
    affinity: int | None = None,
    cgroup: Path = CGROUP,
    memory: int = WORKER_MEMORY,
) -> int:
    """How many workers fit, at least 1: one for each CPU, but no more than the limit of memory has room for.

    Args:
        environment: of this process, if it is not that.
        affinity: as for `cpus`.
        cgroup: as for `cpus`.
        memory: what a worker will use, in bytes.
    """
    environment = os.environ if environment is None else environment
    found = [cpus(environment, affinity, cgroup)]
    if (room := memory_room(environment, cgroup)) is not None:
        found.append(int(room - WORKER_MEMORY) // memory)
    return max(1, min(found))


def cpus(environment: Mapping[str, str] | None = None, affinity: int | None = None, cgroup: Path = CGROUP) -> int:
    """The number of CPUs that this process may use, at least 1.

    The smallest of: the CPU affinity, the cgroup's quota, `CPU_LIMIT` (JupyterHub) and `SLURM_CPUS_PER_TASK`.
    """
    environment = os.environ if environment is None else environment
    found = [float(affinity or processors())]
    found += [value for name in ("CPU_LIMIT", "SLURM_CPUS_PER_TASK") if (value := _number(environment.get(name)))]
    if (quota := cgroup_quota(cgroup)) is not None:
        found.append(ceil(quota))
    return max(1, floor(min(found)))


def memory_room(environment: Mapping[str, str], cgroup: Path) -> float | None:
    """Bytes that this process and all that it starts may use: `MEM_LIMIT` (JupyterHub) or the cgroup's limit."""
    texts = [environment.get("MEM_LIMIT")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # of version 2 and 1
        try:
            texts.append((cgroup / name).read_text())
        except OSError:
            continue
    return min((room for text in texts if (room := _number(text))), default=None)


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
        number = float(text) if text else None
    except ValueError:
        return None
    return number if number is not None and isfinite(number) else None
