"""What `map` returns: an iterator over outcomes that come in batches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
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
        self.job = job
        self._batches = _Batches(job, await_news, as_completed, more)
        self._results = chain.from_iterable(self._batches)

    def __iter__(self) -> Iterator[Any]:
        # The same for all who ask, so that loops and `next` may be mixed; it runs in C.
        if self._batches.failed:  # a chain is at its end then
            self._batches.failed = False
            self._results = chain.from_iterable(self._batches)
        return self._results

    def __next__(self) -> Any:
        __tracebackhide__ = True
        return next(iter(self))

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._asynchronously()

    async def _asynchronously(self) -> AsyncIterator[Any]:
        import asyncio  # who iterates so has imported it already; others need not

        while (result := await asyncio.to_thread(next, self, _END)) is not _END:
            yield result


_END = object()


class _Batches:
    """The batches of a map, each as an iterator over its results."""

    def __init__(
        self,
        job: MapJob,
        await_news: Callable[[MapJob, int], bool],
        as_completed: bool,
        more: Callable[[int], None] | None,
    ) -> None:
        self._job = job
        self._await_news = await_news
        self._as_completed = as_completed
        self._more = more
        self._seen = 0  # how many outcomes were handed on, in whole batches
        self.failed = False  # the last step raised, and there may be more

    def __iter__(self) -> Iterator[Iterator[Any]]:
        return self

    def __next__(self) -> Iterator[Any]:
        __tracebackhide__ = True
        try:
            return self._advance()
        except StopIteration:
            raise
        except BaseException:
            self.failed = True
            raise

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
