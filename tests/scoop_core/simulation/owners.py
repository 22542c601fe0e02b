"""Who submits tasks in a simulation: jobs as their owners see them, and roots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scoop_core import messages as m
from scoop_core.task_tree import Place, top

if TYPE_CHECKING:
    from tests.scoop_core.simulation.scenarios import Simulation

#: All parcels of a simulation, but those of arguments: they say of which tasks they are.
NOTHING = m.Parcel(b"")


def arguments(lo: int, hi: int, kind: str) -> m.Parcel:
    """The parcel of the arguments of tasks [lo, hi)."""
    whose = f"{lo}:{hi}"
    if kind == "large":  # it lies on the shelf
        return m.Parcel(b"", (m.Segment(whose, 1000),))
    return m.Parcel(whose.encode(), (None,) if kind == "buffered" else ())


def whose(parcel: m.Parcel) -> tuple[int, int]:
    """Of which tasks these are the arguments."""
    segments = [place.name for place in parcel.buffers if place is not None]
    lo, hi = map(int, (segments[0] if segments else parcel.data.decode()).split(":"))
    return lo, hi


@dataclass(frozen=True)
class Function:
    """What the tasks of a job do."""

    name: str
    kind: str = "leaf"
    cost: float = 0.002  # mean seconds of a step
    child: Function | None = None
    fanout: int = 2
    retries: int = 2
    priority: int = 0
    limit: float = 0.0  # seconds that a task may run
    deadly: frozenset[int] = frozenset()  # tasks that end their worker, always

    @property
    def digest(self) -> bytes:
        return self.name.encode()


class OwnedJob:
    """A job as its owner sees it, and what the owner was told of each of its tasks."""

    def __init__(self, owner: Peer, number: int, function: Function, spec: m.Spec) -> None:
        self.owner = owner
        self.number = number
        self.function = function
        self.spec = spec
        self.sent = 0
        self.closed = False
        self.open: dict[int, Callable[[str], None]] = {}  # tasks that are not over: whom to tell
        self.ended: set[int] = set()  # a result or a loss came
        self.told: set[int] = set()  # the broker said that it was cancelled
        self.late: set[int] = set()  # ... that it ran longer than it may
        self.cancelled: set[int] = set()  # by the owner itself
        self.waiting: list[Callable[[str], None]] = []  # calls that have not been handed out

    def end(self, index: int, how: str) -> None:
        """A result or a loss."""
        assert index < self.sent, f"{self} knows no task {index}"
        assert index not in self.ended, f"task {index} of {self} ended twice"
        self.ended.add(index)
        whom = self.open.pop(index, None)
        if whom is not None:
            whom(how)
        else:
            assert index in self.cancelled | self.told | self.late, f"task {index} of {self} was over"

    def drop(self, index: int) -> None:
        """The broker's word that a task is cancelled."""
        assert index not in self.ended, f"task {index} of {self} is cancelled after its end"
        assert index not in self.told, f"task {index} of {self} is cancelled twice"
        self.told.add(index)
        whom = self.open.pop(index, None)
        if whom is not None:
            whom("cancelled")

    def time_out(self, index: int) -> None:
        """The broker's word that a task ran longer than it may; its outcome may have been on its way."""
        assert self.function.limit, f"{self} has no limit"
        assert index not in self.ended | self.told | self.late, f"task {index} of {self} is late after its end"
        self.late.add(index)
        whom = self.open.pop(index, None)
        if whom is not None:
            whom("late")

    def __str__(self) -> str:
        return f"job {self.number} ({self.function.name}) of {self.owner.name}"


class Peer:
    """Roots and workers: who may own jobs."""

    def __init__(self, sim: Simulation, name: str) -> None:
        self.sim = sim
        self.name = name
        self.jobs: dict[int, OwnedJob] = {}
        self.growing: dict[Any, OwnedJob] = {}

    def send(self, message: m.Header) -> None:
        self.sim.up[self.name].append(message)

    @property
    def pending(self) -> int:
        return sum(len(job.open) for job in self.jobs.values())

    def open_job(self, function: Function, root: str, run: int, place: Place, worker: str = "") -> OwnedJob:
        number = len(self.jobs) + 1
        spec = m.Spec(
            function.digest, function.name, root, run, place.group, place.parent,
            function.retries, function.priority, worker, place.names, function.limit,
        )  # fmt: skip
        job = self.jobs[number] = OwnedJob(self, number, function, spec)
        self.send(m.Open(number, spec, NOTHING))
        return job

    def grow(self, function: Function, root: str, run: int, place: Place, whom: Any, worker: str = "") -> None:
        """Add a call to the open job of its kind, to be sent with the next flush."""
        key = (function, root, run, place.group, worker)
        job = self.growing.get(key)
        if job is None:
            job = self.growing[key] = self.open_job(function, root, run, place, worker)
        index = job.sent + len(job.waiting)
        job.waiting.append(whom)
        if hasattr(whom, "job"):
            whom.job, whom.index = job, index

    def flush(self) -> None:
        for job in self.growing.values():
            if job.waiting:
                calls, job.waiting = job.waiting, []
                self.extend(job, job.sent, calls)

    def extend(self, job: OwnedJob, lo: int, whom: list[Any]) -> None:
        """Hand out tasks, in chunks; some of them have arguments that don't travel."""
        rng = self.sim.rng
        hi = lo + len(whom)
        job.sent = max(job.sent, hi)
        while lo < hi:
            end = min(hi, lo + rng.choice((1, 2, 3, 10, 100)))
            here, whom = whom[: end - lo], whom[end - lo :]
            skip = tuple(i for i in range(lo, end) if self.sim.skips and rng.random() < 0.1)
            for index, one in enumerate(here, lo):
                job.open[index] = one
            form = rng.choice(("column", "column", "column+"))
            parcel = arguments(lo, end, rng.choice(("small", "small", "large", "buffered")))
            self.send(m.Extend(job.number, lo, end, form, parcel, skip))
            for index in skip:
                job.end(index, "failed")
            lo = end

    def close(self, job: OwnedJob) -> None:
        if not job.closed:
            job.closed = True
            self.growing = {k: j for k, j in self.growing.items() if j is not job}
            self.send(m.Close(job.number))

    def cancel(self, job: OwnedJob, lo: int, hi: int) -> None:
        for index in range(lo, hi):
            whom = job.open.pop(index, None)
            if whom is not None:
                job.cancelled.add(index)
                whom("cancelled")
        self.send(m.Cancel(job.number, lo, hi))

    def handle(self, message: m.Header) -> None:
        if isinstance(message, m.Result):
            job = self.jobs[message.job]
            failed = {failure.index for failure in message.failures}
            for index in range(message.lo, message.hi):
                job.end(index, "failed" if index in failed else "done")
        elif isinstance(message, m.Lost):
            self.jobs[message.job].end(message.index, "lost")
            self.sim.lost.append(self.jobs[message.job].function)
        elif isinstance(message, m.TimedOut):
            self.jobs[message.job].time_out(message.index)
        elif isinstance(message, m.Cancelled):
            self.jobs[message.job].drop(message.index)
        elif isinstance(message, m.Cancel):
            for index in range(message.lo, message.hi):
                self.jobs[message.job].drop(index)


class Root(Peer):
    """A program that submits, cancels, and may go away."""

    def __init__(self, sim: Simulation, name: str) -> None:
        super().__init__(sim, name)
        self.run = 1
        self.outcomes: Counter[str] = Counter()
        self.send(m.Hello("root", 1, "here"))

    def submit(self, function: Function, count: int, one_by_one: bool, worker: str = "") -> OwnedJob:
        """A map, or calls one by one; their outcomes are counted."""
        place = top(self.name, self.run).child(function.name)
        self.sim.created[self.name, self.run, place.group] += count
        if one_by_one:
            for _ in range(count):
                self.grow(function, self.name, self.run, place, self._note, worker)
            self.flush()
            return self.growing[function, self.name, self.run, place.group, worker]
        job = self.open_job(function, self.name, self.run, place, worker)
        self.extend(job, 0, [self._note] * count)
        if self.sim.rng.random() < 0.8:
            self.close(job)
        return job

    def _note(self, how: str) -> None:
        self.outcomes[how] += 1

    def handle(self, message: m.Header) -> None:
        if isinstance(message, m.Halted):
            if message.run == self.run:
                self.new_run()
        else:
            super().handle(message)

    def cancel_run(self) -> None:
        for job in self.jobs.values():
            if job.spec.run == self.run:
                job.closed = True
                job.cancelled.update(job.open)
                job.open.clear()
        self.growing.clear()
        self.send(m.CancelRun(self.run))

    def new_run(self) -> None:
        for job in list(self.growing.values()):
            self.close(job)
        self.run += 1
