"""Programs on hosts that have a pool, and do what they are told."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cluster.hosts import Cluster
from tests.waiting import eventually

#: Opens a pool, and does what it reads, line by line.
CODE = """
import json, os, socket, sys, time
from pathlib import Path
import scoop
from scoop import futures, shared

BEGUN = Path(sys.argv[2])

def square(x):
    BEGUN.touch()
    time.sleep(0.01)
    return x * x

def leaf(x):
    BEGUN.touch()
    time.sleep(0.005)
    return 1

def tree(depth):
    if not depth:
        return leaf(0)
    return sum(futures.map(tree, [depth - 1] * 3))

def host(x):
    time.sleep(0.01)
    return socket.gethostname()

def spread():
    import numpy as np

    big = np.arange(1_000_000.0)

    def look(i, array):
        time.sleep(0.02)
        assert array[i] == big[i] == i
        return socket.gethostname(), os.getpid()

    places = {tuple(place) for place in futures.map(look, range(100), [big] * 100)}
    hosts = [host for host, _ in places]
    return [[host, hosts.count(host)] for host in sorted(set(hosts))]

def answer(value):
    print(json.dumps(value), flush=True)

try:
    pool = eval(sys.argv[1])
except scoop.ScoopError as error:
    answer([type(error).__name__, str(error)])
    sys.exit()
answer("there")
try:
    for line in sys.stdin:
        try:
            answer(eval(line))
        except (Exception, KeyboardInterrupt) as error:
            answer([type(error).__name__, str(error)])
finally:
    pool.stop() if pool.owned else pool.close()
"""


class Program:
    """A program on a host; a context manager.

    Attributes:
        first: what it said when it had opened its pool: "there", or the kind of the error and its message.

    Args:
        cluster: where.
        folder: for its files; all hosts see it.
        opening: the expression that opens its pool.
        host: where it runs.
        env: more for its environment.
    """

    def __init__(
        self, cluster: Cluster, folder: Path, opening: str, host: str = "head", env: Mapping[str, str] | None = None
    ) -> None:
        file = folder / f"{host}.py"
        file.write_text(CODE)
        self.host = host
        self._begun = folder / f"{host}-begun"
        pipe = subprocess.PIPE
        self.process = cluster.popen(
            host,
            [sys.executable, file, opening, self._begun],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
            env=env,
        )
        self.first = self.read()

    def read(self) -> Any:
        line = self.process.stdout.readline()
        return json.loads(line) if line else self.process.stderr.read()

    def ask(self, expression: str) -> Any:
        self.say(expression)
        return self.read()

    def begin(self, expression: str) -> None:
        """Ask, and wait until tasks run."""
        self._begun.unlink(missing_ok=True)
        self.say(expression)
        eventually(self._begun.exists, 20)

    def say(self, expression: str) -> None:
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()

    def hosts(self) -> dict[str, int]:
        """How many workers each host has."""
        rows = self.ask("[w['host'] for w in pool.workers if w['state'] in ('idle', 'busy')]")
        return {host: rows.count(host) for host in sorted(set(rows))}

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process.stderr.close()


def shelved(cluster: Cluster, host: str) -> list[int]:
    """The sizes of what lies on the shelves of a host."""
    # Some of it may go while it is looked at.
    found = cluster.run(host, ["sh", "-c", "stat -c %s /dev/shm/scoop-*/*; true"]).stdout
    return [int(size) for size in found.split()]
