"""What somebody without keys says to a pool's port, and what may be answered (see rfc.zeromq.org/spec/23 and 25)."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator


def greeting(mechanism: bytes) -> bytes:
    """The 64 bytes by which each end of a ZMTP connection begins."""
    return b"\xff" + bytes(7) + b"\x01\x7f\x03\x01" + mechanism.ljust(20, b"\0") + bytes(32)


NULL, PLAIN, CURVE = map(greeting, (b"NULL", b"PLAIN", b"CURVE"))
#: A client's first step of a CURVE handshake; its box was sealed by nobody.
HELLO = b"\x04\xc8\x05HELLO\x01\x00" + bytes(72) + b"\x01" * 32 + bytes(8) + b"\x02" * 80
#: The server's answer to one that was sealed for its key.
WELCOME = b"\x04\xa8\x07WELCOME" + bytes(160)


def is_greeting(heard: bytes) -> bool:
    """Whether it is the server's greeting, or its beginning."""
    return CURVE.startswith(heard)


@contextlib.contextmanager
def connected(place: tuple[str, int], count: int) -> Iterator[list[socket.socket]]:
    """So many connections."""
    with contextlib.ExitStack() as opened:
        yield [opened.enter_context(socket.create_connection(place, 20)) for _ in range(count)]


def last_words(stranger: socket.socket, seconds: float) -> bytes:
    """All that comes by a connection until the other end closes it.

    Raises:
        TimeoutError: it does not, within so many seconds.
    """
    end = time.monotonic() + seconds
    heard = b""
    with contextlib.suppress(ConnectionError):
        while True:
            stranger.settimeout(max(0.01, end - time.monotonic()))
            data = stranger.recv(1 << 16)
            if not data:
                break
            heard += data
    return heard
