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
    launch: str  # the path of the file with its launch data (mode 0600), which its host must see, too
    host: str = ""  # where, if it is to be a certain one


class Launcher(Protocol):
    """One way to start agents."""

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

    def cancel(self, ids: Collection[str]) -> None:
        """End these jobs, if they are not over.

        Raises:
            LaunchFailed: that was refused.
        """
