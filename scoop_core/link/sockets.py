"""What all sockets of a pool have in common.

None has a high-water mark, because a ROUTER that reaches one drops messages without a word.
"""

from __future__ import annotations

import zmq

from scoop_core.config import Secrets


def new_secrets() -> tuple[Secrets, str]:
    """CURVE keys of a new pool: what its peers need, and the broker's own secret key."""
    public, secret = zmq.curve_keypair()
    client_public, client_secret = zmq.curve_keypair()
    return Secrets(public.decode(), client_public.decode(), client_secret.decode()), secret.decode()


def prepare(socket: zmq.Socket[bytes]) -> None:
    socket.sndhwm = socket.rcvhwm = 0
    # Long enough for the last results of a worker that leaves; nobody waits for it at the end of a pool.
    socket.linger = 500
