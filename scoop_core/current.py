"""Which pool this process uses: the one piece of state that belongs to the process as a whole.

`futures.map` has no pool among its arguments, in the notebook as in a task on a worker; so there must be a place
where it finds one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Current:
    """The engine that this process submits to.

    Attributes:
        engine: a `Peer`, or None while there is no pool.
        importing: the worker that imports its program in this process; it can't submit yet.
        starter: starts a pool when one is needed and there is none; None where that must not happen by itself.
    """

    def __init__(self) -> None:
        self.engine: Any = None
        self.importing: Any = None
        self.starter: Callable[[], Any] | None = None


current = Current()
