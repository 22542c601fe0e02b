"""From pickles and their buffers to parcels: large buffers are laid on the shelf, several at the same time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any
from weakref import ref

import msgspec

from scoop_core.messages import Frames, Parcel, Segment
from scoop_core.store import THRESHOLD, Shelf

#: From so many bytes on it is worth while to have another thread lay the buffers of a parcel.
LARGE = 1 << 20

#: What was laid last is kept for further parcels of the same call, though others are over: so many bytes of it.
HELD = 64 << 20

Lay = Callable[[memoryview], Segment | None]


class Dumped(msgspec.Struct):
    """Arguments or results of many tasks, pickled; not on the shelf yet, but what lies there already."""

    form: str
    count: int
    data: bytes
    buffers: Sequence[memoryview | Segment] = ()
    errors: dict[int, Exception] = {}  # of items that can't travel, by position

    @property
    def weight(self) -> int:
        """Bytes."""
        return len(self.data) + self.new + sum(b.size for b in self.buffers if isinstance(b, Segment))

    @property
    def new(self) -> int:
        """Bytes of buffers that are not on the shelf yet."""
        return sum(b.nbytes for b in self.buffers if not isinstance(b, Segment))


def parcel_of(data: bytes, buffers: Sequence[memoryview | Segment], lay: Lay) -> tuple[Parcel, Frames]:
    """Data with its buffers (segments: those that lie on the shelf already); large ones are laid there.

    Large data is one more buffer, the last: whoever passes the parcel on does not touch it.
    """
    if len(data) >= THRESHOLD:
        data, buffers = b"", [*buffers, memoryview(data)]
    if not buffers:
        return Parcel(data), []
    places: list[Segment | None] = []
    frames: Frames = []
    for buffer in buffers:
        segment = buffer if isinstance(buffer, Segment) else lay(buffer)
        if segment is None:
            # The sender may change its array once this call has returned, and the wire is slower than that.
            kept = type(buffer.obj) is bytes  # type: ignore[union-attr]
            frames.append(buffer if kept else bytes(buffer))  # type: ignore[arg-type]
        places.append(segment)
    return Parcel(data, tuple(places)), frames


class Layer:
    """Lays buffers on the shelf for one call, an array that occurs again only once: to compare it would take longer.

    Args:
        shelf: the shelf.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        # By id and size of what exports the buffer; when that is gone, its id may be another's.
        self._laid: dict[tuple[int, int], tuple[ref[Any], Segment]] = {}
        self._lock = Lock()
        self._held: dict[str, Segment] = {}  # by name, the latest last
        self._ahead: deque[tuple[Dumped, Future[tuple[Parcel, Frames]]]] = deque()
        self._threads: ThreadPoolExecutor | None = None

    def parcels(self, dumped: Iterable[Dumped]) -> Iterator[tuple[Dumped, Parcel, Frames]]:
        """A parcel for each, in this order. While a large one is laid, so are those behind it.

        The copy to the shelf takes one processor as long as all else that is done for a large argument.
        """
        ahead = self._ahead
        for one in dumped:
            if not one.buffers and not ahead:  # there is nothing to be ahead of
                yield one, *parcel_of(one.data, (), self.share)
                continue
            ahead.append((one, self._begin(one)))
            while ahead and (len(ahead) > self._shelf.lanes or ahead[0][1].done()):
                yield self._next()
        while ahead:
            yield self._next()

    def _begin(self, dumped: Dumped) -> Future[tuple[Parcel, Frames]]:
        # What is in the pickle took longer to get there: others should not wait until the next one is dumped.
        if self._shelf.lanes > 1 and dumped.new >= LARGE:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._shelf.lanes, "scoop-layer")
            try:
                return self._threads.submit(parcel_of, dumped.data, dumped.buffers, self.share)
            except RuntimeError:  # there can't be more threads
                self._threads.shutdown(cancel_futures=True)  # this one lays what they have not begun
        done: Future[tuple[Parcel, Frames]] = Future()
        done.set_result(parcel_of(dumped.data, dumped.buffers, self.share))
        return done

    def _next(self) -> tuple[Dumped, Parcel, Frames]:
        dumped, laid = self._ahead[0]
        parcel, frames = parcel_of(dumped.data, dumped.buffers, self.share) if laid.cancelled() else laid.result()
        self._ahead.popleft()
        return dumped, parcel, frames

    def share(self, buffer: memoryview) -> Segment | None:
        """For one more parcel. Call `close` at the end."""
        segment = self._known(buffer)
        if segment is not None and self._shelf.again(segment):
            self._hold(segment)
            return segment
        segment = self._shelf.share(buffer)
        if segment is not None and self._note(buffer, segment):
            self._hold(segment)
        return segment

    def _hold(self, segment: Segment) -> None:
        """Have it still there for another parcel if this one is over meanwhile; not too many of them."""
        with self._lock:
            if self._held.pop(segment.name, None) is None:
                self._shelf.again(segment)
            self._held[segment.name] = segment
            old = []
            while len(self._held) > 1 and sum(held.size for held in self._held.values()) > HELD:
                old.append(self._held.pop(next(iter(self._held))))
        for held in old:
            self._shelf.discard(held)

    def put(self, buffer: memoryview) -> Segment | None:
        """For the one parcel that there will be."""
        segment = self._known(buffer)
        if segment is None:
            segment = self._shelf.put(buffer)
            if segment is not None:
                self._note(buffer, segment)
        return segment

    def close(self) -> None:
        """Forget all; what was laid for parcels that nobody took, as there was an interrupt, leaves the shelf."""
        try:
            if self._threads is not None:
                self._threads.shutdown(cancel_futures=True)
        finally:
            for _, laid in self._ahead:
                if not laid.cancelled() and laid.exception() is None:
                    self._discard(laid.result()[0].buffers)
            self._ahead.clear()
            self._discard(self._held.values())
            self._held.clear()
            self._laid.clear()

    def _discard(self, segments: Iterable[Segment | None]) -> None:
        for segment in segments:
            if segment is not None:
                self._shelf.discard(segment)

    def _known(self, buffer: memoryview) -> Segment | None:
        owner, segment = self._laid.get((id(buffer.obj), buffer.nbytes), (None, None))
        return segment if owner is not None and owner() is buffer.obj else None

    def _note(self, buffer: memoryview, segment: Segment) -> bool:
        if memoryview(buffer.obj).nbytes != buffer.nbytes:  # it is one part among others
            return False
        try:
            self._laid[id(buffer.obj), buffer.nbytes] = ref(buffer.obj), segment
        except TypeError:
            return False
        return True
