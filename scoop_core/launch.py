"""What the first process of a pool is told, and how a pool ends."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
from collections.abc import Sequence

import msgspec

from scoop_core import files
from scoop_core.config import (
    NO_REPORTS,
    RECALL_SECONDS,
    STOP_GRACE,
    Cap,
    Connection,
    Launch,
    Recruiting,
    Reports,
)
from scoop_core.errors import StartFailed
from scoop_core.hosts import cpus
from scoop_core.link import new_secrets
from scoop_core.spawn import end
from scoop_core.threads import thread_limits
from scoop_core.versions import versions

#: How long a pool may take to start, in seconds; a loaded machine takes a tenth of it.
START_SECONDS = 30.0


def launch(
    process: subprocess.Popen[bytes],
    n: int,
    name: str | None = None,
    *,
    tcp: bool = False,
    path: Sequence[str] = (),
    program: str | None = None,
    module: bool = False,
    out: int = -1,
    preload: Sequence[str] = (),
    first: int = 0,
    nice: int = 0,
    memory_limit: int = 0,
    reports: Reports = NO_REPORTS,
    cap: Cap | None = None,
    recruiting: Recruiting | None = None,
) -> Connection:
    """Tell the first process of a pool which pool it is to start; all that ends with this process.

    Args:
        process: as from `spawn.spawned`, with the same `out`; for the others see `config.Launch`.

    Raises:
        ValueError: the name is taken, or not fit for a file name.
        StartFailed: they could not be started.
    """
    remote = f"tcp://{recruiting.listen}:*" if recruiting else "tcp://127.0.0.1:*" if tcp else ""
    identity = os.urandom(8).hex()
    name = name or f"pool-{identity[:6]}"
    letters = name.replace("-", "").replace("_", "").replace(".", "")
    if not letters.isalnum() or name.startswith(".") or len(name) > 100:
        raise ValueError(f"{name!r} can't name a pool: use letters, digits, '-', '_' and '.', 100 at the most")
    if any(other.name == name for other in files.running_pools()):
        raise ValueError(f"there is a pool {name!r} already: connect to it, or take another name")
    folder = files.new_folder()
    shelf = files.new_shelf(folder)
    shared = files.new_shared(recruiting.folder) if recruiting and recruiting.folder else ""
    keys, server_secret = new_secrets() if remote else (None, None)
    host = socket.gethostname()
    connection = Connection(
        identity, name, f"ipc://{folder}/broker", folder, shelf, os.getpid(), keys, cap, host,
        remote, shared, versions(),
    )  # fmt: skip
    # The program has it already, so tasks will need it: each worker would take 0.1 s and 20 MB to import it. With
    # more threads than one it would start them where all processes are forked.
    if "numpy" in sys.modules and thread_limits(n, cpus(), os.environ)["OPENBLAS_NUM_THREADS"] == "1":
        preload = ["numpy", *preload]
    order = Launch(
        connection, n, server_secret, list(path), os.getcwd(), program, module, out < 0, list(preload), first, nice,
        memory_limit, sys.argv, reports, out, recruiting,
        size=first + n,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        line = process.stdout.readline() if ready else b""
        return msgspec.json.decode(line, type=Connection)
    except (OSError, msgspec.DecodeError) as error:
        process.kill()
        process.wait()
        files.remove_pool(connection)
        raise StartFailed(
            f"The pool {name!r} could not be started: its first process ended, or said nothing for "
            f"{START_SECONDS:g} s. What it printed on the standard error stream tells why."
        ) from error


def reap(process: subprocess.Popen[bytes], connection: Connection) -> None:
    """Wait for the end of a pool's first process, which was told to end or is about to be."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_GRACE)
    end(process, 3 * STOP_GRACE + (RECALL_SECONDS if connection.remote else 0.0))
