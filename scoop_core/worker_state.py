"""What a worker has to do, and what of it it gives away: pure, and safe to ask from two threads.

The main thread takes work while the IO thread may give it away. Each step that both could take is one operation of a
built-in container, which the interpreter does as a whole: whoever removes a task from the queue has it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from operator import length_hint
from threading import RLock
from typing import Any

from scoop_core import messages as m


class GroupCount:
    """The worker's own tasks of one node of the task tree.

    Args:
        place: the node.
        name: of their function.
        root: whose tasks they are.
        run: of that root.
    """

    # Written out: each task changes it six times, which takes a plain class half as long as a struct.
    def __init__(self, place: Any, name: str, root: str, run: int) -> None:
        self.place = place
        self.name = name
        self.root = root
        self.run = run
        self.queued = self.running = self.done = self.failed = self.cancelled = 0
        self.seconds = self.longest = 0.0
        self.notable = 0.0  # who takes longer than this is looked at more closely
        self.noted = 0  # failures that people were told of, ...
        self.lines: set[str] = set()  # ... and how these differ
        self.kids: dict[Any, GroupCount] = {}  # by function: tasks submitted by these
        self.told = (0, 0, 0, 0, 0)

    def tally(self) -> m.GroupTally | None:
        """What the broker does not know yet, or None."""
        now = (self.queued, self.running, self.done, self.failed, self.cancelled)
        if now == self.told:
            return None
        told, self.told = self.told, now
        seconds, self.seconds = self.seconds, 0.0
        return m.GroupTally(
            self.place.group,
            self.place.parent,
            self.name,
            self.root,
            self.run,
            max(0, self.queued),
            max(0, self.running),
            now[2] - told[2],
            now[3] - told[3],
            now[4] - told[4],
            seconds,
            self.longest,
        )


class Stretch:
    """Neighbouring tasks [lo, hi) that run one after the other, and may be cut off behind the one that runs.

    Args:
        lo: the first.
        hi: behind the last.
    """

    begun = False
    #: What is left of the arguments. An iterator over a list gives each element once, whoever asks: so the thread
    #: that exhausts it has all that the main thread has not begun.
    items: Iterator[Any] = iter(())
    kept: Sequence[Any] = ()  # was cut off and then left here: it comes behind `items`

    def __init__(self, lo: int, hi: int) -> None:
        self.lo = lo
        self.hi = hi
        self.out: list[Any] = []  # outcomes, in order
        #: For whoever cuts, or looks whether it is over. Whoever tells the broker of it keeps it until that is sent:
        #: what is said of one piece must leave in the order in which it became true.
        self.lock = RLock()

    def begin(self, items: Sequence[Any]) -> None:
        with self.lock:
            self.begun = True
            # The end may have been cut off since the caller looked.
            self.items = iter(items if len(items) == self.hi - self.lo else items[: self.hi - self.lo])

    @property
    def is_over(self) -> bool:
        """Whether all tasks have an outcome; then there is none left that could be cut off, either."""
        return self.lo + len(self.out) == self.hi

    @property
    def is_spent(self) -> bool:
        """Whether its last task has begun: then there is nothing to cut off."""
        return self.lo + len(self.out) + 1 >= self.hi

    def swallowed(self, count: int) -> bool:
        """Whether a task raised StopIteration: after `count` outcomes `items` stopped, yet one more had begun."""
        with self.lock:
            return self.lo + count + length_hint(self.items) + len(self.kept) < self.hi

    def go_on(self) -> bool:
        """After the end of `items`: whether there is more; `items` is that then."""
        with self.lock:
            if not self.kept:
                return length_hint(self.items) > 0
            self.items, self.kept = iter(self.kept), ()
            return True

    def cut(self, half: bool) -> tuple[int, int, Sequence[Any]] | None:
        """Cut off what has not begun, or the second half of that: (lo, hi, arguments if it has begun)."""
        with self.lock:
            rest = [*self.items, *self.kept] if self.begun else range(self.lo, self.hi)
            keep = len(rest) // 2 if half else 0
            if self.begun:
                self.kept = rest[:keep]
            lo, hi = self.hi - len(rest) + keep, self.hi
            self.hi = lo
            return (lo, hi, rest[keep:]) if lo < hi else None


class Piece(Stretch):
    """Tasks that the broker gave to this worker."""

    cancelled = False
    since = 0.0  # when the first of `out` began
    sent = 0  # of `out`
    due = 0.0  # when its task will have run for as long as it may; 0 if it may for ever, or the broker knows
    function: Any = None
    arguments: Sequence[Any] = ()

    def __init__(self, assign: m.Assign, parcel: m.Parcel, frames: m.Frames) -> None:
        super().__init__(assign.lo, assign.hi)
        self.assign = assign
        self.parcel = parcel  # the chunk that they are cut from; the same object for pieces of the same one
        self.frames = frames
        self.failures: list[m.Failure] = []


class WorkerState:
    """The queues of one worker."""

    def __init__(self) -> None:
        self.pieces: deque[Piece] = deque()  # from the broker, not begun, in the order they came
        self.pending: dict[Any, Any] = {}  # the worker's own tasks, the oldest first, and what has submitted each
        self.begun: dict[int, Piece] = {}  # from the broker, by seq
        self.beginning: Piece | None = None  # on its way from `pieces` to `begun`
        self.seq = 0  # of the last piece that came; whoever looks whether there is something to run looks here before
        # What the broker knows of it, and wants:
        #: Held from a look at what follows until that is sent: then what the broker hears last is true.
        self.telling = RLock()
        self.rested = True  # it knows that there is nothing to run
        self.told_rich = False  # it knows that there is something to share
        self.stuck = False  # ... but that can't travel: it is told so, or would ask again and again
        self.retiring = False  # nothing more is to come; the worker ends when all is over that it has begun

    def claim(self, task: Any) -> bool:
        """Take this task of the worker's own; False if somebody else has it."""
        return self.pending.pop(task, self) is not self

    def next(self) -> Any:
        """The next thing to do: the newest task of its own (depth first keeps the queue short), else a piece."""
        if self.pending:
            try:
                return self.pending.popitem()[0]
            except KeyError:  # another thread was faster
                pass
        if self.pieces:
            try:
                self.beginning = self.pieces[0]  # first, or `find` could miss it between the two
                self.beginning = piece = self.pieces.popleft()
                return piece
            except IndexError:
                self.beginning = None
        return None

    def begin(self, piece: Piece) -> None:
        """The piece that was taken runs now."""
        self.begun[piece.assign.seq] = piece
        self.beginning = None

    def find(self, seq: int) -> Piece | None:
        """The piece that was assigned with this number, if it is not over; any thread may ask."""
        # In the order in which they pass through: what has left one place meanwhile is in the next.
        for piece in (*self.pieces, self.beginning):
            if piece is not None and piece.assign.seq == seq:
                return piece
        return self.begun.get(seq)

    @property
    def empty(self) -> bool:
        return not self.pending and not self.pieces

    @property
    def waits(self) -> int:
        """The number of the first piece that has not begun; 0 if there is none."""
        pieces = list(self.pieces)
        return pieces[0].assign.seq if pieces else 0

    def give_back(self, running: Stretch | None) -> list[tuple[Piece, int, int]]:
        """All pieces, or ends of them, that have not begun, but what must run on this worker: as (piece, lo, hi)."""
        back = self._unbegun(0, len(self.pieces))
        if isinstance(running, Piece) and not running.assign.spec.worker and (part := running.cut(half=False)):
            back.append((running, *part[:2]))
        return back

    def _unbegun(self, keep: int, count: int) -> list[tuple[Piece, int, int]]:
        """Take up to `count` pieces from the end of the queue, but what must run on this worker; leave `keep`."""
        back: list[tuple[Piece, int, int]] = []
        mine: list[Piece] = []
        while len(back) < count and len(self.pieces) + len(mine) > keep:
            try:
                piece = self.pieces.pop()
            except IndexError:  # the main thread was faster
                break
            if piece.assign.spec.worker:
                mine.append(piece)
            elif part := piece.cut(half=False):
                back.append((piece, *part[:2]))
        self.pieces.extend(reversed(mine))
        return back

    def share(
        self, running: Stretch | None, busy: bool, worth: Callable[[Stretch], bool]
    ) -> tuple[list[tuple[Piece, int, int]], list[Any], tuple[int, int, Sequence[Any]] | None]:
        """What to give away: pieces not begun; else the oldest of its own tasks, which are the roots of the largest
        subtrees: siblings, as many as are in the oldest half; else half of what is left of the stretch that runs.

        Args:
            running: the stretch that runs now.
            busy: whether anything runs now; else the next piece is left for this worker.
            worth: whether what is left of it is worth the cost.

        Returns:
            Ends of pieces as (piece, lo, hi); tasks of its own, the oldest first; the end of a stretch of its own.
        """
        if back := self._unbegun(0 if busy or self.pending else 1, 1):
            return back, [], None
        for _ in range(5):
            if not self.pending:
                break
            try:
                oldest = list(islice(self.pending.items(), (len(self.pending) + 1) // 2))
            except RuntimeError:  # the main thread was faster
                continue
            if own := [task for task, parent in oldest if parent is oldest[0][1] and self.claim(task)]:
                return [], own, None
        if running is not None and worth(running) and (part := running.cut(half=True)):
            if isinstance(running, Piece):
                return [(running, *part[:2])], [], None
            return [], [], part
        return [], [], None
