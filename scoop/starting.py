"""How pools are started: what files of configuration, profiles and launchers make of what was asked for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from scoop.allowed import allowed, profile
from scoop.launchers import Launcher
from scoop_core import pool as pools
from scoop_core.contract import AnyPool
from scoop_core.errors import StartFailed
from scoop_core.pool import Pool
from scoop_jupyter.allowance import within_limits

#: What tasks may use of this package: workers have it from the beginning.
PRELOAD = ("scoop.futures", "scoop.shared", "scoop.executor", "scoop.options", "scoop.reductions")


def start_pool(
    process: subprocess.Popen[bytes],
    n: int | None,
    name: str | None,
    *,
    said: str,
    tcp: bool,
    preload: Sequence[str],
    memory_limit: int | str | None,
    launcher: Launcher | str | None,
) -> Pool:
    """Start a pool of SCOOP's own.

    Args:
        process: its first, as from `spawn.spawned`.
        said: the name of its profile, or empty.

    The others, and what is raised, are as of `scoop.start`.
    """
    if said:
        described = profile(said)
        n = described.n if n is None else n
        memory_limit = described.memory_limit if memory_limit is None else memory_limit
        preload = [*described.preload, *preload]
        launcher = launcher or described.make()
    if isinstance(launcher, str):
        # Here, as it is seldom needed: what reads entry points takes a fifth of the time of all other imports.
        from scoop.launchers.names import make

        launcher = make(launcher)
    n, recruiting = launcher.recruiting(n) if launcher else (n, None)
    n, memory_limit, cap = within_limits(n, memory_limit, allowed())
    shows = ["scoop_jupyter.rich"] if "IPython" in sys.modules else []  # what tasks display is shown there
    return pools.start(
        process, n, name, tcp=tcp, preload=[*PRELOAD, *shows, *preload], memory_limit=memory_limit, cap=cap,
        recruiting=recruiting,
    )  # fmt: skip


def start_dask(n: int | None, name: str | None, address: Any) -> AnyPool:
    """Use a Dask cluster. Arguments, and what is raised, are as of `scoop.start`."""
    if address is None:
        n = within_limits(n, None, allowed())[0]
    try:
        dask = import_module("scoop.dask")
    except ModuleNotFoundError as error:
        raise StartFailed(f"{error}. `pip install 'scoop-jupyter[dask]'` brings what Dask needs.") from error
    pool: AnyPool = dask.start(n, name, address)
    return pool
