"""This host's names and addresses."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from fcntl import ioctl
from ipaddress import ip_address

from scoop_core.errors import StartFailed

#: Asks Linux for the address of a network interface.
_SIOCGIFADDR = 0x8915
#: An address that is nobody's (RFC 5737): the way to it is the one to all hosts that are not near.
ANYWHERE = "192.0.2.1"


def route_to(host: str) -> str:
    """This host's own address on the way to another one; nothing is sent.

    Raises:
        StartFailed: there is no such host, or no way to it.
    """
    try:
        kind, _, _, _, place = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)[0]
        with socket.socket(kind, socket.SOCK_DGRAM) as probe:
            probe.connect(place)
            return str(probe.getsockname()[0])
    except OSError as error:
        raise StartFailed(f"There is no way from {socket.gethostname()} to {host!r}: {error}.") from None


def outward() -> str:
    """The address of this host for hosts that are not known yet: that of its name, or else of the way to anywhere.

    Raises:
        StartFailed: others can't reach it by any.
    """
    with suppress(StartFailed):
        address = resolve(socket.gethostname())
        if not ip_address(address).is_loopback:
            return address
    with suppress(StartFailed):
        return route_to(ANYWHERE)
    raise StartFailed(
        f"{socket.gethostname()} has no address by which other hosts could reach it; --external-hostname names one"
    )


def reach(address: str, seconds: float) -> None:
    """Look whether somebody listens at an address, as "tcp://10.0.0.5:4000".

    Raises:
        OSError: nobody does, or it did not turn out within so many seconds.
    """
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), seconds).close()


def own_names() -> set[str]:
    """The names of this host that need not be looked up."""
    name = socket.gethostname()
    return {"localhost", "127.0.0.1", "::1", name, name.partition(".")[0]}


def resolve(name: str) -> str:
    """An address of this host, by a name or as the name of a network interface.

    Raises:
        StartFailed: it is none of this host.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        request = struct.pack("256s", name.encode()[:15])
        return socket.inet_ntoa(ioctl(probe.fileno(), _SIOCGIFADDR, request)[20:24])
    try:
        found = sorted({str(entry[4][0]) for entry in socket.getaddrinfo(name, None)})
    except OSError as error:
        raise StartFailed(f"{name!r} is no name of {socket.gethostname()}: {error}.") from None
    for address in found:
        if _is_own(address):
            return address
    raise StartFailed(f"{name!r} is {', '.join(found)}, which is no address of {socket.gethostname()}.")


def _is_own(address: str) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
