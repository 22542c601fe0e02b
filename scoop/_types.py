"""Where programs of the original find the types that belong to futures."""

from __future__ import annotations

from builtins import TimeoutError
from concurrent.futures import CancelledError

from scoop_core.future import Future

__all__ = ["CallbackType", "CancelledError", "Future", "TimeoutError"]


class CallbackType:
    """Where `Future.add_done_callback` has its function called."""

    standard = "standard"
    universal = "universal"
