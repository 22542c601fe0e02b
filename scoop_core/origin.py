"""A script as the root of a pool: ``python -m scoop``. Its process is one of the workers."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from types import FrameType

from scoop_core import messages as m
from scoop_core.calls import ProgramInterrupted
from scoop_core.client import Client, all_called
from scoop_core.config import NO_REPORTS, Connection, Recruiting, Reports
from scoop_core.current import current
from scoop_core.errors import BrokerLost, StartFailed
from scoop_core.fibers import Fiber
from scoop_core.hosts import cpus
from scoop_core.launch import START_SECONDS, launch, reap
from scoop_core.program import Program
from scoop_core.spawn import spawned
from scoop_core.threads import thread_limits
from scoop_core.watching import Watch, new_watch
from scoop_core.worker import Worker


class Origin(Worker):
    """The program's own process: a worker whose first task is the program, and which is not ended from outside.

    Args:
        connection: the pool.
        program: the script that workers import.
        watch: follows every task, and the program; None for nobody.
    """

    for_people = True

    def __init__(self, connection: Connection, program: Program, watch: Watch | None = None) -> None:
        self._program: Fiber | None = None  # in which the program runs
        super().__init__(connection, 0, program=program, forward=False, watch=watch)

    def run_program(self, work: Callable[[], None]) -> None:
        """Run `work` as the first task of this process, and whatever there is to do while it waits.

        Raises:
            BaseException: what `work` raised.
        """
        raised: list[BaseException] = []

        def body() -> None:
            self._program = self.fibers.current
            self.accounts.context = group = self.accounts.of_program()
            watched = work if self._watch is None else self._watch.wrap(work, group)
            try:
                watched()
            except BaseException as error:
                raised.append(error)
            self.fibers.stopped = True

        self.state.rested = False
        self.fibers.elsewhere(body)
        before = signal.signal(signal.SIGINT, self._interrupt)
        try:
            self.fibers.run()
        finally:
            signal.signal(signal.SIGINT, before)
            self._close_watch()
        if raised:
            raise raised[0]

    def settle(self) -> None:
        """Have the broker know of all that was done here, for those who watch the pool to the end."""
        with suppress(BrokerLost):
            self.accounts.tally(time.perf_counter())
            self.ask("running", timeout=1.0)  # the answer comes after the tally

    def _interrupt(self, signum: int, frame: FrameType | None) -> None:
        """Signal handler: an interrupt is for the program, whatever runs here now."""
        here = self.fibers.current
        if self._program is None or here is self._program:
            raise ProgramInterrupted
        elif any(isinstance(error, ProgramInterrupted) for _, error in list(self.fibers.ready)):
            # The second one, and what runs did not heed the first.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
        else:
            self.fibers.ready.appendleft((self._program, ProgramInterrupted()))
            self.link.nudge()
            self._interrupter.interrupt(lambda fiber: fiber is here)

    def _stop(self) -> None:
        self._lose()  # the program was not asked

    def _lose(self) -> None:
        self._give_up()
        for fiber in list(self.fibers.all):
            if fiber.parked:
                self.fibers.ready.append((fiber, None))


def run_program(
    program: Program,
    arguments: Sequence[str],
    n: int,
    name: str | None = None,
    *,
    preload: Sequence[str] = (),
    nice: int = 0,
    reports: Reports = NO_REPORTS,
    recruiting: Recruiting | None = None,
    beside: Callable[[Connection], AbstractContextManager[object]] = nullcontext,
) -> None:
    """Run a script as the root of a pool of n workers, of which this process is one; then end the pool.

    Args:
        program: the script.
        arguments: what it finds in `sys.argv` behind its own name.
        n: how many workers; with 1 all runs in this process.
        name: of the pool.
        preload: modules to import once, before the workers are forked.
        nice: added to the workers' niceness.
        reports: what this process and the workers write down.
        recruiting: how it gets workers on other hosts; the program begins when all have them.
        beside: is given the pool, and entered for as long as the script runs.

    Raises:
        StartFailed: there are no workers on some host; the message says why.
        BaseException: what the script raised.
    """
    sys.argv = [program.path if program.module else program.target, *arguments]
    program.prepare()
    os.environ.update(thread_limits(n, cpus(), os.environ))  # this process is one of the workers
    out = os.dup(1)
    try:
        with spawned(out) as process:
            connection = launch(
                process, n - 1, name, path=sys.path, program=program.target, module=program.module, out=out,
                preload=preload, first=1, nice=nice, reports=reports, recruiting=recruiting,
            )  # fmt: skip
    finally:
        os.close(out)
    origin = Origin(connection, program, new_watch(reports, "w0"))
    origin.size = n
    origin.recorded = bool(reports.timeline)
    current.engine = origin

    def work() -> None:
        try:
            program.run()
        finally:
            origin.settle()

    try:
        if recruiting is not None:
            _await_hosts(connection)
        with beside(connection):
            origin.run_program(work)
    finally:
        current.engine = None
        if origin.lost is None:
            origin.link.send(m.Stop())
        origin.link.close()
        reap(process, connection)


def _await_hosts(connection: Connection) -> None:
    """Wait until all hosts are there: a program that has begun can't be told any more which one is not."""
    client = Client(connection)
    try:
        client.connect()
        end = time.monotonic() + START_SECONDS
        while not (picture := client.picture())["pool"]["recruits"] or not all_called(picture):
            if time.monotonic() > end:
                raise StartFailed(f"Not all hosts have answered after {START_SECONDS:g} s.")
            time.sleep(0.02)
    finally:
        client.close()
