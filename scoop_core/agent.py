"""The agent: one process a host, which runs no user code and so always answers.

It starts and ends the host's workers through the fork server (which has no thread, so that it may fork), and is who
knows that a worker died, and of what.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING

import msgspec

from scoop_core import messages as m
from scoop_core.config import Launch
from scoop_core.files import remove_pool
from scoop_core.link import Link
from scoop_core.memory import pause
from scoop_core.processes import kill_group
from scoop_core.store import Shelf

if TYPE_CHECKING:
    from scoop_core.usage import Process

#: How often the workers' use of CPU and memory is looked at while somebody watches, in seconds.
USAGE_SECONDS = 1.0
#: The second look follows the first one sooner: only two tell how busy a worker is.
FIRST_SECONDS = 0.25
#: So much of its time an agent leaves to its workers for what they have begun: this share, and no more seconds.
LEAVE_SHARE = 0.1
LEAVE_SECONDS = 120.0
#: With more workers than this the proportional memory, which is slow to find, is left out for the resident one.
MANY = 64


def leave_seconds(seconds: float) -> float:
    """How long before its end an agent says that it leaves, if it may be there for so many seconds."""
    return min(LEAVE_SHARE * seconds, LEAVE_SECONDS)


class Order(msgspec.Struct, tag_field="what"):
    """The base of what agent and fork server tell each other."""


class Fork(Order, tag="fork"):
    number: int


class End(Order, tag="end"):
    number: int


class Forked(Order, tag="forked"):
    number: int
    pid: int


class Leave(Order, tag="leave"):
    """This host will be taken away soon: a signal says so, as to batch jobs."""


class Gone(Order, tag="gone"):
    number: int
    pid: int
    status: int
    begun: int
    peak: int


encode_order = msgspec.json.Encoder().encode
decode_order = msgspec.json.Decoder(Fork | End | Forked | Gone | Leave).decode


class Agent:
    """The agent of one host.

    Args:
        launch: the pool, as it is to be on this host.
        server: a datagram socket to the fork server, whose end it does not tell.
        lifeline: a descriptor whose end is that of the fork server.
    """

    def __init__(self, launch: Launch, server: socket.socket, lifeline: int) -> None:
        self._connection = launch.connection
        self._server = server
        self._limit = launch.memory_limit
        self._shelf = Shelf(launch.connection.shelf, "")
        self._leaves = time.monotonic() + launch.seconds - leave_seconds(launch.seconds) if launch.seconds else 0.0
        self._over: set[int] = set()  # workers that were ended because they used more
        self._told = False  # to stop
        self._workers: dict[int, Process] = {}
        self._observed = 0.0  # until when somebody watches
        self._due = 0.0  # when to look again
        name = launch.site or f"agent-{socket.gethostname()}"
        self._link = Link(launch.connection, name, self._handle, self._lose, self._duty, lifeline)
        self._link.start(alone=True)
        hello = m.Hello("agent", os.getpid(), socket.gethostname(), -1, launch.connection.shelf, launch.n)
        self._link.send(hello)

    def run(self) -> None:
        """Pass on what the fork server says, until it is gone."""
        data = self._server.recv(65536)
        # Only now, while the first workers start: this takes as long as they do, and no other process needs it.
        from scoop_core.usage import Process

        while data:
            order = decode_order(data)
            if isinstance(order, Forked):
                with contextlib.suppress(ProcessLookupError):  # it is gone already, as we shall hear
                    self._workers[order.number] = Process(order.pid)
                if self._limit:
                    self._link.nudge()
            elif isinstance(order, Gone):
                self._workers.pop(order.number, None)
                limit = self._limit if order.number in self._over else 0
                self._over.discard(order.number)
                self._link.send(m.Exited(order.number, order.pid, order.status, order.begun, order.peak, limit))
            elif isinstance(order, Leave):
                self._link.send(m.Leaving())
            data = self._server.recv(65536)
        if not self._told:  # the broker was killed, and perhaps the fork server too: then nobody else does this
            for process in self._workers.values():
                kill_group(process.pid)
            if self._connection.away:
                remove_pool(self._connection)

    def _handle(self, message: m.Header, frames: m.Frames) -> None:
        if isinstance(message, m.Spawn):
            self._order(Fork(message.number))
        elif isinstance(message, m.Kill):
            self._order(End(message.number))
        elif isinstance(message, m.Observe):
            self._observed = time.monotonic() + message.seconds
        elif isinstance(message, m.Store):
            fits = self._shelf.lay(message.segment, memoryview(frames[0]))
            self._link.send(m.Stored(message.segment, fits))
        elif isinstance(message, m.Discard):
            for segment in message.segments:
                self._shelf.discard(segment)
        elif isinstance(message, m.Stop):
            self._told = True
            self._lose()

    def _order(self, order: Fork | End) -> None:
        try:
            self._server.send(encode_order(order))
        except OSError:  # the fork server is ending, and with it the pool
            pass

    def _lose(self) -> None:
        """The pool ends: this process too; the fork server notices."""
        self._server.shutdown(socket.SHUT_RDWR)

    def _duty(self) -> float | None:
        waits = [wait for wait in (self._observe(), self._guard(), self._leave()) if wait is not None]
        return min(waits, default=None)

    def _leave(self) -> float | None:
        """Say in time that this host will be taken away; in how many seconds to look again."""
        if not self._leaves:
            return None
        left = self._leaves - time.monotonic()
        if left > 0:
            return left
        self._leaves = 0.0
        self._link.post(m.Leaving())
        return None

    def _guard(self) -> float | None:
        """End workers that use more memory than they may; in how many seconds to look again."""
        if not self._limit or not self._workers:
            return None
        most = 0
        for number, process in list(self._workers.items()):
            used = process.private()
            if used <= self._limit:
                most = max(most, used)
            elif number not in self._over:
                self._over.add(number)
                self._order(End(number))
        return pause(self._limit, most)

    def _observe(self) -> float | None:
        """Tell what workers use, while somebody watches; in how many seconds again."""
        now = time.monotonic()
        if now >= self._observed:
            return None
        if now >= self._due:
            first = now > self._due + USAGE_SECONDS
            self._due = now + (FIRST_SECONDS if first else USAGE_SECONDS)
            few = len(self._workers) <= MANY
            used = [(number, process.used(few)) for number, process in list(self._workers.items())]
            self._link.post(m.Usage(tuple((number, *row) for number, row in used if row)))
        return self._due - now
