"""Messages over a Unix socket, framed, and never blocking.

ZeroMQ hands every message to a thread of its own, at both ends: three wake-ups for one hop, and a wake-up costs more
than all the rest of a small task. Here a hop is one system call at each end.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Any

from scoop_core.link.end import BadStream, Raw
from scoop_core.link.poller import milliseconds

#: Read at once, in bytes; a larger message is read straight to where it stays.
SCRATCH = 1 << 18
#: More parts, or more bytes in all, has no message: then the bytes are none of ours.
MAX_PARTS = 1 << 20
MAX_BYTES = 1 << 40
#: So many buffers may go into one system call.
_IOV = 512
#: Before the parts of a message: how many, then the size of each.
_ONE = struct.Struct("<IQ")


class Stream:
    """One end of a connection between a peer and the broker of its host.

    Args:
        connected: its socket; None if there is nobody to connect to: then it has ended before it began.
        scratch: to read into; several streams of one thread may share it.
    """

    duplex = True

    def __init__(self, connected: socket.socket | None, scratch: bytearray | None = None) -> None:
        self.ended = connected is None  # nothing more will be read
        self.waiting = False  # something is left to be sent; `flush` again when the descriptor is writable
        self._socket = connected
        self._scratch = memoryview(scratch if scratch is not None else bytearray(SCRATCH))
        self._out: deque[Any] = deque()
        self._rest = b""  # the beginning of a message
        self._large: memoryview | None = None  # a message too large for the scratch
        self._sizes: Sequence[int] = ()  # of its parts
        self._have = 0  # bytes of it
        self.descriptors: tuple[int, ...] = ()
        if connected is not None:
            connected.setblocking(False)
            self.descriptors = (connected.fileno(),)

    @classmethod
    def connect(cls, path: str) -> Stream:
        """To whoever listens there; ended, if nobody does."""
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connected.connect(path)
        except OSError:
            connected.close()
            return cls(None)
        return cls(connected)

    # ---- writing -----------------------------------------------------------------------------------------------

    def put(self, header: bytes, frames: Sequence[Any] = ()) -> None:
        """Send with the next flush. Frames are bytes, or views of bytes that do not change any more."""
        self.waiting = True
        if not frames:
            self._out.append(_ONE.pack(1, len(header)) + header)
            return
        sizes = [len(frame) for frame in frames]
        prefix = struct.pack(f"<I{1 + len(sizes)}Q", 1 + len(sizes), len(header), *sizes)
        self._out.append(prefix + header)
        self._out.extend(frame for frame in frames if len(frame))

    def flush(self) -> None:
        """Send what the system takes now; to who is gone, nothing."""
        out = self._out
        if self._socket is None:
            out.clear()
        while out:
            try:
                if len(out) == 1:
                    sent = self._socket.send(out[0])  # type: ignore[union-attr]
                else:
                    sent = self._socket.sendmsg(islice(out, _IOV))  # type: ignore[union-attr]
            except BlockingIOError:
                return
            except OSError:  # what it has sent before may still be read
                out.clear()
                break
            while out and sent >= len(out[0]):
                sent -= len(out.popleft())
            if sent:
                out[0] = memoryview(out[0])[sent:]
        self.waiting = False

    def drain(self, seconds: float) -> None:
        """Wait until everything is sent, but not for longer than so many seconds."""
        end = time.monotonic() + seconds
        self.flush()
        while self._out and (left := end - time.monotonic()) > 0:
            poll = select.poll()
            poll.register(self.descriptors[0], select.POLLOUT)
            poll.poll(milliseconds(left))
            self.flush()

    # ---- reading -----------------------------------------------------------------------------------------------

    def ready(self) -> bool:
        """Whether there is something to read that no descriptor will tell."""
        return False

    def read(self) -> list[Raw]:
        """Read once, without waiting: the messages that are complete with it.

        Raises:
            BadStream: it is no message; there is no point in reading on.
        """
        if self._socket is None:
            return []
        into = self._scratch if self._large is None else self._large[self._have :]
        try:
            count = self._socket.recv_into(into)
        except BlockingIOError:
            return []
        except OSError:
            count = 0
        if count == 0:
            self.ended = True
            return []
        if self._large is None:
            if self._rest:
                return self._split(self._rest + into[:count])
            if count >= _ONE.size and _ONE.unpack_from(into) == (1, count - _ONE.size):  # one message, as a rule
                return [(bytes(into[_ONE.size : count]), [])]
            return self._split(bytes(into[:count]))
        self._have += count
        if self._have < len(self._large):
            return []
        body, self._large = self._large.toreadonly(), None
        header, *frames = _cut(body, 0, self._sizes)
        return [(bytes(header), frames)]

    def _split(self, data: bytes) -> list[Raw]:
        found: list[Raw] = []
        at, end = 0, len(data)
        while end - at >= _ONE.size:
            parts, size = _ONE.unpack_from(data, at)
            if parts == 1:
                start = at + _ONE.size
                stop = start + size
                if stop <= end:
                    found.append((data[start:stop], []))
                    at = stop
                    continue
                sizes: Sequence[int] = (size,)
            elif not 0 < parts <= MAX_PARTS:
                raise BadStream(f"{parts} parts")
            else:
                start = at + 4 + 8 * parts
                if start > end:
                    break
                sizes = struct.unpack_from(f"<{parts}Q", data, at + 4)
                stop = start + sum(sizes)
                if stop <= end:
                    header, *frames = _cut(data, start, sizes)
                    found.append((header, frames))
                    at = stop
                    continue
            if stop - start > MAX_BYTES:
                raise BadStream(f"{stop - start} bytes")
            if stop - start > len(self._scratch):
                self._expect(sizes, data[start:end])
                at = end
            break
        self._rest = data[at:]
        return found

    def _expect(self, sizes: Sequence[int], have: bytes) -> None:
        """A large message has begun: read the rest of it to where it stays."""
        try:
            self._large = memoryview(bytearray(sum(sizes)))
        except MemoryError as error:
            raise BadStream(f"no memory for a message of {sum(sizes)} bytes") from error
        self._sizes, self._have = sizes, len(have)
        self._large[: len(have)] = have

    def close(self, linger: float = 0.0) -> None:
        """End; what was put still goes out, if it can within `linger` seconds."""
        if self._socket is None:
            return
        self.drain(linger)
        self._socket.close()
        self._socket = None
        self.ended = True


def _cut(data: Any, start: int, sizes: Sequence[int]) -> list[Any]:
    """The parts of a message: copied, if `data` is bytes, or views, if it is a view."""
    parts = []
    for size in sizes:
        parts.append(data[start : start + size])
        start += size
    return parts
