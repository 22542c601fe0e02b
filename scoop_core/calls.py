"""How a worker calls the functions of tasks, one or many, and how these calls are interrupted."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from types import FrameType
from typing import Any

from scoop_core.fibers import Fiber, Fibers
from scoop_core.future import Batch
from scoop_core.jobs import MapJob
from scoop_core.owner import Options, Owner
from scoop_core.payload import Packed
from scoop_core.worker_state import GroupCount, Piece, Stretch

_HERE = str(Path(__file__).parent)


class KeptMap(MapJob):
    """A map that was submitted on this worker, and that it keeps for itself until others are idle.

    Args:
        owner: of this process.
        function: called for each task.
        group: the account of the tasks.
        options: for those that leave.
    """

    def __init__(self, owner: Owner, function: Callable[..., Any], group: GroupCount, options: Options) -> None:
        super().__init__(owner)
        self.function = function
        self.group = group
        self.options = options
        self._counting = Lock()
        self._ended = 0
        self._is_complete = False

    # Tasks of it may leave this worker at any time until they have ended; so that is when it is closed.

    def complete(self) -> None:
        self._is_complete = True
        self._count(0)

    def put(self, batch: Batch) -> None:
        super().put(batch)
        self._count(batch.hi - batch.lo)

    def cancelled(self, lo: int, hi: int) -> None:
        super().cancelled(lo, hi)
        self._count(hi - lo)

    def _count(self, ended: int) -> None:
        with self._counting:
            self._ended += ended
            over = self._is_complete and self._ended >= self.sent
        if over:
            self.owner.close(self)


class Lot(Stretch):
    """Tasks [lo, hi) of a map that the worker keeps for itself."""

    def __init__(self, job: KeptMap, lo: int, arguments: Sequence[Any], form: str) -> None:
        super().__init__(lo, lo + len(arguments))
        self.job = job
        self.arguments = arguments
        self.form = form
        self._group = job.group


# These two are where a task may be interrupted at any moment; all other code of the engine is left alone.


def run_one(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function."""
    return function(*args, **kwargs)


def run_many(out: list[Any], results: Iterator[Any]) -> None:
    """Append results until there are no more, or one raises. (The loop runs in C.)

    A task's own StopIteration looks like the end here: see `Stretch.swallowed`.
    """
    out.extend(results)


_USER_CODE = frozenset({run_one.__code__, run_many.__code__})


def calls(function: Callable[..., Any], items: Any, form: str) -> Iterator[Any]:
    """An iterator that calls the function with one item after the other, in C where that is possible."""
    if form in ("column", "range"):
        return map(function, items)
    if form == "rows":
        return itertools.starmap(function, items)
    if form == "calls":
        return (run_one(function, args, kwargs) for args, kwargs in items)
    if form == "column+":
        return (run_one(function, (item.load(),), {}) for item in items)
    if form == "rows+":
        return (run_one(function, item.load(), {}) for item in items)
    return (run_one(function, *(item.load() if type(item) is Packed else item)) for item in items)


def call_of(item: Any, form: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of one item, positional and by keyword; of a pickle they are made anew, as they came."""
    if form.endswith("+"):
        item, form = item.load() if type(item) is Packed else item, form[:-1]
    if form == "calls":
        args, kwargs = item
        return args, kwargs
    return (item if form == "rows" else (item,)), {}


def raised(error: BaseException) -> BaseException:
    """What the task raised: in a generator, a StopIteration becomes the cause of another error."""
    cause = error.__cause__
    return cause if type(error) is RuntimeError and isinstance(cause, StopIteration) else error


def raiser(error: BaseException) -> Callable[[Any], Any]:
    """A function that raises this, whatever it is called with."""

    def fail(_: Any) -> Any:
        raise error

    return fail


class Interrupted(KeyboardInterrupt):
    """Raised in a task that was cancelled; ends its whole fiber."""


class Skipped(Interrupted):
    """Raised in a task that alone is cancelled: it ends the innermost one, and those around it go on."""


class ProgramInterrupted(Interrupted):
    """Ctrl-C, as the program and the tasks on its stack see it."""


# Programs should not see the difference, nor should those who read their tracebacks.
ProgramInterrupted.__name__ = ProgramInterrupted.__qualname__ = "KeyboardInterrupt"
ProgramInterrupted.__module__ = "builtins"


class Interrupter:
    """Raises Interrupted in fibers: in the one that runs by a signal, in others when they would go on.

    Args:
        fibers: of this process.
        main: the id of the thread that they run in.
        signum: the signal; not SIGINT where people may send that too, for two at once would be one.
    """

    def __init__(self, fibers: Fibers, main: int, signum: int) -> None:
        self._fibers = fibers
        self._main = main
        self._signum = signum
        signal.signal(signum, self.strike)
        self.target: Fiber | None = None  # which could not be interrupted yet; `retry` then
        self._alone: tuple[Any, int] | None = None  # end only this: what its fiber runs, and how deep it is there
        self.missed = False  # what was to end alone had ended by itself, or waits for others

    def interrupt(self, chosen: Callable[[Fiber], bool]) -> None:
        """Raise Interrupted in all fibers that are chosen."""
        for fiber in list(self._fibers.all):
            if not chosen(fiber):
                continue
            if fiber.parked:
                self._fibers.ready.append((fiber, Interrupted()))
            else:
                self.target, self._alone = fiber, None
                self.retry()

    def skip(self) -> None:
        """Raise Skipped in the task that runs now, the innermost one of its fiber."""
        fiber = next((f for f in list(self._fibers.all) if not f.parked and f.piece is not None), None)
        if fiber is None:
            self.missed = True
        elif self.target is None:
            self.target, self._alone = fiber, (fiber.piece, fiber.depth)
            self.retry()

    def retry(self) -> None:
        """Have the main thread look again."""
        signal.pthread_kill(self._main, self._signum)

    def strike(self, signum: int, frame: FrameType | None) -> None:
        """Signal handler: interrupt the running task, if it is the one that is meant, and only in the user's code."""
        target = self.target
        if target is None:
            return
        alone = self._alone
        if alone is not None and (target.parked or target.piece is not alone[0] or target.depth < alone[1]):
            self.target, self.missed = None, True
            return
        if target.parked:
            self.target = None
            self._fibers.ready.append((target, Interrupted()))
            return
        if target.piece is None or (isinstance(target.piece, Piece) and target.piece.cancelled):
            self.target = None
            return
        while frame is not None and not frame.f_code.co_filename.startswith(_HERE):
            frame = frame.f_back
        if self._fibers.current is target and frame is not None and frame.f_code in _USER_CODE:
            self.target = None
            raise Interrupted if alone is None else Skipped
