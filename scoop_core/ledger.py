"""What the broker keeps books of: jobs and their waiting tasks, workers and what they hold, roots, functions."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from scoop_core import messages as m


@dataclass(slots=True)
class Send:
    """An instruction: send this to that peer."""

    to: str
    header: m.Header
    frames: m.Frames = field(default_factory=list)


@dataclass(slots=True)
class Span:
    """Tasks [lo, hi) that wait; `deaths` is how many workers died while running them (see `_suspect`)."""

    lo: int
    hi: int
    deaths: float = 0.0


@dataclass(slots=True)
class Chunk:
    """The arguments of tasks [lo, hi), as their owner packed them; kept until all of these are over."""

    lo: int
    hi: int
    form: str
    parcel: m.Parcel
    frames: m.Frames
    left: int


@dataclass(slots=True, eq=False)
class Job:
    """Tasks with one function and one owner."""

    owner: str
    number: int
    spec: m.Spec
    chunks: list[Chunk] = field(default_factory=list)
    waiting: deque[Span] = field(default_factory=deque)
    queued: int = 0  # tasks in `waiting`
    left: int = 0  # tasks that are not over
    closed: bool = False
    listed: bool = False  # stands among the ready ones of its root

    def chunk(self, index: int) -> Chunk:
        return self.chunks[bisect_right(self.chunks, index, key=lambda c: c.lo) - 1]


@dataclass(slots=True)
class Piece:
    """Tasks [lo, hi) that one worker holds."""

    seq: int
    job: Job
    lo: int
    hi: int
    deaths: float
    cancelled: list[tuple[int, int]] = field(default_factory=list)  # spans; the worker has been told

    def parts(self, lo: int, hi: int) -> Iterator[tuple[int, int, bool]]:
        """[lo, hi) cut up: (lo, hi, whether it was cancelled), in order."""
        for a, b in sorted(self.cancelled):
            a, b = max(a, lo), min(b, hi)
            if a < b:
                if lo < a:
                    yield lo, a, False
                yield a, b, True
                lo = b
        if lo < hi:
            yield lo, hi, False


@dataclass(slots=True, eq=False)
class Worker:
    """One worker, as the broker sees it."""

    name: str
    number: int
    pid: int
    host: str
    agent: str
    state: str = "starting"  # starting, idle, busy, stopped
    seq: int = 0  # of the last piece it was given
    held: dict[int, Piece] = field(default_factory=dict)
    parked: dict[int, Piece] = field(default_factory=dict)  # begun, but waiting for other tasks
    awake: bool = False  # a result came for one of the parked ones since
    occupied: bool = False  # runs tasks of its own
    rich: bool = False  # has tasks of its own to share
    asked: bool = False  # for its share, and has not answered yet
    asked_at: int = 0  # `seq` when it was last asked
    spent: bool = False  # had nothing to share when it was last asked
    retiring: bool = False
    known: set[bytes] = field(default_factory=set)  # functions
    own: deque[Job] = field(default_factory=deque)  # jobs that must run here and nowhere else
    task: str = ""
    since: float = 0.0
    busy: float = 0.0
    told: float = 0.0  # seconds of CPU, by its own account
    done: int = 0
    cpu: float = 0.0
    memory: int = 0
    rates: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=12))

    def pieces(self) -> Iterator[Piece]:
        yield from self.parked.values()
        yield from self.held.values()


@dataclass(slots=True, eq=False)
class Root:
    """A program that tasks are run for. Fair shares are kept by what it has `used`, in seconds of work."""

    name: str
    used: float = 0.0
    ready: dict[int, deque[Job]] = field(default_factory=dict)  # priority: jobs that have waiting spans


@dataclass(slots=True)
class Function:
    """A pickled function, the jobs that use it, and how long its tasks take."""

    parcel: m.Parcel
    frames: m.Frames
    jobs: int = 0
