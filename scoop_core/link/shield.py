"""Interrupts come between messages, never within one."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import signal
from threading import current_thread, main_thread
from typing import Any

# The functions behind those of `signal`, which convert to enums and back: that would cost as much as a small task.
_get: Any = _signal.getsignal
_set: Any = _signal.signal
_SIGINT = int(signal.SIGINT)


class Shield:
    """Holds back KeyboardInterrupt in the main thread, except inside `off()`; delivers it at the end.

    Args:
        needed: False where the process has a handler of its own that knows where it may raise.
    """

    def __init__(self, needed: bool = True) -> None:
        self.needed = needed and current_thread() is main_thread()
        self._up = True
        self._struck = False
        self._previous: Any = None

    def __enter__(self) -> Shield:
        if self.needed:
            previous = _get(_SIGINT)
            if callable(previous):
                self._previous = previous
                _set(_SIGINT, self._strike)
        return self

    def __exit__(self, *_: object) -> None:
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
            self._up = True
            self._previous(signum, frame)

    def off(self) -> Opening:
        return Opening(self)

    def lower(self) -> None:
        if self._struck:
            self._struck = False
            self._previous(signal.SIGINT, None)
        self._up = False

    def lift(self) -> None:
        self._up = True


class Opening:
    """Where a shield is down."""

    __slots__ = ("_shield",)

    def __init__(self, shield: Shield) -> None:
        self._shield = shield

    def __enter__(self) -> None:
        __tracebackhide__ = True
        self._shield.lower()

    def __exit__(self, *_: object) -> None:
        self._shield.lift()
