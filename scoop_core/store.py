"""The shelf: large buffers lie in shared memory, once for all processes of a host, instead of travelling.

A shelf is a folder of the pool (0700, on /dev/shm where there is one) with a file (0600) for each buffer. A receiver
maps the file; nobody copies it. Who puts a buffer on the shelf takes it off again, except for results: these are
taken off by who unpacks them. The folder goes with the pool, so whatever a dead process left goes too.

What goes out (arguments, functions, constants) is *shared*: the same bytes, in however many calls, lie there once.

Processes of other hosts don't see that folder; see `distant`.
"""

from __future__ import annotations

import mmap
import os
import shutil
import threading
import weakref
from pathlib import Path
from typing import Any

from scoop_core.hosts import cpus
from scoop_core.messages import Segment

#: Names another folder than /dev/shm, where that is too small.
VARIABLE = "SCOOP_MEMORY"
#: Smaller buffers travel: mapping a file costs about as much as copying this many bytes through a socket.
THRESHOLD = 128 * 1024
#: A shelf leaves this share of the file system to others (containers often have 64 MiB in all).
RESERVE = 0.1
#: Results from this size on are mapped by who takes them, not copied, ...
MAPPED = 1 << 20
#: ... as long as there are not more of these than that: each holds a descriptor.
MAPPINGS = 256
#: At most so many buffers are worth laying at the same time: then the memory is what they wait for.
LANES = 4


def shared_memory() -> Path | None:
    """A file system in memory, if there is one that can be written to."""
    path = Path(os.environ.get(VARIABLE) or "/dev/shm")
    return path if path.is_dir() and os.access(path, os.W_OK | os.X_OK) else None


class _Shared:
    """A segment that several parcels use."""

    def __init__(self, segment: Segment, fingerprint: bytes) -> None:
        self.segment = segment
        self.fingerprint = fingerprint
        self.uses = 1
        self.laid = False
        self.laying = threading.Lock()  # held until that is known


class Shelf:
    """One process's use of the pool's shelf.

    Args:
        folder: the shelf; made by whoever starts the pool. If it is empty there is none, and everything travels.
        owner: a prefix of file names, different for every process.
    """

    def __init__(self, folder: str, owner: str) -> None:
        self._folder = Path(folder)
        self._lays = bool(folder)
        self._owner = owner
        self._lock = threading.Lock()  # several threads submit
        self._shared: dict[str, _Shared] = {}  # by name
        self._alike: dict[bytes, list[_Shared]] = {}  # by fingerprint
        self._mappings = 0
        self.lanes = min(LANES, cpus()) if self._lays else 1  # that many threads may share at the same time

    def share(self, buffer: memoryview) -> Segment | None:
        """As `put`; but if the same bytes lie there already, that segment once more. `discard` it as often."""
        if buffer.nbytes < THRESHOLD:
            return None
        view = buffer.cast("B")
        shared = _Shared(self._new(view), self._fingerprint(view))
        with shared.laying:
            known = self._enter(shared, view)
            if known is not shared:
                return known.segment
            try:
                shared.laid = self._place(shared.segment, view)
            finally:
                if not shared.laid:
                    with self._lock:
                        self._forget(shared)
        return shared.segment if shared.laid else None

    def _enter(self, shared: _Shared, view: memoryview) -> _Shared:
        """Note what is about to be laid; if the same bytes lie there, note that they are used once more instead."""
        while True:
            with self._lock:
                alike = [k for k in self._alike.get(shared.fingerprint, ()) if k.segment.size == len(view)]
                other = next((k for k in alike if k.laying.locked()), None)
                if other is None:
                    for known in alike:
                        if known.laid and self._is(known.segment, view):
                            known.uses += 1
                            return known
                    self._shared[shared.segment.name] = shared
                    self._alike.setdefault(shared.fingerprint, []).append(shared)
                    return shared
            with other.laying:  # another thread lays it just now
                pass

    def again(self, segment: Segment) -> bool:
        """A shared segment once more; False if it is not there any more, as the last who shared it has gone."""
        with self._lock:
            shared = self._shared.get(segment.name)
            if shared is not None:
                shared.uses += 1
            return shared is not None

    def put(self, buffer: memoryview) -> Segment | None:
        """Lay a buffer (contiguous bytes) on the shelf; None if it is too small, or there is no room."""
        if buffer.nbytes < THRESHOLD:
            return None
        segment = self._new(buffer)
        return segment if self.lay(segment, buffer) else None

    def _new(self, buffer: memoryview) -> Segment:
        return Segment(f"{self._owner}-{os.urandom(8).hex()}", buffer.nbytes)

    # What differs where the shelf is another host's (see `distant`): what is shared, and how it gets there.

    def _fingerprint(self, view: memoryview) -> bytes:
        """Differs, as a rule, for different bytes: some from all over."""
        return view[:64].tobytes() + view[:: len(view) // 64].tobytes() + view[-64:].tobytes()

    def _is(self, segment: Segment, view: memoryview) -> bool:
        """Whether a segment has just these bytes."""
        try:
            mapped = self.get(segment, take=False, writable=False)
        except OSError:
            return False
        # As large numbers: eight bytes are compared as fast as one.
        whole = segment.size // 8 * 8
        with mapped, memoryview(mapped) as there, there[:whole].cast("Q") as numbers:
            return numbers == view[:whole].cast("Q") and there[whole:] == view[whole:]

    def _place(self, segment: Segment, view: memoryview) -> bool:
        return self.lay(segment, view)

    def _remove(self, segment: Segment) -> None:
        (self._folder / segment.name).unlink(missing_ok=True)

    def lay(self, segment: Segment, buffer: memoryview) -> bool:
        """Lay the bytes of a segment on the shelf; False if there is no room, or no shelf."""
        if not self._lays:
            return False
        size = segment.size
        path = self._folder / segment.name
        try:
            free = os.statvfs(self._folder)
            if size > free.f_bavail * free.f_frsize - RESERVE * free.f_blocks * free.f_frsize:
                return False
            fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        except OSError:  # no such folder, or full: it travels then
            return False
        left = buffer.cast("B")
        try:
            while left:
                left = left[os.write(fd, left) :]
        except OSError:  # somebody else filled it up
            pass
        finally:
            os.close(fd)
            if left:  # there was an interrupt, perhaps
                path.unlink(missing_ok=True)
        return not left

    def holds(self, segment: Segment) -> bool:
        """Whether a segment still lies there."""
        return (self._folder / segment.name).exists()

    def get(self, segment: Segment, take: bool, writable: bool) -> Any:
        """The bytes of a segment.

        Args:
            segment: what `put` returned, here or in another process.
            take: take it off the shelf, for this process alone.
            writable: whether the caller may change its view; nobody else sees the change.
        """
        path = self._folder / segment.name
        with open(path, "rb", buffering=0) as file:
            if not take:
                access = mmap.ACCESS_COPY if writable else mmap.ACCESS_READ
                mapped = mmap.mmap(file.fileno(), segment.size, access=access)
                mapped.madvise(mmap.MADV_SEQUENTIAL)  # or each page would be noted as used when it is unmapped
                return mapped
            if segment.size >= MAPPED and self._mappings < MAPPINGS:
                taken: Any = mmap.mmap(file.fileno(), segment.size, access=mmap.ACCESS_COPY)
                self._mappings += 1
                weakref.finalize(taken, self._unmapped)
            else:
                taken = bytearray(segment.size)
                left = memoryview(taken)
                while left:
                    left = left[file.readinto(left) or len(left) :]
        path.unlink(missing_ok=True)
        return taken

    def _unmapped(self) -> None:
        self._mappings -= 1

    def discard(self, segment: Segment) -> None:
        """Take a segment off the shelf, if nobody else shares it; who has mapped it keeps it."""
        # Without the lock: results are discarded by the garbage collector, perhaps of the thread that has it.
        if segment.name in self._shared:
            with self._lock:
                shared = self._shared[segment.name]
                shared.uses -= 1
                if shared.uses:
                    return
                self._forget(shared)
                self._remove(segment)
        else:
            (self._folder / segment.name).unlink(missing_ok=True)

    def _forget(self, shared: _Shared) -> None:
        del self._shared[shared.segment.name]
        alike = self._alike[shared.fingerprint]
        alike.remove(shared)
        if not alike:
            del self._alike[shared.fingerprint]


def remove(folder: str) -> None:
    """Take the whole shelf away."""
    shutil.rmtree(folder, ignore_errors=True)
