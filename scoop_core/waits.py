"""How a task waits for others: it runs what nobody has begun, and makes way for the rest."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from scoop_core.accounts import Accounts
from scoop_core.contract import Engine
from scoop_core.fibers import Fiber, Fibers, current
from scoop_core.future import Future
from scoop_core.jobs import MapJob
from scoop_core.link import Link
from scoop_core.reporter import tell_shared
from scoop_core.runner import Runner
from scoop_core.watching import Watch
from scoop_core.worker_state import Piece, WorkerState

#: Tasks that run one within the other on one stack; deeper ones get a stack of their own, so that Python's recursion
#: limit (1,000 frames) is left to the user's functions.
MAX_DEPTH = 20
#: A thread of the user's own looks again after so many seconds at the latest.
LOOK_SECONDS = 0.05


class Waiting(threading.Event):
    """The event that `concurrent.futures.wait` and `as_completed` wait for in a task: others run meanwhile.

    Args:
        engine: of the worker.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self.futures: list[Future] = []

    def wait(self, timeout: float | None = None) -> bool:
        return self._engine.wait_until(self.is_set, timeout, self.futures)


class Waits:
    """The waiting of one worker's tasks, and of threads that they have started; made in the main thread.

    There is a current fiber in the main thread only. Without one it is a thread of the user's own that waits, or the
    main thread at module level.

    Args:
        state: the worker's queues.
        fibers: of this process.
        accounts: of this worker.
        runner: runs what nobody has begun.
        link: to the broker.
        watch: is told when tasks make way; None for nobody.
    """

    def __init__(
        self,
        state: WorkerState,
        fibers: Fibers,
        accounts: Accounts,
        runner: Runner,
        link: Link,
        watch: Watch | None = None,
    ) -> None:
        self._state = state
        self._fibers = fibers
        self._accounts = accounts
        self._runner = runner
        self._link = link
        self.watch = watch
        self._main = threading.get_ident()
        self._deadlines: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    # ---- for futures -------------------------------------------------------------------------------------------

    def wait_for(self, future: Future, timeout: float | None) -> bool:
        """Wait for one future; False if it timed out."""
        fiber = current()  # as `Fibers.current`, which is a property and so takes longer
        if fiber is None:
            return self._wait_outside(future.done, timeout, [future])
        if timeout is None and self._state.claim(future):
            if fiber.depth < MAX_DEPTH:
                self._runner.run_call(future, fiber)
                return True
            self._fibers.elsewhere(lambda: self._runner.run_alone(future))
        return self._park(fiber, future.done, timeout, [future])

    def wait_until(self, until: Callable[[], bool], timeout: float | None, futures: Sequence[Future]) -> bool:
        """Wait until `until()`, which depends on the futures, or on a message; False if it timed out."""
        fiber = self._fibers.current
        if fiber is None:
            return self._wait_outside(until, timeout, futures)
        if not futures:
            # For a word of the broker: it comes at once, so there is no point in doing something else meanwhile.
            return self._link.serve(until, timeout)
        if timeout is None:
            for future in futures:
                if until():
                    return True
                if self._state.claim(future):
                    if fiber.depth < MAX_DEPTH:
                        self._runner.run_call(future, fiber)
                    else:
                        self._fibers.elsewhere(partial(self._runner.run_alone, future))
                        self._park(fiber, future.done, None, [future])
        return self._park(fiber, until, timeout, futures)

    def _wait_outside(self, until: Callable[[], bool], timeout: float | None, futures: Sequence[Future]) -> bool:
        """Wait in a thread of the user's own. It runs what nobody has begun: the main thread may wait for it."""
        if timeout is None and threading.get_ident() != self._main:
            for future in futures:
                if until():
                    return True
                if self._state.claim(future):
                    self._runner.run_call(future, None)
        end = None if timeout is None else time.monotonic() + timeout
        self._link.nudge()
        while not until():
            left = LOOK_SECONDS if end is None else min(LOOK_SECONDS, end - time.monotonic())
            if left <= 0:
                return False
            if futures:
                with futures[0]._condition:
                    if not until():
                        futures[0]._condition.wait(left)
            else:
                self._link.serve(until, left)
        return True

    # ---- for maps ----------------------------------------------------------------------------------------------

    def await_map(self, job: MapJob, index: int, deadline: float | None) -> bool:
        """Wait for outcomes of a map from `index` on (or any, for -1); False at the deadline."""
        fiber = self._fibers.current
        if fiber is None:
            return self._await_map_outside(job, index, deadline)
        if deadline is None:
            lot = job.lots.get(index)
            if lot is None and index < 0:
                lot = next((o for o in list(job.lots.values()) if o in self._state.pending), None)
            if lot is not None and self._state.claim(lot):
                if fiber.depth < MAX_DEPTH:
                    self._runner.run_lot(lot)
                    return True
                self._fibers.elsewhere(lambda: self._runner.run_alone(lot))
        job.waker = self._waker(fiber, deadline)
        return self._sleep(fiber, partial(job.has_news, index), deadline)

    def _await_map_outside(self, job: MapJob, index: int, deadline: float | None) -> bool:
        if deadline is None and threading.get_ident() != self._main:
            lot = next((o for o in list(job.lots.values()) if self._state.claim(o)), None)
            if lot is not None:
                self._runner.run_lot(lot)
                return True
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        return self._wait_outside(partial(job.has_news, index), timeout, ())

    def wait_for_job(self, job: MapJob) -> None:
        """Wait until all that was submitted of a map is over."""
        fiber = self._fibers.current
        while not job.is_over():
            lot = next((o for o in list(job.lots.values()) if self._state.claim(o)), None)
            if fiber is None:
                self._wait_outside(job.is_over, LOOK_SECONDS, ()) if lot is None else self._runner.run_lot(lot)
            elif lot is not None and fiber.depth < MAX_DEPTH:
                self._runner.run_lot(lot)
            else:
                if lot is not None:
                    self._fibers.elsewhere(partial(self._runner.run_alone, lot))
                job.waker = self._waker(fiber, None)
                self._sleep(fiber, job.is_over, None)

    # ---- making way --------------------------------------------------------------------------------------------

    def _park(
        self, fiber: Fiber, until: Callable[[], bool], timeout: float | None, futures: Sequence[Future]
    ) -> bool:
        """Let other tasks run until `until()`, which may change when one of the futures is over."""
        end = None if timeout is None else time.monotonic() + timeout
        wake = self._waker(fiber, end)
        for future in futures:
            if future._parked is None:
                future._parked = []
            future._parked.append(wake)
        return self._sleep(fiber, until, end)

    def _waker(self, fiber: Fiber, end: float | None) -> Callable[[], None]:
        """What has the fiber look again, once it is called; and at the end of its time it is."""

        def wake() -> None:
            self._fibers.ready.append((fiber, None))

        if end is not None:
            heapq.heappush(self._deadlines, (end, next(self._order), wake))
        return wake

    def _sleep(self, fiber: Fiber, until: Callable[[], bool], end: float | None) -> bool:
        accounts = self._accounts
        context, running, parent = accounts.context, accounts.running, accounts.parent
        while not until():
            if end is not None and time.monotonic() >= end:
                return False
            piece = fiber.piece
            if isinstance(piece, Piece):
                with piece.lock:
                    if part := piece.cut(half=False):
                        # What stands behind this task in its piece should not wait with it.
                        tell_shared(self._link, self._state, [(piece, *part[:2])])
            accounts.context = accounts.running = accounts.parent = None
            if context is not None:
                accounts.strip.tell(context)
            watch = self.watch  # by the time that it goes on there may be another
            kept = watch.pause() if watch is not None else []
            try:
                self._fibers.park()
            finally:
                accounts.context, accounts.running, accounts.parent = context, running, parent
                if watch is not None:
                    watch.resume(kept)
        return True

    def wake_due(self) -> float | None:
        """Wake those whose time is over; in how many seconds the next one's will be."""
        if not self._deadlines:
            return None
        now = time.monotonic()
        while self._deadlines:
            end, _, wake = self._deadlines[0]
            if end > now:
                return end - now
            heapq.heappop(self._deadlines)
            wake()
        return None
