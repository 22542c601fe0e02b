"""The recruiter process: starts the pool's agents on other hosts, as its state decides, and ends them."""

from __future__ import annotations

import os
import queue
import signal
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from importlib import import_module

import msgspec

from scoop_core import messages as m
from scoop_core.batch_jobs import BatchJobs
from scoop_core.config import Launch
from scoop_core.errors import LaunchFailed
from scoop_core.launchers import Launcher, Order
from scoop_core.link import Link
from scoop_core.named_hosts import NamedHosts
from scoop_core.recruits import Cancel, Recruits, Step, Submit


class Recruiter:
    """One pool's recruiter.

    Args:
        launch: the pool.
        lifeline: a descriptor whose end means: the pool ends.
    """

    def __init__(self, launch: Launch, lifeline: int) -> None:
        recruiting = launch.recruiting
        assert recruiting is not None
        self._launch = launch
        module, _, make = recruiting.launcher.partition(":")
        self._launcher: Launcher = getattr(import_module(module), make)(
            launch.connection.shared, **recruiting.options
        )
        self._state: Recruits = (
            BatchJobs(recruiting.slots) if recruiting.slots else NamedHosts(recruiting.hosts, launch.n)
        )
        self._inbox: queue.SimpleQueue[m.Wanted | None] = queue.SimpleQueue()  # None: the pool ends
        self._told: m.Recruits | None = None
        self._pause = self._launcher.pauses[0]
        self._link = Link(launch.connection, "recruiter", self._handle, self._lose, lifeline=lifeline)
        self._link.start(alone=True)
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
        """Recruit until the pool ends, as the fork server says by a signal; then end all that was started."""
        signal.signal(signal.SIGTERM, lambda *_: self._inbox.put(None))
        try:
            while True:
                try:
                    message = self._inbox.get(timeout=self._pause)
                    if message is None:
                        return
                    steps = self._state.wanted(message, time.time())
                except queue.Empty:
                    steps = self._look()
                self._carry_out(steps)
                self._tell()
        finally:
            self._cancel(self._state.jobs)

    def _look(self) -> Iterator[Step]:
        """Ask for the jobs: less and less often, as long as none is submitted."""
        self._pause = min(2 * self._pause, self._launcher.pauses[1])
        jobs = self._state.unsettled
        try:
            states = self._launcher.status(jobs)
        except Exception as error:  # a batch system that is busy says more the next time
            tell(error)
        else:
            why = {job: self._launcher.why(job) for job in jobs if states.get(job, "over") == "over"}
            yield from self._state.looked(states, why, time.time())
        yield from self._state.due(time.time())

    def _carry_out(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if isinstance(step, Submit):
                self._submit(step)
            elif isinstance(step, Cancel):
                self._cancel([step.job])
            else:
                self._link.send(step)

    def _submit(self, step: Submit) -> None:
        self._pause = self._launcher.pauses[0]
        data = msgspec.json.encode(for_agent(self._launch, step)) + b"\n"
        name = f"{self._launch.connection.name}-{step.agent}"
        try:
            job = self._launcher.submit(Order(step.slots, name, data, step.host))
        except Exception as error:
            self._state.failed(step.agent, in_words(error), time.time())
        else:
            self._state.submitted(step.agent, job)
            self._tell()

    def _cancel(self, jobs: list[str]) -> None:
        try:
            self._launcher.cancel(jobs)
        except Exception as error:
            tell(error)

    def _tell(self) -> None:
        report = self._state.report()
        if report != self._told:
            self._told = report
            self._link.send(report)


def in_words(error: Exception) -> str:
    """What went wrong with a launcher, which may be of another package and raise whatever it likes."""
    return str(error) if isinstance(error, LaunchFailed) else f"{type(error).__name__}: {error}"


def tell(error: Exception) -> None:
    """Tell people of what can only be tried again."""
    print(f"scoop: {in_words(error)}", file=sys.stderr, flush=True)


def for_agent(launch: Launch, step: Submit) -> Launch:
    """What an agent on another host is started with: less than the pool, and of secrets only the peers' own."""
    assert launch.recruiting is not None
    connection = msgspec.structs.replace(launch.connection, address="", folder="", shelf="", shared="")
    return msgspec.structs.replace(
        launch, connection=connection, n=step.slots, server_secret=None, site=step.agent, recruiting=None, stdout=-1,
        seconds=launch.recruiting.seconds,
    )  # fmt: skip
