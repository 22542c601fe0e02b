"""How large pools may be, from Jupyter's configuration files for SCOOP (`configuration` reads them).

A courtesy among people who share a machine: the processes that read it belong to the user, who can change them. What
holds whatever a user does is up to the operating system (see docs/jupyterhub.md).
"""

from __future__ import annotations

import os
import pwd
import warnings
from collections.abc import Sequence

from traitlets import Dict, Integer, TraitType, Unicode
from traitlets.config import Config, Configurable

from scoop_core.config import Cap
from scoop_core.memory import parse_size
from scoop_jupyter.allowance import Allowance
from scoop_jupyter.configuration import bad, read_configuration


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


def read_limits(folders: Sequence[str] | None = None) -> Allowance:
    """What this user is allowed. Of several files the strictest counts; for the default, the user's own comes first.

    Args:
        folders: where to look; by default where Jupyter looks for its configuration.

    Raises:
        BadLimits: a file can't be read, or makes no sense.
    """
    said = [(path, _limits(path, config, _user())) for path, config in read_configuration(folders)]
    return Allowance(
        _strictest("max_workers", said),
        _strictest("max_pools", said),
        _strictest("max_memory", said),
        next((limits.default_workers for _, limits in said if limits.default_workers), None),
    )


def _strictest(name: str, said: Sequence[tuple[str, Limits]]) -> Cap | None:
    caps = [Cap(value, file) for file, limits in said if (value := getattr(limits, name)) is not None]
    return min(caps, key=lambda cap: cap.most, default=None)


def _limits(path: str, config: Config, user: str) -> Limits:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a word that is misspelt
            limits = Limits(config=config)
            if user in limits.users:
                config.merge(Config(Limits=limits.users[user]))
                limits = Limits(config=config)
    except Exception as error:  # of whatever kind traitlets raises
        raise bad(path, error) from error
    return limits


def _user() -> str:
    """Who this is: for JupyterHub, as in containers all have the same account; or for the system."""
    return os.environ.get("JUPYTERHUB_USER") or pwd.getpwuid(os.getuid()).pw_name
