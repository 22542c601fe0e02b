"""Maps on any engine, and what they return: an iterator over outcomes that come in batches."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from itertools import chain, islice
from typing import Any

from scoop_core.future import Batch
from scoop_core.jobs import MapJob
from scoop_core.owner import DEFAULT, Options, columns


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


class Mapper(ABC):
    """Maps, for engines that say how the tasks of one get to their workers."""

    def map(
        self,
        function: Callable[..., Any],
        iterables: Sequence[Iterable[Any]],
        timeout: float | None = None,
        buffersize: int | None = None,
        as_completed: bool = False,
        options: Options = DEFAULT,
    ) -> MapResult:
        """Submit a call for each tuple of arguments; the iterator over the results.

        Args:
            function: called with one argument from each iterable.
            iterables: consumed now, up to the end of the shortest; with `buffersize`, as results are asked for.
            timeout: in seconds from now, for all results.
            buffersize: how many tasks may be submitted ahead of the results that were asked for.
            as_completed: results in the order in which they are ready.
            options: for all tasks.
        """
        deadline = None if timeout is None else time.monotonic() + timeout

        def news(job: MapJob, seen: int) -> bool:
            __tracebackhide__ = True
            return self._await_map(job, -1 if as_completed else seen, deadline)

        if buffersize is None:
            items, form = columns(iterables)
            job = self._start_map(function, items, form, options)
            job.complete()
            return MapResult(job, news, as_completed)
        if buffersize < 1:
            raise ValueError(f"buffersize must be at least 1, not {buffersize}")
        source = zip(*iterables, strict=False)
        job = self._start_map(function, list(islice(source, buffersize)), "rows", options)
        job.n = None

        def more(seen: int) -> None:
            if job.n is None and job.sent - seen <= buffersize // 2:
                rows = list(islice(source, buffersize - (job.sent - seen)))
                if rows:
                    self._extend_map(job, rows)
                else:
                    job.n = job.sent
                    job.complete()

        return MapResult(job, news, as_completed, more)

    @abstractmethod
    def _extend_map(self, job: MapJob, rows: Sequence[Any]) -> None:
        """Submit further tasks of a map."""

    @abstractmethod
    def _start_map(self, function: Callable[..., Any], items: Sequence[Any], form: str, options: Options) -> MapJob:
        """Submit the tasks of a map; the job's `n` is set."""

    @abstractmethod
    def _await_map(self, job: MapJob, index: int, deadline: float | None) -> bool:
        """Wait until the outcomes from `index` on (or any, for -1) are here, or can't come; False at the deadline."""
