"""The wire over the network: ZeroMQ with CURVE, at both ends.

No socket has a high-water mark, because a ROUTER that reaches one drops messages without a word.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from scoop_core import messages as m
from scoop_core.config import HEARTBEAT_SECONDS, PROOF_SECONDS, SILENCE_SECONDS, Secrets
from scoop_core.link.end import BadStream, Raw
from scoop_core.link.hub import LINGER
from scoop_core.link.pieces import PIECE, cut, join

#: Messages taken before the descriptors get their turn.
_MANY = 1000
#: So many may wait to be taken notice of: all workers of a pool come at once, and strangers may be before them.
_BACKLOG = 1024
_MONITOR = "inproc://ends"
#: So many bytes more has a part when it is sealed, and a name before it.
_SEALED = 1024


def new_secrets() -> tuple[Secrets, str]:
    """CURVE keys of a new pool: what its peers need, and the broker's own secret key."""
    public, secret = zmq.curve_keypair()
    client_public, client_secret = zmq.curve_keypair()
    return Secrets(public.decode(), client_public.decode(), client_secret.decode()), secret.decode()


class CurveHub:
    """The broker's end on TCP, for peers that have the pool's keys. The first message of each is empty: so it enters.

    ZeroMQ hides which connection a message has come by, and reports the end of one by its descriptor only, a number
    that is soon another's. So each that is let in gets a number of its own, in order, which its messages carry: of
    those with one descriptor, an end is of one that was let in before it was told.

    Args:
        address: where to bind.
        secrets: what peers have.
        server_secret: the broker's own secret key.
        names: of all peers of the broker, on whatever wire; those that enter here are added.
    """

    def __init__(self, address: str, secrets: Secrets, server_secret: str, names: set[str]) -> None:
        self.garbage = 0
        self._names = names
        self._peers: dict[str, tuple[int, int]] = {}  # the descriptor and the number of the connection
        self._admitted = 0  # connections so far
        self._ended: dict[int, int] = {}  # by descriptor: the last connection with it that can have ended
        self._returned: list[zmq.Frame] | None = None  # who enters again, before its first end was told
        self._drained = True  # nothing was left to be read
        self._gone: list[str] = []
        self._context = zmq.Context()
        self._door = self._context.socket(zmq.REP)  # asked whether to let somebody in; before anybody can come
        self._door.linger = 0
        self._door.bind("inproc://zeromq.zap.01")
        self._key = z85.decode(secrets.client_public)
        self._socket = socket = self._context.socket(zmq.ROUTER)
        _set_up(socket)
        socket.linger = int(LINGER * 1000)
        # A name that comes again is another process (a restarted one, or a liar): the first one keeps it.
        socket.router_handover = False
        socket.maxmsgsize = PIECE + _SEALED
        socket.handshake_ivl = int(PROOF_SECONDS * 1000)
        socket.backlog = _BACKLOG
        socket.curve_server = True
        socket.curve_secretkey = server_secret.encode()
        socket.curve_publickey = secrets.server_public.encode()
        # ZeroMQ waits until what it tells is taken, once it is too much: a flood of strangers must not hold it up.
        socket.monitor(_MONITOR, zmq.EVENT_DISCONNECTED)
        self._monitor = self._context.socket(zmq.PAIR)
        self._monitor.rcvhwm = 0
        self._monitor.connect(_MONITOR)
        socket.bind(address)
        self.address = bytes(socket.getsockopt(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode()
        self.descriptors = tuple(int(each.fd) for each in (socket, self._monitor, self._door))

    def __contains__(self, peer: str) -> bool:
        return peer in self._peers

    def ready(self) -> bool:
        """Whether there is something to do that no descriptor will tell."""
        sockets = (self._socket, self._monitor, self._door)
        return self._returned is not None or any(map(_readable, sockets))

    def messages(self) -> Iterator[tuple[str, m.Header, m.Frames]]:
        """What has arrived: (peer, header, frames). What is no message is counted and dropped."""
        self._note_ends()
        self._admit()
        arrived = _arrived(self._socket)
        if self._returned is not None:
            arrived = chain([self._returned], arrived)
            self._returned = None
        for parts in arrived:
            name = parts[0].bytes.decode("ascii", "replace")
            if len(parts) == 2 and not len(parts[1]):
                if name in self._peers:
                    self._forget(name)
                    self._returned = parts
                    return
                self._enter(name, parts[1])
            elif name in self._peers:
                try:
                    raw, frames = join([part.buffer for part in parts[1:]])
                    header = m.decode(raw)
                except (BadStream, *m.BadMessage):
                    self.garbage += 1
                    continue
                yield name, header, frames
        self._drained = not _readable(self._socket)

    def _note_ends(self) -> None:
        while _readable(self._monitor):
            event = parse_monitor_message(self._monitor.recv_multipart())
            self._ended[int(event["value"])] = self._admitted

    def _admit(self) -> None:
        """Let in who proves to have the pool's key, and nobody else."""
        while _readable(self._door):
            version, request, _domain, _address, _identity, *proof = self._door.recv_multipart()
            self._note_ends()  # of whoever had this one's descriptor before it
            status = b"400"
            if proof == [b"CURVE", self._key]:
                self._admitted += 1
                status = b"200"
            self._door.send_multipart([version, request, status, b"", b"%d" % self._admitted, b""])

    def _enter(self, name: str, part: zmq.Frame) -> None:
        if name in self._names:
            self.garbage += 1
            return
        self._names.add(name)
        self._peers[name] = int(part.get(zmq.SRCFD)), int(part.get("User-Id"))

    def _forget(self, name: str) -> None:
        del self._peers[name]
        self._names.discard(name)
        self._gone.append(name)

    def is_heard_out(self, peer: str) -> bool:
        """Whether nothing more of this peer will come: what others tell of it may be here first."""
        return peer not in self._peers

    def gone(self) -> list[str]:
        """Whose connections have ended since the last time; after their messages."""
        if self._ended and self._drained:
            ended, self._ended = self._ended, {}
            for name, (fd, number) in list(self._peers.items()):
                if number <= ended.get(fd, 0):
                    self._forget(name)
        gone, self._gone = self._gone, []
        return gone

    def send(self, peer: str, header: m.Header, frames: m.Frames) -> None:
        """Send to a peer; nothing happens if it is gone."""
        self._socket.send_multipart([peer.encode(), *cut(m.encode(header), frames)], copy=False)

    def close(self) -> None:
        """End; the last messages still leave."""
        self._socket.disable_monitor()
        for socket in (self._monitor, self._socket, self._door):
            socket.close()
        self._context.term()


class CurveEnd:
    """A peer's connection to the broker, over TCP; for `Link`, as `Stream` is.

    Args:
        address: the broker's.
        secrets: the pool's keys.
        name: of this peer in it.
    """

    duplex = False  # a ZeroMQ socket is for one thread at a time

    def __init__(self, address: str, secrets: Secrets, name: str) -> None:
        self.ended = False
        self.waiting = False  # ZeroMQ's own thread waits
        self._context = zmq.Context()
        self._socket = socket = self._context.socket(zmq.DEALER)
        _set_up(socket)
        socket.identity = name.encode()
        socket.reconnect_ivl = 5
        socket.reconnect_ivl_max = 50
        socket.curve_serverkey = secrets.server_public.encode()
        socket.curve_publickey = secrets.client_public.encode()
        socket.curve_secretkey = secrets.client_secret.encode()
        socket.connect_timeout = socket.handshake_ivl = int(SILENCE_SECONDS * 1000)
        self._monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED | zmq.EVENT_CONNECT_RETRIED)
        self._patience = time.monotonic() + SILENCE_SECONDS  # ZeroMQ would try for ever
        socket.connect(address)
        self.descriptors = (int(socket.fd), int(self._monitor.fd))
        self._out: list[list[Any]] = [[b""]]  # so it enters
        self._cut = False  # the connection has ended; what had come by it is still to be read

    def put(self, header: bytes, frames: Sequence[Any] = ()) -> None:
        self._out.append(cut(header, frames))

    def flush(self) -> None:
        out, self._out = self._out, []
        for parts in out:
            try:
                self._socket.send_multipart(parts, zmq.NOBLOCK, copy=False)
            except zmq.Again:  # its keys were refused; what waits for an answer waits in vain
                continue

    def ready(self) -> bool:
        # Its descriptors tell of changes only, and every call on a socket may have been the one that took notice.
        return _readable(self._socket) or _readable(self._monitor)

    def read(self) -> list[Raw]:
        while _readable(self._monitor):
            event = parse_monitor_message(self._monitor.recv_multipart())["event"]
            self._cut = self._cut or event == zmq.EVENT_DISCONNECTED or time.monotonic() > self._patience
        found = [join([part.buffer for part in parts]) for parts in _arrived(self._socket)]
        self.ended = self._cut and not _readable(self._socket)
        return found

    def close(self, linger: float = 0.0) -> None:
        self.flush()
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close(int(linger * 1000))
        self._context.term()


def _set_up(socket: zmq.Socket[bytes]) -> None:
    """What both ends have in common."""
    socket.sndhwm = socket.rcvhwm = 0
    socket.heartbeat_ivl = int(HEARTBEAT_SECONDS * 1000)
    socket.heartbeat_timeout = socket.heartbeat_ttl = int(SILENCE_SECONDS * 1000)


def _arrived(socket: zmq.Socket[bytes]) -> Iterator[list[zmq.Frame]]:
    for _ in range(_MANY):
        if not _readable(socket):
            return
        yield socket.recv_multipart(zmq.NOBLOCK, copy=False)


def _readable(socket: zmq.Socket[bytes]) -> bool:
    return bool(int(socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN)
