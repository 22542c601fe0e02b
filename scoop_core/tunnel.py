"""The way to a pool on a host that ssh reaches: ``ssh://[user@]host[:port]/name``.

It takes nothing but ssh, and a Python with SCOOP there. No port is opened and no file is made, here or there: what
ssh carries is the pool's Unix socket (see `relay`).
"""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, Popen
from typing import NamedTuple

import msgspec

from scoop_core.errors import NoSuchPool, StartFailed
from scoop_core.launchers.remote_shells import SSH
from scoop_core.relay import END_SECONDS, FIRST_SECONDS, Found

_SCHEME = "ssh://"
_FORM = re.compile(r"ssh://(?:([^-@/:][^@/:]*)@)?(\[[0-9a-fA-F:.]+\]|[^-@/:\[][^@/:]*)(?::([0-9]+))?(?:/(.*))?")
#: In front of what this process imports from.
_HERE = str(Path(__file__).resolve().parent.parent)
#: Takes this program's own Python, if the other host has it, too.
_CHOOSE = 'test -x "$0" && exec "$0" -c "$1" "$2"; exec python3 -c "$1" "$2"'


class Place(NamedTuple):
    """Where a pool is.

    Attributes:
        login: the host, and perhaps the user before it.
        port: of ssh; empty for the usual one.
        name: of the pool, or the path of its connection file there; empty for the only one.
    """

    login: str
    port: str
    name: str

    @property
    def host(self) -> str:
        """Without the user."""
        return self.login.rpartition("@")[2]


def is_url(name: str) -> bool:
    """Whether a pool is named by the way to it."""
    return name.startswith(_SCHEME)


def parse(url: str) -> Place:
    """What such a name says.

    Raises:
        NoSuchPool: it is none.
    """
    form = _FORM.fullmatch(url)
    if form is None:
        raise NoSuchPool(f"{url!r} leads to no pool: it is ssh://[user@]host[:port]/name.")
    user, host, port, name = form.groups(default="")
    return Place(f"{user}@" * bool(user) + host.strip("[]"), port, name)


def command(place: Place, ssh: Sequence[str], python: str) -> list[str]:
    """What brings us there.

    Args:
        place: where.
        ssh: the program, with options of its own.
        python: the command that is Python there; empty to choose one.
    """
    path = f"[{_HERE!r}] * (sys.executable == {sys.executable!r}) + [p for p in sys.path if p]"
    code = f"import sys; sys.path[:] = {path}; from scoop_core.relay import far; sys.exit(far(sys.argv[1]))"
    if python:
        there = f"exec {python} {shlex.join(['-c', code, place.name])}"
    else:
        there = shlex.join(["exec", "sh", "-c", _CHOOSE, sys.executable, code, place.name])
    port = ["-p", place.port] if place.port else []
    return [*ssh, *SSH, *port, place.login, there]


class Tunnel:
    """One connection to a pool on another host. It ends with `close`, and with this program.

    Attributes:
        socket: leads to the pool's broker; for a `Link`.
        connection: the pool, as it is seen from here.

    Args:
        url: where.
        ssh: the program that leads there, with options of its own.
        python: the command that is Python there; empty for this one's path or, where there is none, python3.

    Raises:
        NoSuchPool: there is none of this name, or the url is none.
        StartFailed: the host can't be reached so; the message has what was said about that.
    """

    def __init__(self, url: str, ssh: Sequence[str] = ("ssh",), python: str = "") -> None:
        self._place = place = parse(url)
        self.socket, theirs = socket.socketpair()
        code = f"import sys; sys.path.insert(0, {_HERE!r}); from scoop_core.relay import near; near(sys.argv[1:])"
        with theirs:
            self._process = Popen(
                [sys.executable, "-P", "-c", code, *command(place, ssh, python)],
                stdin=theirs.fileno(),
                stdout=PIPE,
                start_new_session=True,  # an interrupt of this program is none of it
            )
        try:
            found = self._ask()
            if found is None:
                raise StartFailed(self._refusal(self._last_words()))
            if found.connection is None:
                raise NoSuchPool(f"{place.host}: {found.error}")
        except BaseException:
            self.close()
            raise
        self.connection = msgspec.structs.replace(found.connection, remote=url)

    def _ask(self) -> Found | None:
        """What is there; None if nobody could say."""
        line = b""
        self.socket.settimeout(FIRST_SECONDS + END_SECONDS)
        with suppress(OSError):
            while not line.endswith(b"\n"):
                data = self.socket.recv(65536)
                if not data:
                    return None
                line += data
            return msgspec.json.decode(line, type=Found)
        return None

    def _refusal(self, why: str) -> str:
        hint = ""
        if "scoop_core" in why or "python" in why.lower():
            hint = " Say which Python has SCOOP there: python='/path/to/python'."
        return f"Can't connect to a pool on {self._place.host} by ssh: {why or 'it says nothing'}.{hint}"

    def why_lost(self) -> str:
        """What to tell people when the connection has ended."""
        why, host, name = self._last_words(), self._place.host, self.connection.name
        if not why:
            return f"The pool {name!r} on {host} is gone: it was stopped, or its broker was killed."
        return (
            f"The ssh connection to the pool {name!r} on {host} is lost: {why}. What was pending here is lost; "
            "if the pool goes on, connect again."
        )

    def _last_words(self) -> str:
        assert self._process.stdout is not None
        try:
            said, _ = self._process.communicate(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            return "it does not end"
        except ValueError:  # it was closed meanwhile
            return "it was closed"
        text: str = said.decode(errors="replace").strip().rstrip(".")
        return text or ("" if self._process.returncode == 0 else "its process was killed")

    def close(self) -> None:
        """End the connection, once what was sent has left; no process of it is left."""
        self.socket.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS + 1)
        if self._process.poll() is None:
            self._process.kill()  # ssh dies with it
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
