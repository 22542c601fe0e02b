"""Which wire a peer takes: a Unix socket on the broker's host, ZeroMQ with CURVE from others.

The latter is imported when it is used: that takes 0.1 s, a third of what it takes to start a whole pool.
"""

from __future__ import annotations

import socket

from scoop_core.config import Connection, Secrets
from scoop_core.link.end import End
from scoop_core.link.hub import Hub, StreamHub
from scoop_core.link.stream import Stream

_LOCAL = "ipc://"


def open_hub(connection: Connection, server_secret: str | None) -> Hub:
    """The broker's end.

    Args:
        connection: where to bind. Over the network every peer must have the pool's CURVE keys.
        server_secret: the broker's own secret key, for that.

    Raises:
        ValueError: a network address without keys.
    """
    path = connection.address.removeprefix(_LOCAL)
    if not connection.remote:
        return StreamHub(path)
    secrets = _keys(connection)
    if server_secret is None:
        raise ValueError(f"{connection.remote}: the broker needs its secret key")
    from scoop_core.link.joint import JointHub

    return JointHub(path, connection.remote, secrets, server_secret)


def open_end(connection: Connection, name: str, connected: socket.socket | None = None) -> End:
    """A peer's connection to the broker; it has ended already, if there is none.

    Args:
        connection: the pool.
        name: of the peer in it.
        connected: leads to the broker's Unix socket, wherever that is; by default one is opened as `connection` says.

    Raises:
        ValueError: a network address without keys.
    """
    if connected is not None or connection.address:
        path = connection.address.removeprefix(_LOCAL)
        stream = Stream.connect(path) if connected is None else Stream(connected)
        stream.put(name.encode())
        return stream
    secrets = _keys(connection)
    from scoop_core.link.curve import CurveEnd

    return CurveEnd(connection.remote, secrets, name)


def _keys(connection: Connection) -> Secrets:
    if connection.secrets is None:
        raise ValueError(f"{connection.remote}: only a Unix socket goes without keys")
    return connection.secrets


def new_secrets() -> tuple[Secrets, str]:
    """CURVE keys of a new pool: what its peers need, and the broker's own secret key."""
    from scoop_core.link import curve

    return curve.new_secrets()
