"""What all sockets of a pool have in common.

None has a high-water mark, because a ROUTER that reaches one drops messages without a word.
"""

from __future__ import annotations

from typing import Any

import zmq

from scoop_core.config import Secrets

# As plain numbers: arithmetic with pyzmq's enums costs as much as sending a message.
_NOBLOCK = int(zmq.NOBLOCK)
_SNDMORE = int(zmq.SNDMORE)
_RCVMORE = int(zmq.RCVMORE)
_EVENTS = int(zmq.EVENTS)
_POLLIN = int(zmq.POLLIN)


def new_secrets() -> tuple[Secrets, str]:
    """CURVE keys of a new pool: what its peers need, and the broker's own secret key."""
    public, secret = zmq.curve_keypair()
    client_public, client_secret = zmq.curve_keypair()
    return Secrets(public.decode(), client_public.decode(), client_secret.decode()), secret.decode()


def prepare(socket: zmq.Socket[bytes]) -> None:
    socket.sndhwm = socket.rcvhwm = 0
    # Long enough for the last results of a worker that leaves; nobody waits for it at the end of a pool.
    socket.linger = 500


def send(socket: zmq.Socket[bytes], parts: tuple[bytes, ...], frames: list[Any]) -> None:
    """Send a message: small parts, then frames, which are not copied.

    Raises:
        zmq.Again: the socket has no peer, and none is to come: without high-water marks nothing else blocks.
    """
    last = len(parts) - 1
    for index, part in enumerate(parts):
        socket.send(part, _NOBLOCK if index == last and not frames else _NOBLOCK | _SNDMORE)
    last = len(frames) - 1
    for index, frame in enumerate(frames):
        socket.send(frame, 0 if index == last else _SNDMORE, copy=False)


def receive(socket: zmq.Socket[bytes], count: int) -> tuple[list[bytes], list[Any]] | None:
    """A message, if there is one: its first `count` parts (or fewer, if it is short), and its frames."""
    if not int(socket.getsockopt(_EVENTS)) & _POLLIN:  # cheaper than to be told by an exception
        return None
    parts = [socket.recv(_NOBLOCK)]
    while socket.getsockopt(_RCVMORE):
        if len(parts) == count:
            return parts, socket.recv_multipart(copy=False)
        parts.append(socket.recv(_NOBLOCK))
    return parts, []
