"""The lots of one process that Dask has: how their outcomes come back, and how they are dropped."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker

from scoop.dask.cluster import LOST, Cluster
from scoop.dask.news import Dropped, Outcome
from scoop.dask.sent import Sent
from scoop_core import messages as m
from scoop_core.errors import BrokerLost, TaskFailed, WorkerLost
from scoop_core.future import Batch, Future
from scoop_core.jobs import MapJob
from scoop_core.payload import Packer, first_line

#: Has the root know something.
Tell = Callable[[str, m.Header], None]

#: Who waits looks around after so many seconds, whatever he was told.
LOOK_SECONDS = 0.2


class Pending:
    """All lots that this process has sent and that are not over, and the thread in which they end.

    Args:
        cluster: that has them.
        packer: of this process.
        tell: has the root know something.
    """

    def __init__(self, cluster: Cluster, packer: Packer, tell: Tell) -> None:
        self._cluster = cluster
        self._packer = packer
        self._tell = tell
        self.lost: BaseException | None = None
        self.news = threading.Condition()  # something is over
        self.sents: dict[str, Sent] = {}  # by key
        self._arrivals: SimpleQueue[tuple[Sent, Any] | None] = SimpleQueue()
        # In a thread of its own, as callbacks of futures may take long or wait.
        self._settler = threading.Thread(target=self._settle_all, name="scoop-dask", daemon=True)
        self._settler.start()

    # ---- what comes back ---------------------------------------------------------------------------------------

    def follow(self, sent: Sent) -> None:
        """Have the outcome of a lot brought, once it is there."""
        self._cluster.client.loop.add_callback(self._follow, sent)

    async def _follow(self, sent: Sent) -> None:
        """Wait for the end of a lot, in the thread of Dask's event loop, and pass it on."""
        try:
            (found,) = await self._cluster.client.gather([sent.remote], asynchronous=True)
        except (Exception, asyncio.CancelledError) as error:
            found = error
        self._arrivals.put((sent, found))

    @property
    def settling(self) -> bool:
        """Whether a callback asks: nobody else would do what is done in its thread."""
        return threading.current_thread() is self._settler

    def _settle_all(self) -> None:
        while (arrival := self._arrivals.get()) is not None:
            self._settle(*arrival)

    def settle_until(self, until: Callable[[], bool], end: float | None) -> bool:
        """A callback waits until `until()`; False if it is not so by the end."""
        while not until():
            left = look_seconds(end)
            if left <= 0:
                return False
            with suppress(Empty):
                arrival = self._arrivals.get(timeout=left)
                if arrival is None:  # it is to end
                    self._arrivals.put(None)
                    return until()
                self._settle(*arrival)
        return True

    def _settle(self, sent: Sent, found: Outcome | BaseException) -> None:
        """A lot is over, in one way or another."""
        spec = sent.lot.spec
        if isinstance(found, BaseException) and "scheduler-connection-lost" in str(found):
            self.fail(BrokerLost(LOST))
        if self.sents.pop(sent.lot.key, None) is None:
            return  # this process did not want it any more
        if isinstance(found, Outcome):
            self._tell(spec.root, found.ended)
            sent.worker = found.ended.worker
            lo, hi, results = sent.lot.lo, sent.lot.lo + found.ended.count, found.results
            sent.deliver(Batch(lo, hi, found.form, results.parcel, results.frames, found.failures, self._packer))
        elif isinstance(found, (FutureCancelledError, asyncio.CancelledError)):
            self._tell(spec.root, Dropped(sent.lot.key))
            sent.cancel()
        else:
            error = _explained(spec.name, found)
            self._tell(spec.root, Dropped(sent.lot.key, first_line(error)))
            sent.fail(error)
        self._wake()

    def _wake(self) -> None:
        """Something is over: who waits looks again."""
        with self.news:
            self.news.notify_all()

    def fail(self, error: BaseException) -> None:
        """All that is pending, and whatever is asked from now on, fails with this."""
        if self.lost is None:
            self.lost = error
            while self.sents:
                sent = self.sents.popitem()[1]
                if isinstance(sent.whose, MapJob):
                    sent.whose.fail(error)
                else:
                    sent.fail(error)
            self._wake()

    def end(self) -> None:
        """End the thread of this."""
        self._arrivals.put(None)
        if not self.settling:
            self._settler.join()

    # ---- cancelling --------------------------------------------------------------------------------------------

    def drop(self, sents: Iterable[Sent]) -> list[Sent]:
        """Have Dask forget these lots; those that it had not forgotten yet."""
        gone = [sent for sent in sents if self.sents.pop(sent.lot.key, None) is not None]
        for sent in gone:
            self._tell(sent.lot.spec.root, Dropped(sent.lot.key))
        if gone:
            self._cluster.forget(sent.remote for sent in gone)
        self._wake()
        return gone

    def retract(self, job: MapJob) -> None:
        """Drop what is left of a map."""
        self.drop([sent for sent in list(self.sents.values()) if sent.whose is job])

    def drop_run(self, root: str, run: int) -> None:
        """Cancel all that this process has submitted in a run; -1 for all of the root's."""
        specs = ((sent, sent.lot.spec) for sent in list(self.sents.values()))
        self._cancel([sent for sent, spec in specs if spec.root == root and run in (-1, spec.run)])

    def forgo(self, futures: Iterable[Future], jobs: Iterable[MapJob]) -> None:
        """Cancel those of these tasks that no worker has been given."""
        busy = self._cluster.processing()
        wanted: set[Any] = {*futures, *jobs}
        self._cancel([s for s in list(self.sents.values()) if s.whose in wanted and s.lot.key not in busy])

    def _cancel(self, sents: Iterable[Sent]) -> None:
        for sent in self.drop(sents):
            sent.cancel()
        self._wake()


def look_seconds(end: float | None) -> float:
    """How long to wait at a time, up to the end."""
    return LOOK_SECONDS if end is None else min(LOOK_SECONDS, end - time.monotonic())


def _explained(name: str, error: BaseException) -> TaskFailed:
    """Why a lot has no outcome, which is not the fault of what its tasks raise."""
    if isinstance(error, KilledWorker):
        return WorkerLost(name, None, 0, error.allowed_failures + 1)
    failed = TaskFailed(
        f"{name!r} could not be run by Dask: {first_line(error)}. Do its workers have the same versions of Python, "
        "scoop-jupyter and cloudpickle?"
    )
    failed.__cause__ = error
    return failed
