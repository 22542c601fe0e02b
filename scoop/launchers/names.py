"""Launchers by the names that they have in the magic and the configuration: entry points, also of other packages."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from scoop.launchers import Launcher
from scoop.launchers.options import check, options_of
from scoop_core.errors import StartFailed

GROUP = "scoop.launchers"


def names() -> list[str]:
    """Of all launchers."""
    return sorted(entry.name for entry in entry_points(group=GROUP))


def find(name: str) -> type[Launcher]:
    """The class of the launchers of this name.

    Args:
        name: one of `names`.

    Raises:
        ValueError: there is none; the message says what there is.
        StartFailed: it needs what is not installed.
    """
    found = entry_points(group=GROUP, name=name)
    if not found:
        raise ValueError(f"there is no launcher {name!r}: it is {', '.join(names())}")
    try:
        kind: type[Launcher] = next(iter(found)).load()
    except ImportError as error:
        raise StartFailed(f"The launcher {name!r} can't be used: {error}.") from error
    return kind


def make(name: str, **options: Any) -> Launcher:
    """A launcher by its name.

    Args:
        name: one of `names`.
        options: its arguments.

    Raises:
        ValueError: there is none of this name, or such options make no sense; the message says what there is.
        StartFailed: it needs what is not installed.
    """
    kind = find(name)
    check(name, options_of(kind), options)
    return kind(**options)
