"""The first process of a pool on a host: it forks all others, and sees to it that none is left.

It has imported once what every process of the pool needs; it has no thread, so it may fork at any time, and its
children share its memory. It ends, with all its children, when its standard input does (whoever started the pool is
gone), or when the broker or the agent does.

On other hosts than the broker's it is the same but for that there is none (see `away`).
"""

from __future__ import annotations

import gc
import importlib
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from io import TextIOWrapper
from mmap import mmap

import msgspec

from scoop_core import logs, processes
from scoop_core.agent import Agent, End, Fork, Forked, Gone, Leave, decode_order, encode_order
from scoop_core.broker import Broker
from scoop_core.config import RECALL_SECONDS, STOP_GRACE, STOPPED_SECONDS, Connection, Launch
from scoop_core.current import current
from scoop_core.files import remove_pool, write_connection
from scoop_core.hosts import cpus
from scoop_core.program import Program
from scoop_core.threads import thread_limits
from scoop_core.watching import new_watch
from scoop_core.worker import Worker

#: Seconds that workers get to end by themselves when the broker has; and when they have reports to write.
WORKER_GRACE = 0.2
REPORT_GRACE = 2.0

#: By these a batch system says that a job will be ended: to its first process, or to all that it has.
WARNINGS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def _ignore(*_: object) -> None:
    """Unlike SIG_IGN, this is not passed on to programs that tasks start."""


class ForkServer:
    """Forks, waits for and ends the processes of a pool on this host.

    Args:
        launch: the pool.
        held: whether the end of the standard input ends all.
    """

    def __init__(self, launch: Launch, held: bool = True) -> None:
        self._launch = launch
        self._held = held
        self._connection = launch.connection
        # Nobody writes to it: children see its end when this process is gone.
        self._lifeline, self._hold = os.pipe()
        self._signals, wakeup = os.pipe()
        os.set_blocking(wakeup, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakeup)
        self._orders, self._agent_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._vital: set[int] = set()  # broker, agent and recruiter
        self._recruiter = 0
        self._workers: dict[int, tuple[int, mmap]] = {}  # by pid: number and board
        self._stopped: dict[int, float] = {}  # workers that somebody has stopped (SIGSTOP): until when they may be
        self._ending = False
        self._leaving = False  # somebody says that this host will be taken away
        for signum in WARNINGS if self._connection.away else ():
            signal.signal(signum, self._note_leave)

    def run(self) -> None:
        """From the first fork to the last wait."""
        try:
            self._start()
            self._serve()
        finally:
            self._end()

    def _start(self) -> None:
        if not self._connection.away:
            self._open()
        self._vital.add(self._fork(self._be_agent))
        self._agent_end.close()
        if self._connection.away:
            return  # it has imported all before it had a file
        try:
            preload(self._launch)  # meanwhile these two find each other
        except BaseException:
            for pid in self._vital:
                processes.kill_group(pid)
            raise
        print(msgspec.json.encode(self._connection).decode(), flush=True)

    def _note_leave(self, *_: object) -> None:
        self._leaving = True

    def _open(self) -> None:
        """Have a broker, by which the pool is found."""
        told, tell = os.pipe()
        self._vital.add(self._fork(lambda: self._be_broker(tell)))
        os.close(tell)
        with os.fdopen(told) as pipe:
            connection = pipe.read()
        if not connection:
            raise RuntimeError("the broker could not be started")
        self._connection = msgspec.json.decode(connection, type=Connection)
        self._launch = msgspec.structs.replace(self._launch, connection=self._connection)
        write_connection(self._connection)
        if self._launch.recruiting is not None:
            self._recruiter = self._fork(self._be_recruiter)
            self._vital.add(self._recruiter)

    def _be_broker(self, tell: int) -> None:
        def ready(connection: Connection) -> None:
            os.write(tell, msgspec.json.encode(connection))
            os.close(tell)

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)  # every peer takes one or two
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self._log_as("broker")
        processes.take_short_turns()  # each worker that has nothing to do waits for it
        Broker(self._launch, self._lifeline, ready).run()

    def _be_agent(self) -> None:
        self._orders.close()
        self._log_as("agent")
        Agent(self._launch, self._agent_end, self._lifeline).run()

    def _be_recruiter(self) -> None:
        self._orders.close()
        self._log_as("recruiter")
        # Here, as it is seldom needed.
        from scoop_core.recruiter import Recruiter

        Recruiter(self._launch, self._lifeline).run()

    def _be_worker(self, number: int, board: mmap) -> None:
        self._orders.close()
        processes.detach_input()
        processes.die_with_parent()
        if self._launch.nice:
            os.nice(self._launch.nice)
        launch = self._launch
        program = Program(launch.program, launch.module) if launch.program else None
        name = f"w{number}"
        self._log_as(name)
        watch = new_watch(launch.reports, name)
        worker = Worker(self._connection, number, board, self._lifeline, program, launch.forward, watch)
        worker.size = max(1, launch.size)
        worker.recorded = bool(launch.reports.timeline)
        if not launch.forward and isinstance(sys.stdout, TextIOWrapper):
            # Whole lines, also where Python is told not to buffer: others write to the same stream.
            sys.stdout.reconfigure(line_buffering=True, write_through=False)
        if program is not None:
            # There is no engine yet: what a script without a guard does at its top level runs here, serially.
            worker.import_program(program)
        current.engine = worker
        worker.run()

    def _log_as(self, name: str) -> None:
        reports = self._launch.reports
        if reports.level:
            logs.set_up(name, reports.level, reports.log)

    def _fork(self, child: Callable[[], None]) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for signum in WARNINGS if self._connection.away else ():
                signal.signal(signum, _ignore)
            os.setpgid(0, 0)
            os.close(self._hold)
            os.close(self._signals)
            # What the starter reads from belongs to the fork server: its end is a message.
            os.dup2(2 if self._launch.stdout < 0 else self._launch.stdout, 1)
            child()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _serve(self) -> None:
        poll = select.poll()
        # Processes that the starter has forked may hold its end of our standard input open.
        starter = None if self._connection.away else processes.open_pid(self._connection.pid)
        for fd in (0 if self._held else None, self._signals, self._orders.fileno(), starter):
            if fd is not None:
                poll.register(fd, select.POLLIN)
        while not self._ending:
            for fd, _ in poll.poll(self._patience()):
                if fd == 0:
                    if not os.read(0, 4096):
                        self._ending = True
                elif fd == starter:
                    self._ending = True
                elif fd == self._signals:
                    os.read(fd, 4096)
                    if self._leaving:
                        self._leaving = False
                        self._tell(Leave())
                    self._reap()
                else:
                    self._obey(self._orders.recv(65536))

    def _patience(self) -> int | None:
        """End workers that were stopped for too long; in how many milliseconds to look again."""
        now = time.monotonic()
        for pid in [pid for pid, until in self._stopped.items() if until <= now]:
            del self._stopped[pid]
            processes.kill_group(pid)
        return int((min(self._stopped.values()) - now) * 1000) + 1 if self._stopped else None

    def _obey(self, data: bytes) -> None:
        if not data:
            self._ending = True
            return
        order = decode_order(data)
        if isinstance(order, Fork):
            board = mmap(-1, 4096)
            pid = self._fork(lambda: self._be_worker(order.number, board))
            self._workers[pid] = (order.number, board)
            self._tell(Forked(order.number, pid))
        elif isinstance(order, End):
            for pid, (number, _) in self._workers.items():
                if number == order.number:
                    processes.kill_group(pid)

    def _tell(self, order: Forked | Gone | Leave) -> None:
        try:
            self._orders.send(encode_order(order))
        except OSError:
            self._ending = True

    def _reap(self) -> None:
        while self._vital or self._workers:
            try:
                pid, code, usage = os.wait4(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if os.WIFSTOPPED(code):
                if pid in self._workers:
                    self._stopped[pid] = time.monotonic() + STOPPED_SECONDS
                continue
            self._stopped.pop(pid, None)
            if os.WIFCONTINUED(code):
                continue
            self._note(pid, os.waitstatus_to_exitcode(code), usage)

    def _note(self, pid: int, status: int, usage: resource.struct_rusage) -> None:
        if pid in self._vital:
            self._vital.remove(pid)
            self._ending = True
            processes.kill_group(pid)  # connections to other hosts
        elif pid in self._workers:
            number, board = self._workers.pop(pid)
            processes.kill_group(pid)  # what it had started
            begun = struct.unpack_from("<Q", board, 0)[0]
            board.close()
            self._tell(Gone(number, pid, status, begun, usage.ru_maxrss * 1024))

    def _end(self) -> None:
        """End all children: a moment for those that are about to, then by force. Take away all files."""
        remove_pool(self._connection)  # first of all the one by which it is found
        self._orders.close()
        if self._recruiter in self._vital:
            os.kill(self._recruiter, signal.SIGTERM)
        reports = self._launch.reports
        grace = REPORT_GRACE if reports.profile or reports.timeline else WORKER_GRACE
        soon = time.monotonic() + max(grace, STOP_GRACE if self._vital else 0.0)
        until = soon + (RECALL_SECONDS if self._connection.remote else 0.0)
        while (self._vital or self._workers) and time.monotonic() < until:
            self._reap()
            if self._recruiter not in self._vital:
                until = min(until, soon)
            if not self._vital and self._workers:
                until = min(until, time.monotonic() + grace)
            select.select([self._signals], [], [], 0.02)
        for pid in (*self._vital, *self._workers):
            processes.kill_group(pid)
        for pid in (*self._vital, *self._workers):
            os.waitpid(pid, 0)
        remove_pool(self._connection)


def main() -> None:
    """Read the launch from standard input, and run the pool."""
    if not (line := sys.stdin.buffer.readline()):
        return  # there will be none
    launch = msgspec.json.decode(line, type=Launch)
    os.chdir(launch.cwd)
    prepare(launch)
    ForkServer(launch).run()


def prepare(launch: Launch) -> None:
    """Make this process what all others are to be like."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for roots; workers have a use of their own for it
    sys.path[:] = launch.path or sys.path
    sys.argv[:] = launch.argv
    os.environ.update(thread_limits(launch.n, cpus(), os.environ))
    gc.freeze()  # what is there now stays shared with the children
    gc.enable()


def preload(launch: Launch) -> None:
    """Import what all workers will need, so that they share it. Raises whatever an import raises."""
    gc.disable()
    for module in launch.preload:
        importlib.import_module(module)
    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    main()
