"""What the broker keeps books of: jobs and their waiting tasks, workers and what they hold, roots, functions.

Records, and the `Ledger` that they stand in. Nothing is decided here: that is done by those who share the ledger
(`Endings`, `Dealer`, `Orders`, `Reports`, `Staff`).

The unit is the *span*, neighbouring tasks of a job: a map of a million tasks is one span until it is cut into pieces,
so what is kept here grows with messages, not with tasks. A task is at any time in exactly one place: in a waiting
span, in a piece that a worker holds, or over.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterator
from operator import attrgetter

import msgspec

from scoop_core import messages as m
from scoop_core.config import PIECE_BYTES
from scoop_core.task_tree import TaskTree

# Functions in C, as every message has something looked up by these.
_lo = attrgetter("lo")
used = attrgetter("used")

#: How busy a worker is, is seen from so many seconds.
LOAD_SECONDS = 2.0

#: Sends a header and its frames to a peer.
Deliver = Callable[[str, m.Header, m.Frames], None]


class Send(msgspec.Struct):
    """What is to be sent, and to whom."""

    to: str
    header: m.Header
    frames: m.Frames = []


class Death(msgspec.Struct, frozen=True):
    """How a worker ended: status as of subprocess, peak of memory, and the limit if it was over that (in bytes)."""

    status: int = 0
    peak: int = 0
    limit: int = 0

    def __str__(self) -> str:
        if self.limit:
            return "out of memory"
        return f"killed by signal {-self.status}" if self.status < 0 else f"exit status {self.status}"


class Span(msgspec.Struct):
    """Tasks [lo, hi) that wait; `deaths` is how many workers died while running them (see `Staff`)."""

    lo: int
    hi: int
    deaths: float = 0.0


def weight(parcel: m.Parcel, frames: m.Frames) -> tuple[int, int]:
    """How many bytes travel, and how many lie in shared memory."""
    if not parcel.buffers:
        return len(parcel.data), 0
    return len(parcel.data) + sum(map(len, frames)), sum(place.size for place in parcel.buffers if place)


class Chunk(msgspec.Struct):
    """The arguments of tasks [lo, hi), as their owner packed them; kept until all of these are over."""

    lo: int
    hi: int
    form: str
    parcel: m.Parcel
    frames: m.Frames
    left: int
    weight: tuple[int, int] = (0, 0)  # see the function


class Job(msgspec.Struct, eq=False):
    """Tasks with one function and one owner."""

    owner: str
    number: int
    spec: m.Spec
    chunks: list[Chunk] = []
    waiting: deque[Span] = msgspec.field(default_factory=deque)
    queued: int = 0  # tasks in `waiting`
    left: int = 0  # tasks that are not over
    closed: bool = False
    used: float = 0.0  # seconds of work that were sent, as far as known; ...
    spent: float = 0.0  # ... and of those that are over
    listed: bool = False  # stands among the ready ones of its root

    @property
    def end(self) -> int:
        """Behind the last task that is not over."""
        return self.chunks[-1].hi if self.chunks else 0

    def overlaps(self, lo: int, hi: int) -> bool:
        """Whether some of tasks [lo, hi) are in a chunk that is here already."""
        chunks = self.chunks
        if not chunks or chunks[-1].hi <= lo:
            return False
        at = bisect_right(chunks, lo, key=_lo)
        return (at > 0 and chunks[at - 1].hi > lo) or (at < len(chunks) and chunks[at].lo < hi)

    def add(self, chunk: Chunk) -> None:
        """Take a chunk that does not overlap with others."""
        if not self.chunks or self.chunks[-1].lo < chunk.lo:
            self.chunks.append(chunk)
        else:  # a worker gives away the end of its map first
            insort(self.chunks, chunk, key=_lo)
        self.left += chunk.left

    def position(self, index: int) -> int:
        """Where among the chunks the one is that a task is in."""
        return bisect_right(self.chunks, index, key=_lo) - 1

    def reach(self, at: int, hi: int) -> list[Chunk]:
        """The chunks behind the one at this position that may go with it: up to task `hi`, unless they are of another
        kind or too much for one message."""
        first = last = self.chunks[at]
        more: list[Chunk] = []
        size = first.weight[0]
        while last.hi < hi and not first.parcel.buffers:
            at += 1
            last = self.chunks[at]
            size += last.weight[0]
            if last.parcel.buffers or last.form != first.form or size > PIECE_BYTES:
                break
            more.append(last)
        return more


class Piece(msgspec.Struct):
    """Tasks [lo, hi) that one worker holds."""

    seq: int
    job: Job
    lo: int
    hi: int
    deaths: float
    stint: float = 0.0  # how long it should last, in seconds
    each: float = 0.0  # seconds a task that its root is charged for, until it is known how long they have taken
    cancelled: list[tuple[int, int]] = []  # spans; the worker has been told
    late: bool = False  # its only task ran longer than it may, and is cancelled; its owner has been told why

    def cancel(self, lo: int, hi: int) -> None:
        """Tasks [lo, hi), which were wanted, are not any more; often one after the other is cancelled."""
        if self.cancelled and self.cancelled[-1][1] == lo:
            lo, _ = self.cancelled.pop()
        elif self.cancelled and self.cancelled[-1][0] == hi:
            _, hi = self.cancelled.pop()
        self.cancelled.append((lo, hi))

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


class Worker(msgspec.Struct, eq=False):
    """One worker, as the broker sees it."""

    name: str
    number: int
    pid: int
    host: str
    agent: str
    state: str = "starting"  # starting, idle, busy, stopped
    seq: int = 0  # of the last piece it was given
    rested: int = 0  # behind this piece it has nothing to run, it said, but not yet what else it holds
    held: dict[int, Piece] = {}
    parked: dict[int, Piece] = {}  # begun, but waiting for other tasks
    awake: bool = False  # a result came for one of the parked ones since
    occupied: bool = False  # runs tasks of its own
    rich: bool = False  # has tasks of its own to share
    asked_at: int = 0  # `seq` when it was last asked
    spent: bool = False  # had nothing to share when it was last asked
    retiring: bool = False
    known: set[bytes] = set()  # functions
    chunk: tuple[str, int, int] | None = None  # whose arguments it has, from its last piece: owner, job, first index
    own: deque[Job] = msgspec.field(default_factory=deque)  # jobs that must run here and nowhere else
    task: str = ""
    since: float = 0.0
    busy: float = 0.0  # seconds that it was not idle, by its own account, ...
    heard: float = 0.0  # ... up to then
    told: float = 0.0  # seconds of CPU, by its own account
    done: int = 0
    cpu: float = 0.0
    cpu_share: float = 0.0  # of one core, over the last second
    memory: int = 0
    prints: int = 0  # lines, by tasks
    open: m.Ran | None = None  # what it runs, as it last said, and has not told as over
    waits: int = 0  # from this seq on its pieces have not begun, it said
    dismissed: bool = False  # somebody wants it replaced: its tasks are not to blame for its end
    rates: deque[tuple[float, float]] = msgspec.field(default_factory=lambda: deque(maxlen=12))  # moments, and `busy`

    @property
    def first(self) -> Piece | None:
        """Of what it holds, the piece that it has probably begun."""
        return next(iter(self.held.values()), None)

    def runs(self, now: float) -> m.Ran | None:
        """What it runs, up to now, and has not told as over; None if it runs nothing that is known."""
        if (open := self.open) is not None:
            return msgspec.structs.replace(open, ended=max(now, open.ended))
        piece = self.first
        if piece is None or not self.since:
            return None
        spec = piece.job.spec
        return m.Ran(spec.root, spec.run, spec.name, self.since, max(now, self.since), 0, 0)

    def load(self, now: float) -> float:
        """Which part of the last seconds it was not idle; it has been in the meantime what it is now."""
        runs = bool(self.held) or self.occupied
        since, before = next((rate for rate in self.rates if rate[0] >= now - LOAD_SECONDS), (now, 0.0))
        if since >= now:
            return float(runs)
        busy = self.busy + (now - self.heard if runs else 0.0)
        return max(0.0, min(1.0, (busy - before) / (now - since)))

    def piece(self, seq: int) -> Piece | None:
        return self.held.get(seq) or self.parked.get(seq)

    def pieces(self) -> Iterator[Piece]:
        yield from self.parked.values()
        yield from self.held.values()


class Root(msgspec.Struct, eq=False):
    """A program that tasks are run for. Fair shares are kept by what it has `used`, in seconds of work."""

    name: str
    used: float = 0.0
    ready: dict[int, deque[Job]] = {}  # priority: jobs that have waiting spans
    turn: int = 0  # counts pieces, for the turns of its jobs


class Function(msgspec.Struct):
    """A pickled function, and how many jobs use it."""

    parcel: m.Parcel
    frames: m.Frames
    jobs: int = 0


class Ledger(msgspec.Struct):
    """All books of the broker, and its voice."""

    pool: str  # its name
    deliver: Deliver  # at once: somebody waits for it, and for the books nobody does
    shelf: str = ""  # that peers of this host see
    tree: TaskTree = msgspec.field(default_factory=TaskTree)
    peers: dict[str, str] = {}  # name: role
    workers: dict[str, Worker] = {}
    idle: dict[str, None] = {}  # workers with nothing to run, the longest idle first
    able: dict[str, None] = {}  # workers that may have something to share; others have not
    asked: set[str] = set()  # workers that were asked for their share, and have not answered yet
    jobs: dict[tuple[str, int], Job] = {}  # by owner and number
    roots: dict[str, Root] = {}
    claims: dict[str, Root] = {}  # roots with jobs that have, or had, waiting spans
    fresh: deque[Job] = msgspec.field(default_factory=deque)  # jobs that came while all were busy and had little yet
    unwanted: set[tuple[str, int]] = set()  # runs (root, number) that were cancelled
    functions: dict[bytes, Function] = {}  # by digest, the one used last at the end
    means: dict[bytes, float] = {}  # seconds a task, by function; forgotten with it
    constants: dict[str, tuple[m.Parcel, m.Frames]] = {}
    strange: int = 0  # messages from nobody known, or that made no sense

    def send(self, to: str, header: m.Header, frames: m.Frames | None = None) -> None:
        self.deliver(to, header, frames or [])

    def tell(self, job: Job, header: m.Header, frames: m.Frames | None = None) -> None:
        """Tell the owner of a job what became of some tasks."""
        self.deliver(job.owner, header, frames or [])
        if (owner := self.workers.get(job.owner)) is not None:
            owner.awake = True
            self.able[owner.name] = None

    def root(self, name: str) -> Root:
        """The account of a root (a worker has one too: it may be a program); it starts level with the others."""
        root = self.roots.get(name)
        if root is None:
            root = self.roots[name] = Root(name, used=self.least())
            self.tree.root_found(name)
        return root

    def least(self) -> float:
        """What the root that had least has used, of those that want something."""
        return min(map(used, self.claims.values()), default=0.0)
