"""The broker's end of the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import zmq
from zmq.auth.thread import ThreadAuthenticator

from scoop_core import messages as m
from scoop_core.config import Connection, Secrets
from scoop_core.link.sockets import prepare, receive, send


class Hub:
    """The broker's end: many peers, told apart by their names.

    Args:
        connection: where to bind. On TCP every peer must have the pool's CURVE keys.
        server_secret: the broker's own secret key, on TCP.
    """

    def __init__(self, connection: Connection, server_secret: str | None) -> None:
        guarded = connection.secrets is not None and server_secret is not None
        if not guarded and not connection.address.startswith("ipc://"):
            raise ValueError(f"{connection.address}: only ipc goes without keys")
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        prepare(self._socket)
        self._socket.linger = 200
        self._authenticator: Any = None
        # A name that comes again is another process (a restarted one, or a liar): the first one keeps it.
        self._socket.router_handover = False
        if connection.secrets and server_secret:
            self._authenticate(connection.secrets, server_secret)
        self._socket.bind(connection.address)
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self.garbage = 0  # messages that did not decode

    def _authenticate(self, secrets: Secrets, server_secret: str) -> None:
        class Callback:
            """Lets in who proves to have the pool's key, and nobody else."""

            def callback(self, domain: str, key: bytes) -> bool:
                return key == secrets.client_public.encode()  # pyzmq gives it in Z85 already

        self._authenticator = authenticator = ThreadAuthenticator(self._context)
        authenticator.start()
        authenticator.configure_curve_callback(domain="*", credentials_provider=Callback())
        self._socket.curve_server = True
        self._socket.curve_secretkey = server_secret.encode()
        self._socket.curve_publickey = secrets.server_public.encode()

    @property
    def address(self) -> str:
        """Where it is bound (with the port, where the system chose it)."""
        return bytes(self._socket.getsockopt(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode()

    def watch(self, fd: int) -> None:
        """Report this descriptor too, once it is readable or at its end."""
        self._poller.register(fd, zmq.POLLIN)

    def unwatch(self, fd: int) -> None:
        self._poller.unregister(fd)

    def wait(self, seconds: float | None) -> list[int]:
        """Wait for messages or watched descriptors; return the descriptors."""
        events = self._poller.poll(None if seconds is None else max(0, int(seconds * 1000) + 1))
        return [fd for fd, _ in events if isinstance(fd, int)]

    def messages(self) -> Iterator[tuple[str, m.Header, m.Frames]]:
        """What has arrived: (peer, header, frames). What is no message is counted and dropped."""
        for _ in range(1000):  # then the descriptors get their turn
            message = receive(self._socket, 2)
            if message is None:
                return
            parts, frames = message
            try:
                peer = parts[0].decode("ascii")
                header = m.decode(parts[1])
            except (IndexError, UnicodeDecodeError, *m.BadMessage):
                self.garbage += 1
                continue
            yield peer, header, frames

    def send(self, peer: str, header: m.Header, frames: m.Frames) -> None:
        """Send to a peer; nothing happens if it is gone."""
        send(self._socket, (peer.encode(), m.encode(header)), frames)

    def close(self) -> None:
        self._socket.close()
        if self._authenticator is not None:  # its thread has sockets of this context
            self._authenticator.stop()
        self._context.term()
