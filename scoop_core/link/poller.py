"""Waiting for descriptors."""

from __future__ import annotations

import os
import select
from time import perf_counter

from scoop_core.hosts import cpus

#: An answer within this time is a quick one, in seconds.
QUICK = 0.001
#: Who has been answered quickly looks again and again for the next answer before it sleeps, for so many seconds. To
#: be woken takes longer than all else in a round trip (on a virtual machine, where a processor that has nothing to do
#: is given away, 0.1 ms and more), and in each round trip four processes would be, one after the other. Who looks
#: keeps a processor busy, and gives way to others of it more slowly than who sleeps: so all may look only where there
#: are three, for a program, the broker and a worker; on two, the broker alone does, as it is in every hop.
SPIN = 0.0005
#: After a look that was in vain it takes twice as many quick answers in a row until the next; so many at the most.
WARY = 64


def milliseconds(seconds: float | None) -> int | None:
    """As `poll` wants it: not less than meant, or it would be called again and again."""
    return None if seconds is None else max(0, int(seconds * 1000) + 1)


class Poller:
    """Waits for any of several descriptors.

    Args:
        spare: on so many processors it only ever sleeps: whoever it waits for needs them.
    """

    def __init__(self, spare: int) -> None:
        poll = select.poll()  # with few descriptors it is faster than `epoll`
        self._poll = poll.poll
        self.modify = poll.modify
        self.unregister = poll.unregister
        self._register = poll.register
        self._quick = 0  # waits in a row that were short
        self._needed = 1  # so many before looking is worth while
        self._sleeps = cpus() <= spare

    def register(self, fd: int, events: int = select.POLLIN) -> None:
        """Wait for this one too."""
        self._register(fd, events)

    def wait(self, seconds: float | None, sleepy: bool = False) -> list[tuple[int, int]]:
        """Wait until there are events, for `seconds` at most.

        Args:
            seconds: None waits for ever.
            sleepy: sleep at once: others need the processor, or the interpreter.
        """
        began = perf_counter()
        if self._quick >= self._needed and not (sleepy or self._sleeps) and (seconds is None or seconds > SPIN):
            end = began + SPIN
            while perf_counter() < end:
                events = self._poll(0)
                if events:
                    if self._needed > 1:
                        self._needed -= 1
                    return events
                os.sched_yield()
            self._needed = min(2 * self._needed, WARY)
        events = self._poll(milliseconds(seconds))
        self._quick = self._quick + 1 if events and perf_counter() - began < QUICK else 0
        return events
