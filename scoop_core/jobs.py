"""The jobs of one process: what was handed out, and the outcomes that are still expected."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any, Protocol

import msgspec

from scoop_core import messages as m
from scoop_core.future import Batch, Future
from scoop_core.payload import Packer


class Home(Protocol):
    """Who owns jobs (see `Owner`), as they see it."""

    packer: Packer

    def post(self, header: m.Header, frames: m.Frames, /) -> None:
        """Send a message with the next flush."""

    def over(self, job: Any, count: int) -> None:
        """`count` tasks of a job are over."""

    def close(self, job: Any) -> None:
        """The job will not be extended."""


class Shelved(msgspec.Struct):
    """Arguments of tasks [lo, hi) that lie on the shelf, until the last of these is over."""

    lo: int
    hi: int
    left: int
    parcel: m.Parcel


class OwnedJob:
    """One job: what was sent, and what is still expected."""

    spec: m.Spec
    number = -1  # none yet

    def __init__(self, owner: Home) -> None:
        self.owner = owner
        self.sent = 0  # tasks [0, sent) were handed out
        self.left = 0  # of these, not over
        self.closed = False
        self.parcels: list[m.Parcel] = []  # of its function, on the shelf
        self.shelved: list[Shelved] = []

    def cancel(self, lo: int, hi: int, gently: bool = False) -> None:
        """Tell the broker that tasks [lo, hi) are not wanted (`gently`: but what a worker has may go on)."""
        self.owner.post(m.Cancel(self.number, lo, hi, gently), [])

    def settled(self, lo: int, hi: int) -> None:
        """Tasks [lo, hi) are over: arguments that nobody needs any more leave the shelf."""
        for part in [part for part in self.shelved if part.lo < hi and lo < part.hi]:
            part.left -= min(hi, part.hi) - max(lo, part.lo)
            if part.left <= 0:
                self.shelved.remove(part)
                self.owner.packer.discard(part.parcel)

    # What comes: a batch of outcomes, the error of one task, a span that was cancelled by others.

    def deliver(self, batch: Batch) -> None:
        raise NotImplementedError

    def lose(self, index: int, error: BaseException) -> None:
        self.deliver(Batch.local(index, [None], {index: error}))

    def time_out(self, index: int, error: BaseException) -> None:
        """A task was ended; an outcome that was on its way may still come, and is not wanted."""
        self.lose(index, error)

    def cancelled(self, lo: int, hi: int) -> None:
        raise NotImplementedError

    def cancel_one(self, index: int) -> None:
        """One task was cancelled by somebody else; its neighbours go on."""
        raise NotImplementedError

    def abandon(self) -> None:
        """Everything that is not over counts as cancelled."""
        raise NotImplementedError

    def fail(self, error: BaseException) -> None:
        """Everything that is not over fails with this error."""
        raise NotImplementedError


class CallJob(OwnedJob):
    """Calls that were submitted one by one."""

    def __init__(self, owner: Home) -> None:
        super().__init__(owner)
        self.futures: dict[int, Future] = {}
        self.waiting: list[Any] = []  # calls [sent, sent + len) that have not been handed out

    def deliver(self, batch: Batch) -> None:
        futures, over = self.futures, 0
        for index in range(batch.lo, batch.hi):
            future = futures.pop(index, None)
            if future is not None:  # else it was cancelled meanwhile
                over += 1
                if self.shelved:
                    self.settled(index, index + 1)
                future._settle_from(batch)
        self.owner.over(self, over)

    def cancelled(self, lo: int, hi: int) -> None:
        over = 0
        for index in range(lo, hi):
            future = self.futures.pop(index, None)
            if future is not None:
                over += 1
                if self.shelved:
                    self.settled(index, index + 1)
                future._drop()
        self.owner.over(self, over)

    def cancel_one(self, index: int) -> None:
        self.cancelled(index, index + 1)

    def abandon(self) -> None:
        calls, self.waiting = self.waiting, []
        for call in calls:
            self.owner.packer.melt(call)
        futures, self.futures = self.futures, {}
        for future in futures.values():
            future._drop()

    def fail(self, error: BaseException) -> None:
        futures, self.futures = self.futures, {}
        for future in futures.values():
            future._fail(error)


class MapJob(OwnedJob):
    """The tasks of one map; their outcomes come in batches that tile [0, n)."""

    def __init__(self, owner: Home) -> None:
        super().__init__(owner)
        self.n: int | None = None  # None: there may be more to come
        self.batches: dict[int, Batch] = {}  # by their first index
        self.error: BaseException | None = None
        self.was_cancelled = False
        self.waker: Callable[[], None] | None = None
        self.arrived: deque[int] = deque()  # first indices, in the order they came
        self.lots: dict[int, Any] = {}  # on a worker: tasks that it has kept, by their first index
        self.retract: Callable[[], None] | None = None  # on a worker: lets go of these
        self._late: set[int] = set()  # tasks that were ended: they ran longer than they may, or somebody said so

    def complete(self) -> None:
        """No more tasks will come."""
        self.owner.close(self)

    def time_out(self, index: int, error: BaseException) -> None:
        super().time_out(index, error)
        self._late.add(index)

    def cancel_one(self, index: int) -> None:
        self.time_out(index, CancelledError(f"a task of {self.spec.name!r} was cancelled"))

    def deliver(self, batch: Batch) -> None:
        if batch.lo in self._late:
            return
        self.settled(batch.lo, batch.hi)
        self.owner.over(self, batch.hi - batch.lo)  # first: who waits for the end is woken by `put`
        self.put(batch)

    def put(self, batch: Batch) -> None:
        """Outcomes are here; none, if all of a lot was cut off as it began. Those of its tasks may be here before."""
        if batch.lo < batch.hi:
            self.batches[batch.lo] = batch
            self.arrived.append(batch.lo)
        if self.waker is not None:
            self.waker()

    def cancelled(self, lo: int, hi: int) -> None:
        self.was_cancelled = True
        self.owner.over(self, hi - lo)
        if self.waker is not None:
            self.waker()

    def fail(self, error: BaseException) -> None:
        self.error = error
        if self.waker is not None:
            self.waker()

    def abandon(self) -> None:
        self.was_cancelled = True
        if self.waker is not None:
            self.waker()

    def has_news(self, index: int) -> bool:
        """Whether outcomes from `index` on (or any, for -1) are here, or can't come."""
        if index in self.batches or self.error is not None or self.was_cancelled:
            return True
        return index < 0 and bool(self.arrived)

    def is_over(self) -> bool:
        """Whether all that was submitted is."""
        return self.error is not None or (self.left <= 0 and not self.lots)

    def drop(self) -> None:
        """Cancel what is not over."""
        self.was_cancelled = True
        if self.retract is not None:
            self.retract()
        if self.number >= 0:
            self.cancel(0, self.sent)
            self.owner.close(self)
            self.owner.over(self, self.left)
