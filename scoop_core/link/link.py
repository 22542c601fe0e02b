"""Everybody else's end of the wire, served in turns.

A socket must not be used by two threads at once, and a hand-over between threads costs more than a task may. So a
thread that waits for something serves the socket itself (no hand-over: this is what makes a round trip fast); while
nobody waits, an IO thread does, so that a busy worker still shares its queue and a busy notebook still receives. The
IO thread keeps out of the way while turns are short: it looks every few milliseconds whether one is in progress, and
sleeps for good during a long one.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from threading import get_ident

from scoop_core import messages as m
from scoop_core.config import INTERRUPT_SECONDS, TURN_SECONDS, Connection
from scoop_core.link.end import BadStream, Raw
from scoop_core.link.poller import Poller
from scoop_core.link.shield import Shield
from scoop_core.link.wires import open_end

_log = logging.getLogger("scoop")

Handler = Callable[[m.Header, m.Frames], None]

#: What was posted this long ago leaves with the next that is posted, in seconds: who packs for long should not keep
#: all others waiting.
LATE = 0.005
#: The last messages of a peer may take so many seconds to leave.
LINGER = 0.5


class Link:
    """A peer's end, served in turns (see the module).

    Args:
        connection: the pool.
        name: the peer's own, by which the broker tells it apart.
        handler: called for every message, by whatever thread has its turn.
        lost: called once, when the broker is gone (or the `lifeline` ends); no message comes after it.
        duty: called by the serving thread before it waits, to do what is due; returns in how many seconds it
            wants to be called again, or None.
        lifeline: a descriptor whose end means the same as the loss of the broker.
        shielded: hold back KeyboardInterrupt while a message is handled (see `Shield`).
        connected: see `open_end`.
    """

    def __init__(
        self,
        connection: Connection,
        name: str,
        handler: Handler,
        lost: Callable[[], None],
        duty: Callable[[], float | None] | None = None,
        lifeline: int | None = None,
        shielded: bool = True,
        connected: socket.socket | None = None,
    ) -> None:
        self.name = name
        self._handler = handler
        self._lost = lost
        self._duty = duty
        self._lifeline = lifeline
        self._shielded = threading.main_thread().ident if shielded else None  # the thread that interrupts strike
        self._end = end = open_end(connection, name, connected)
        self._inbox: deque[Raw] = deque()
        self._bell, self._ring = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(self._ring, False)
        self._poller = Poller(spare=2)
        for fd in (*end.descriptors, self._bell, lifeline):
            if fd is not None:
                self._poller.register(fd)
        self._unread = True  # there may be something to read: its descriptor said so (or it has ended at once)
        self._blocked = False  # the end is waiting, and its descriptor registered for that
        self._outbox: deque[tuple[m.Header, m.Frames]] = deque()
        self._posted = 0.0  # when the first in the outbox was
        # Taken behind a `Shield` (but at the end), or an interrupt could strike between taking it and the `try` that
        # gives it back.
        # Reentrant, because who has its turn also sends, and may look for messages.
        self._mutex = threading.RLock()
        # Held while something is sent: where that needs no turn, a busy thread need not wake the one that serves.
        self._writing = threading.RLock() if end.duplex else self._mutex
        self._server = 0  # the thread whose turn it is
        self._turns = 0  # counts beginnings and ends of turns
        self._serving = False  # a turn of a thread other than the IO thread is in progress
        self._arrived = threading.Condition()  # for threads that wait while another serves
        self._waiting = 0
        self._takers = 0  # threads that wait for the IO thread to leave
        self._alarm = threading.Semaphore(0)
        self._asleep = False
        self._nudged = False  # the bell rings because of `nudge`
        self._closed = False
        self._alone = False
        self.alive = True
        self._over = False  # it is not alive, and `lost` has been called
        self._thread = threading.Thread(target=self._run, name=f"scoop-io-{name}", daemon=True)

    def start(self, alone: bool = False) -> None:
        """Have the IO thread serve while nobody else does; at once, if nobody will (`alone`). From now on the handler
        and the duty may be called at any moment, so whoever owns the link first makes all that they need."""
        self._alone = alone
        self._thread.start()

    # ---- sending -----------------------------------------------------------------------------------------------

    def send(self, header: m.Header, frames: m.Frames | None = None) -> None:
        """Send now, or as soon as the thread that has its turn is woken."""
        self._outbox.append((header, frames or []))
        self.flush()

    def post(self, header: m.Header, frames: m.Frames | None = None) -> None:
        """Send with the next flush; or now, if much is posted and the first of it has waited for long enough."""
        now = time.monotonic()
        if not self._outbox:
            self._posted = now
        self._outbox.append((header, frames or []))
        if now - self._posted > LATE:
            self.flush()

    def flush(self) -> None:
        """Send what was posted; by the serving thread, if another sends right now."""
        if self._server == get_ident():
            self._flush()
            return
        # An interrupt between sending and noting it would garble all that follows.
        shield = Shield() if self._shielded == get_ident() else None
        try:
            while self._outbox:  # again, if something came while the lock was being released
                if not self._writing.acquire(blocking=False):
                    self._wake()
                    return
                try:
                    self._flush()
                finally:
                    self._writing.release()
        finally:
            if shield is not None:
                shield.end()

    def _flush(self) -> None:
        outbox, end = self._outbox, self._end
        if not outbox and not end.waiting:
            return
        with self._writing:
            while outbox:
                header, frames = outbox.popleft()
                end.put(m.encode_any(header), frames)
            end.flush()
            if end.waiting != self._blocked and end.descriptors:
                self._blocked = end.waiting
                self._poller.modify(end.descriptors[0], select.POLLIN | (select.POLLOUT if self._blocked else 0))
                if self._server != get_ident():
                    self._wake()  # whoever serves does not know yet that there is more to send

    def _wake(self) -> None:
        try:
            os.write(self._ring, b"!")
        except (BlockingIOError, OSError):  # it has been rung often enough, or is closed
            pass

    # ---- turns -------------------------------------------------------------------------------------------------

    def serve(self, until: Callable[[], bool], timeout: float | None = None) -> bool:
        """Serve the socket, or wait while another thread does, until `until()` is true.

        A KeyboardInterrupt is let through while this thread waits, and held back while it handles a message.

        Args:
            until: checked after every message; must be cheap.
            timeout: in seconds; None waits for ever.

        Returns:
            Whether `until()` is true.
        """
        __tracebackhide__ = True
        if until():
            return True
        end = None if timeout is None else time.monotonic() + timeout
        shield = Shield() if self._shielded == get_ident() else None
        try:
            if self._server == get_ident():  # in a callback, within a turn
                return self._serve(until, end, shield)
            while True:
                if self._over or self._closed or (end is not None and time.monotonic() >= end):
                    return until()
                if self._take(end, shield):
                    try:
                        if self._serve(until, end, shield):
                            return True
                    finally:
                        self._leave()
                elif until():
                    return True
        finally:
            if shield is not None:
                shield.end()

    def _take(self, end: float | None, shield: Shield | None) -> bool:
        """Begin a turn; or, where another thread has a long one, wait until something has happened."""
        if not self._mutex.acquire(blocking=False):
            if self._serving:
                self._wake()
                with self._arrived:
                    self._waiting += 1
                    try:
                        if shield is not None:
                            shield.lower()
                        self._arrived.wait(0.05 if end is None else min(0.05, max(0.0, end - time.monotonic())))
                        if shield is not None:
                            shield.lift()
                    finally:
                        self._waiting -= 1
                return False
            self._takers += 1
            self._wake()  # only now: the IO thread looks for takers once it is awake
            try:
                # It leaves at once; but another thread may be faster, and have a long turn.
                if not self._mutex.acquire(timeout=0.05):
                    return False
            finally:
                self._takers -= 1
        self._server = get_ident()
        self._serving = True
        self._turns += 1
        return True

    def _leave(self) -> None:
        self._serving = False
        self._server = 0
        self._turns += 1
        self._mutex.release()
        if self._asleep:
            self._asleep = False
            self._alarm.release()
        if self._waiting:
            with self._arrived:
                self._arrived.notify_all()

    def _serve(self, until: Callable[[], bool], end: float | None, shield: Shield | None) -> bool:
        __tracebackhide__ = True
        while True:
            if self._unread or self._inbox:
                self._receive()
            if until():
                return True
            if not self.alive or self._closed:
                return until()
            if self._waiting:
                with self._arrived:
                    self._arrived.notify_all()
            wait = self._duty() if self._duty else None
            self._flush()
            if end is not None:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                wait = left if wait is None else min(wait, left)
            if shield is not None:
                # An interrupt between Python's last look for one and the system call does not end the wait.
                wait = INTERRUPT_SECONDS if wait is None else min(wait, INTERRUPT_SECONDS)
            if self._end.ready():
                self._unread = True
                continue
            if shield is not None:
                shield.lower()
            events = self._poller.wait(wait)
            if shield is not None:
                shield.lift()
            self._attend(events)

    def _run(self) -> None:
        """The IO thread."""
        pause = 0.0 if self._alone else TURN_SECONDS
        while not self._closed:
            turns = self._turns
            time.sleep(pause)
            pause = TURN_SECONDS
            if self._turns != turns:
                continue
            if self._serving:
                self._asleep = True
                if self._serving:
                    self._alarm.acquire()
                self._asleep = False
                continue
            with self._mutex:
                if not self._serving:
                    self._server = get_ident()
                    try:
                        self._keep_serving()
                    finally:
                        self._server = 0

    def _keep_serving(self) -> None:
        """The IO thread's turn: until another thread wants one."""
        while not self._takers and not self._closed:
            if self._unread or self._inbox:
                self._receive()
            wait = self._duty() if self._duty else None
            self._flush()
            if self._waiting:
                with self._arrived:
                    self._arrived.notify_all()
            if not self.alive:
                return
            if self._end.ready():
                self._unread = True
            else:
                self._attend(self._poller.wait(wait, sleepy=True))

    def nudge(self) -> None:
        """Have the duty done soon, by whoever has the next turn."""
        if not self._nudged:
            self._nudged = True
            self._wake()

    def poll(self) -> None:
        """Handle what has arrived, without waiting; nothing if another thread has its turn."""
        shield = Shield() if self._shielded == get_ident() else None
        try:
            if self._mutex.acquire(blocking=False):
                before, self._server = self._server, get_ident()
                try:
                    self._receive()
                    self._flush()
                finally:
                    self._server = before
                    self._mutex.release()
        finally:
            if shield is not None:
                shield.end()

    # ---- receiving ---------------------------------------------------------------------------------------------

    def _receive(self) -> None:
        inbox = self._inbox  # the same for all: a handler that waits takes from it what came behind its own message
        self._unread = False
        try:
            inbox.extend(self._end.read())
        except BadStream:
            self._end.ended = True
        while inbox and not self._closed:
            raw, frames = inbox.popleft()
            try:
                header = m.decode(raw)
            except m.BadMessage:
                continue  # only the broker writes here, and of the same version
            try:
                self._handler(header, frames)
            except Exception:  # of a callback, or a mistake of ours: the messages after this one still matter
                _log.exception("while handling %s", type(header).__name__)
        if self._end.ended:
            self._give_up()

    def _attend(self, events: list[tuple[int, int]]) -> None:
        """React to what ended the wait, other than a message."""
        for fd, _ in events:
            if fd == self._bell:
                try:
                    os.read(self._bell, 4096)
                except BlockingIOError:
                    pass
                self._nudged = False  # only now, or a nudge could be taken for rung whose byte was just read
            elif fd == self._lifeline:
                self._poller.unregister(self._lifeline)
                self._give_up()
            else:
                self._unread = True

    def _give_up(self) -> None:
        if self.alive:
            self.alive = False
            try:
                self._lost()
            finally:
                self._over = True  # only now, or who waits in another thread would not see what became of it

    def close(self) -> None:
        """End; what was sent before still goes out."""
        if self._closed:
            return
        self._closed = True
        self._alarm.release()
        self._wake()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(2)
        with self._mutex:
            self._flush()
            self._end.close(LINGER)
        os.close(self._bell)
        os.close(self._ring)
