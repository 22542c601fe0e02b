"""Which pool a call of `futures` goes to, and what is checked before it does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scoop_core.current import current
from scoop_core.errors import NotStarted

if TYPE_CHECKING:
    from scoop_core.contract import Engine


def engine(name: str) -> Engine:
    """The pool that this process uses; in a notebook one is started if there is none.

    Raises:
        NotStarted: there is none; `name` is what needed one.
    """
    if current.engine is None and current.starter is not None:
        current.starter()
    if current.engine is None:
        raise NotStarted(
            f"{name} needs a pool: start the program with `python -m scoop program.py`, call `scoop.start()`, "
            "or use `%load_ext scoop` in a notebook."
        )
    found: Engine = current.engine
    return found


def check_callable(func: Any) -> None:
    """Raise the built-in's TypeError for what can't be called."""
    if not callable(func):
        raise TypeError(f"{type(func).__name__!r} object is not callable")


def check_map(func: Any, iterables: Sequence[Any]) -> None:
    """Raise the built-in's TypeError for what `map` does not take."""
    check_callable(func)
    if not iterables:
        raise TypeError("map() needs at least one iterable")
