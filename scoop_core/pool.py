"""Starting, finding, changing and ending pools."""

from __future__ import annotations

import atexit
import contextlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from scoop_core import files
from scoop_core import messages as m
from scoop_core.attach import all_pools, attach, check, usable_elsewhere
from scoop_core.client import Client, all_called, on_their_way
from scoop_core.config import MAX_STILLBORN, Cap, Recruiting
from scoop_core.current import current
from scoop_core.errors import BrokerLost, OverLimit, StartFailed
from scoop_core.hosts import default_workers
from scoop_core.launch import START_SECONDS, launch, reap
from scoop_core.memory import parse_size


class Pool:
    """A running pool of workers, and this program's connection to it. Use it as a context manager, or `stop` it.

    Args:
        client: connected to it.
        process: its first process, if this program started it.
    """

    def __init__(self, client: Client, process: subprocess.Popen[bytes] | None = None) -> None:
        self.client = client
        client.pool = self
        self._process = process
        self._pid = os.getpid()

    @property
    def name(self) -> str:
        """By this name `scoop.connect` finds it."""
        return self.client.connection.name

    @property
    def owned(self) -> bool:
        """Whether this program started it, so that it ends with it."""
        connection = self.client.connection
        return connection.pid == os.getpid() and files.is_here(connection)

    @property
    def connection_file(self) -> Path:
        """The file (mode 0600), on its host, by which other programs of the same user find it."""
        return files.connection_file(self.name)

    @property
    def alive(self) -> bool:
        """Whether it can be used."""
        return self.client.lost is None

    @property
    def workers(self) -> list[dict[str, Any]]:
        """A row for each worker: name, pid, host, state, what it runs, its CPU seconds, memory in bytes, tasks done.

        Raises:
            BrokerLost: the pool is gone.
        """
        workers: list[dict[str, Any]] = self.client.picture()["workers"]
        return workers

    @property
    def agents(self) -> list[dict[str, Any]]:
        """A row for each agent that a host or a batch job has, or should have.

        Each row: the name of the agent, its host ("" for what the batch system chooses), the job's id, its state
        ("pending", "running" or "over"), its slots for workers, and in what trouble it is.

        Raises:
            BrokerLost: the pool is gone.
        """
        rows: list[dict[str, Any]] = self.client.picture()["pool"]["recruits"]
        return rows

    def wait(self, n: int | None = None, timeout: float | None = None) -> None:
        """Wait until workers are there, which batch jobs bring when they begin.

        Args:
            n: how many; None for all that are wanted.
            timeout: in seconds; None for no limit.

        Raises:
            StartFailed: they don't come, because their jobs fail.
            TimeoutError: they are not there yet.
        """
        self._await(n, timeout, queued=False)

    def scale(self, n: int, timeout: float = START_SECONDS) -> None:
        """Have n workers; waits until they are there, or their batch jobs in the queue. Workers that go finish what
        they run, and lose nothing.

        Raises:
            ValueError: n is negative.
            OverLimit: it is more than the pool may have.
            TimeoutError: the new workers are not there after `timeout` seconds.
        """
        check_size(n, self.client.connection.cap)
        self.client.link.send(m.Scale(n))
        self._await(n, timeout)

    def restart(self, timeout: float = START_SECONDS) -> None:
        """Cancel everything, and replace all workers by new ones.

        Raises:
            TimeoutError: the new workers are not there after `timeout` seconds.
        """
        before = {row["name"] for row in self.workers}
        self.client.link.send(m.Restart())
        self._await(None, timeout, without=before)

    def _await(
        self, n: int | None, timeout: float | None, without: Collection[str] = (), queued: bool = True
    ) -> None:
        """Wait until there are n workers (None: as many as wanted), all of them ready and none of those before.

        Args:
            queued: those of batch jobs that have not begun are there, too.
        """
        begun = time.monotonic()
        while True:
            picture = self.client.picture()
            wanted = picture["pool"]["wanted"] if n is None else n
            managed = [row for row in picture["workers"] if row["state"] not in ("starting", "stopped")]
            old = {row["name"] for row in picture["workers"] if row["state"] != "stopped"}.intersection(without)
            there = len(managed) + (on_their_way(picture) if queued else 0)
            if there >= wanted and not old:
                return
            if picture["pool"]["stillborn"] > MAX_STILLBORN:
                raise StartFailed(
                    f"The workers of pool {self.name!r} die while they start. What they printed on the standard "
                    "error stream tells why."
                )
            all_called(picture)
            waited = time.monotonic() - begun
            if timeout is not None and waited > timeout:
                raise TimeoutError(f"{there} of {wanted} workers are there after {timeout:g} s")
            time.sleep(min(0.002 + 0.05 * waited, 0.5))

    def stop(self) -> None:
        """End the pool: what is pending fails with `BrokerLost`, and no process or file of it is left."""
        client = self.client
        if os.getpid() != self._pid:  # a fork of the program that started it, on its way out
            return
        if client.lost is None:
            client.owner.fetch()
            client.link.send(m.Stop())
            client.fail(BrokerLost(f"The pool {self.name!r} was stopped."))
        self.close()
        if self._process is not None:
            reap(self._process, client.connection)
        atexit.unregister(self.stop)

    def close(self) -> None:
        """Leave the pool without ending it (one that this program started ends with the program)."""
        self.client.close()
        if current.engine is self.client:
            current.engine = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        if not self.alive:
            return f"<Pool {self.name!r}: stopped>"
        with contextlib.suppress(BrokerLost):
            picture = self.client.picture()
            queued = on_their_way(picture)
            more = f", {queued} more in the queue" if queued else ""
            return f"<Pool {self.name!r}: {len(picture['workers'])} workers{more}>"
        return f"<Pool {self.name!r}: lost>"


def start(
    process: subprocess.Popen[bytes],
    n: int | None = None,
    name: str | None = None,
    *,
    tcp: bool = False,
    preload: Sequence[str] = (),
    memory_limit: int | str | None = None,
    cap: Cap | None = None,
    recruiting: Recruiting | None = None,
) -> Pool:
    """Start a pool, and make it the current one.

    Args:
        process: its first, as from `spawn.spawned`.
        n: how many workers; None: one for each CPU that this process may use (see `hosts.default_workers`).
        name: for `connect`; None: one is made up.
        tcp: listen on TCP (127.0.0.1) too, for who has the CURVE keys of its connection file.
        preload: modules to import once, before the workers are forked.
        memory_limit: that a worker may use, in bytes or as text ("500MB", "2GiB"); None: no limit.
        cap: how many workers it may ever have; None: any number.
        recruiting: how it gets workers on other hosts; n is the number of all then.

    Raises:
        ValueError: n is negative, the limit is no size, or the name is taken or not fit for a file name.
        OverLimit: n is more than `cap`.
        StartFailed: its processes could not be started.
    """
    n = default_workers() if n is None else n
    check_size(n, cap)
    limit = 0 if memory_limit is None else parse_size(memory_limit)
    if name and (others := usable_elsewhere(name)):
        raise ValueError(f"there is a pool {name!r} on {others[0].host} already: connect to it, or take another name")
    connection = launch(
        process, n, name, tcp=tcp, path=sys.path, preload=preload, memory_limit=limit, cap=cap, recruiting=recruiting
    )
    client = Client(connection)
    pool = Pool(client, process)
    try:
        client.connect()
        client.size = max(1, n)
        pool._await(n, START_SECONDS)
    except BaseException:
        pool.stop()
        raise
    current.engine = client
    atexit.register(pool.stop)
    return pool


def check_size(n: int, cap: Cap | None) -> None:
    """Whether a pool may have n workers.

    Raises:
        ValueError: nobody may.
        OverLimit: this one may not.
    """
    if n < 0:
        raise ValueError(f"a pool can't have {n} workers")
    if cap is not None and n > cap.most:
        raise OverLimit(f"{n} workers are too many for a pool: {cap.source} allows {cap.most}.")


def connect(name: str | os.PathLike[str] | None = None, *, command: str = "ssh", python: str = "") -> Pool:
    """Use a pool that another program of yours started, and make it the current one.

    Args:
        name: the pool's, the path of a connection file, or ``ssh://[user@]host[:port]/name`` for a pool of a host
            that ssh reaches; None: the only one that runs on this host.
        command: what leads there, with its own options, as ``"ssh -F file"``. Nobody is asked for a password.
        python: the command that is Python there, with SCOOP; by default this one's path or, where there is none,
            python3.

    Raises:
        NoSuchPool: there is none of this name; or none, or several, where no name is given.
        StartFailed: it can't be reached from here, does not answer, or runs another Python; the message says more.
    """
    client = attach(None if name is None else os.fspath(name), shlex.split(command), python)
    pool = Pool(client)
    try:
        check(client.connection)
        client.picture()
    except BaseException:
        client.close()
        raise
    current.engine = client
    return pool


def pools() -> list[str]:
    """The names of your pools that run on this host, and of those on others that share the home and are in reach."""
    return [connection.name for connection in all_pools()]
