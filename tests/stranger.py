"""Somebody who speaks to a broker without being asked to."""

from __future__ import annotations

import select

from scoop_core.config import Connection
from scoop_core.link.stream import Stream


class Stranger:
    """A connection to a pool's broker, on its host, that sends what it likes.

    Args:
        connection: the pool.
        name: as it introduces itself.
    """

    def __init__(self, connection: Connection, name: bytes = b"visitor") -> None:
        self.stream = Stream.connect(connection.address.removeprefix("ipc://"))
        assert not self.stream.ended
        self.send(name)

    def send(self, header: bytes, *frames: bytes) -> None:
        self.stream.put(header, frames)
        self.stream.drain(10)
        assert not self.stream.waiting

    def hears(self, seconds: float = 0.0) -> bool:
        """Whether something comes, or the connection ends, within so many seconds."""
        poll = select.poll()
        poll.register(self.stream.descriptors[0], select.POLLIN)
        return bool(poll.poll(int(seconds * 1000)))

    def is_shut_out(self) -> bool:
        """Whether the broker has ended the connection."""
        while self.hears():
            self.stream.read()
            if self.stream.ended:
                return True
        return False

    def __enter__(self) -> Stranger:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
