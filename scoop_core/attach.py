"""How a program finds a pool that runs already, and gets there: here, on another host of the network, or by ssh."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from scoop_core import files, tunnel
from scoop_core.client import Client
from scoop_core.config import Connection
from scoop_core.errors import StartFailed
from scoop_core.network import reach
from scoop_core.tunnel import Tunnel
from scoop_core.versions import conflict

#: How long a broker may take to say welcome, in seconds; and how much of that another host, to accept a connection.
WELCOME_SECONDS = 10.0
REACH_SECONDS = 4.0
#: The same, for those who only want to know whether a pool is there.
LOOK_SECONDS = 1.0
#: At so many they look at the same time.
MOST_LOOKS = 64


def attach(name: str | None, ssh: Sequence[str] = ("ssh",), python: str = "") -> Client:
    """A client of a pool that runs.

    Args:
        name: the pool's, the path of a connection file, or ``ssh://[user@]host[:port]/name``; None for the only one
            that runs here.
        ssh: the program that leads there, with options of its own.
        python: see `Tunnel`.

    Raises:
        NoSuchPool: there is none; or several, where no name is given.
        StartFailed: it can't be reached from here, or does not answer.
    """
    seconds = WELCOME_SECONDS
    if name is not None and tunnel.is_url(name):
        way = Tunnel(name, ssh, python)
        client = Client(way.connection, way=way)
    else:
        connection = files.find(name)
        if not files.is_here(connection):
            connection = seen_from_elsewhere(connection)
            seconds -= REACH_SECONDS
        client = Client(connection)
    try:
        client.connect(seconds)
    except BaseException:
        client.close()
        raise
    return client


def check(connection: Connection) -> None:
    """Whether functions can travel to this pool.

    Raises:
        StartFailed: it has another Python, or other packages.
    """
    if why := conflict(connection.versions):
        raise StartFailed(f"The pool {connection.name!r} is not for this program: {why}.")


def seen_from_elsewhere(connection: Connection) -> Connection:
    """The connection of a pool as it is for programs of another host, which must be able to reach it.

    Raises:
        StartFailed: it listens on no address for them, or they don't get there.
    """
    name, host, remote = connection.name, connection.host, connection.remote
    instead = f"ssh://{host}/{name} leads there by ssh"
    if not is_for_others(connection):
        raise StartFailed(
            f"The pool {name!r} listens to programs of its own host only, {host}, and this is "
            f"{socket.gethostname()}: {instead}. Or start it with workers on other hosts: then it is reached by them."
        )
    try:
        reach(remote, REACH_SECONDS)
    except OSError as error:
        raise StartFailed(
            f"The pool {name!r} on {host} can't be reached at {remote} ({error}). It has ended, or is behind a "
            f"firewall; then {instead}."
        ) from None
    return msgspec.structs.replace(connection, address="", folder="", shelf="")


def is_for_others(connection: Connection) -> bool:
    """Whether a pool listens on an address that other hosts could reach."""
    address = connection.remote.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    try:
        return not ipaddress.ip_address(address).is_loopback
    except ValueError:  # none at all
        return False


def all_pools() -> list[Connection]:
    """The user's pools that this program can connect to: those of this host, and those of others in reach."""
    return files.running_pools() + usable_elsewhere()


def usable_elsewhere(name: str = "") -> list[Connection]:
    """The pools of other hosts that share the home, as far as programs of this one can connect to them.

    Args:
        name: look for this one only.
    """
    known = [connection for connection in files.pools_elsewhere() if name in ("", connection.name)]
    found = [connection for connection in known if is_for_others(connection)]
    if not found:
        return []
    with ThreadPoolExecutor(min(len(found), MOST_LOOKS)) as threads:
        answers = threads.map(_answers, found)
        return [connection for connection, answer in zip(found, answers, strict=True) if answer]


def _answers(connection: Connection) -> bool:
    try:
        reach(connection.remote, LOOK_SECONDS)
    except OSError:
        return False
    return True
