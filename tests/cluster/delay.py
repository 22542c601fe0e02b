"""A wire with a delay: copies frames between two network interfaces. Kernels without netem have no other.

Run by the fixture, in the network namespace of the interfaces: ``python delay.py ONE OTHER SECONDS``.
"""

from __future__ import annotations

import collections
import select
import socket
import sys
import time

ALL_FRAMES = 3  # ETH_P_ALL
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
LONGEST_FRAME = 65_600
ROOM = 8 << 20  # of a socket's buffer, in bytes


def tap(interface: str) -> socket.socket:
    """All frames that come in from an interface, and the way out to it."""
    found = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_FRAMES))
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
    found.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    found.bind((interface, 0))
    found.setblocking(False)
    return found


def copy(one: socket.socket, other: socket.socket, seconds: float) -> None:
    """Bring each frame to the other end, so many seconds later; without end."""
    opposite = {one.fileno(): (one, other), other.fileno(): (other, one)}
    poller = select.poll()
    for descriptor in opposite:
        poller.register(descriptor, select.POLLIN)
    under_way: collections.deque[tuple[float, socket.socket, bytes]] = collections.deque()
    while True:
        now = time.monotonic()
        while under_way and under_way[0][0] <= now:
            _, exit, frame = under_way.popleft()
            try:
                exit.send(frame)
            except OSError:  # the interface is down, or its queue is full: a wire loses such a frame, too
                pass
        pause = max(0.0, under_way[0][0] - now) * 1e3 if under_way else None
        for descriptor, _ in poller.poll(pause):
            entry, exit = opposite[descriptor]
            for _ in range(64):
                try:
                    frame = entry.recv(LONGEST_FRAME)
                except OSError:  # nothing more, or the interface went down
                    break
                under_way.append((time.monotonic() + seconds, exit, frame))


if __name__ == "__main__":
    taps = tap(sys.argv[1]), tap(sys.argv[2])
    print("there", flush=True)
    copy(*taps, float(sys.argv[3]))
