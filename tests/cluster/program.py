"""A program on one of the hosts that starts a pool, and does what a test tells it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cluster.hosts import Cluster
from tests.waiting import eventually

#: A program that starts a pool by itself, and does what it reads, line by line.
ROOT = """
import json, socket, sys, time
from pathlib import Path
import scoop
from scoop import futures, shared
from scoop.launchers import make

def square(x):
    Path(sys.argv[2]).touch()
    time.sleep(0.01)
    return x * x

def leaf(x):
    Path(sys.argv[2]).touch()
    time.sleep(0.005)
    return 1

def tree(depth):
    if not depth:
        return leaf(0)
    return sum(futures.map(tree, [depth - 1] * 3))

def host(x):
    time.sleep(0.01)
    return socket.gethostname()

def answer(value):
    print(json.dumps(value), flush=True)

options = json.loads(sys.argv[1])
try:
    pool = scoop.start(options.pop("n", None), launcher=make(options.pop("launcher"), **options))
except scoop.ScoopError as error:
    answer([type(error).__name__, str(error)])
    sys.exit()
with pool:
    answer("there")
    for line in sys.stdin:
        try:
            answer(eval(line))
        except Exception as error:
            answer([type(error).__name__, str(error)])
"""


class Program:
    """A program on head that has started a pool; a context manager.

    Args:
        cluster: where.
        folder: that all hosts see.
        launcher: the name of the pool's.
        env: more for its environment.
        options: how many workers (`n`), and those of the launcher.

    Attributes:
        first: "there", or the name of the error and its text.
    """

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        launcher: str = "ssh",
        env: Mapping[str, str] | None = None,
        /,
        **options: Any,
    ) -> None:
        file = folder / "root.py"
        file.write_text(ROOT)
        self._begun = folder / "begun"
        pipe = subprocess.PIPE
        self.process = cluster.popen(
            "head",
            [sys.executable, file, json.dumps({"launcher": launcher, **options}), self._begun],
            env=env,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
        )
        self.first = self.read()

    def read(self) -> Any:
        line = self.process.stdout.readline()
        return json.loads(line) if line else self.process.stderr.read()

    def ask(self, expression: str) -> Any:
        self._say(expression)
        return self.read()

    def begin(self, expression: str) -> None:
        """Ask, and wait until tasks run."""
        self._begun.unlink(missing_ok=True)
        self._say(expression)
        eventually(self._begun.exists, 20)

    def _say(self, expression: str) -> None:
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
