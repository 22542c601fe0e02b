"""What `map` returns: an iterator over outcomes that come in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from itertools import chain
from typing import Any

from scoop_core.future import Batch
from scoop_core.jobs import MapJob


class MapResult:
    """Results in the order of the arguments (or, `as_completed`, in that of their arrival).

    A result whose task failed raises what the task raised, when its turn comes; `next` goes on behind it, as with
    the built-in map. An interrupt while waiting cancels what is left.

    Args:
        job: whose outcomes these are.
        await_news: waits until outcomes of the job, from an index on, are there; False if they did not come in time.
        as_completed: in the order of arrival.
        more: called before waiting at the end of what was submitted; submits more, or returns False.
    """

    def __init__(
        self,
        job: MapJob,
        await_news: Callable[[MapJob, int], bool],
        as_completed: bool = False,
        more: Callable[[int], None] | None = None,
    ) -> None:
        self._job = job
        self._await_news = await_news
        self._as_completed = as_completed
        self._more = more
        self._seen = 0  # how many outcomes were handed on, in whole batches
        self._current: Iterator[Any] = iter(())

    def __iter__(self) -> Iterator[Any]:
        # All batches share what `__next__` uses, so both may be mixed; this one runs in C.
        return chain(self._current, chain.from_iterable(self._batches())) if self._plain() else self

    def __next__(self) -> Any:
        __tracebackhide__ = True
        while True:
            for value in self._current:
                return value
            self._current = self._advance()

    def _plain(self) -> bool:
        return self._more is None

    def _batches(self) -> Iterator[Iterator[Any]]:
        __tracebackhide__ = True
        while True:
            try:
                self._current = self._advance()
            except StopIteration:
                return
            yield self._current

    def _advance(self) -> Iterator[Any]:
        """The next batch; waits for it."""
        __tracebackhide__ = True
        job = self._job
        if self._more is not None:
            self._more(self._seen)
        try:
            while True:
                batch = self._take()
                if batch is not None:
                    self._seen += batch.hi - batch.lo
                    return iter(batch)
                if job.n is not None and self._seen >= job.n:
                    job.owner.close(job)
                    raise StopIteration
                if job.error is not None:
                    raise job.error
                if job.was_cancelled:
                    raise CancelledError(f"the tasks of {job.spec.name!r} were cancelled")
                if not self._await_news(job, self._seen):
                    raise TimeoutError("not over in the time given to map; what is left was cancelled")
        except (KeyboardInterrupt, TimeoutError):
            job.drop()
            raise

    def _take(self) -> Batch | None:
        job = self._job
        if self._as_completed:
            return job.batches.pop(job.arrived.popleft()) if job.arrived else None
        return job.batches.pop(self._seen, None)
