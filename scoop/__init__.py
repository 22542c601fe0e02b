"""SCOOP: scalable concurrent operations in Python.

In a notebook::

    %load_ext scoop
    %scoop start -n 4

In a program, started with ``python -m scoop -n 4 program.py`` or using `start`::

    from scoop import futures
    results = list(futures.map(simulate, seeds))

A task may itself submit tasks, to any depth.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from scoop.allowed import allowed as _allowed
from scoop.allowed import profile as _profile
from scoop.engine import engine as _engine
from scoop_core import pool as _pool
from scoop_core.contract import AnyPool
from scoop_core.current import current as _current
from scoop_core.errors import (
    BadLimits,
    BadProfile,
    BrokerLost,
    NoSuchPool,
    NoSuchWorker,
    NothingToReplay,
    NotPicklable,
    NotStarted,
    NotSupported,
    OverLimit,
    RemoteTraceback,
    ScoopError,
    StartFailed,
    TaskFailed,
    TaskTimeout,
    WorkerLost,
)
from scoop_core.logs import make_logger
from scoop_core.pool import Pool, connect, pools
from scoop_core.versions import SCOOP as _SCOOP
from scoop_jupyter.allowance import within_limits as _within_limits

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from scoop.launchers import Allocation, Launcher, Ssh
    from scoop.launchers.batch import PBS, SGE, Slurm, Torque
    from scoop.launchers.psij import PsiJ

__version__ = _SCOOP
__all__ = [
    "PBS",
    "SGE",
    "Allocation",
    "BadLimits",
    "BadProfile",
    "BrokerInfo",
    "BrokerLost",
    "NoSuchPool",
    "NoSuchWorker",
    "NotPicklable",
    "NotStarted",
    "NotSupported",
    "NothingToReplay",
    "OverLimit",
    "Pool",
    "PsiJ",
    "RemoteTraceback",
    "ScoopError",
    "Slurm",
    "Ssh",
    "StartFailed",
    "TaskFailed",
    "TaskTimeout",
    "Torque",
    "WorkerLost",
    "connect",
    "futures",
    "load_ipython_extension",
    "logger",
    "pools",
    "replay",
    "shared",
    "start",
]

logger = make_logger()


def start(
    n: int | None = None,
    name: str | None = None,
    *,
    profile: str = "",
    tcp: bool = False,
    preload: Sequence[str] = (),
    memory_limit: int | str | None = None,
    launcher: Launcher | str | None = None,
    engine: str = "scoop",
    address: Any = None,
) -> AnyPool:
    """Start a pool of workers, or use a Dask cluster, for all that this program submits.

    Args:
        n: how many workers. By default one for each CPU that this process may use: affinity, cgroup quota,
            ``CPU_LIMIT`` and ``SLURM_CPUS_PER_TASK`` are honoured.
        name: by which `connect` finds it; by default one is made up.
        profile: the name of a pool that a configuration file describes: its launcher, number of workers and so on.
            What is said here comes before it.
        tcp: listen on TCP (127.0.0.1) too, for who has the CURVE keys of the connection file.
        preload: modules to import once, before the workers are forked: they then start with them.
        memory_limit: what a worker may use for itself, in bytes or as text such as "500MB" or "2GiB". One that uses
            more is ended and replaced; the task that it was running is given up after some tries.
        launcher: where the workers are, as ``scoop.Ssh(["nodea", "nodeb"])`` or ``scoop.Slurm(time="2h")``, or just
            the name of a launcher; by default on this host. Workers in batch jobs come as their jobs begin: the pool
            takes tasks at once, and `Pool.wait` waits for workers.
        engine: "scoop" for a pool of our own, "dask" for a Dask cluster (needs ``scoop-jupyter[dask]``). Of the
            options above Dask takes the number and the name.
        address: of the Dask cluster, such as "tcp://host:8786", or the cluster itself; by default one starts here.

    Returns:
        The pool. It ends with `Pool.stop`, with its ``with`` block, or with this program.

    Raises:
        ValueError: n is negative, the limit is no size, or the name is taken or not fit for a file name; or there is
            no such engine.
        NotSupported: the engine has no such option.
        OverLimit: the configuration files of this machine allow less (see docs/jupyterhub.md).
        BadLimits: one of these files can't be used.
        BadProfile: they have no such profile, or it makes no sense.
        StartFailed: its processes could not be started, or those on some host; the message says why.
    """
    if engine != "scoop":
        if tcp or preload or launcher or profile or memory_limit is not None:
            raise NotSupported("A Dask cluster takes no such options: its workers are set up by whoever starts them.")
        return _start_dask(engine, n, name, address)
    if address is not None:
        raise ValueError("a pool of SCOOP's own has no address: `scoop.connect` takes its name")
    if profile:
        said = _profile(profile)
        n = said.n if n is None else n
        memory_limit = said.memory_limit if memory_limit is None else memory_limit
        preload = [*said.preload, *preload]
        launcher = launcher or said.make()
    if isinstance(launcher, str):
        # Here, as it is seldom needed: what reads entry points takes a fifth of the time of all other imports.
        from scoop.launchers.names import make

        launcher = make(launcher)
    n, recruiting = launcher.recruiting(n) if launcher else (n, None)
    n, memory_limit, cap = _within_limits(n, memory_limit, _allowed())
    shows = ["scoop_jupyter.rich"] if "IPython" in sys.modules else []  # what tasks display is shown there
    preload = ["scoop.futures", *shows, *preload]
    return _pool.start(n, name, tcp=tcp, preload=preload, memory_limit=memory_limit, cap=cap, recruiting=recruiting)


def _start_dask(engine: str, n: int | None, name: str | None, address: Any) -> AnyPool:
    if engine != "dask":
        raise ValueError(f"there is no engine {engine!r}: it is 'scoop' or 'dask'")
    if address is None:
        n = _within_limits(n, None, _allowed())[0]
    try:
        dask = import_module("scoop.dask")
    except ModuleNotFoundError as error:
        raise StartFailed(f"{error}. `pip install 'scoop-jupyter[dask]'` brings what Dask needs.") from error
    pool: AnyPool = dask.start(n, name, address)
    return pool


def replay(failure: str | BaseException = "") -> Any:
    """Run a task that failed once more, in this process: with ``%debug`` you then are where it fails.

    Args:
        failure: what the task raised, as it came from a future or from `map`; or the id of the failure, as the panel
            shows it. By default the last failure, where it came from.

    Returns:
        What the task's function returns, if it does not fail this time.

    Raises:
        NotStarted: there is no pool.
        NothingToReplay: there is no such failure, it is not kept any more, or its arguments don't travel.
        BaseException: what the function raises.
    """
    __tracebackhide__ = True
    return _engine("replay").replay(failure)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics: ``%load_ext scoop``. Nothing is started yet."""
    from scoop_jupyter.extension import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Stop the notebook's pool, and forget the magics."""
    from scoop_jupyter.extension import unload

    unload(shell)


class BrokerInfo(NamedTuple):
    """Where a pool's broker is: its host, and its socket or TCP address."""

    hostname: str
    address: str


def __getattr__(name: str) -> Any:
    """What is seldom needed; and the original's constants, which say what this process is right now.

    Most of these need a pool.
    """
    if name in ("futures", "random", "shared"):
        return import_module(f"scoop.{name}")
    if name in _LAUNCHERS:
        return getattr(import_module(_LAUNCHERS[name]), name)
    engine = _current.engine or _current.importing
    if name == "IS_RUNNING":
        return engine is not None
    if name == "DEBUG":
        return engine is not None and engine.recorded
    if name == "MAIN_MODULE":
        return engine.program.path if engine is not None and engine.program is not None else None
    if name == "CONFIGURATION" and engine is None:
        return {}
    if name not in _OF_POOLS or engine is None:
        hint = " without a pool" if name in _OF_POOLS else ""
        raise AttributeError(f"module 'scoop' has no attribute {name!r}{hint}")
    return _OF_POOLS[name](engine)


#: In which modules they are.
_LAUNCHERS = {
    "Allocation": "scoop.launchers",
    "PBS": "scoop.launchers.batch",
    "PsiJ": "scoop.launchers.psij",
    "SGE": "scoop.launchers.batch",
    "Slurm": "scoop.launchers.batch",
    "Ssh": "scoop.launchers",
    "Torque": "scoop.launchers.batch",
}
_OF_POOLS: dict[str, Callable[[Any], Any]] = {
    "BROKER": lambda engine: BrokerInfo(engine.broker_host, engine.address),
    "CONFIGURATION": lambda engine: {"headless": False, "backend": engine.backend},
    "IS_ORIGIN": lambda engine: engine.for_people,
    "SIZE": lambda engine: engine.size,
    "worker": lambda engine: engine.name,
}
