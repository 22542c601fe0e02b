"""Constants that all workers of a pool share.

Each is set once, travels once to every worker, and is there for workers that join later, too.
"""

from __future__ import annotations

from typing import Any

from scoop.engine import engine
from scoop_core.current import current
from scoop_core.errors import NotStarted

__all__ = ["getConst", "get_const", "setConst", "set_const"]


def setConst(**constants: Any) -> None:
    """Share constants with the whole pool.

    Args:
        constants: values by name; anything that can be pickled, functions and classes of the notebook included.

    Raises:
        TypeError: a constant of this name exists already, or a value can't be pickled.
        NotStarted: there is no pool.
    """
    peer = engine("setConst")
    for name, value in constants.items():
        peer.set_constant(name, value)


def getConst(name: str, timeout: float | None = 0.1) -> Any:
    """A shared constant.

    Args:
        name: as it was set.
        timeout: how many seconds to wait for it, if it is not there yet; None waits as long as it takes.

    Returns:
        Its value (large arrays are read-only: all tasks of a worker see the same); None if it was not there in time.

    Raises:
        NotStarted: there is no pool.
    """
    peer = current.importing or engine("getConst")  # a program may ask while a worker imports it
    return peer.get_constant(name, None if timeout == float("inf") else timeout)


set_const = setConst
get_const = getConst
NotStartedProperly = NotStarted
