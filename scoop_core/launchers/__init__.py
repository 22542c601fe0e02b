"""How agents get to other hosts: by a batch system, or by a remote shell; each way is a launcher.

A launcher starts, asks and ends, and decides nothing. Whether an agent lives is not its business either: agents say
so themselves.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, Protocol

import msgspec

JobState = Literal["pending", "running", "over"]


class Order(msgspec.Struct, frozen=True):
    """One agent that shall be started."""

    slots: int  # workers that it will run, on as many CPUs
    name: str  # of its job, for people
    launch: bytes  # a line of launch data, which nobody else may read
    host: str = ""  # where, if it is to be a certain one


class Launcher(Protocol):
    """One way to start agents.

    What makes one, ``make(folder, **options)``, runs in the pool's recruiter process. The folder is for the
    launcher's files, and ends with the pool; all hosts see it, and nobody else. "" where the launcher needs none.
    """

    #: The shortest and the longest time between two questions for `status`, in seconds.
    pauses: tuple[float, float]

    def submit(self, order: Order) -> str:
        """Start one agent, at once or when it is its turn; the id of its job.

        Raises:
            LaunchFailed: it was refused; the message has what was said.
        """

    def status(self, ids: Collection[str]) -> dict[str, JobState]:
        """How far these jobs are.

        Raises:
            LaunchFailed: nobody could tell.
        """

    def why(self, id: str) -> str:
        """Why a job that is over has ended, as far as somebody said so."""

    def cancel(self, ids: Collection[str]) -> None:
        """End these jobs, if they are not over.

        Raises:
            LaunchFailed: that was refused.
        """
