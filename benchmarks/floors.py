"""What this machine allows: the same steps without a pool around them, a measure for what any pool can reach.

    python -m benchmarks.floors

A task that goes to another process wakes it and is waited for; workers have to import what they run with; arrays
have to be written to shared memory.
"""

from __future__ import annotations

import argparse
import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from statistics import median
from typing import Any

import scoop
from benchmarks.tasks import tree, zeros
from scoop import futures, shared
from scoop_core.hosts import processors

MEGABYTES = 200
PACKET = 1 << 16
_DOUBLE = struct.Struct("d")


def seconds(work: Callable[[], object], repeat: int = 5) -> float:
    """The median of so many runs."""
    took = []
    for _ in range(repeat):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return median(took)


def start_of_python(code: str) -> float:
    """Seconds that a new interpreter takes to run this."""
    return seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True))


def round_trip(between: int = 1, repeat: int = 2000) -> float:
    """Seconds for a byte to another process and back, with so many processes on the way, each of which sleeps
    until it comes."""
    pairs = [socket.socketpair() for _ in range(between + 1)]
    children = []
    for place in range(between + 1):
        child = os.fork()
        if not child:
            back = pairs[place][1]
            further = pairs[place + 1][0] if place < between else None
            for near, far in pairs:
                for end in (near, far):
                    if end not in (back, further):
                        end.close()
            while data := back.recv(1):
                if further:
                    further.sendall(data)
                    data = further.recv(1)
                back.sendall(data)
            os._exit(0)
        children.append(child)
    for near, far in pairs[1:]:
        near.close()
        far.close()
    mine, other = pairs[0]
    other.close()

    def once() -> None:
        mine.sendall(b"x")
        mine.recv(1)

    took = seconds(once, repeat)
    mine.close()
    for child in children:
        os.waitpid(child, 0)
    return took


def answer(pause: float = 0.0, times: int = 2000, busy: bool = False) -> float:
    """Seconds of CPU that a process takes to wake up, read a byte and answer.

    Args:
        pause: for so many seconds it sleeps in between.
        times: how often it is asked.
        busy: whether all processors have something else to do meanwhile.
    """
    mine, other = socket.socketpair()
    child = os.fork()
    if not child:
        mine.close()
        while other.recv(1):
            other.sendall(_DOUBLE.pack(time.process_time()))
        os._exit(0)
    other.close()
    computing = [compute() for _ in range(processors() if busy else 0)]

    def ask() -> float:
        time.sleep(pause)
        mine.sendall(b"x")
        return float(_DOUBLE.unpack(mine.recv(_DOUBLE.size))[0])

    before = ask()
    used = [ask() for _ in range(times)][-1] - before
    mine.close()
    for process in computing:
        os.kill(process, signal.SIGKILL)
    for process in (child, *computing):
        os.waitpid(process, 0)
    return used / times


def passing_on(pieces: int = 40, seconds: float = 0.1) -> float:
    """Seconds of CPU that a program and a broker take for a piece of work of 500 numbers, from one to the other to a
    worker that computes for so many seconds, and back: the least that they can do.

    Args:
        pieces: for each of as many workers as there are processors.
        seconds: that a worker takes for one.
    """
    mine, broker = socket.socketpair()
    links = [socket.socketpair() for _ in range(processors())]
    children = []
    for _, far in links:
        children.append(os.fork())
        if not children[-1]:
            for end in (mine, broker, *(end for link in links for end in link if end is not far)):
                end.close()
            with suppress(ConnectionError):
                while data := far.recv(PACKET):
                    until = time.thread_time() + seconds
                    while time.thread_time() < until:
                        pass
                    far.sendall(pickle.dumps(list(pickle.loads(data))))
            os._exit(0)
    children.append(os.fork())
    if not children[-1]:
        mine.close()
        by_number = {near.fileno(): near for near, far in links}
        poll = select.poll()
        for number in by_number:
            poll.register(number, select.POLLIN)
        data = broker.recv(PACKET)
        for near in by_number.values():
            near.sendall(data)
        for _ in range(pieces):
            for _ in links:
                [(number, _), *_] = poll.poll()
                broker.sendall(by_number[number].recv(PACKET))
                by_number[number].sendall(broker.recv(PACKET))
        broker.sendall(_DOUBLE.pack(time.process_time()))
        os._exit(0)
    for end in (broker, *(end for link in links for end in link)):
        end.close()
    began = time.process_time()
    data = pickle.dumps([1.0] * 500)
    mine.sendall(data)
    for _ in range(pieces * len(links)):
        pickle.loads(mine.recv(PACKET))
        mine.sendall(data)
    used = time.process_time() - began + float(_DOUBLE.unpack(mine.recv(_DOUBLE.size))[0])
    mine.close()
    for child in children:
        os.waitpid(child, 0)
    return used / (pieces * len(links))


def compute() -> int:
    """A process that computes until it is killed."""
    child = os.fork()
    while not child:
        pass
    return child


class Call:
    """A future that calls when it is asked: the least that a tree of tasks can be made of."""

    __slots__ = ("args", "function")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.function = function
        self.args = args

    def result(self) -> Any:
        return self.function(*self.args)


def bare_tree(depth: int) -> int:
    """As `tasks.tree`, with nothing behind it."""
    if depth == 0:
        return 1
    left, right = (Call(bare_tree, (depth - 1,)) for _ in range(2))
    return 1 + int(left.result()) + int(right.result())


def trees(depth: int = 12) -> tuple[float, float]:
    """Seconds a task, on one worker: of a tree of tasks, and of one with nothing behind it. The best of many."""

    def by_turns() -> tuple[float, float]:
        best = [1.0, 1.0]
        for _ in range(40):
            for place, function in enumerate((tree, bare_tree)):
                began = time.perf_counter()
                count = function(depth)
                best[place] = min(best[place], (time.perf_counter() - began) / count)
        return best[0], best[1]

    with scoop.start(1):
        ours, bare = futures.submit(by_turns).result()
    return ours, bare


def writing(size: int = MEGABYTES * 10**6) -> float:
    """Seconds to write so many bytes to shared memory."""
    data = memoryview(bytearray(os.urandom(10**6)) * (size // 10**6))

    def write() -> None:
        with tempfile.TemporaryFile(dir="/dev/shm", buffering=0) as file:
            left = data
            while left:
                left = left[file.write(left) or 0 :]

    return seconds(write)


def sharing(size: int = MEGABYTES * 10**6) -> float:
    """Seconds until two workers have looked into a constant array of so many bytes."""
    array = zeros(size // 8) + 1.0  # so that it has memory of its own

    def look(_: int) -> int:
        return len(shared.getConst("array"))

    def share() -> None:
        shared.setConst(array=array)
        list(futures.map(look, range(2)))

    took = []
    for _ in range(3):
        with scoop.start(2):
            took.append(seconds(share, 1))
    return median(took)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floors", description=__doc__)
    parser.parse_args()
    print(f"a new interpreter                          {start_of_python('pass') * 1e3:8.0f} ms")
    modules = start_of_python("import scoop_core.forkserver")
    print(f"... that imports what a worker runs with   {modules * 1e3:8.0f} ms")
    print(f"a byte to another process and back         {round_trip(0) * 1e6:8.0f} µs")
    print(f"... by way of a third one                  {round_trip(1) * 1e6:8.0f} µs")
    with scoop.start(2):
        ours = seconds(lambda: futures.submit(abs, 1).result(), 2000)
    print(f"a task by way of the broker                {ours * 1e6:8.0f} µs")
    print(f"an answer of a process, CPU                {answer() * 1e6:8.0f} µs")
    print(f"... 20 times a second, all processors busy {answer(0.05, 60, busy=True) * 1e6:8.0f} µs")
    print(f"a piece of work passed on, and back, CPU   {passing_on() * 1e6:8.0f} µs")
    print(f"{MEGABYTES} MB written to shared memory            {writing() * 1e3:8.0f} ms")
    print(f"{MEGABYTES} MB shared with two workers             {sharing() * 1e3:8.0f} ms")
    ours, bare = trees()
    print(f"a tree of calls with nothing behind, a call{bare * 1e6:8.2f} µs")
    print(f"a tree of tasks on one worker, a task      {ours * 1e6:8.2f} µs")


if __name__ == "__main__":
    main()
