"""The recruiter process: starts the pool's agents on other hosts, as `RecruiterState` decides, and ends them."""

from __future__ import annotations

import os
import queue
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from scoop_core import messages as m
from scoop_core.config import Launch, Recruiting
from scoop_core.errors import LaunchFailed
from scoop_core.launchers import Order
from scoop_core.launchers.shells import Shells
from scoop_core.link import Link
from scoop_core.recruiter_state import Cancel, RecruiterState, Step, Submit

#: How often the launcher is asked, in seconds.
LOOK_SECONDS = 0.5
_HERE = str(Path(__file__).resolve().parent.parent)


class Recruiter:
    """One pool's recruiter.

    Args:
        launch: the pool.
        lifeline: a descriptor whose end means: the pool ends.
    """

    def __init__(self, launch: Launch, lifeline: int) -> None:
        assert launch.recruiting is not None
        recruiting = launch.recruiting
        self._launch = launch
        self._launcher = open_launcher(recruiting)
        self._state = RecruiterState(recruiting.hosts)
        self._inbox: queue.SimpleQueue[m.Wanted | None] = queue.SimpleQueue()  # None: the pool ends
        self._told: m.Recruits | None = None
        self._link = Link(launch.connection, "recruiter", self._handle, self._lose, lifeline=lifeline)
        self._link.start()
        hello = m.Hello("recruiter", os.getpid(), socket.gethostname(), shelf=launch.connection.shelf)
        self._link.send(hello)

    def _handle(self, message: m.Header, frames: m.Frames) -> None:
        if isinstance(message, m.Wanted):
            self._inbox.put(message)
        elif isinstance(message, m.Stop):
            self._inbox.put(None)

    def _lose(self) -> None:
        self._inbox.put(None)

    def run(self) -> None:
        """Recruit until the pool ends; then end all that was started."""
        try:
            while True:
                try:
                    message = self._inbox.get(timeout=LOOK_SECONDS)
                    if message is None:
                        return
                    steps = self._state.wanted(message.n, message.agents, time.time())
                except queue.Empty:
                    steps = self._look()
                self._carry_out(steps)
                self._tell()
        finally:
            self._launcher.cancel(self._state.jobs)

    def _look(self) -> Iterator[Step]:
        now = time.time()
        jobs = self._state.jobs
        states = self._launcher.status(jobs)
        why = {job: self._launcher.why(job) for job in jobs if job not in states}
        yield from self._state.looked(states, why, now)
        yield from self._state.due(now)

    def _carry_out(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if isinstance(step, Submit):
                self._submit(step)
            elif isinstance(step, Cancel):
                self._launcher.cancel([step.job])
            else:
                self._link.send(step)

    def _submit(self, step: Submit) -> None:
        file = os.path.join(self._launch.connection.folder, f"{step.agent}.launch")
        fd = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "wb") as out:
            out.write(msgspec.json.encode(for_agent(self._launch, step)) + b"\n")
        try:
            job = self._launcher.submit(Order(step.slots, step.agent, file, step.host))
        except LaunchFailed as error:
            self._state.failed(step.agent, str(error), time.time())
        else:
            self._state.submitted(step.agent, job)
        finally:
            os.unlink(file)

    def _tell(self) -> None:
        report = self._state.report()
        if report != self._told:
            self._told = report
            self._link.send(report)


def open_launcher(recruiting: Recruiting) -> Shells:
    """What starts the agents of a pool."""
    return Shells(recruiting.ssh, recruiting.python or sys.executable, _HERE, recruiting.tunnel)


def for_agent(launch: Launch, step: Submit) -> Launch:
    """What an agent on another host is started with: less than the pool, and of secrets only the peers' own."""
    connection = msgspec.structs.replace(launch.connection, address="", folder="", shelf="")
    return msgspec.structs.replace(
        launch, connection=connection, n=step.slots, server_secret=None, site=step.agent, recruiting=None, stdout=-1
    )
