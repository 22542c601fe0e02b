"""Starting and ending the processes of a pool on this host."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from scoop_core import files
from scoop_core.config import (
    NO_REPORTS,
    RECALL_SECONDS,
    SECRETS,
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
from scoop_core.threads import thread_limits
from scoop_core.versions import versions

#: How long a pool may take to start, in seconds; a loaded machine takes a tenth of it.
START_SECONDS = 30.0


def launch(
    n: int,
    name: str | None = None,
    *,
    tcp: bool = False,
    path: Sequence[str] = (),
    program: str | None = None,
    module: bool = False,
    forward: bool = True,
    preload: Sequence[str] = (),
    first: int = 0,
    nice: int = 0,
    memory_limit: int = 0,
    reports: Reports = NO_REPORTS,
    cap: Cap | None = None,
    recruiting: Recruiting | None = None,
) -> tuple[Connection, subprocess.Popen[bytes]]:
    """Start the processes of a pool; see `config.Launch` for the arguments. They end with this one.

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
    limits = thread_limits(n, cpus(), os.environ)
    # The program has it already, so tasks will need it: each worker would take 0.1 s and 20 MB to import it. With
    # more threads than one it would start them where all processes are forked.
    if "numpy" in sys.modules and limits["OPENBLAS_NUM_THREADS"] == "1":
        preload = ["numpy", *preload]
    out = -1 if forward else os.dup(1)
    order = Launch(
        connection, n, server_secret, list(path), os.getcwd(), program, module, forward, list(preload), first, nice,
        memory_limit, sys.argv, reports, out, recruiting,
        size=first + n,
    )  # fmt: skip
    here = str(Path(__file__).resolve().parent.parent)
    # Modules make next to no garbage: to look for it takes longer than the forks.
    code = (
        f"import gc, sys; gc.disable(); sys.path.insert(0, {here!r}); from scoop_core.forkserver import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[] if forward else [out],
        env={**without_secrets(os.environ), **limits},
        start_new_session=True,
    )
    if not forward:
        os.close(out)
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        line = process.stdout.readline() if ready else b""
        return msgspec.json.decode(line, type=Connection), process
    except (OSError, msgspec.DecodeError) as error:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
        files.remove_pool(connection)
        raise StartFailed(
            f"The pool {name!r} could not be started: its first process ended, or said nothing for "
            f"{START_SECONDS:g} s. What it printed on the standard error stream tells why."
        ) from error


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """What of an environment the processes of a pool get.

    It has to be left out before they start: what a process deletes of its own remains to be seen in /proc.
    """
    return {
        name: value for name, value in environment.items() if not any(fnmatchcase(name, secret) for secret in SECRETS)
    }


def reap(process: subprocess.Popen[bytes], connection: Connection) -> None:
    """Wait for the end of a pool's first process, which was told to end or is about to be."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_GRACE)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    try:
        process.wait(3 * STOP_GRACE + (RECALL_SECONDS if connection.remote else 0.0))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
