"""Which task runs in a thread of a Dask worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager

import distributed
from distributed.core import Status

from scoop.dask.news import Lot
from scoop_core.task_tree import Place

_ENDING = (Status.closing, Status.closed, Status.failed)


class Task:
    """What runs in a thread.

    Args:
        lot: what it belongs to.
        worker: of Dask.
        seats: of that worker; whoever computes has one.
    """

    def __init__(self, lot: Lot, worker: distributed.Worker, seats: threading.Semaphore) -> None:
        spec = lot.spec
        self.root = spec.root
        self.run = spec.run
        self.place = Place(spec.group, spec.parent, spec.path)
        self.rests = False  # it waits, and has made room for others
        self._seats = seats
        self._has_left = False  # the threads that Dask gives its tasks to
        self._worker = worker
        self._state = worker.state.tasks.get(lot.key)

    @property
    def unwanted(self) -> bool:
        """Whether it was cancelled: Dask would let it go on."""
        return self._state is not None and self._state.state == "cancelled"

    @contextmanager
    def resting(self) -> Iterator[None]:
        """While it waits, its worker runs another one in its place.

        It leaves Dask's pool of threads for good, as a return takes up to a second. Seats see to it that no more
        tasks compute at once than should.
        """
        if not self._has_left:
            distributed.secede()
            self._has_left = True
        self.rests = True
        self._seats.release()
        try:
            yield
        finally:
            self._seats.acquire()
            self.rests = False

    def check(self) -> None:
        """Raise CancelledError if it was cancelled, or its worker is about to end."""
        if self.unwanted or self._worker.status in _ENDING:
            raise CancelledError("the task that waits was cancelled")


#: What runs in this thread: `here.task`; without that, none does.
here = threading.local()


def running_task() -> Task | None:
    """The task that asks."""
    return getattr(here, "task", None)


@contextmanager
def resting() -> Iterator[Task | None]:
    """While the running task waits, its worker runs another one in its place."""
    task = running_task()
    if task is None or task.rests:
        yield task
        return
    with task.resting():
        yield task
