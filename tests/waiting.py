"""Waiting for a condition, with a deadline; no test sleeps to wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: What a test waits for has come by then, in seconds, also on a loaded machine; else it will not come.
SOON = 20.0


def holds(condition: Callable[[], T], seconds: float = 5.0, step: float = 0.005) -> T:
    """Wait until the condition is true, or the time is over; what it returned last."""
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(step)
    return value


def eventually(condition: Callable[[], T], seconds: float = SOON, step: float = 0.005) -> T:
    """Wait until the condition is true; what it returned.

    Raises:
        AssertionError: it was not, within so many seconds.
    """
    value = holds(condition, seconds, step)
    assert value, f"still not so after {seconds:g} s"
    return value
