"""Jobs of a real batch system, as our launcher starts them; each runs a line of the shell instead of an agent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from scoop_core.launchers import JobState, Order
from scoop_core.launchers.batch import Batch, System
from scoop_core.launchers.options import BatchOptions
from tests.waiting import eventually

SECONDS = 30.0
#: A line that says what the job was given, and goes on until somebody ends it.
STAYS = "trap 'echo told to end; exit' TERM; hostname; while :; do sleep 0.1; done"
#: What Python prints of the allocation around it.
ALLOCATED = """
import os
from pathlib import Path
from scoop_core.launchers.allocation import allocation
print(*allocation(os.environ, lambda path: Path(path).read_text()))
"""


class Jobs:
    """Jobs that end with the test.

    Args:
        system: their batch system.
        environment: with which its commands are found.
        folder: for what they print.
    """

    def __init__(self, system: System, environment: Mapping[str, str], folder: Path) -> None:
        self._system = system
        self._environment = environment
        self._folder = folder
        self.ids: list[str] = []

    def batch(self, line: str = "", options: BatchOptions | None = None) -> Batch:
        options = msgspec.structs.replace(options or BatchOptions(), python="/bin/sh")
        return Batch(self._system, options, self._folder, ["-c", line], self._environment)

    def submit(self, line: str, slots: int = 1, name: str = "job", options: BatchOptions | None = None) -> str:
        """Submit a job; its id."""
        self.ids.append(self.batch(line, options).submit(Order(slots=slots, name=name, launch=b"data")))
        return self.ids[-1]

    def state(self, job: str) -> JobState:
        return self.batch().status([job])[job]

    def await_state(self, job: str, state: JobState, seconds: float = SECONDS) -> None:
        eventually(lambda: self.state(job) == state, seconds, 0.05)

    def printed(self, name: str = "job") -> str:
        """What all jobs of a name have printed."""
        log = self._folder / f"{name}.log"
        return log.read_text() if log.exists() else ""

    def await_print(self, text: str, name: str = "job") -> None:
        eventually(lambda: text in self.printed(name), SECONDS, 0.05)

    def close(self) -> None:
        self.batch().cancel(self.ids)
        eventually(lambda: set(self.batch().status(self.ids).values()) <= {"over"}, SECONDS, 0.05)
