"""Interrupts come between messages, never within one."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import signal
from typing import Any

# The functions behind those of `signal`, which convert to enums and back: that would cost as much as a small task.
_get: Any = _signal.getsignal
_set: Any = _signal.signal
_SIGINT = int(signal.SIGINT)


class Shield:
    """Holds back KeyboardInterrupt in the main thread until `end`, which delivers it, but not while it is down.

    It is up from the beginning; to be made in the main thread. No context manager: two of them stand in each round
    trip, and these cost more calls than all that they guard.
    """

    __slots__ = ("_previous", "_struck", "_up")

    def __init__(self) -> None:
        self._up = True
        self._struck = False
        self._previous: Any = None
        previous = _get(_SIGINT)
        if callable(previous):
            self._previous = previous
            _set(_SIGINT, self._strike)

    def end(self) -> None:
        """What was held back is delivered now; later ones go where they went before."""
        if self._previous is not None:
            _set(_SIGINT, self._previous)
            if self._struck:
                self._struck = False
                self._previous(signal.SIGINT, None)

    def _strike(self, signum: int, frame: Any) -> None:
        __tracebackhide__ = True
        if self._up:
            self._struck = True
        else:
            self._up = True  # if this raises, nobody lifts it
            self._previous(signum, frame)

    def lower(self) -> None:
        """Let interrupts through from now on, and what was held back."""
        __tracebackhide__ = True
        if self._struck:
            self._struck = False
            self._previous(signal.SIGINT, None)
        self._up = False

    def lift(self) -> None:
        """Hold them back again."""
        self._up = True
