"""How a worker runs tasks: those of its own, and pieces that the broker sent."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from functools import partial
from mmap import mmap
from typing import Any

from scoop_core import messages as m
from scoop_core.accounts import Accounts
from scoop_core.calls import Interrupted, Lot, Skipped, call_of, calls, raised, raiser, run_many, run_one
from scoop_core.errors import NotPicklable, RemoteTraceback
from scoop_core.fibers import Fiber, Fibers, current
from scoop_core.future import Batch, Future
from scoop_core.mishaps import Call, Mishaps
from scoop_core.payload import Packer, first_line
from scoop_core.reporter import Reporter
from scoop_core.strip import SHORT
from scoop_core.watching import Watch
from scoop_core.worker_state import GroupCount, Piece, WorkerState

_SEQ = struct.Struct("<Q")
_now = time.perf_counter


class Runner:
    """Runs tasks and notes what became of them. All but the pieces may also run in a thread of the user's own.

    Args:
        state: the worker's queues.
        fibers: of this process.
        accounts: of this worker.
        packer: unpacks functions and arguments.
        reporter: sends the outcomes of pieces.
        mishaps: what people are told of failures.
        board: shared memory in which the highest begun seq is noted, for those who find the worker dead.
        watch: follows every task; None for nobody.
    """

    def __init__(
        self,
        state: WorkerState,
        fibers: Fibers,
        accounts: Accounts,
        packer: Packer,
        reporter: Reporter,
        mishaps: Mishaps,
        board: mmap | None,
        watch: Watch | None = None,
    ) -> None:
        self._state = state
        self._fibers = fibers
        self._accounts = accounts
        self._packer = packer
        self._reporter = reporter
        self._mishaps = mishaps
        self._board = board
        self.watch = watch
        self._chunk: tuple[m.Parcel | None, Sequence[Any]] = (None, ())
        self._functions: dict[bytes, Any] = {}  # by digest; as they came, until they are needed

    # ---- functions that the broker sent ------------------------------------------------------------------------

    def define(self, message: m.Define, frames: m.Frames) -> None:
        """Keep a function, for pieces to come."""
        self._functions[message.digest] = (message.parcel, frames)

    def forget(self, digest: bytes) -> None:
        """No more pieces of this function will come."""
        self._functions.pop(digest, None)

    def _unpack(self, piece: Piece) -> Sequence[Any]:
        """The arguments of a piece. Those of its last chunk are kept for the next piece of it, if that is bare.
        (Each is either of a type that can't change, or unpickled for its own task only.)"""
        assign, parcel = piece.assign, piece.parcel
        lo, hi = assign.lo, assign.hi  # the end of the piece may be cut off meanwhile
        kept, items = self._chunk
        if kept is not parcel:
            items = self._packer.unpack_items(assign.form, parcel, piece.frames)
        arguments = items[lo - assign.base : hi - assign.base]
        if assign.more:
            arguments = list(arguments)
            for parcel in assign.more:
                items = self._packer.unpack_items(assign.form, parcel, [])
                arguments += items[: hi - lo - len(arguments)]
        if parcel.bare:
            self._chunk = (parcel, items)
        return arguments

    # ---- tasks of the worker's own -----------------------------------------------------------------------------

    def run_alone(self, task: Any) -> None:
        """Run a claimed task of the worker's own in a fiber of its own."""
        fiber = self._fibers.current
        assert fiber is not None
        fiber.piece = task
        strip = self._accounts.strip
        mark = strip.mark
        try:
            if type(task) is Lot:
                self.run_lot(task)
            else:
                self.run_call(task, fiber)
        except Interrupted:
            pass
        if strip.mark == mark:  # it was too short to be told
            strip.tell(task._group, len(task.out) if type(task) is Lot else 1)

    def run_call(self, future: Future, fiber: Fiber | None) -> None:
        """Run a claimed call of the worker's own; its future is over afterwards.

        Args:
            future: of the call.
            fiber: the current one, or None in a thread of the user's own.
        """
        function, args, kwargs = future._call
        group: GroupCount = future._group
        called = function if self.watch is None else self.watch.wrap(function, group)
        accounts = self._accounts
        outer, parent = accounts.context, accounts.parent
        if fiber is not None:
            accounts.context, accounts.parent = group, future
            fiber.depth += 1
        group.queued -= 1
        group.running += 1
        accounts.news = True
        began = _now()
        try:
            result = run_one(called, args, kwargs)
        except Interrupted as stop:
            group.cancelled += 1
            future._drop()
            if not isinstance(stop, Skipped):
                raise
            self._reporter.interrupted()
        except BaseException as error:
            self._note_failure(group, error, function, partial(tuple, [args, kwargs]), began)
            future._fail(error)
        else:
            group.done += 1
            future._settle(result)
        finally:
            spent = _now() - began
            group.running -= 1
            group.seconds += spent
            if spent > group.notable:
                self._note_time(group, outer, spent, future if fiber is not None else None)
            if fiber is not None:
                fiber.depth -= 1
                accounts.context, accounts.parent = outer, parent
            accounts.news = accounts.own_news = True

    def _note_time(self, group: GroupCount, outer: GroupCount | None, spent: float, future: Future | None) -> None:
        """A call took longer than others, or long. `future` is its own; None for a thread of the user's own."""
        group.longest = max(group.longest, spent)
        group.notable = min(group.longest, SHORT)
        if spent > SHORT and future is not None:
            self._accounts.strip.tell_long(group, outer, spent, 1, int(future._exception is not None))

    def run_lot(self, lot: Lot) -> None:
        """Run a claimed lot of a map of the worker's own."""
        group = lot._group
        function = lot.job.function
        if self.watch is not None:
            function = self.watch.wrap(function, group)
        accounts = self._accounts
        fiber = self._fibers.current
        outer, before, parent = accounts.context, accounts.running, accounts.parent
        count = lot.hi - lot.lo
        lot.begin(lot.arguments)  # from now on it may be cut
        if fiber is not None:  # else a thread of the user's own runs it
            accounts.context, accounts.running, accounts.parent = group, lot, lot
            fiber.depth += 1
        group.queued -= count
        group.running += 1
        accounts.news = True
        out = lot.out
        failures: dict[int, BaseException] = {}
        began = _now()
        strip = accounts.strip
        if outer is not None and began - strip.mark > SHORT and fiber is not None:
            strip.tell(outer)
        try:
            while True:
                try:
                    run_many(out, calls(function, lot.items, lot.form))
                    if lot.is_over:
                        break
                    if lot.swallowed(len(out)):
                        raise StopIteration
                except Skipped:
                    group.cancelled += 1
                    failures[lot.lo + len(out)] = CancelledError(f"a task of {group.name!r} was cancelled")
                    out.append(None)
                    self._reporter.interrupted()
                    continue
                except Interrupted:
                    group.cancelled += lot.hi - lot.lo - len(failures)
                    group.queued += count - (lot.hi - lot.lo)
                    lot.job.cancelled(lot.lo, lot.hi)
                    raise
                except BaseException as error:
                    error, index = raised(error), len(out)
                    call = partial(call_of, lot.arguments[index], lot.form)
                    self._note_failure(group, error, lot.job.function, call, began)
                    failures[lot.lo + index] = error
                    out.append(None)
                    continue
                if not lot.go_on():
                    break
            # What was cut off meanwhile is counted where it went.
            group.queued += count - len(out)
            group.done += len(out) - len(failures)
            lot.job.put(Batch.local(lot.lo, out, failures))
        finally:
            spent = _now() - began
            group.running -= 1
            group.seconds += spent
            if out:
                group.longest = max(group.longest, spent / len(out))
            if spent > SHORT and fiber is not None:
                strip.tell_long(group, outer, spent, len(out), len(failures))
            accounts.note()
            lot.job.lots.pop(lot.lo, None)
            if fiber is not None:
                fiber.depth -= 1
                accounts.context, accounts.running, accounts.parent = outer, before, parent

    def _note_failure(
        self, group: GroupCount, error: BaseException, function: Any, call: Callable[[], Call], began: float
    ) -> None:
        group.failed += 1
        id = self._mishaps.note(group, error, function, call, began)
        if not isinstance(error.__cause__, RemoteTraceback):
            # As if it had come from elsewhere: the same to look at, wherever the task ran.
            error.__cause__ = RemoteTraceback(self._packer.format_error(error), id)
            error.__traceback__ = None

    # ---- pieces ------------------------------------------------------------------------------------------------

    def run_piece(self, piece: Piece) -> None:
        """Run tasks that the broker sent, and send their outcomes."""
        assign = piece.assign
        spec = assign.spec
        accounts = self._accounts
        fiber = current()  # as `Fibers.current`, which is a property and so takes longer
        assert fiber is not None
        fiber.piece = piece
        self._state.begin(piece)
        if self._board is not None:
            _SEQ.pack_into(self._board, 0, assign.seq)
        accounts.context = group = accounts.of_spec(spec)
        accounts.running = accounts.parent = piece
        accounts.piece_since = time.time()
        piece.since = began = _now()
        try:
            function = self._functions[spec.function]
            if type(function) is tuple:
                function = self._functions[spec.function] = self._packer.unpack_function(*function)
            piece.function = function
            if self.watch is not None:
                function = self.watch.wrap(function, group)
            piece.arguments = self._unpack(piece)
            piece.begin(piece.arguments)
            # Only now: the first task of a function imports its module, and can't be interrupted while it does.
            if spec.limit:
                piece.due = _now() + spec.limit
        except BaseException as error:
            piece.begin([None] * (piece.hi - piece.lo))
            broken = NotPicklable(f"{spec.name!r} can't be run here, it does not unpickle: {first_line(error)}")
            broken.__cause__ = error
            function, form = raiser(broken), "column"
        else:
            form = assign.form
        try:
            while True:
                try:
                    run_many(piece.out, calls(function, piece.items, form))
                    if piece.is_over:
                        break
                    if piece.swallowed(len(piece.out)):
                        raise StopIteration
                except Interrupted as stop:
                    piece.cancelled = True
                    if isinstance(stop, Skipped):
                        self._reporter.interrupted(piece)
                    break
                except BaseException as error:
                    index = piece.lo + len(piece.out)
                    piece.failures.append(self._reporter.failure(piece, index, raised(error), began))
                    piece.out.append(None)
                    continue
                if not piece.go_on():
                    break
        finally:
            accounts.context = accounts.running = accounts.parent = None
            accounts.strip.tell(group, len(piece.out), len(piece.failures))
            self._reporter.report(piece, over=True)
            self._state.begun.pop(assign.seq, None)
