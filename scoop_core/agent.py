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
from scoop_core.config import Connection
from scoop_core.link import Link
from scoop_core.memory import pause
from scoop_core.processes import kill_group

if TYPE_CHECKING:
    from scoop_core.usage import Process

#: How often the workers' use of CPU and memory is looked at while somebody watches, in seconds.
USAGE_SECONDS = 1.0
#: The second look follows the first one sooner: only two tell how busy a worker is.
FIRST_SECONDS = 0.25
#: With more workers than this the proportional memory, which is slow to find, is left out for the resident one.
MANY = 64


class Order(msgspec.Struct, tag_field="what"):
    """The base of what agent and fork server tell each other."""


class Fork(Order, tag="fork"):
    number: int


class End(Order, tag="end"):
    number: int


class Forked(Order, tag="forked"):
    number: int
    pid: int


class Gone(Order, tag="gone"):
    number: int
    pid: int
    status: int
    begun: int
    peak: int


encode_order = msgspec.json.Encoder().encode
decode_order = msgspec.json.Decoder(Fork | End | Forked | Gone).decode


class Agent:
    """The agent of one host.

    Args:
        connection: the pool.
        server: a datagram socket to the fork server.
        limit: bytes of memory that a worker may use; 0 for no limit.
    """

    def __init__(self, connection: Connection, server: socket.socket, limit: int = 0) -> None:
        self._server = server
        self._limit = limit
        self._over: set[int] = set()  # workers that were ended because they used more
        self._told = False  # to stop
        self._workers: dict[int, Process] = {}
        self._observed = 0.0  # until when somebody watches
        self._due = 0.0  # when to look again
        self._link = Link(connection, f"agent-{socket.gethostname()}", self._handle, self._lose, self._duty)
        self._link.start()
        self._link.send(m.Hello("agent", os.getpid(), socket.gethostname()))

    def run(self) -> None:
        """Pass on what the fork server says, until it is gone."""
        # Here, while the first workers start: this takes as long as they do, and no other process needs it.
        from scoop_core.usage import Process

        while data := self._server.recv(65536):
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
        if not self._told:  # the broker was killed, and perhaps the fork server too: then nobody else does this
            for process in self._workers.values():
                kill_group(process.pid)

    def _handle(self, message: m.Header, frames: m.Frames) -> None:
        if isinstance(message, m.Spawn):
            self._order(Fork(message.number))
        elif isinstance(message, m.Kill):
            self._order(End(message.number))
        elif isinstance(message, m.Observe):
            self._observed = time.monotonic() + message.seconds
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
        waits = [wait for wait in (self._observe(), self._guard()) if wait is not None]
        return min(waits, default=None)

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
