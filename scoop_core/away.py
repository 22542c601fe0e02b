"""The first process of a pool on another host than its broker's: ``python -m scoop_core.away [FILE]``.

It reads the launch from the file, or one line of the standard input, whose end is then its end as well. It ends, with
all that it has started, when the broker is gone or can't be reached any more.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from scoop_core import files
from scoop_core.config import Launch
from scoop_core.errors import StartFailed
from scoop_core.forkserver import WARNINGS, ForkServer, preload, prepare
from scoop_core.network import reach
from scoop_core.versions import conflict, doubts

#: A broker that has not answered by then can't be reached: as a rule it is behind a firewall.
REACH_SECONDS = 8.0


def check(launch: Launch) -> None:
    """Whether this host can be part of the pool.

    Raises:
        StartFailed: its Python is another one, or a package, or the broker can't be reached.
    """
    versions = launch.connection.versions
    if why := conflict(versions):
        raise StartFailed(why)
    for doubt in doubts(versions):
        print(f"{socket.gethostname()}: {doubt}", file=sys.stderr)
    address = launch.connection.remote
    try:
        reach(address, REACH_SECONDS)
    except OSError as error:
        raise StartFailed(
            f"the broker can't be reached at {address} ({error}); --external-hostname gives another name or address "
            "of its host, and --tunnel leads there by ssh"
        ) from None


def settle(launch: Launch) -> Launch:
    """The launch with folders of its own."""
    files.sweep()
    folder = files.new_folder()
    connection = msgspec.structs.replace(launch.connection, folder=folder, shelf=files.new_shelf(folder))
    for path in (connection.folder, connection.shelf):
        files.hold(path)
    return msgspec.structs.replace(launch, connection=connection)


def main(arguments: list[str]) -> int:
    """Be a part of the pool, as long as there is one; the exit status."""
    if arguments:
        file = Path(arguments[0])
        line = file.read_bytes()
        file.unlink()  # nobody else needs what is in there
    else:
        line = sys.stdin.buffer.readline()
    launch = msgspec.json.decode(line, type=Launch)
    try:
        check(launch)
    except StartFailed as error:
        print(f"{socket.gethostname()}: {error}", file=sys.stderr)
        return 1
    with suppress(OSError):  # there may be no such folder here
        os.chdir(launch.cwd)
    try:
        prepare(launch)
        preload(launch)
    except ImportError as error:
        print(f"{socket.gethostname()}: {error}", file=sys.stderr)
        return 1
    # From the first file on, whoever ends this job finds somebody who takes the files away.
    signal.pthread_sigmask(signal.SIG_BLOCK, WARNINGS)
    server = ForkServer(settle(launch), held=not arguments)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WARNINGS)
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
