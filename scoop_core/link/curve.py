"""The wire over the network: ZeroMQ with CURVE, at both ends.

No socket has a high-water mark, because a ROUTER that reaches one drops messages without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import zmq
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils.monitor import parse_monitor_message

from scoop_core import messages as m
from scoop_core.config import Secrets
from scoop_core.link.end import Raw
from scoop_core.link.hub import LINGER, Hub
from scoop_core.link.poller import milliseconds

#: Messages taken before the descriptors get their turn.
_MANY = 1000


def new_secrets() -> tuple[Secrets, str]:
    """CURVE keys of a new pool: what its peers need, and the broker's own secret key."""
    public, secret = zmq.curve_keypair()
    client_public, client_secret = zmq.curve_keypair()
    return Secrets(public.decode(), client_public.decode(), client_secret.decode()), secret.decode()


class CurveHub(Hub):
    """A hub on TCP, for those who have the pool's keys.

    Args:
        address: where to bind.
        secrets: what peers have.
        server_secret: the broker's own secret key.
    """

    def __init__(self, address: str, secrets: Secrets, server_secret: str) -> None:
        super().__init__()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.sndhwm = self._socket.rcvhwm = 0
        self._socket.linger = int(LINGER * 1000)
        # A name that comes again is another process (a restarted one, or a liar): the first one keeps it.
        self._socket.router_handover = False
        self._authenticator = self._authenticate(secrets)
        self._socket.curve_server = True
        self._socket.curve_secretkey = server_secret.encode()
        self._socket.curve_publickey = secrets.server_public.encode()
        self._socket.bind(address)
        self.address = bytes(self._socket.getsockopt(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode()
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)

    def _authenticate(self, secrets: Secrets) -> Any:
        class Callback:
            """Lets in who proves to have the pool's key, and nobody else."""

            def callback(self, domain: str, key: bytes) -> bool:
                return key == secrets.client_public.encode()  # pyzmq gives it in Z85 already

        authenticator: Any = ThreadAuthenticator(self._context)
        authenticator.start()
        authenticator.configure_curve_callback(domain="*", credentials_provider=Callback())
        return authenticator

    def watch(self, fd: int) -> None:
        self._poller.register(fd, zmq.POLLIN)

    def unwatch(self, fd: int) -> None:
        self._poller.unregister(fd)

    def wait(self, seconds: float | None) -> list[int]:
        return [fd for fd, _ in self._poller.poll(milliseconds(seconds)) if isinstance(fd, int)]

    def messages(self) -> Iterator[tuple[str, m.Header, m.Frames]]:
        for parts in _arrived(self._socket):
            try:
                peer = parts[0].bytes.decode("ascii")
                header = m.decode(parts[1].bytes)
            except (IndexError, UnicodeDecodeError, *m.BadMessage):
                self.garbage += 1
                continue
            yield peer, header, [part.buffer for part in parts[2:]]

    def gone(self) -> list[str]:
        return []  # a ROUTER does not tell

    def send(self, peer: str, header: m.Header, frames: m.Frames) -> None:
        self._socket.send_multipart([peer.encode(), m.encode(header), *frames], copy=False)

    def close(self) -> None:
        self._socket.close()
        self._authenticator.stop()  # its thread has sockets of this context
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
        socket.sndhwm = socket.rcvhwm = 0
        socket.identity = name.encode()
        socket.reconnect_ivl = 5
        socket.reconnect_ivl_max = 50
        socket.curve_serverkey = secrets.server_public.encode()
        socket.curve_publickey = secrets.client_public.encode()
        socket.curve_secretkey = secrets.client_secret.encode()
        self._monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        socket.connect(address)
        self.descriptors = (int(socket.fd), int(self._monitor.fd))
        self._out: list[list[Any]] = []

    def put(self, header: bytes, frames: Sequence[Any] = ()) -> None:
        self._out.append([header, *frames])

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
        ended = False
        while _readable(self._monitor):
            event = parse_monitor_message(self._monitor.recv_multipart())
            ended = ended or event["event"] == zmq.EVENT_DISCONNECTED
        found = [(parts[0].bytes, [part.buffer for part in parts[1:]]) for parts in _arrived(self._socket)]
        self.ended = self.ended or ended  # only now: what came before the end was read
        return found

    def close(self, linger: float = 0.0) -> None:
        self.flush()
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close(int(linger * 1000))
        self._context.term()


def _arrived(socket: zmq.Socket[bytes]) -> Iterator[list[zmq.Frame]]:
    for _ in range(_MANY):
        if not _readable(socket):
            return
        yield socket.recv_multipart(zmq.NOBLOCK, copy=False)


def _readable(socket: zmq.Socket[bytes]) -> bool:
    return bool(int(socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN)
