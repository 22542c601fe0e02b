"""What `Link` wants of a connection to the broker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

#: A message as raw parts: a header and its frames.
Raw = tuple[bytes, list[Any]]


class BadStream(Exception):
    """What came is no message, so nobody knows where the next one begins."""


class End(Protocol):
    """A connection to the broker: bytes in, bytes out; never blocking."""

    ended: bool  # no more will be read
    duplex: bool  # one thread may send while another reads
    waiting: bool  # something is left to be sent; `flush` again when the first descriptor is writable

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Readable when there may be something to read."""

    def put(self, header: bytes, frames: Sequence[Any] = ()) -> None:
        """Send with the next flush."""

    def flush(self) -> None:
        """Send what can be sent now."""

    def ready(self) -> bool:
        """Whether there is something to read that no descriptor will tell."""

    def read(self) -> list[Raw]:
        """What has arrived, or a part of it. Raises BadStream if it makes no sense."""

    def close(self, linger: float = 0.0) -> None:
        """End; what was put still goes out, if it can within `linger` seconds."""
