"""A pool's Unix socket, carried through ssh to a program on another host.

Two processes do it: `near` starts ssh, and `far` is what ssh runs where the pool is. Between them go frames, a length
and so many bytes; an empty one is a sign of life. The program itself could not give these: it may hold Python's lock
for long. A host that is cut off is so noticed at both ends, for ssh's own end of it may stay open for hours.

Nothing in what is carried is looked at. Whoever ssh lets in is the owner, and may reach the pool anyway.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from subprocess import PIPE, Popen

import msgspec

from scoop_core import files
from scoop_core.config import HEARTBEAT_SECONDS, SILENCE_SECONDS, Connection
from scoop_core.errors import NoSuchPool
from scoop_core.processes import die_with_parent

#: Read at once, in bytes.
CHUNK = 1 << 18
#: The exit status of `far` when the pool has ended; no shell has it.
POOL_ENDED = 93
#: Seconds that ssh gets to end when its standard input has.
END_SECONDS = 3.0
#: How long it may take to get there, and to start a Python there, in seconds.
FIRST_SECONDS = 30.0
#: What shells may say there before, in bytes.
MOST_CHATTER = 1 << 20
#: Lines of ssh's error stream that are kept.
LINES = 5
_LENGTH = struct.Struct("<I")
#: The first that `far` says.
_MARK = b"\0scoop\0"


class Found(msgspec.Struct, frozen=True):
    """What `far` says first, as a line of JSON: the pool without its keys and folders, or why there is none."""

    connection: Connection | None = None
    error: str = ""


def pack(source: socket.socket, out: int) -> None:
    """Send what comes from a socket as frames, with signs of life, until its end."""
    poll = select.poll()
    poll.register(source, select.POLLIN)
    while True:
        if not poll.poll(HEARTBEAT_SECONDS * 1000):
            _write(out, _LENGTH.pack(0))
        elif data := source.recv(CHUNK):
            _write(out, _LENGTH.pack(len(data)) + data)
        else:
            return


def unpack(source: int, out: socket.socket, rest: bytes = b"") -> None:
    """Bring what comes in frames to a socket, until its end.

    Args:
        source: a descriptor.
        out: the socket.
        rest: what has been read already.

    Raises:
        TimeoutError: nothing has come for too long.
    """
    poll = select.poll()
    poll.register(source, select.POLLIN)
    data, left, at = rest, 0, 0
    while True:
        while at < len(data) and (left or len(data) - at >= _LENGTH.size):
            if not left:
                (left,) = _LENGTH.unpack_from(data, at)
                at += _LENGTH.size
                continue
            part = data[at : at + left]
            out.sendall(part)
            at += len(part)
            left -= len(part)
        if not poll.poll(SILENCE_SECONDS * 1000):
            raise TimeoutError
        more = os.read(source, CHUNK)
        if not more:
            return
        data, at = data[at:] + more, 0


def _write(out: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(out, left) :]


# ---- where the pool is ---------------------------------------------------------------------------------------------


def far(name: str) -> int:
    """Carry between the standard streams and the pool of this name (or connection file; empty: the only one)."""
    try:
        connection = files.find(name or None)
        if not files.is_here(connection):
            raise NoSuchPool(f"The pool {connection.name!r} runs on {connection.host}: ssh must lead there.")
        pool = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        pool.connect(connection.address.removeprefix("ipc://"))
    except (NoSuchPool, OSError) as error:
        _tell(Found(error=str(error)))
        return 1
    _tell(Found(msgspec.structs.replace(connection, address="", folder="", shelf="", remote="", secrets=None)))
    threading.Thread(target=_receive, args=(pool,), daemon=True).start()
    with suppress(OSError):
        pack(pool, 1)
    return POOL_ENDED


def _tell(found: Found) -> None:
    line = msgspec.json.encode(found) + b"\n"
    _write(1, _MARK + _LENGTH.pack(len(line)) + line)


def _receive(pool: socket.socket) -> None:
    """What comes from the program goes to the pool; when the program is gone this process ends, whatever it is at."""
    try:
        unpack(0, pool)
    except TimeoutError:
        pass
    except OSError:  # the pool has ended, which the main thread finds out, behind its last words
        return
    os._exit(0)


# ---- where the program is ------------------------------------------------------------------------------------------


def near(command: Sequence[str]) -> None:
    """Carry between the standard input, a socket, and ssh; say why it is over, or nothing if the pool has ended."""
    program = socket.socket(fileno=0)
    try:
        ssh = Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, preexec_fn=die_with_parent)
    except OSError as error:
        os.write(1, f"{command[0]!r} can't be run: {error.strerror}".encode())
        return
    assert ssh.stdin is not None and ssh.stdout is not None and ssh.stderr is not None
    said = ssh.stderr
    lines: deque[str] = deque(maxlen=LINES)
    reader = threading.Thread(target=lambda: lines.extend(raw.decode(errors="replace") for raw in said), daemon=True)
    reader.start()
    threading.Thread(target=_send, args=(program, ssh), daemon=True).start()
    why, chatter = "", ""
    try:
        chatter, mark, rest = _greeting(ssh.stdout.fileno())
        if mark:
            chatter = ""
            lines.clear()
            unpack(ssh.stdout.fileno(), program, rest)
    except TimeoutError:
        why = "nothing comes from there any more"
        ssh.kill()
    except OSError:  # the program is gone; so the sender lets ssh end
        pass
    try:
        ssh.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        ssh.kill()
        ssh.wait()
    reader.join(1.0)
    if not why and ssh.returncode != POOL_ENDED:
        why = " ".join([*chatter.split(), *" ".join(lines).split()]) or f"ssh ended with status {ssh.returncode}"
    with suppress(OSError):
        os.write(1, why.encode())
    os._exit(0)  # the sender may still wait for the program


def _greeting(source: int) -> tuple[str, bool, bytes]:
    """What a shell says before anything else, as some do; whether `far` has begun then; and what is read of it.

    Raises:
        TimeoutError: nothing of it has come.
    """
    poll = select.poll()
    poll.register(source, select.POLLIN)
    data, end = b"", time.monotonic() + FIRST_SECONDS
    while _MARK not in data:
        if not poll.poll(max(0.0, end - time.monotonic()) * 1000):
            raise TimeoutError
        more = os.read(source, CHUNK)
        if not more or len(data) > MOST_CHATTER:
            break
        data += more
    chatter, mark, rest = data.partition(_MARK)
    return chatter[-200:].decode(errors="replace"), bool(mark), rest


def _send(program: socket.socket, ssh: Popen[bytes]) -> None:
    """What comes from the program goes to ssh; at its end ssh has some time to end."""
    assert ssh.stdin is not None
    with suppress(OSError):
        pack(program, ssh.stdin.fileno())
    with suppress(OSError):
        ssh.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        ssh.wait(END_SECONDS)
    ssh.kill()
