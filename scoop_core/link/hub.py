"""The broker's end of the wire, for peers on its own host."""

from __future__ import annotations

import os
import select
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator

from scoop_core import messages as m
from scoop_core.link.end import BadStream
from scoop_core.link.poller import Poller
from scoop_core.link.stream import SCRATCH, Stream

#: How long the last messages of a pool may take to leave, in seconds.
LINGER = 0.2


class Hub(ABC):
    """The broker's end: many peers, told apart by their names."""

    address: str  # where it is bound for peers of its own host
    remote = ""  # and for those of others (with the port that the system chose), if they can reach it

    def __init__(self) -> None:
        self.garbage = 0  # messages that did not decode
        self.names: set[str] = set()  # of the peers that are here

    @abstractmethod
    def watch(self, fd: int) -> None:
        """Report this descriptor too, once it is readable or at its end."""

    @abstractmethod
    def unwatch(self, fd: int) -> None:
        """Report it no more."""

    @abstractmethod
    def wait(self, seconds: float | None) -> list[int]:
        """Wait for messages or watched descriptors; return the descriptors."""

    @abstractmethod
    def messages(self) -> Iterator[tuple[str, m.Header, m.Frames]]:
        """What has arrived: (peer, header, frames). What is no message is counted and dropped."""

    def is_heard_out(self, peer: str) -> bool:
        """Whether nothing more of this peer had come when `wait` returned, as far as the wire tells."""
        return True

    @abstractmethod
    def gone(self) -> list[str]:
        """Who has left since the last time, as far as the wire tells; after their messages."""

    @abstractmethod
    def send(self, peer: str, header: m.Header, frames: m.Frames) -> None:
        """Send to a peer; nothing happens if it is gone."""

    @abstractmethod
    def close(self) -> None:
        """End; the last messages still leave."""


class StreamHub(Hub):
    """A hub on a Unix socket. The first message of a peer is its name.

    Args:
        path: of the socket; in a folder that only the owner may enter.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.address = f"ipc://{path}"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        os.chmod(path, 0o600)
        self._listener.listen(1024)
        self._listener.setblocking(False)
        self._scratch = bytearray(SCRATCH)
        self._streams: dict[int, Stream] = {}  # by descriptor
        self._names: dict[int, str] = {}
        self._peers: dict[str, tuple[int, Stream]] = {}
        self._readable: list[int] = []
        self._gone: list[str] = []
        self._poller = Poller(spare=1)
        self._poller.register(self._listener.fileno())

    def watch(self, fd: int) -> None:
        self._poller.register(fd)

    def unwatch(self, fd: int) -> None:
        self._poller.unregister(fd)

    def wait(self, seconds: float | None) -> list[int]:
        watched, self._readable = [], []
        for fd, event in self._poller.wait(seconds):
            stream = self._streams.get(fd)
            if stream is not None:
                if event & select.POLLOUT:
                    stream.flush()
                    if not stream.waiting:
                        self._poller.modify(fd, select.POLLIN)
                if event & ~select.POLLOUT:
                    self._readable.append(fd)
            elif fd == self._listener.fileno():
                self._accept()
            else:
                watched.append(fd)
        return watched

    def _accept(self) -> None:
        while True:
            try:
                connected, _ = self._listener.accept()
            except OSError:  # no more; or out of descriptors, which those that come would not mend
                return
            fd = connected.fileno()
            self._streams[fd] = Stream(connected, self._scratch)
            self._poller.register(fd)

    def messages(self) -> Iterator[tuple[str, m.Header, m.Frames]]:
        for fd in self._readable:
            stream = self._streams[fd]
            try:
                arrived = stream.read()
            except BadStream:
                self.garbage += 1
                self._drop(fd)
                continue
            name = self._names.get(fd)
            for raw, frames in arrived:
                if name is None:
                    name = self._enter(fd, stream, raw)
                    if name is None:
                        break
                    continue
                try:
                    header = m.decode(raw)
                except m.BadMessage:
                    self.garbage += 1
                    continue
                yield name, header, frames
            if stream.ended:
                self._drop(fd)

    def is_heard_out(self, peer: str) -> bool:
        found = self._peers.get(peer)
        return found is None or found[0] not in self._readable

    def _enter(self, fd: int, stream: Stream, raw: bytes) -> str | None:
        """A new peer gives its name. One that is in use is a liar's, or a restarted one's: the first keeps it."""
        try:
            name = raw.decode("ascii")
        except UnicodeDecodeError:
            name = ""
        if not name or name in self.names:
            self.garbage += 1
            self._drop(fd)
            return None
        self.names.add(name)
        self._names[fd] = name
        self._peers[name] = fd, stream
        return name

    def _drop(self, fd: int) -> None:
        stream = self._streams.pop(fd, None)
        if stream is None:
            return
        self._poller.unregister(fd)
        stream.close()
        name = self._names.pop(fd, None)
        if name is not None:
            del self._peers[name]
            self.names.discard(name)
            self._gone.append(name)

    def gone(self) -> list[str]:
        gone, self._gone = self._gone, []
        return gone

    def send(self, peer: str, header: m.Header, frames: m.Frames) -> None:
        found = self._peers.get(peer)
        if found is not None:
            fd, stream = found
            waiting = stream.waiting
            stream.put(m.encode(header), frames)
            if not waiting:
                stream.flush()
                if stream.waiting:
                    self._poller.modify(fd, select.POLLIN | select.POLLOUT)

    def close(self) -> None:
        self._listener.close()
        end = time.monotonic() + LINGER
        for stream in self._streams.values():
            stream.close(end - time.monotonic())
