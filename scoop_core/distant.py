"""What processes of other hosts share: large buffers go to the broker once, and lie on the shelf of its host.

Both ends: `DistantShelf` sends them ahead of the messages that name them, on the same way, and says when nobody
needs them any more; `Deposits` lays them down and takes them off. From there they are carried like those of the
broker's own host (see `courier`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from hashlib import blake2b
from typing import Any

from scoop_core.messages import Discard, Frames, Header, Segment, Store
from scoop_core.store import Shelf


class DistantShelf(Shelf):
    """The shelf, as a process of another host uses it. What it reads lies on its own host's, if that has one.

    Args:
        folder: that shelf, or an empty string.
        owner: as of `Shelf`.
        send: posts a message to the broker.
    """

    def __init__(self, folder: str, owner: str, send: Callable[[Header, Frames], None]) -> None:
        super().__init__(folder, owner)
        self.lanes = 1  # there is one way to the broker
        self._send = send

    def put(self, buffer: memoryview) -> None:
        """Nothing: results are for one process, and travel with their message."""

    def _fingerprint(self, view: memoryview) -> bytes:
        """Of all bytes, for none are here to be compared. It is faster than to send them again."""
        return blake2b(view, digest_size=32).digest()

    def _is(self, segment: Segment, view: memoryview) -> bool:
        return True

    def _place(self, segment: Segment, view: memoryview) -> bool:
        self._send(Store(segment), [bytes(view)])  # the caller may change its array before it is sent
        return True

    def _remove(self, segment: Segment) -> None:
        self._send(Discard((segment,)), [])


class Deposits:
    """What peers of other hosts have sent.

    Args:
        shelf: of the broker's host.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._laid: dict[str, dict[str, Segment]] = {}  # by peer and name
        self.kept: dict[str, Any] = {}  # bytes for which there was no room on the shelf, by name

    def lay(self, peer: str, segment: Segment, frames: Frames) -> None:
        """A segment has come, with its bytes."""
        own = segment.name.startswith(f"{peer}-") and "/" not in segment.name
        if not own or len(frames) != 1 or len(frames[0]) != segment.size:
            return  # this package sends nothing like that; who looks for it finds nothing
        [buffer] = frames
        self._laid.setdefault(peer, {})[segment.name] = segment
        if not self._shelf.lay(segment, memoryview(buffer)):
            self.kept[segment.name] = buffer

    def discard(self, peer: str, segments: Collection[Segment]) -> None:
        """Who has sent them does not need them any more."""
        for segment in segments:
            if laid := self._laid.get(peer, {}).pop(segment.name, None):
                self._remove(laid)

    def leave(self, peer: str, needed: Collection[str]) -> None:
        """A peer is gone, and so is what it has sent, but for what others still need: names of segments."""
        for name, segment in self._laid.pop(peer, {}).items():
            if name not in needed:
                self._remove(segment)

    def _remove(self, segment: Segment) -> None:
        if self.kept.pop(segment.name, None) is None:
            self._shelf.discard(segment)

    def keeps(self, segments: Collection[Segment]) -> bool:
        """Whether some of these lie here instead of on the shelf: then they travel in the message."""
        return any(segment.name in self.kept for segment in segments)

    def holds(self, segment: Segment) -> bool:
        """Whether a segment is still here, whoever has laid it down."""
        return segment.name in self.kept or self._shelf.holds(segment)

    def get(self, segment: Segment, take: bool) -> Any:
        """The bytes of a segment, whoever has laid it down; none, if its owner did not need it any more: then nobody
        will look at them."""
        if segment.name in self.kept:
            return self.kept[segment.name]
        try:
            return self._shelf.get(segment, take, writable=False)
        except FileNotFoundError:
            return b""
