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

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from scoop.engine import engine as _engine
from scoop.later import later as _later
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
from scoop_core.spawn import spawned as _spawned
from scoop_core.versions import SCOOP as _SCOOP

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from scoop.launchers import Allocation, Launcher, Ssh
    from scoop.launchers.batch import PBS, SGE, Slurm, Torque
    from scoop.launchers.psij import PsiJ
    from scoop_core.contract import AnyPool
    from scoop_core.logs import logger
    from scoop_core.pool import Pool, connect, pools

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
    if engine == "dask":
        if tcp or preload or launcher or profile or memory_limit is not None:
            raise NotSupported("A Dask cluster takes no such options: its workers are set up by whoever starts them.")
        from scoop.starting import start_dask  # here, as below

        return start_dask(n, name, address)
    if engine != "scoop":
        raise ValueError(f"there is no engine {engine!r}: it is 'scoop' or 'dask'")
    if address is not None:
        raise ValueError("a pool of SCOOP's own has no address: `scoop.connect` takes its name")
    with _spawned() as process:
        # Not above: it takes as long as that process takes to import the like, which it does meanwhile.
        from scoop.starting import start_pool

        return start_pool(
            process, n, name, said=profile, tcp=tcp, preload=preload, memory_limit=memory_limit, launcher=launcher
        )


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
    if name in _PLACES:
        return _find(name)
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


def __dir__() -> list[str]:
    return __all__


#: Where a name is that is looked for when it is used.
_PLACES = {
    "Allocation": "scoop.launchers",
    "PBS": "scoop.launchers.batch",
    "Pool": "scoop_core.pool",
    "PsiJ": "scoop.launchers.psij",
    "SGE": "scoop.launchers.batch",
    "Slurm": "scoop.launchers.batch",
    "Ssh": "scoop.launchers",
    "Torque": "scoop.launchers.batch",
    "connect": "scoop_core.pool",
    "logger": "scoop_core.logs",
    "pools": "scoop_core.pool",
}
_find = _later(__name__, _PLACES)

#: What the original's constants are, in a pool.
_OF_POOLS: dict[str, Callable[[Any], Any]] = {
    "BROKER": lambda engine: BrokerInfo(engine.broker_host, engine.address),
    "CONFIGURATION": lambda engine: {"headless": False, "backend": engine.backend},
    "IS_ORIGIN": lambda engine: engine.for_people,
    "SIZE": lambda engine: engine.size,
    "worker": lambda engine: engine.name,
}
