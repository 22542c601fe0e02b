"""The broker's end for peers on its own host and on others: a Unix socket, and TCP with CURVE."""

from __future__ import annotations

from collections.abc import Iterator

from scoop_core import messages as m
from scoop_core.config import Secrets
from scoop_core.link.curve import CurveHub
from scoop_core.link.hub import StreamHub


class JointHub(StreamHub):
    """A hub on both wires; names are unique over both.

    Args:
        path: of the socket; in a folder that only the owner may enter.
        remote: where to bind for peers of other hosts.
        secrets: what these have.
        server_secret: the broker's own secret key.
    """

    def __init__(self, path: str, remote: str, secrets: Secrets, server_secret: str) -> None:
        super().__init__(path)
        self._far = far = CurveHub(remote, secrets, server_secret, self.names)
        self.remote = far.address
        for fd in far.descriptors:
            self.watch(fd)

    def wait(self, seconds: float | None) -> list[int]:
        # ZeroMQ's descriptors tell of changes only, and any call on a socket may have been the one that took notice.
        watched = super().wait(0.0 if self._far.ready() else seconds)
        return [fd for fd in watched if fd not in self._far.descriptors]

    def messages(self) -> Iterator[tuple[str, m.Header, m.Frames]]:
        yield from super().messages()
        yield from self._far.messages()
        self.garbage += self._far.garbage
        self._far.garbage = 0

    def is_heard_out(self, peer: str) -> bool:
        return super().is_heard_out(peer) and self._far.is_heard_out(peer)

    def gone(self) -> list[str]:
        return super().gone() + self._far.gone()

    def send(self, peer: str, header: m.Header, frames: m.Frames) -> None:
        if peer in self._far:
            self._far.send(peer, header, frames)
        else:
            super().send(peer, header, frames)

    def close(self) -> None:
        super().close()
        self._far.close()
