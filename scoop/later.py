"""Names of a module that are imported when they are first used.

A program that only imports `scoop` and `futures` is thus at `scoop.start` at once, and imports the rest while the
first process of its pool does (see `scoop_core.spawn`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def later(module: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """A `__getattr__` for a module.

    Args:
        module: its name.
        places: by name of an attribute, the module that it comes from.

    Returns:
        The function; AttributeError is raised for what is not among the places.
    """

    def find(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        found = getattr(import_module(places[name]), name)
        setattr(sys.modules[module], name, found)  # so it is looked for once
        return found

    return find
