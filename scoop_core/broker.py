"""The broker process: carries out what `BrokerState` decides. It never unpickles."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable
from math import inf
from typing import Any

import msgspec

from scoop_core import messages as m
from scoop_core.broker_state import BrokerState
from scoop_core.config import Connection, Launch
from scoop_core.courier import Carry, Courier, Inline, named
from scoop_core.distant import Deposits
from scoop_core.files import remove_pool
from scoop_core.ledger import Send
from scoop_core.link import open_hub
from scoop_core.plan import rooms
from scoop_core.processes import kill_group, open_pid
from scoop_core.store import Shelf

#: Who has ended is heard out within this time, on the broker's host; of others the end of the connection is awaited.
EXIT_SECONDS = 0.001
#: How often it is looked what need not lie on other hosts any more, in seconds.
SPARE_SECONDS = 1.0


class Broker:
    """One pool's broker.

    Args:
        launch: the pool.
        lifeline: a descriptor whose end means: the pool ends.
        ready: called with the connection by which peers reach it.
    """

    def __init__(self, launch: Launch, lifeline: int, ready: Callable[[Connection], None]) -> None:
        self._hub = open_hub(launch.connection, launch.server_secret)
        self._hub.watch(lifeline)
        self._lifeline = lifeline
        self._connection = launch.connection
        self._pids: dict[int, str] = {}  # descriptors of peers on this host that nobody else watches
        self._host = socket.gethostname()
        shown = {
            "id": launch.connection.id,
            "pid": os.getpid(),
            "started": time.time(),
            "root": launch.connection.pid,
        }
        here = None
        if launch.recruiting is not None:
            here = rooms(list(launch.recruiting.hosts), launch.n).get("", 0)
        shelf = launch.connection.shelf
        self._deposits = Deposits(Shelf(shelf, "broker"))
        self._courier = Courier(shelf)
        self.state = BrokerState(launch.connection.name, self._send, shown, launch.n, launch.first, here, shelf)
        self._handlers: dict[type, Callable[[str, Any, m.Frames], None]] = {
            m.Hello: self._enter, m.Stored: self._stored, m.Store: self._store, m.Discard: self._discard,
        }  # fmt: skip
        self._looked = 0.0  # when it was last asked what need not lie on other hosts any more
        ready(msgspec.structs.replace(launch.connection, remote=self._hub.remote))

    def run(self) -> None:
        """Serve until the pool is told to stop, or nobody is left who needs it."""
        state = self.state
        # Ends of workers, as their agents tell. What a worker had said before it ended is here by then, but perhaps
        # not read yet; so each waits until the worker was heard out. Else its last outcomes would be taken for lost.
        exits: list[tuple[str, m.Exited]] = []
        while not state.stopping:
            deadline = time.time() + EXIT_SECONDS if exits else state.deadline()
            if self._courier.away and self._courier.busy:
                deadline = min(self._looked + SPARE_SECONDS, deadline or inf)
            ended = self._hub.wait(None if deadline is None else deadline - time.time())
            if self._lifeline in ended:
                self._kill_workers()
                break
            for fd in ended:
                self._leave(self._pids[fd])
            late, exits = exits, []
            for peer, header, frames in self._hub.messages():
                if isinstance(header, m.Exited):
                    exits.append((peer, header))
                else:
                    self._handle(peer, header, frames)
            for peer, header in late:
                if self._hub.is_heard_out(f"w{header.number}"):
                    state.handle(peer, header, [], time.time())
                else:
                    exits.append((peer, header))
            for peer in self._hub.gone():
                self._leave(peer)
            state.garbage = self._hub.garbage
            state.tick(time.time())
            if self._courier.away and self._courier.busy and time.time() >= self._looked + SPARE_SECONDS:
                self._looked = time.time()
                self._carry(self._courier.spare(self._deposits.holds))
        for peer, role in state.ledger.peers.items():
            if role != "root":
                self._hub.send(peer, m.Stop(), [])
        self._hub.close()
        remove_pool(self._connection)  # the fork server does that too, if it is still there

    def _handle(self, peer: str, header: m.Header, frames: m.Frames) -> None:
        handler = self._handlers.get(type(header))
        if handler is None:
            self.state.handle(peer, header, frames, time.time())
        else:
            handler(peer, header, frames)

    def _enter(self, peer: str, hello: m.Hello, frames: m.Frames) -> None:
        self._watch(peer, hello)
        self._courier.enter(peer, hello)
        self.state.handle(peer, hello, frames, time.time())

    def _stored(self, peer: str, message: m.Stored, frames: m.Frames) -> None:
        self._carry(self._courier.stored(peer, message))

    def _store(self, peer: str, message: m.Store, frames: m.Frames) -> None:
        self._deposits.lay(peer, message.segment, frames)

    def _discard(self, peer: str, message: m.Discard, frames: m.Frames) -> None:
        self._deposits.discard(peer, message.segments)

    def _kill_workers(self) -> None:
        """The fork server was killed. So are its workers then, but not what these have started."""
        for worker in self.state.ledger.workers.values():
            if worker.agent and worker.pid and worker.host == self._host:
                kill_group(worker.pid)

    def _watch(self, peer: str, hello: m.Hello) -> None:
        """Notice the end of a root, or of a program that is a worker itself, if it is on this host."""
        origin = hello.role == "worker" and peer not in self.state.ledger.workers
        if (
            (hello.role == "root" or origin)
            and hello.shelf == self._connection.shelf
            and peer not in self._pids.values()
        ):
            fd = open_pid(hello.pid)
            if fd is not None:
                self._pids[fd] = peer
                self._hub.watch(fd)

    def _leave(self, peer: str) -> None:
        """A peer's process or its connection has ended."""
        for fd in [fd for fd, name in self._pids.items() if name == peer]:
            del self._pids[fd]
            self._hub.unwatch(fd)
            os.close(fd)
        self._courier.leave(peer)
        self.state.leave(peer, time.time())
        constants = self.state.ledger.constants.values()
        self._deposits.leave(peer, {place.name for parcel, _ in constants for place in parcel.buffers if place})

    def _send(self, to: str, header: m.Header, frames: m.Frames) -> None:
        if to in self._courier.away:
            self._carry(self._courier.send(Send(to, header, frames)))
        elif self._deposits.kept and self._deposits.keeps(named(header)):
            self._inline(Send(to, header, frames), take=False)
        else:
            self._hub.send(to, header, frames)

    def _carry(self, steps: Iterable[Send | Carry | Inline]) -> None:
        for step in steps:
            if isinstance(step, Carry):
                self._hub.send(step.agent, m.Store(step.segment), [self._deposits.get(step.segment, take=False)])
            elif isinstance(step, Inline):
                self._inline(step.send, step.take)
            else:
                self._hub.send(step.to, step.header, step.frames)

    def _inline(self, send: Send, take: bool) -> None:
        """Send a message with its segments as frames."""
        header: Any = send.header
        rest = iter(send.frames)
        taken: dict[str, Any] = {}
        frames = []
        for place in header.parcel.buffers:
            if place is None:
                frames.append(next(rest))
            else:
                if place.name not in taken:
                    taken[place.name] = self._deposits.get(place, take)
                frames.append(taken[place.name])
        parcel = m.Parcel(header.parcel.data, (None,) * len(frames))
        self._hub.send(send.to, msgspec.structs.replace(header, parcel=parcel), frames)
