"""Tasks that can wait: the only module that knows greenlets.

A worker runs every task in a fiber. A fiber that must wait for another process is parked, and the hub, which runs in
the worker's main greenlet, goes on with another. Fibers are used again and again: a new greenlet costs about nine
microseconds, a switch less than half of one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import greenlet

#: The interpreter keeps frames in chunks of 16 KB, and asks the system for each chunk anew: tasks nested so deep that
#: they call across the end of one take ten times as long. A frame that claims so many words is given a chunk twice as
#: large (128 KB, of which only what is used takes memory): the tasks of one fiber fit into its other half.
_ROOM = 8200


class Fiber(greenlet.greenlet):  # type: ignore[misc]
    """A stack of its own; runs one piece of work after the other."""

    def __init__(self, fibers: Fibers) -> None:
        super().__init__(fibers._body)
        self.depth = 0  # how many tasks run in it, one within the other
        self.piece: Any = None  # what its lowest task belongs to
        self.parked = False


def current() -> Fiber | None:
    """The fiber that runs now, or None in the hub and in other threads."""
    now = greenlet.getcurrent()
    return now if type(now) is Fiber else None


class Fibers:
    """The hub and its fibers.

    Args:
        next_work: gives the next thing to do in a fiber, or None.
        idle: called when there is nothing to do; returns when there may be.
    """

    def __init__(self, next_work: Callable[[], Callable[[], None] | None], idle: Callable[[], None]) -> None:
        self._next_work = next_work
        self._idle = idle
        self._hub = greenlet.getcurrent()
        self._free: list[Fiber] = []
        self._urgent: deque[Callable[[], None]] = deque()
        #: Fibers that may go on, each with an exception to raise in it, or None. Any thread may append.
        self.ready: deque[tuple[Fiber, BaseException | None]] = deque()
        self.all: set[Fiber] = set()
        self.stopped = False

    @property
    def current(self) -> Fiber | None:
        """The fiber that runs now, or None in the hub."""
        return current()

    def run(self) -> None:
        """The hub's loop, until `stopped`."""
        while not self.stopped:
            if self.ready:
                fiber, error = self.ready.popleft()
                if fiber.parked:
                    fiber.parked = False
                    if error is None:
                        fiber.switch()
                    else:
                        fiber.throw(error)
                continue
            work = self._urgent.popleft() if self._urgent else self._next_work()
            if work is None:
                self._idle()
            else:
                self._start(work)

    def _start(self, work: Callable[[], None]) -> None:
        if self._free:
            fiber = self._free.pop()
        else:
            fiber = Fiber(self)
            self.all.add(fiber)
        fiber.switch(work)

    def _body(self, work: Callable[[], None]) -> None:
        fiber = greenlet.getcurrent()
        assert isinstance(fiber, Fiber)
        while True:
            work()
            fiber.depth = 0
            fiber.piece = None
            self._free.append(fiber)
            work = self._hub.switch()

    def park(self) -> None:
        """Let others run until somebody puts this fiber among the ready ones.

        Raises:
            BaseException: what it was made ready with.
        """
        fiber = greenlet.getcurrent()
        assert isinstance(fiber, Fiber)
        fiber.parked = True
        self._hub.switch()

    def elsewhere(self, work: Callable[[], None]) -> None:
        """Do this next, in a fiber of its own: for work that would not fit on this one's stack."""
        self._urgent.append(work)


# Every frame of a fiber stands on this one.
Fibers._body.__code__ = Fibers._body.__code__.replace(co_stacksize=_ROOM)
