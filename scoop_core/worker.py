"""A worker: executes tasks, each in a fiber.

The main thread runs tasks; what they submit stays in this process until somebody else is idle. The link's IO thread
answers the broker while a long task runs: it gives tasks away, takes cancellations, sends what was printed.

The same class is the origin under `python -m scoop`: the program is then its first task.
"""

from __future__ import annotations

import heapq
import itertools
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from mmap import mmap
from pathlib import Path
from types import FrameType
from typing import Any

from scoop_core import messages as m
from scoop_core.calls import (
    Interrupted,
    Interrupter,
    KeptMap,
    Lot,
    ProgramInterrupted,
    calls,
    raised,
    raiser,
    run_many,
    run_one,
)
from scoop_core.config import FLUSH_SECONDS, Connection
from scoop_core.errors import NotPicklable, RemoteTraceback
from scoop_core.fibers import Fiber, Fibers
from scoop_core.future import Batch, Future
from scoop_core.jobs import MapJob
from scoop_core.output import Outputs
from scoop_core.owner import Options, lots
from scoop_core.payload import explain_result, first_line, function_name
from scoop_core.peer import DEFAULT, Peer
from scoop_core.processes import end_group
from scoop_core.program import Program
from scoop_core.task_tree import Place, top
from scoop_core.worker_state import GroupCount, Piece, Stretch, WorkerState

#: Tasks that run one within the other on one stack; deeper ones get a stack of their own, so that Python's recursion
#: limit (1,000 frames) is left to the user's functions.
MAX_DEPTH = 20
#: The main thread looks for messages itself after so many submits: a spawning task has much to share, soon.
BEAT = 256
#: A running stretch is worth sharing if the rest will take longer than this, in seconds.
WORTH = 0.001
_HERE = str(Path(__file__).parent)
_now = time.perf_counter


class Worker(Peer):
    """One worker process, in its main thread.

    Args:
        connection: the pool.
        number: which worker this is.
        board: shared memory in which the highest begun seq is noted, for those who find the worker dead.
        lifeline: a descriptor whose end means: nobody needs this process any more.
        program: the script that workers import.
        forward: send prints of tasks to their root.
        origin: the program's own process: it is not ended from outside.
    """

    def __init__(
        self,
        connection: Connection,
        number: int,
        board: mmap | None = None,
        lifeline: int | None = None,
        program: Program | None = None,
        forward: bool = True,
        origin: bool = False,
    ) -> None:
        self.number = number
        self.state = WorkerState()
        self.fibers = Fibers(self._next, self._idle)
        self.context: GroupCount | None = None  # of the task that runs now
        self._board = board
        self._origin = origin
        self._main = threading.get_ident()
        self._functions: dict[bytes, Any] = {}
        self._groups: dict[tuple[str, int, int], GroupCount] = {}
        self._seq = 0
        self._rested = True  # the broker knows that there is nothing to run
        self._told_rich = False
        self._ticking = False  # the duty will be done again soon
        self._beat = BEAT
        self._running: Stretch | None = None
        self._interrupter = Interrupter(self.fibers, self._main)
        self._program: Fiber | None = None  # in which the program runs, in its own process
        self._deadlines: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._started = _now()
        self._idled = 0.0
        self._idle_since: float | None = None
        self._cpu = time.process_time()
        self._done = 0
        self._task_since = 0.0
        self._told = 0.0
        self._telling = threading.Lock()
        self._sharing = threading.RLock()  # while tasks leave; who cancels one of them waits until it can follow
        self._news = False
        self._own_news = False  # of tasks that only this worker knows
        self._unwanted: set[tuple[str, int]] = set()  # runs (-1: all of a root) that were cancelled
        self._retiring = False
        self._stopped = False
        self._outputs = Outputs(f"w{number}", self._post, lambda: self.context) if forward else None
        super().__init__(connection, f"w{number}", program, lifeline, shielded=origin)
        if not origin:
            signal.signal(signal.SIGINT, self._interrupter.strike)
        self.hello("worker", number)

    def run(self) -> None:
        """Work until told to stop."""
        if self._outputs:
            self._outputs.install()
        self.fibers.run()
        if self._outputs:
            self._outputs.flush(rest=True)
        self.link.close()

    def import_program(self, program: Program) -> None:
        """Import the script; if that fails, tasks that need something of it say why."""
        try:
            program.load()
        except BaseException as error:
            print(f"scoop: {self.name} could not import {program.path}: {first_line(error)}", file=sys.__stderr__)

    def run_program(self, work: Callable[[], None]) -> None:
        """Run `work` as the first task of this process, and whatever there is to do while it waits.

        Raises:
            BaseException: what `work` raised.
        """
        raised: list[BaseException] = []

        def body() -> None:
            self._program = self.fibers.current
            self.context = self._group(self.name, 0, top(self.name, 0), "program")
            try:
                work()
            except BaseException as error:
                raised.append(error)
            self.fibers.stopped = True

        self._rested = False
        self.fibers.elsewhere(body)
        before = signal.signal(signal.SIGINT, self._interrupt_program)
        try:
            self.fibers.run()
        finally:
            signal.signal(signal.SIGINT, before)
        if raised:
            raise raised[0]

    def _interrupt_program(self, signum: int, frame: FrameType | None) -> None:
        """Signal handler of a program's own process: an interrupt is for the program, whatever runs there now."""
        here = self.fibers.current
        if self._interrupter.pending:  # it was for a task
            self._interrupter.strike(signum, frame)
        elif self._program is None or here is self._program:
            raise ProgramInterrupted
        elif any(isinstance(error, ProgramInterrupted) for _, error in list(self.fibers.ready)):
            # The second one, and what runs did not heed the first.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
        else:
            self.fibers.ready.appendleft((self._program, ProgramInterrupted()))
            self.link.nudge()
            self._interrupter.interrupt(lambda fiber: fiber is here)

    # ---- submitting --------------------------------------------------------------------------------------------

    def submit(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], options: Options = DEFAULT
    ) -> Future:
        self._check()
        group = self._kid(function)
        future = Future(self)
        if options is not DEFAULT:
            group.queued += 1
            future._group = group
            self._hand_over(future, (function, args, kwargs), options)
            self.link.flush()
            return future
        future._call = (function, args, kwargs)
        future._group = group
        group.queued += 1
        pending = self.state.pending
        pending[future] = None
        if not self._told_rich:
            self._offer()
        self._beat -= 1
        if self._beat < 0:
            self._beat = BEAT
            self.link.poll()
        if threading.get_ident() != self._main:
            self.link.nudge()
        return future

    def _hand_over(self, future: Future, call: tuple[Any, tuple[Any, ...], dict[str, Any]], options: Options) -> None:
        """Send a call to the broker, for others. Raises NotPicklable or whatever pickling raises."""
        function, args, kwargs = call
        group = future._group
        packed = self.packer.pack_function(function)
        frozen = self.packer.freeze((args, kwargs))
        spec = self.owner.spec(packed, group.root, group.run, group.place, options)
        future._call = None
        group.queued -= 1
        self.owner.call(future, packed, spec, frozen)

    def _group(self, root: str, run: int, place: Place, name: str) -> GroupCount:
        key = (root, run, place.group)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = GroupCount(place, name, root, run)
        return group

    def _kid(self, function: Any) -> GroupCount:
        """The account of tasks of this function that the running task submits."""
        above = self.context
        if above is None:  # a thread that outlived its task, or module level
            above = self._group(self.name, 0, top(self.name, 0), "program")
        try:
            return above.kids[function]
        except (KeyError, TypeError):
            name = function_name(function)
            group = self._group(above.root, above.run, above.place.child(name), name)
            try:
                if len(above.kids) > 100:  # lambdas are new each time
                    above.kids.clear()
                above.kids[function] = group
            except TypeError:
                pass
            return group

    def _start_map(self, function: Callable[..., Any], items: Sequence[Any], form: str, options: Options) -> MapJob:
        self._check()
        job = KeptMap(self.owner, function, self._kid(function), options)
        job.n = len(items)
        job.retract = partial(self._retract, job)
        self._add_lots(job, 0, items, form)
        return job

    def _extend_map(self, job: MapJob, rows: Sequence[Any]) -> None:
        assert isinstance(job, KeptMap)
        self._add_lots(job, job.sent, rows, "rows")

    def _add_lots(self, job: KeptMap, lo: int, items: Sequence[Any], form: str) -> None:
        job.sent = lo + len(items)
        job.group.queued += len(items)
        kept = [Lot(job, lo + start, part, form) for start, part in lots(items, self.size)]
        # The last lot first: idle workers take the oldest tasks, and this map will ask for its first lot first.
        for lot in reversed(kept):
            job.lots[lot.lo] = lot
            self.state.pending[lot] = None
        if not self._told_rich:
            self._offer()

    def _offer(self) -> None:
        """Tell the broker that there are tasks to share. A single one will probably be waited for at once, so it is
        offered by `_duty`, if it is still there then."""
        if len(self.state.pending) > 1:
            self._told_rich = True
            self.link.send(m.Rich())
        elif not self._ticking:
            self._ticking = True
            self.link.nudge()

    # ---- waiting -----------------------------------------------------------------------------------------------

    def wait_for(self, future: Future, timeout: float | None) -> bool:
        fiber = self.fibers.current
        if fiber is None or threading.get_ident() != self._main:
            return self._wait_outside(future.done, timeout, [future])
        if timeout is None and self.state.claim(future):
            if fiber.depth < MAX_DEPTH:
                self._run_call(future)
                return True
            self.fibers.elsewhere(lambda: self._run_alone(future))
        return self._park(future.done, timeout, [future])

    def wait_until(self, until: Callable[[], bool], timeout: float | None, futures: Sequence[Future] = ()) -> bool:
        fiber = self.fibers.current
        if fiber is None or threading.get_ident() != self._main:
            return self._wait_outside(until, timeout, futures)
        if not futures:
            # For a word of the broker: it comes at once, so there is no point in doing something else meanwhile.
            return self.link.serve(until, timeout)
        if timeout is None:
            for future in futures:
                if until():
                    return True
                if self.state.claim(future):
                    if fiber.depth < MAX_DEPTH:
                        self._run_call(future)
                    else:
                        self.fibers.elsewhere(partial(self._run_alone, future))
                        self._park(future.done, None, [future])
        return self._park(until, timeout, futures)

    def _park(self, until: Callable[[], bool], timeout: float | None, futures: Sequence[Future]) -> bool:
        """Let other tasks run until `until()`, which may change when one of the futures is over."""
        fiber = self.fibers.current
        assert fiber is not None

        def wake() -> None:
            self.fibers.ready.append((fiber, None))

        for future in futures:
            if future._parked is None:
                future._parked = []
            future._parked.append(wake)
        end = None if timeout is None else time.monotonic() + timeout
        if end is not None:
            heapq.heappush(self._deadlines, (end, next(self._order), wake))
        return self._sleep(fiber, until, end)

    def _sleep(self, fiber: Fiber, until: Callable[[], bool], end: float | None) -> bool:
        context, running = self.context, self._running
        while not until():
            if end is not None and time.monotonic() >= end:
                return False
            piece = fiber.piece
            if isinstance(piece, Piece) and (part := piece.cut(half=False)):
                # What stands behind this task in its piece should not wait with it.
                back = ((piece.assign.seq, part[0], part[1]),)
                self.link.send(m.Shared(back, 0, self._told_rich))
            self.context = self._running = None
            try:
                self.fibers.park()
            finally:
                self.context, self._running = context, running
        return True

    def _wait_outside(self, until: Callable[[], bool], timeout: float | None, futures: Sequence[Future]) -> bool:
        """Wait in a thread of the user's own. It runs what nobody has begun: the main thread may wait for it."""
        if timeout is None and threading.get_ident() != self._main:
            for future in futures:
                if until():
                    return True
                if self.state.claim(future):
                    self._run_call(future)
        end = None if timeout is None else time.monotonic() + timeout
        self.link.nudge()
        while not until():
            left = 0.05 if end is None else min(0.05, end - time.monotonic())
            if left <= 0:
                return False
            if futures:
                with futures[0]._condition:
                    if not until():
                        futures[0]._condition.wait(left)
            else:
                self.link.serve(until, left)
        return True

    def _await_map(self, job: MapJob, index: int, deadline: float | None) -> bool:
        fiber = self.fibers.current
        if fiber is not None and threading.get_ident() == self._main and deadline is None:
            lot = job.lots.get(index)
            if lot is None and index < 0:
                lot = next((o for o in list(job.lots.values()) if o in self.state.pending), None)
            if lot is not None and self.state.claim(lot):
                if fiber.depth < MAX_DEPTH:
                    self._run_lot(lot)
                    return True
                self.fibers.elsewhere(lambda: self._run_alone(lot))

        def until() -> bool:
            if job.error is not None or job.was_cancelled:
                return True
            return bool(job.arrived) if index < 0 else index in job.batches

        if fiber is None or threading.get_ident() != self._main:
            if deadline is None and threading.get_ident() != self._main:
                lot = next((o for o in list(job.lots.values()) if self.state.claim(o)), None)
                if lot is not None:
                    self._run_lot(lot)
                    return True
            timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
            return self._wait_outside(until, timeout, ())

        def wake() -> None:
            self.fibers.ready.append((fiber, None))

        job.waker = wake
        if deadline is not None:
            heapq.heappush(self._deadlines, (deadline, next(self._order), wake))
        return self._sleep(fiber, until, deadline)

    # ---- running -----------------------------------------------------------------------------------------------

    def _next(self) -> Callable[[], None] | None:
        if self._stopped:
            self.fibers.stopped = True
            return None
        task = self.state.next()
        while self._unwanted and task is not None and type(task) is not Piece and self._is_unwanted(task._group):
            self._forgo(task)
            task = self.state.next()
        if task is None:
            return None
        self._rested = False
        if type(task) is Piece:
            return lambda: self._run_piece(task)
        return lambda: self._run_alone(task)

    def _run_alone(self, task: Any) -> None:
        """Run a claimed task of the worker's own in a fiber of its own."""
        fiber = self.fibers.current
        assert fiber is not None
        fiber.piece = task
        try:
            if type(task) is Lot:
                self._run_lot(task)
            else:
                self._run_call(task)
        except Interrupted:
            pass

    def _run_call(self, future: Future) -> None:
        """Run a claimed call of the worker's own; its future is over afterwards."""
        function, args, kwargs = future._call
        group: GroupCount = future._group
        fiber = self.fibers.current
        outer = self.context
        if fiber is not None:  # else a thread of the user's own runs it
            self.context = group
            fiber.depth += 1
        group.queued -= 1
        group.running += 1
        self._news = self._own_news = True
        began = _now()
        try:
            result = run_one(function, args, kwargs)
        except Interrupted:
            group.cancelled += 1
            future._drop()
            raise
        except BaseException as error:
            self._note_failure(group, error)
            future._fail(error)
        else:
            group.done += 1
            future._settle(result)
        finally:
            spent = _now() - began
            group.running -= 1
            group.seconds += spent
            if spent > group.longest:
                group.longest = spent
            if fiber is not None:
                fiber.depth -= 1
                self.context = outer
            self._done += 1

    def _note_failure(self, group: GroupCount, error: BaseException) -> None:
        group.failed += 1
        if len(group.errors) < 5:
            group.errors.append(first_line(error))
        if not isinstance(error.__cause__, RemoteTraceback):
            # As if it had come from elsewhere: the same to look at, wherever the task ran.
            error.__cause__ = RemoteTraceback(self.packer.format_error(error))
            error.__traceback__ = None

    def _run_lot(self, lot: Lot) -> None:
        """Run a claimed lot of a map of the worker's own."""
        group = lot._group
        fiber = self.fibers.current
        outer, before = self.context, self._running
        count = lot.hi - lot.lo
        lot.begin(lot.arguments)  # from now on it may be cut
        if fiber is not None:  # else a thread of the user's own runs it
            self.context, self._running = group, lot
            fiber.depth += 1
        group.queued -= count
        group.running += 1
        self._news = self._own_news = True
        out: list[Any] = []
        failures: dict[int, BaseException] = {}
        began = _now()
        try:
            while True:
                try:
                    run_many(out, calls(lot.job.function, lot.items, lot.form))
                    if lot.swallowed(len(out)):
                        raise StopIteration
                except Interrupted:
                    group.cancelled += lot.hi - lot.lo - len(failures)
                    group.queued += count - (lot.hi - lot.lo)
                    lot.job.cancelled(lot.lo, lot.hi)
                    raise
                except BaseException as error:
                    error = raised(error)
                    self._note_failure(group, error)
                    failures[lot.lo + len(out)] = error
                    out.append(None)
                    continue
                if not lot.go_on():
                    break
            # What was cut off meanwhile is counted where it went.
            group.queued += count - len(out)
            group.done += len(out) - len(failures)
            self._done += len(out)
            lot.job.put(Batch.local(lot.lo, out, failures))
        finally:
            spent = _now() - began
            group.running -= 1
            group.seconds += spent
            if out:
                group.longest = max(group.longest, spent / len(out))
            lot.job.lots.pop(lot.lo, None)
            if fiber is not None:
                fiber.depth -= 1
                self.context, self._running = outer, before

    def _run_piece(self, piece: Piece) -> None:
        """Run tasks that the broker sent, and send their outcomes."""
        assign = piece.assign
        spec = assign.spec
        fiber = self.fibers.current
        assert fiber is not None
        fiber.piece = piece
        self.state.begun[assign.seq] = piece
        if self._board is not None:
            struct.pack_into("<Q", self._board, 0, assign.seq)
        group = self._groups.get((spec.root, spec.run, spec.group))
        if group is None:
            path = spec.path or ((spec.name, spec.group),)
            group = self._group(spec.root, spec.run, Place(spec.group, spec.parent, path), spec.name)
        self.context = group
        self._running = piece
        self._task_since = time.time()
        self._news = True
        piece.since = _now()
        try:
            function = self._function(spec.function)
            arguments = self.packer.unpack_items(assign.form, assign.parcel, piece.frames)
            piece.begin(arguments[piece.lo - assign.base : piece.hi - assign.base])
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
                    if piece.swallowed(len(piece.out)):
                        raise StopIteration
                except Interrupted:
                    piece.cancelled = True
                    break
                except BaseException as error:
                    index = piece.lo + len(piece.out)
                    piece.failures.append(self.packer.pack_error(index, raised(error)))
                    piece.out.append(None)
                    continue
                if not piece.go_on():
                    break
        finally:
            self.context, self._running = None, None
            self._report(piece, over=True)
            self.state.begun.pop(assign.seq, None)

    def _function(self, digest: bytes) -> Callable[..., Any]:
        found = self._functions[digest]
        if type(found) is tuple:
            found = self._functions[digest] = self.packer.unpack_function(*found)
        function: Callable[..., Any] = found
        return function

    # ---- reporting ---------------------------------------------------------------------------------------------

    def _report(self, piece: Piece, over: bool) -> None:
        """Send the outcomes of a piece that have not been sent."""
        if self._outputs:
            self._outputs.flush(rest=over)
        if over and self._own_news:  # so that who has all results has all counts
            self._tally(_now())
        # To the end under the lock: what the IO thread reports ahead must leave ahead of the rest, too.
        with piece.lock:
            lo = piece.lo + piece.sent
            values = piece.out[piece.sent :]
            count = len(values)
            if count:
                self._send_done(piece, lo, values, over)
            if over and lo + count < piece.hi:  # it was interrupted
                self.link.send(m.Dropped(piece.assign.seq, lo + count, piece.hi))

    def _send_done(self, piece: Piece, lo: int, values: list[Any], over: bool) -> None:
        count = len(values)
        name = piece.assign.spec.name
        piece.sent += count
        since, piece.since = piece.since, _now()
        seconds = piece.since - since
        failures = [f for f in piece.failures if f.index >= lo]
        form, parcel, frames, errors = self.packer.pack_items(
            values, "values", lambda position, error: explain_result(name, values[position], error)
        )
        failures += [self.packer.pack_error(lo + position, error) for position, error in errors.items()]
        self._done += count
        self._news = True
        rest = over and not self._retiring and self.state.empty and not self.fibers.ready
        rest = rest and len(self.state.begun) == 1  # else `Idle` has to tell that others are parked
        idle = rest and lo + count == piece.hi and not self.owner.dirty
        if idle:
            self._rested = True
            self._told_rich = False
        seq, each, spent = piece.assign.seq, seconds / count, self._spent()
        done = m.Done(seq, lo, lo + count, form, parcel, tuple(failures), seconds, each, idle, *spent)
        self.link.send(done, frames)

    def _duty(self) -> float | None:
        self._ticking = False  # first of all: who submits meanwhile sees it
        if self.owner.dirty:
            self.owner.flush()
        now = _now()
        piece = self._running
        if isinstance(piece, Piece) and len(piece.out) > piece.sent and now - piece.since > FLUSH_SECONDS:
            self._report(piece, over=False)
        if self._outputs:
            self._outputs.flush()
        wait: float | None = None
        if self._interrupter.pending:  # it was not where it may be interrupted
            self._interrupter.retry()
            wait = 0.01
        if self._news or isinstance(piece, Piece) or self.state.pending:
            if now - self._told >= FLUSH_SECONDS:
                self._tally(now)
                if self.state.pending and not self._told_rich:
                    self._told_rich = True
                    self.link.send(m.Rich())
            wait = min(wait or FLUSH_SECONDS, FLUSH_SECONDS)
        self._ticking = wait is not None
        return wait

    def _spent(self) -> tuple[float, float]:
        """Seconds that this process was not idle, and seconds of CPU that it has used."""
        now, since = _now(), self._idle_since
        idled = self._idled + (0.0 if since is None else now - since)
        return now - self._started - idled, time.process_time() - self._cpu

    def _tally(self, now: float) -> None:
        """Tell the broker what happened here since the last time."""
        with self._telling:
            self._told = now
            self._news = self._own_news = False
            tallies = [t for g in list(self._groups.values()) if (t := g.tally()) is not None]
            context = self.context
            busy, cpu = self._spent()
            task = context.name if context is not None else ""
            piece = self._running
            # Of a task within a task it is not known when it began.
            own = isinstance(piece, Piece) and context is not None and context.place.group == piece.assign.spec.group
            since = self._task_since if own else 0.0
            self.link.send(m.Tally(tuple(tallies), task, since, busy, self._done, cpu))
        if len(self._groups) > 1000:
            self._groups = {k: g for k, g in self._groups.items() if g.queued or g.running}

    def _idle(self) -> None:
        """Nothing can run: say so, and wait for messages."""
        if self._outputs:
            self._outputs.flush(rest=True)
        self._told_rich = False
        if self._retiring and not self.state.begun and not self.owner.pending:
            self._tally(_now())
            self.fibers.stopped = True
            return
        if not self._rested:
            self._rested = True
            seq = self._seq  # before the look: what comes after it is not meant
            if self.state.empty:
                self.link.send(m.Idle(seq))
            else:
                self._rested = False
        now = time.monotonic()
        wait = None
        while self._deadlines:
            end, _, wake = self._deadlines[0]
            if end > now:
                wait = end - now
                break
            heapq.heappop(self._deadlines)
            wake()
        self._idle_since = began = _now()
        self.link.serve(self._has_work, wait)
        self._idle_since = None
        self._idled += _now() - began

    def _has_work(self) -> bool:
        if self._retiring and not self.state.begun and not self.owner.pending:
            return True
        # What was assigned may have been cancelled at once: then `Idle` is due again, though there is nothing to do.
        return bool(not self.state.empty or self.fibers.ready or self._stopped or not self._rested)

    # ---- messages ----------------------------------------------------------------------------------------------

    def _handle(self, message: m.Header, frames: m.Frames) -> None:
        if isinstance(message, m.Assign):
            self.state.pieces.append(Piece(message, frames))
            self._rested = False
            self._seq = message.seq  # last, see `_idle`
        elif isinstance(message, m.Define):
            self._functions[message.digest] = (message.parcel, frames)
        elif isinstance(message, m.Forget):
            self._functions.pop(message.digest, None)
        elif isinstance(message, m.Share):
            self._share()
        elif isinstance(message, m.Drop):
            self._drop(message)
        elif isinstance(message, m.DropRun):
            self._drop_run(message.root, message.run)
        elif isinstance(message, m.Retire):
            self._retire()
        elif isinstance(message, m.Stop):
            self._stop()
        else:
            super()._handle(message, frames)

    def _share(self) -> None:
        with self._sharing:
            self._give_away()

    def _give_away(self) -> None:
        began = _now()

        def worth(stretch: Stretch) -> bool:
            if isinstance(stretch, Piece):
                count = len(stretch.out) - stretch.sent
                spent = began - stretch.since
                return spent / max(1, count) * (stretch.hi - stretch.lo - len(stretch.out)) > WORTH
            return True

        back, own, part = self.state.share(self._running, self.context is not None, worth)
        given = 0
        for task in own:
            if type(task) is Lot:
                given += self._export(task, task.lo, task.arguments)
            elif self._export_call(task):
                given += 1
        if part is not None and isinstance(self._running, Lot):
            given += self._export(self._running, part[0], part[2])
        self.owner.flush()
        self._told_rich = bool(self.state.pending)
        pieces = tuple((piece.assign.seq, lo, hi) for piece, lo, hi in back)
        self.link.send(m.Shared(pieces, given, self._told_rich))

    def _export_call(self, future: Future) -> bool:
        try:
            self._hand_over(future, future._call, DEFAULT)
        except Exception:  # it can't travel; then it runs here
            self.state.pending[future] = None
            return False
        return True

    def _export(self, lot: Lot, lo: int, arguments: Sequence[Any]) -> int:
        """Give tasks of a lot to the broker; how many went."""
        job, group = lot.job, lot.job.group
        try:
            if job.number < 0:
                packed = self.packer.pack_function(job.function)
                spec = self.owner.spec(packed, group.root, group.run, group.place, job.options)
                self.owner.enroll(job, packed, spec)
        except NotPicklable:
            kept = Lot(job, lo, arguments, lot.form)
            job.lots[lo] = kept
            self.state.pending[kept] = None
            return 0
        job.lots.pop(lo, None)
        group.queued -= len(arguments)
        self.owner.extend_map(job, lo, arguments, lot.form)
        return len(arguments)

    def _drop(self, message: m.Drop) -> None:
        """Some tasks of a piece are cancelled: let go of all that has not begun, and interrupt what runs."""
        piece = self.state.begun.get(message.seq)
        if piece is None:
            piece = next((p for p in list(self.state.pieces) if p.assign.seq == message.seq), None)
            if piece is None:
                return
            try:
                self.state.pieces.remove(piece)
            except ValueError:  # the main thread has just begun it
                pass
            else:
                self.link.send(m.Dropped(message.seq, piece.lo, piece.hi))
                self._rested = False  # if there is nothing else, the broker must hear of it
                return
        part = piece.cut(half=False)
        if part:
            self.link.send(m.Dropped(message.seq, part[0], part[1]))
        if message.lo <= piece.lo + len(piece.out) < min(message.hi, piece.hi):
            self._interrupter.interrupt(lambda fiber: fiber.piece is piece)

    def _drop_run(self, root: str, run: int) -> None:
        """What this worker kept for itself of a run (or of all runs, -1) is cancelled."""

        def of_run(group: GroupCount | None) -> bool:
            return group is not None and group.root == root and run in (group.run, -1)

        if run < 0:  # the root is gone
            self._unwanted = {key for key in self._unwanted if key[0] != root}
        self._unwanted.add((root, run))  # first: a task of it may be submitting right now
        for task in [t for t in list(self.state.pending) if of_run(t._group)]:
            if self.state.claim(task):
                self._forgo(task)
        self._interrupter.interrupt(
            lambda fiber: not isinstance(fiber.piece, Piece) and of_run(getattr(fiber.piece, "_group", None))
        )
        self._news = True

    def _is_unwanted(self, group: GroupCount) -> bool:
        """Whether the run was cancelled that this is done for."""
        return (group.root, group.run) in self._unwanted or (group.root, -1) in self._unwanted

    @staticmethod
    def _forgo(task: Any) -> None:
        """A claimed task of the worker's own is cancelled."""
        count = task.hi - task.lo if type(task) is Lot else 1
        task._group.queued -= count
        task._group.cancelled += count
        if type(task) is Lot:
            task.job.cancelled(task.lo, task.hi)
        else:
            task._drop()

    def _retract(self, job: MapJob) -> None:
        """Nobody waits for this map any more: let go of what this worker has kept of it, and interrupt what runs."""
        with self._sharing:  # what is about to leave is cancelled with what has left
            for lot in [lot for lot in list(job.lots.values()) if self.state.claim(lot)]:
                job.lots.pop(lot.lo, None)
                lot._group.queued -= lot.hi - lot.lo
                lot._group.cancelled += lot.hi - lot.lo
        here = self.fibers.current
        self._interrupter.interrupt(
            lambda fiber: fiber is not here and type(fiber.piece) is Lot and fiber.piece.job is job
        )
        self._news = True

    def _retire(self) -> None:
        self._retiring = True
        back, mine = [], []
        while self.state.pieces:
            piece = self.state.pieces.pop()
            if piece.assign.spec.worker:  # for this worker only
                mine.append(piece)
            elif part := piece.cut(half=False):
                back.append((piece.assign.seq, *part[:2]))
        self.state.pieces.extendleft(mine)
        self.link.send(m.Shared(tuple(back), 0, self._told_rich))

    def _stop(self) -> None:
        if self._origin:  # the program was not asked
            self._lose()
            return
        self._stopped = True
        # Whatever runs is not wanted any more, and may never end by itself.
        self._flush_standard()
        end_group(0)

    def _lose(self) -> None:
        if self._origin:
            super()._lose()
            for fiber in list(self.fibers.all):
                if fiber.parked:
                    self.fibers.ready.append((fiber, None))
        else:
            self._flush_standard()
            end_group(1)

    @staticmethod
    def _flush_standard() -> None:
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                try:
                    stream.flush()
                except (OSError, ValueError):
                    pass

    def cancel(self, future: Future) -> bool:
        """Cancel a task that this one submitted; of those that run in this very process, only one that waits."""
        if self.state.claim(future):
            future._group.queued -= 1
            future._group.cancelled += 1
            future._drop()
            return True
        if future._index < 0:
            with self._sharing:  # it may be about to leave
                pass
        if future._index < 0:
            waits = any(fiber.piece is future and fiber.parked for fiber in self.fibers.all)
            if waits:
                self._interrupter.interrupt(lambda fiber: fiber.piece is future)
                future._drop()
            return waits
        self.owner.cancel(future._job, future._index)
        self.link.flush()
        return True
