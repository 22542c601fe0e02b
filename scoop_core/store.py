"""The shelf: large buffers lie in shared memory, once for all processes of a host, instead of travelling.

A shelf is a folder of the pool (0700, on /dev/shm where there is one) with a file (0600) for each buffer. A receiver
maps the file; nobody copies it. Who puts a buffer on the shelf takes it off again, except for results: these are
taken off by who unpacks them. The folder goes with the pool, so whatever a dead process left goes too.
"""

from __future__ import annotations

import mmap
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from scoop_core.messages import Segment

#: Smaller buffers travel: mapping a file costs about as much as copying this many bytes through a socket.
THRESHOLD = 128 * 1024
#: A shelf leaves this share of the file system to others (containers often have 64 MiB in all).
RESERVE = 0.1


def shared_memory() -> Path | None:
    """A file system in memory, if there is one that can be written to."""
    path = Path("/dev/shm")
    return path if path.is_dir() and os.access(path, os.W_OK | os.X_OK) else None


class Shelf:
    """One process's use of the pool's shelf.

    Args:
        folder: the shelf; made by whoever starts the pool.
        owner: a prefix of file names, different for every process.
    """

    def __init__(self, folder: str, owner: str) -> None:
        self._folder = Path(folder)
        self._owner = owner

    def put(self, buffer: memoryview) -> Segment | None:
        """Lay a buffer (contiguous bytes) on the shelf; None if it is too small, or there is no room."""
        size = buffer.nbytes
        if size < THRESHOLD:
            return None
        name = f"{self._owner}-{secrets.token_hex(8)}"
        path = self._folder / name
        try:
            free = os.statvfs(self._folder)
            if size > free.f_bavail * free.f_frsize - RESERVE * free.f_blocks * free.f_frsize:
                return None
            fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        except OSError:  # no such folder (another host), or full: it travels then
            return None
        try:
            left = buffer.cast("B")
            while left:
                left = left[os.write(fd, left) :]
        except OSError:  # somebody else filled it up
            path.unlink(missing_ok=True)
            return None
        finally:
            os.close(fd)
        return Segment(name, size)

    def get(self, segment: Segment, take: bool, writable: bool) -> Any:
        """The bytes of a segment.

        Args:
            segment: what `put` returned, here or in another process.
            take: take it off the shelf, into this process's own memory: a mapping would hold a descriptor, and its
                place in shared memory, for as long as it lives.
            writable: whether the caller may change its view; nobody else sees the change.
        """
        path = self._folder / segment.name
        with open(path, "rb", buffering=0) as file:
            if not take:
                access = mmap.ACCESS_COPY if writable else mmap.ACCESS_READ
                return mmap.mmap(file.fileno(), segment.size, access=access)
            taken = bytearray(segment.size)
            left = memoryview(taken)
            while left:
                left = left[file.readinto(left) or len(left) :]
        path.unlink(missing_ok=True)
        return taken

    def discard(self, segment: Segment) -> None:
        """Take a segment off the shelf; who has mapped it keeps it."""
        (self._folder / segment.name).unlink(missing_ok=True)


def remove(folder: str) -> None:
    """Take the whole shelf away."""
    shutil.rmtree(folder, ignore_errors=True)
