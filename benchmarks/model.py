"""A whole pool in one process and in simulated time: the real broker's decisions, with workers of which only the time
that their tasks take is real.

It answers what no machine at hand can: at how many workers the one broker is busy all the time, and how long a worker
with nothing to do waits for its next task.

    python -m benchmarks.model [--workers 10,100,1000] [--tasks-each 200]
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from scoop_core import messages as m
from scoop_core.broker_state import BrokerState

#: One way between two processes of a cluster, in seconds.
LATENCY = 100e-6
#: What the broker spends on a message beside its decisions (system calls, framing, codec), in seconds: measured.
CARRIAGE = 15e-6

FUNCTION = b"f" * 16
ARGUMENTS = b"a" * 100  # a chunk of arguments, or a batch of results


@dataclass(slots=True)
class Piece:
    """What a worker has been given."""

    assign: m.Assign
    lo: int
    hi: int
    began: float = 0.0
    ends: int = 0  # the number of the event that ends it: a piece that was cut ends earlier


@dataclass(slots=True)
class Worker:
    name: str
    queue: deque[Piece] = field(default_factory=deque)
    running: Piece | None = None
    hungry: float | None = None  # since when it has nothing to do
    busy: float = 0.0


class Model:
    """One map of equal tasks, from submission to the last result.

    Args:
        workers: how many.
        tasks: how many.
        seconds: each of them takes.
        service: seconds that the broker takes for a decision; None: what it takes here and now.
    """

    def __init__(self, workers: int, tasks: int, seconds: float, service: float | None = None) -> None:
        self.seconds = seconds
        self.tasks = tasks
        self._sends: list[tuple[str, m.Header]] = []  # that the broker has decided on
        self.state = BrokerState("model", lambda to, header, frames: self._sends.append((to, header)))
        self.workers: dict[str, Worker] = {}
        self.messages = 0  # that the broker received or sent
        self.bytes = 0  # of their headers
        self.decisions = 0.0  # real seconds that the broker took
        self.waits: list[float] = []
        self.makespan = 0.0
        self._service = service
        self._done = 0
        self._served = self._began = 0.0
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = itertools.count()
        self._free = 0.0  # when the broker can take the next message
        self._now = 0.0
        self._tell("agent", m.Hello("agent", 1, "here"))
        self._tell("root", m.Hello("root", 1, "here"))
        self._tell("root", m.Scale(workers))
        self._run()
        self.messages = self.bytes = 0
        self.decisions, self._began, self._served = 0.0, self._now, 0.0
        for worker in self.workers.values():
            worker.hungry = None
        self.waits.clear()
        self._submit()
        self._run()
        assert self._done == tasks, (self._done, tasks)

    @property
    def efficiency(self) -> float:
        """The share of the workers' time that went into tasks."""
        return self.tasks * self.seconds / (len(self.workers) * self.makespan)

    @property
    def load(self) -> float:
        """The share of its time that the broker was busy."""
        return self._served / self.makespan

    def wait(self, share: float) -> float:
        """What a worker with nothing to do waited for its next piece, in seconds."""
        waits = sorted(self.waits)
        return waits[min(len(waits) - 1, int(share * len(waits)))] if waits else 0.0

    # ---- time --------------------------------------------------------------------------------------------------

    def _at(self, when: float, what: Callable[..., None], *args: Any) -> int:
        number = next(self._order)
        heapq.heappush(self._events, (when, number, what, args))
        return number

    def _run(self) -> None:
        while self._events:
            self._now, self._event, what, args = heapq.heappop(self._events)
            what(*args)

    def _tell(self, peer: str, message: m.Header) -> None:
        """Something leaves for the broker now."""
        self._at(self._now + LATENCY, self._arrive, peer, message)

    def _arrive(self, peer: str, message: m.Header) -> None:
        began = time.perf_counter()
        self.state.handle(peer, message, [], max(self._now, self._free))
        spent = time.perf_counter() - began
        self.decisions += spent
        sends, self._sends = self._sends, []
        self.messages += 1 + len(sends)
        cost = (spent if self._service is None else self._service) + CARRIAGE * (1 + len(sends))
        self._free = max(self._now, self._free) + cost
        self._served += cost
        if self._service is not None:  # only where every number is to be the same again
            self.bytes += len(m.encode(message)) + sum(len(m.encode(header)) for _, header in sends)
        for to, header in sends:
            self._at(self._free + LATENCY, self._receive, to, header)

    # ---- those whom it tells -----------------------------------------------------------------------------------

    def _receive(self, peer: str, message: m.Header) -> None:
        if isinstance(message, m.Spawn):
            name = f"w{message.number}"
            self.workers[name] = Worker(name)
            self._tell(name, m.Hello("worker", 1, "here", message.number))
        elif isinstance(message, m.Assign):
            worker = self.workers[peer]
            if worker.hungry is not None:
                self.waits.append(self._now - worker.hungry)
                worker.hungry = None
            worker.queue.append(Piece(message, message.lo, message.hi))
            self._begin(worker)
        elif isinstance(message, m.Share):
            self._share(self.workers[peer], message.everything)
        elif isinstance(message, m.Result):
            self._done += message.hi - message.lo
            self.makespan = self._now - self._began

    def _submit(self) -> None:
        spec = m.Spec(FUNCTION, "task", "root", 1, 1, 0, 2, 0, "", (("task", 1),))
        self._tell("root", m.Open(1, spec, m.Parcel(ARGUMENTS)))
        for lo, hi in self._chunks():
            self._tell("root", m.Extend(1, lo, hi, "column", m.Parcel(ARGUMENTS)))
        self._tell("root", m.Close(1))

    def _chunks(self) -> Iterator[tuple[int, int]]:
        size = 2000
        for lo in range(0, self.tasks, size):
            yield lo, min(self.tasks, lo + size)

    def _begin(self, worker: Worker) -> None:
        if worker.running is None and worker.queue:
            worker.running = piece = worker.queue.popleft()
            piece.began = self._now
            piece.ends = self._at(self._now + (piece.hi - piece.lo) * self.seconds, self._end, worker)

    def _end(self, worker: Worker) -> None:
        piece = worker.running
        if piece is None or piece.ends != self._event:
            return
        spent = (piece.hi - piece.lo) * self.seconds
        worker.busy += spent
        idle = not worker.queue
        done = m.Done(
            piece.assign.seq, piece.lo, piece.hi, "values", m.Parcel(ARGUMENTS), (), spent, self.seconds,
            piece.assign.seq if idle else 0, worker.busy, worker.busy,
        )  # fmt: skip
        self._tell(worker.name, done)
        worker.running = None
        if idle:
            worker.hungry = self._now
        self._begin(worker)

    def _share(self, worker: Worker, everything: bool) -> None:
        """Give back what has not begun: everything, or a piece, or half of what is left of the running one."""
        back: list[tuple[int, int, int]] = []
        while worker.queue and (everything or not back):
            piece = worker.queue.pop()
            back.append((piece.assign.seq, piece.lo, piece.hi))
        running = worker.running
        if running is not None and (everything or not back):
            begun = running.lo + int((self._now - running.began) / self.seconds) + 1
            rest = running.hi - begun
            if rest > 0:
                keep = begun if everything else running.hi - (rest - rest // 2)
                back.append((running.assign.seq, keep, running.hi))
                running.hi = keep
                running.ends = self._at(running.began + (keep - running.lo) * self.seconds, self._end, worker)
        self._tell(worker.name, m.Shared(tuple(back), 0, False))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model", description=__doc__)
    parser.add_argument("--workers", default="10,100,1000", help="how many, as a list (default: %(default)s)")
    parser.add_argument("--tasks-each", type=int, default=100, help="tasks for each worker (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=1, help="how often each is run (default: %(default)s)")
    options = parser.parse_args()
    titles = f"{'efficiency':>12}{'broker busy':>13}{'decisions/s':>13}{'wait p50':>11}{'p99':>11}"
    print(f"{'workers':>8}{'task':>9}{titles}")
    for workers in map(int, options.workers.split(",")):
        for seconds in (0.001, 0.01, 0.1, 1.0):
            runs = [Model(workers, workers * options.tasks_each, seconds) for _ in range(options.repeat)]
            rate = median(run.messages / run.decisions for run in runs)
            best = min(runs, key=lambda run: run.decisions)
            print(
                f"{workers:>8}{seconds * 1e3:>6.0f} ms{best.efficiency:>12.2f}{best.load:>13.0%}{rate:>13,.0f}"
                f"{best.wait(0.5) * 1e3:>8.2f} ms{best.wait(0.99) * 1e3:>8.2f} ms",
                flush=True,
            )


if __name__ == "__main__":
    main()
