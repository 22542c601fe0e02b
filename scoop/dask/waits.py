"""How a process waits for what Dask runs: in a program, in a task, and in a callback."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

from scoop.dask.pending import Pending, look_seconds
from scoop.dask.task import resting
from scoop_core.future import Future
from scoop_core.jobs import MapJob


class Waits:
    """The waiting of all threads of one process.

    Args:
        pending: what is waited for.
    """

    def __init__(self, pending: Pending) -> None:
        self._pending = pending

    def wait_for(self, future: Future, timeout: float | None) -> bool:
        """Wait for one future; False if it timed out."""
        __tracebackhide__ = True
        if future.done():
            return True
        # An event of its own: thousands may wait, and each end should wake one.
        event = threading.Event()
        future._when_over(event.set)
        return self._wait(future.done, event.wait, timeout)

    def await_map(self, job: MapJob, index: int, deadline: float | None) -> bool:
        """Wait for outcomes of a map from `index` on (or any, for -1); False at the deadline."""
        __tracebackhide__ = True
        event = threading.Event()
        job.waker = event.set

        def news(seconds: float) -> None:
            event.wait(seconds)
            event.clear()

        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        return self._wait(partial(job.has_news, index), news, left)

    def wait_until(self, until: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until `until()`; False if it timed out."""
        __tracebackhide__ = True
        changed = self._pending.news

        def news(seconds: float) -> None:
            with changed:
                if not until():
                    changed.wait(seconds)

        return self._wait(until, news, timeout)

    def _wait(self, until: Callable[[], bool], news: Callable[[float], object], timeout: float | None) -> bool:
        __tracebackhide__ = True
        if until():
            return True
        end = None if timeout is None else time.monotonic() + timeout
        if self._pending.settling:
            return self._pending.settle_until(until, end)
        with resting() as task:
            while not until():
                left = look_seconds(end)
                if left <= 0:
                    return False
                if task is not None:
                    task.check()
                news(left)
        return True
