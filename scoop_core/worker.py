"""A worker: executes tasks, each in a fiber.

The main thread runs tasks; what they submit stays in this process until somebody else is idle. The link's IO thread
answers the broker while a long task runs: it gives tasks away, takes cancellations, sends what was printed.

How all this is done stands in `runner`, `reporter`, `waits`, `sharing` and `cancelling`; here they are put together,
are given what the broker sends, and live as long as the worker.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from mmap import mmap
from typing import Any

from scoop_core import messages as m
from scoop_core.accounts import Accounts
from scoop_core.calls import Interrupter, KeptMap, Lot
from scoop_core.cancelling import Cancelling
from scoop_core.config import FLUSH_SECONDS, PREFETCH, QUIET_SECONDS, Connection
from scoop_core.current import current
from scoop_core.fibers import Fibers
from scoop_core.future import Future
from scoop_core.jobs import MapJob
from scoop_core.mishaps import Mishaps
from scoop_core.output import Outputs
from scoop_core.owner import DEFAULT, Options, lots
from scoop_core.payload import first_line
from scoop_core.peer import Peer
from scoop_core.processes import end_group
from scoop_core.program import Program
from scoop_core.reporter import Reporter
from scoop_core.runner import Runner
from scoop_core.sharing import Sharing
from scoop_core.waits import Waiting, Waits
from scoop_core.watching import Watch
from scoop_core.worker_state import Piece, WorkerState

#: The main thread looks for messages itself after so many submits: a spawning task has much to share, soon.
BEAT = 256
#: An interrupt that could not strike is tried again after so many seconds.
RETRY_SECONDS = 0.01
#: While a task computes in Python, the IO thread gets the interpreter after so many seconds. (Python's own setting is
#: 5 ms: who asks for a share of this worker's tasks would wait for that, once for each system call on the way.)
SWITCH_SECONDS = 0.001
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
        watch: follows every task; None for nobody.
    """

    for_people = False  # an ordinary worker is interrupted by its own IO thread only

    def __init__(
        self,
        connection: Connection,
        number: int,
        board: mmap | None = None,
        lifeline: int | None = None,
        program: Program | None = None,
        forward: bool = True,
        watch: Watch | None = None,
    ) -> None:
        super().__init__(connection, f"w{number}", program, lifeline, shielded=self.for_people)
        self.number = number
        self._watch = watch
        self._beat = BEAT
        self._stopped = False
        self._chunk: tuple[m.Parcel, m.Frames] = (m.Parcel(b""), [])  # of the last piece that came
        self.state = state = WorkerState()
        self.fibers = fibers = Fibers(self._next, self._idle)
        self.accounts = accounts = Accounts(self.name, self.link, state)
        self._interrupter = Interrupter(
            fibers, threading.get_ident(), signal.SIGURG if self.for_people else signal.SIGINT
        )
        self._outputs = (
            Outputs(self.name, self.link.post, lambda: accounts.context, self._current_task, accounts.hurry)
            if forward
            else None
        )
        mishaps = Mishaps(self.name, self.packer, self.link.post, self._outputs)
        self._reporter = Reporter(state, fibers, accounts, self.packer, self.owner, self.link, self._outputs, mishaps)
        self._runner = Runner(state, fibers, accounts, self.packer, self._reporter, mishaps, board, watch)
        self._waits = Waits(state, fibers, accounts, self._runner, self.link, watch)
        self._sharing = Sharing(state, accounts, self.packer, self.owner, self.link)
        self._cancelling = Cancelling(
            state, fibers, accounts, self._interrupter, self.owner, self.link, self._sharing.leaving
        )
        self._handlers |= {
            m.Assign: self._assign,
            m.Define: self._runner.define,
            m.Forget: lambda message, _: self._runner.forget(message.digest),
            m.Share: lambda message, _: self._sharing.give_away(message.everything),
            m.Retire: lambda *_: self._sharing.retire(),
            m.Drop: lambda message, _: self._cancelling.drop(message),
            m.DropRun: lambda message, _: self._cancelling.drop_run(message.root, message.run),
            m.Interrupt: lambda *_: self._interrupter.skip(),
            m.Stop: lambda *_: self._stop(),
        }
        self.hello("worker", number)

    # ---- submitting, waiting, cancelling -----------------------------------------------------------------------

    def submit(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], options: Options = DEFAULT
    ) -> Future:
        if self.lost is not None:
            self._check()
        accounts = self.accounts
        future = Future()
        future._engine = self
        future._group = group = accounts.of_kid(function, options.name)
        group.queued += 1
        if options is not DEFAULT:
            self._sharing.hand_over(future, (function, args, kwargs), options)
            self.link.flush()
            return future
        future._call = (function, args, kwargs)
        state = self.state
        state.pending[future] = accounts.parent
        if not state.told_rich:
            self._sharing.offer()
        self._beat -= 1
        if self._beat < 0:
            self._beat = BEAT
            self.link.poll()
        if state.rested:  # a thread of the user's own submits, and the main thread sleeps
            self.link.nudge()
        return future

    def _start_map(self, function: Callable[..., Any], items: Sequence[Any], form: str, options: Options) -> MapJob:
        self._check()
        job = KeptMap(self.owner, function, self.accounts.of_kid(function, options.name), options)
        job.n = len(items)
        if options is not DEFAULT:
            self._sharing.hand_over_map(job, items, form)
            self.link.flush()
            return job
        job.retract = partial(self._cancelling.retract, job)
        self._add_lots(job, 0, items, form)
        return job

    def _extend_map(self, job: MapJob, rows: Sequence[Any]) -> None:
        assert isinstance(job, KeptMap)
        if job.options is not DEFAULT:
            self.owner.extend_map(job, job.sent, rows, "rows")
            self.link.flush()
        else:
            self._add_lots(job, job.sent, rows, "rows")

    def _add_lots(self, job: KeptMap, lo: int, items: Sequence[Any], form: str) -> None:
        job.sent = lo + len(items)
        job.group.queued += len(items)
        kept = [Lot(job, lo + start, part, form) for start, part in lots(items)]
        # The last lot first: idle workers take the oldest tasks, and this map will ask for its first lot first.
        for lot in reversed(kept):
            job.lots[lot.lo] = lot
            self.state.pending[lot] = self.accounts.parent
        if not self.state.told_rich:
            self._sharing.offer()

    def wait_for(self, future: Future, timeout: float | None) -> bool:
        return self._waits.wait_for(future, timeout)

    def wait_for_job(self, job: MapJob) -> None:
        self._waits.wait_for_job(job)

    @property
    def in_task(self) -> bool:
        return self.fibers.current is not None

    def attend(self, waiter: Any, future: Future) -> None:
        if self.in_task:
            if type(waiter.event) is not Waiting:
                waiter.event = Waiting(self)
            waiter.event.futures.append(future)

    def forgo(self, futures: Iterable[Future], jobs: Iterable[MapJob]) -> None:
        futures, jobs = list(futures), list(jobs)
        self._cancelling.forgo([*futures, *(lot for job in jobs for lot in list(job.lots.values()))])
        super().forgo(futures, jobs)

    def wait_until(self, until: Callable[[], bool], timeout: float | None, futures: Sequence[Future] = ()) -> bool:
        return self._waits.wait_until(until, timeout, futures)

    def _await_map(self, job: MapJob, index: int, deadline: float | None) -> bool:
        return self._waits.await_map(job, index, deadline)

    def cancel(self, future: Future) -> bool:
        """Cancel a task that this one submitted; of those that run in this very process, only one that waits."""
        return self._cancelling.cancel(future)

    @property
    def watch(self) -> Watch | None:
        """What follows every task that begins from now on; None for nobody."""
        return self._watch

    @watch.setter
    def watch(self, watch: Watch | None) -> None:
        self._watch = self._runner.watch = self._waits.watch = watch

    def show(self, content: str) -> bool:
        """Have something else than text shown where the prints of the running task are; False if that can't be."""
        return self._outputs is not None and self._outputs.show(content)

    # ---- life --------------------------------------------------------------------------------------------------

    def import_program(self, program: Program) -> None:
        """Import the script; if that fails, tasks that need something of it say why."""
        current.importing = self
        try:
            program.load()
        except BaseException as error:
            print(f"scoop: {self.name} could not import {program.path}: {first_line(error)}", file=sys.__stderr__)
        finally:
            current.importing = None

    def run(self) -> None:
        """Work until told to stop."""
        if self._outputs:
            self._outputs.install()
        sys.setswitchinterval(SWITCH_SECONDS)
        self.fibers.run()
        if self._outputs:
            self._outputs.flush(rest=True)
        self._close_watch()
        self.link.close()

    def _current_task(self) -> Hashable:
        """What tells the task that runs now from those before it and around it; the same at its end."""
        fiber, stretch = self.fibers.current, self.accounts.running
        return fiber and (id(fiber), fiber.depth, len(stretch.out) if stretch else 0)

    def _next(self) -> Callable[[], None] | None:
        """What a fiber should do next."""
        if self._stopped:
            self.fibers.stopped = True
            return None
        task = self.state.next()
        while self._cancelling.unwanted and task is not None and type(task) is not Piece:
            if not self._cancelling.refuse(task):
                break
            task = self.state.next()
        if task is None:
            return None
        self.state.rested = False
        return partial(self._runner.run_piece if type(task) is Piece else self._runner.run_alone, task)

    def _idle(self) -> None:
        """Nothing can run: say so, and wait for messages."""
        state = self.state
        if self._outputs:
            self._outputs.flush(rest=True)
        if state.retiring and self._has_retired():
            self.accounts.tally(_now())
            self.fibers.stopped = True
            return
        with state.telling:
            state.told_rich = False
            if not state.rested:
                state.rested = True
                seq = state.seq  # before the look: what comes after it is not meant
                if state.empty:
                    self.link.send(m.Idle(seq))
                else:
                    state.rested = False
        wait = self._waits.wake_due()
        self.accounts.begin_idling()
        self.link.serve(self._has_work, wait)
        self.accounts.end_idling()

    def _has_work(self) -> bool:
        state = self.state
        # What was assigned may have been cancelled at once: then `Idle` is due again, though there is nothing to do.
        if state.pieces or state.pending or self.fibers.ready or self._stopped or not state.rested:
            return True
        return state.retiring and self._has_retired()

    def _has_retired(self) -> bool:
        """Whether this worker, told to retire, is done with all that it had begun or that others do for it."""
        return not self.state.begun and not self.owner.pending

    def _duty(self) -> float | None:
        self.accounts.ticking = False  # first of all: who submits or prints meanwhile sees it
        if self.owner.dirty:
            self.owner.flush()
        state, accounts = self.state, self.accounts
        now = _now()
        piece = accounts.running
        wait = self._report_ahead(piece, now) if isinstance(piece, Piece) else None
        printed = self._outputs is not None and self._outputs.flush()
        if self._interrupter.target is not None:  # it was not where it may be interrupted
            self._interrupter.retry()
            wait = min(wait or RETRY_SECONDS, RETRY_SECONDS)
        if self._interrupter.missed:
            self._interrupter.missed = False
            self._reporter.interrupted()
        news = accounts.news or bool(state.pending)
        # Between two tasks: there may be something to tell of the next, and nobody who wakes this thread.
        between = not state.rested and accounts.context is None
        if news or printed or between or isinstance(piece, Piece):
            if now - accounts.told >= (FLUSH_SECONDS if news else QUIET_SECONDS):
                accounts.tally(now)
                if state.pending and (state.stuck or not state.told_rich):
                    self._sharing.tell_rich()
            accounts.ticking = news or printed or between
            pause = FLUSH_SECONDS if accounts.ticking else QUIET_SECONDS
            wait = min(wait or pause, pause)
        if state.begun and (left := self._watch_limits(now)) is not None:
            wait = left if wait is None else min(wait, left)
        return wait

    def _report_ahead(self, piece: Piece, now: float) -> float | None:
        """Send what is over of a piece that lasts longer than it should; in how many seconds to look again."""
        waits = len(piece.out) > piece.sent
        if piece.is_spent and not waits:
            return None
        patience = max(FLUSH_SECONDS, PREFETCH * piece.assign.stint)
        left = piece.since + patience - now
        if left > 0:
            return left
        if waits:
            self._reporter.report(piece, over=False)
        return patience

    def _watch_limits(self, now: float) -> float | None:
        """Tell of tasks that run for longer than they may; in how many seconds to look again."""
        wait: float | None = None
        for piece in list(self.state.begun.values()):
            if due := piece.due:
                left = due - now
                if left <= 0:
                    piece.due = 0.0
                    self.link.send(m.Overdue(piece.assign.seq))
                else:
                    wait = left if wait is None else min(wait, left)
        return wait

    # ---- messages ----------------------------------------------------------------------------------------------

    def _assign(self, message: m.Assign, frames: m.Frames) -> None:
        parcel, frames = self._chunk if message.parcel is None else (message.parcel, frames)
        last = (message.more[-1], []) if message.more else (parcel, frames)
        if last[0].bare:
            self._chunk = last
        self.state.pieces.append(Piece(message, parcel, frames))
        self.state.rested = False
        self.state.seq = message.seq  # last, see `_idle`

    def _stop(self) -> None:
        self._stopped = True
        # Whatever runs is not wanted any more, and may never end by itself.
        self._close_watch()
        self._end(0)

    def _lose(self) -> None:
        self._close_watch()
        self._end(1)

    def _close_watch(self) -> None:
        if self._watch is not None:
            self._watch.close()

    @staticmethod
    def _end(status: int) -> None:
        """End this process at once, with all that its tasks have started."""
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                try:
                    stream.flush()
                except (OSError, ValueError):
                    pass
        end_group(status)
