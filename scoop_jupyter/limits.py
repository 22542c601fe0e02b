"""How large pools may be, from Jupyter's configuration files `scoop_config.py` and `scoop_config.json`.

A courtesy among people who share a machine: the processes that read it belong to the user, who can change them. What
holds whatever a user does is up to the operating system (see docs/jupyterhub.md).
"""

from __future__ import annotations

import os
import pwd
import warnings
from collections.abc import Sequence
from typing import NamedTuple

from jupyter_core.paths import jupyter_config_path
from traitlets import Dict, Integer, TraitType, Unicode
from traitlets.config import Config, Configurable
from traitlets.config.loader import JSONFileConfigLoader, PyFileConfigLoader

from scoop_core.config import Cap
from scoop_core.errors import BadLimits, OverLimit
from scoop_core.files import running_pools
from scoop_core.hosts import WORKER_MEMORY, default_workers
from scoop_core.memory import parse_size
from scoop_jupyter.view import size

LOADERS = {"scoop_config.py": PyFileConfigLoader, "scoop_config.json": JSONFileConfigLoader}


class Size(TraitType[int | None, int | str | None]):
    """A number of bytes, which may be written as '2GiB'."""

    def validate(self, obj: object, value: int | str) -> int:
        return parse_size(value)


class Limits(Configurable):
    """What one configuration file says: `c.Limits.max_workers = 8`."""

    max_workers = Integer(None, min=1, allow_none=True, help="How many workers a pool may have.").tag(config=True)
    max_pools = Integer(
        None, min=1, allow_none=True, help="How many pools a user may have on one host at the same time."
    ).tag(config=True)
    max_memory = Size(
        None, allow_none=True, help="How much memory a worker may use, as '2GiB', also if nobody asks for a limit."
    ).tag(config=True)
    default_workers = Integer(
        None, min=1, allow_none=True, help="How many workers a pool has if nobody says it, as far as they fit."
    ).tag(config=True)
    users = Dict(
        key_trait=Unicode(), value_trait=Dict(), help="What is different for some: {'ada': {'max_workers': 16}}."
    ).tag(config=True)


class Allowance(NamedTuple):
    """What all files together allow one user; None where none of them says anything.

    Attributes:
        workers: how many a pool may have.
        pools: how many the user may have on this host at the same time.
        memory: how much a worker may use, in bytes.
        default: how many workers a pool has if nobody says it.
    """

    workers: Cap | None
    pools: Cap | None
    memory: Cap | None
    default: int | None

    def fitting(self, memory: int | None) -> int:
        """How many workers a pool has if nobody says it.

        Args:
            memory: that each of them may use, in bytes; None for no limit.
        """
        fit = default_workers(memory=memory or WORKER_MEMORY)
        return min(fit, self.default or fit, self.workers.most if self.workers else fit)


def read_limits(folders: Sequence[str] | None = None) -> Allowance:
    """What this user is allowed. Of several files the strictest counts; for the default, the user's own comes first.

    Args:
        folders: where to look; by default where Jupyter looks for its configuration.

    Raises:
        BadLimits: a file can't be read, or makes no sense.
    """
    folders = jupyter_config_path() if folders is None else folders
    paths = [os.path.join(folder, name) for folder in folders for name in LOADERS]
    said = [(path, _read(path, _user())) for path in paths if os.path.isfile(path)]
    return Allowance(
        _strictest("max_workers", said),
        _strictest("max_pools", said),
        _strictest("max_memory", said),
        next((limits.default_workers for _, limits in said if limits.default_workers), None),
    )


def _strictest(name: str, said: Sequence[tuple[str, Limits]]) -> Cap | None:
    caps = [Cap(value, file) for file, limits in said if (value := getattr(limits, name)) is not None]
    return min(caps, key=lambda cap: cap.most, default=None)


def _read(path: str, user: str) -> Limits:
    folder, name = os.path.split(path)
    try:
        config: Config = LOADERS[name](name, path=folder).load_config()
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a word that is misspelt
            limits = Limits(config=config)
            if user in limits.users:
                config.merge(Config(Limits=limits.users[user]))
                limits = Limits(config=config)
    except Exception as error:  # whatever the code in it raises
        raise BadLimits(f"{path} can't be used: {type(error).__name__}: {error}") from error
    return limits


def _user() -> str:
    """Who this is: for JupyterHub, as in containers all have the same account; or for the system."""
    return os.environ.get("JUPYTERHUB_USER") or pwd.getpwuid(os.getuid()).pw_name


def within_limits(
    n: int | None, memory_limit: int | str | None, allowed: Allowance
) -> tuple[int, int | None, Cap | None]:
    """What to start a pool with: its number of workers, their limit of memory, and how many it may ever have.

    Args:
        n: how many workers are wanted; None for as many as fit.
        memory_limit: what each of them may use, in bytes or as text; None for no limit.
        allowed: by the files.

    Raises:
        ValueError: the limit is no size.
        OverLimit: that is more than the user is allowed.
    """
    memory = None if memory_limit is None else parse_size(memory_limit)
    if allowed.memory is not None:
        most, source = allowed.memory.most, allowed.memory.source
        if memory is not None and memory > most:
            raise OverLimit(f"{size(memory)} are too much memory for a worker: {source} allows {size(most)}.")
        memory = memory or most
    if allowed.pools is not None and len(running := running_pools()) >= allowed.pools.most:
        names = ", ".join(repr(pool.name) for pool in running)
        raise OverLimit(
            f"You have {len(running)} pools already ({names}), and {allowed.pools.source} allows "
            f"{allowed.pools.most} at a time: connect to one, or stop it."
        )
    return allowed.fitting(memory) if n is None else n, memory, allowed.workers
