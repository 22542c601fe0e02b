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

import msgspec

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


def shared_memory() -> Path | None:
    """A file system in memory, if there is one that can be written to."""
    path = Path(os.environ.get(VARIABLE) or "/dev/shm")
    return path if path.is_dir() and os.access(path, os.W_OK | os.X_OK) else None


class _Shared(msgspec.Struct):
    """A segment that several parcels use."""

    segment: Segment
    fingerprint: bytes
    uses: int = 1


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

    def share(self, buffer: memoryview) -> Segment | None:
        """As `put`; but if the same bytes lie there already, that segment once more. `discard` it as often."""
        if buffer.nbytes < THRESHOLD:
            return None
        view = buffer.cast("B")
        fingerprint = self._fingerprint(view)
        with self._lock:
            for known in self._alike.get(fingerprint, ()):
                if self._is(known.segment, view):
                    known.uses += 1
                    return known.segment
            segment = self._new(view)
            if not self._place(segment, view):
                return None
            self._shared[segment.name] = shared = _Shared(segment, fingerprint)
            self._alike.setdefault(fingerprint, []).append(shared)
            return segment

    def again(self, segment: Segment) -> Segment:
        """A shared segment once more."""
        with self._lock:
            self._shared[segment.name].uses += 1
        return segment

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
        if segment.size != len(view):
            return False
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
        try:
            left = buffer.cast("B")
            while left:
                left = left[os.write(fd, left) :]
        except OSError:  # somebody else filled it up
            path.unlink(missing_ok=True)
            return False
        finally:
            os.close(fd)
        return True

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
                return mmap.mmap(file.fileno(), segment.size, access=access)
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
                del self._shared[segment.name]
                alike = self._alike[shared.fingerprint]
                alike.remove(shared)
                if not alike:
                    del self._alike[shared.fingerprint]
                self._remove(segment)
        else:
            (self._folder / segment.name).unlink(missing_ok=True)


def remove(folder: str) -> None:
    """Take the whole shelf away."""
    shutil.rmtree(folder, ignore_errors=True)
