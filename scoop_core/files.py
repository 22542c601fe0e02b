"""The files of a pool: its folder, its shelf, and the connection file by which others find it; for the owner only."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Container, Iterator
from pathlib import Path

import msgspec

from scoop_core.config import Connection
from scoop_core.errors import NoSuchPool, StartFailed
from scoop_core.store import shared_memory

#: A Unix socket's path may have so many bytes.
SOCKET_PATH = 107
#: In folders on other hosts than the broker's: locked as long as somebody needs them.
LOCK = ".lock"


def runtime_folder() -> Path:
    """Where Jupyter keeps the connection files of running things; created (0700) if need be."""
    if found := os.environ.get("JUPYTER_RUNTIME_DIR"):
        folder = Path(found)
    elif found := os.environ.get("JUPYTER_DATA_DIR"):
        folder = Path(found) / "runtime"
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Jupyter" / "runtime"
    else:
        base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        folder = Path(base) / "jupyter" / "runtime"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def connection_file(name: str) -> Path:
    """The connection file of the pool of this name."""
    return runtime_folder() / f"scoop-{name}.json"


def _bases() -> list[str]:
    """Where the folder of a pool may be, the best place first."""
    return [base for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp") if base]


def new_folder() -> str:
    """A folder (0700) for a pool, with a name that can't be guessed and a path short enough for a socket."""
    for base in _bases():
        if len(base) < SOCKET_PATH - 40 and os.access(base, os.W_OK | os.X_OK):
            return tempfile.mkdtemp(prefix="scoop-", dir=base)
    return tempfile.mkdtemp(prefix="scoop-")


def new_shelf(folder: str) -> str:
    """A folder (0700) for the pool's shared memory; in the pool's own folder where there is none."""
    memory = shared_memory()
    if memory is None:
        shelf = Path(folder) / "shelf"
        shelf.mkdir(mode=0o700)
        return str(shelf)
    return tempfile.mkdtemp(prefix="scoop-", dir=memory)


def hold(folder: str) -> None:
    """Have `sweep` leave a folder alone as long as this process lives, or a child of it."""
    fd = os.open(Path(folder, LOCK), os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)


def sweep() -> None:
    """Remove what was left by processes on this host that were all killed at once, as at the end of a batch job."""
    for base in {*_bases(), shared_memory()}:
        for lock in Path(base).glob(f"scoop-*/{LOCK}") if base else ():
            with contextlib.suppress(OSError), lock.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent)


def new_shared(base: str) -> str:
    """A folder (0700) for a pool, within one that all its hosts see.

    Raises:
        StartFailed: there can be none.
    """
    try:
        Path(base).mkdir(mode=0o700, parents=True, exist_ok=True)
        return tempfile.mkdtemp(prefix="scoop-", dir=base)
    except OSError as error:
        raise StartFailed(f"The folder {base}, in which jobs find what they need, can't be used: {error}.") from None


def write_connection(connection: Connection) -> None:
    """Write the connection file, readable by nobody else at any moment."""
    path = connection_file(connection.name)
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(msgspec.json.encode(connection))


def read_connection(path: Path) -> Connection | None:
    """The pool of a connection file, or None if there is no such file, or it is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Connection)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return None


def running_pools(known: Container[str] = ()) -> list[Connection]:
    """The user's pools that run on this host; what dead ones left behind is removed.

    Args:
        known: ids of pools that need not be found, and are not asked whether they are there.
    """
    found = []
    for connection in _connections():
        if connection.id in known or not is_here(connection):
            continue
        if is_running(connection):
            found.append(connection)
        else:
            remove_pool(connection)
    return found


def pools_elsewhere() -> list[Connection]:
    """Pools of other hosts that share the home. Whether they run can't be told without asking them."""
    return [connection for connection in _connections() if not is_here(connection)]


def _connections() -> Iterator[Connection]:
    """What all connection files say, by name."""
    for path in sorted(runtime_folder().glob("scoop-*.json"), key=lambda p: p.name):
        connection = read_connection(path)
        if connection is not None:
            yield connection


def is_file(name: str) -> bool:
    """Whether this is the path of a connection file, and not the name of a pool."""
    return os.sep in name or name.endswith(".json")


def find(name: str | None) -> Connection:
    """A pool of this host by its name or the path of its connection file; or of another one that shares the home.

    Args:
        name: None for the only one that runs on this host.

    Raises:
        NoSuchPool: there is none; or several, where no name is given.
    """
    if name is not None and is_file(name):
        connection = read_connection(Path(name).expanduser())
        if connection is None or (is_here(connection) and not is_running(connection)):
            raise NoSuchPool(f"{name} is no connection file of a running pool.")
        return connection
    running = running_pools()
    found = [c for c in running if name in (None, c.name)]
    elsewhere = pools_elsewhere()
    found = found or [c for c in elsewhere if name == c.name]
    which = ", ".join(repr(c.name) for c in running) or "none"
    if not found:
        what = "No pool runs" if name is None else f"No pool {name!r} runs"
        others = ", ".join(f"{c.name!r} on {c.host}" for c in elsewhere)
        raise NoSuchPool(f"{what} here (running: {which}{'; of other hosts: ' * bool(others)}{others}).")
    if len(found) > 1:
        raise NoSuchPool(f"Several pools run here: say which one ({which}).")
    return found[0]


def is_here(connection: Connection) -> bool:
    """Whether a pool is one of this host."""
    return connection.host in ("", socket.gethostname())


def is_running(connection: Connection) -> bool:
    """Whether somebody listens at the pool's address on this host."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.connect(connection.address.removeprefix("ipc://"))
    except OSError:
        return False
    return True


def remove_pool(connection: Connection) -> None:
    """Remove all files of a pool that has ended; on other hosts than the broker's, those that it has there."""
    shutil.rmtree(connection.folder, ignore_errors=True)
    shutil.rmtree(connection.shelf, ignore_errors=True)
    if connection.away:
        return
    if connection.shared:
        shutil.rmtree(connection.shared, ignore_errors=True)
    path = connection_file(connection.name)
    known = read_connection(path)
    if known is not None and known.id == connection.id:  # another may have taken the name
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
