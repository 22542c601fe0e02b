"""How a worker tells the broker what became of pieces."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from scoop_core import messages as m
from scoop_core.accounts import Accounts
from scoop_core.calls import call_of
from scoop_core.fibers import Fibers
from scoop_core.link import Link
from scoop_core.mishaps import Call, Mishaps
from scoop_core.output import Outputs
from scoop_core.owner import Owner
from scoop_core.payload import Packer, explain_result
from scoop_core.strip import PAUSE
from scoop_core.worker_state import Piece, WorkerState

_now = time.perf_counter


class Reporter:
    """Sends outcomes: the main thread's at the end of a piece, the IO thread's in between.

    Args:
        state: the worker's queues.
        fibers: of this process.
        accounts: of this worker.
        packer: packs the results.
        owner: of what the tasks have submitted.
        link: to the broker.
        outputs: what the tasks print; it leaves before their outcomes. None if it does not travel.
        mishaps: what people are told of failures; this too.
    """

    def __init__(
        self,
        state: WorkerState,
        fibers: Fibers,
        accounts: Accounts,
        packer: Packer,
        owner: Owner,
        link: Link,
        outputs: Outputs | None,
        mishaps: Mishaps,
    ) -> None:
        self._state = state
        self._fibers = fibers
        self._accounts = accounts
        self._packer = packer
        self._owner = owner
        self._link = link
        self._outputs = outputs
        self._mishaps = mishaps

    def report(self, piece: Piece, over: bool) -> None:
        """Send the outcomes of a piece that have not been sent."""
        if self._outputs:
            self._outputs.flush(rest=over)
        # To the end under the lock: what the IO thread reports ahead must leave ahead of the rest, too.
        with piece.lock:
            lo = piece.lo + piece.sent
            values = piece.out[piece.sent :] if piece.sent or not over else piece.out
            count = len(values)
            self._account()
            if count:
                self._send_done(piece, lo, values, over)
            elif over:  # there may be a tally
                self._link.flush()
            if over and lo + count < piece.hi:  # it was interrupted
                self._link.send(m.Dropped(piece.assign.seq, lo + count, piece.hi))

    def _account(self) -> None:
        """What there is to tell of tasks that only this worker knows leaves before the outcomes of the piece: who has
        all results has all counts then."""
        accounts = self._accounts
        if accounts.own_news:
            accounts.tally(_now())
        elif accounts.telling.locked():  # by the other thread
            with accounts.telling:
                pass

    def interrupted(self, piece: Piece | None = None) -> None:
        """The task that was running is cancelled, alone: of a piece, what stands behind it goes back."""
        if piece is None:
            self._link.send(m.Interrupted())
            return
        with piece.lock:
            self._link.send(m.Interrupted(piece.assign.seq, piece.lo + len(piece.out)))
            if part := piece.cut(half=False):
                self._link.send(m.Dropped(piece.assign.seq, part[0], part[1]))

    def failure(self, piece: Piece, index: int, error: BaseException, began: float = math.inf) -> m.Failure:
        """The outcome of a task that failed; people are told (see `Mishaps.note`)."""
        group = self._accounts.of_spec(piece.assign.spec)
        failure = self._packer.pack_error(index, error)

        def call() -> Call:
            if not piece.arguments:  # it is they that failed
                raise error
            return call_of(piece.arguments[index - piece.lo], piece.assign.form)

        failure.id = self._mishaps.note(group, error, piece.function, call, began)
        return failure

    def _send_done(self, piece: Piece, lo: int, values: list[Any], over: bool) -> None:
        state, accounts = self._state, self._accounts
        count = len(values)
        name = piece.assign.spec.name
        piece.sent += count
        since, piece.since = piece.since, _now()
        seconds = piece.since - since
        failures = [f for f in piece.failures if f.index >= lo] if piece.failures else []
        form, parcel, frames, errors = self._packer.pack_items(
            values, "values", lambda position, error: explain_result(name, values[position], error)
        )
        failures += [self.failure(piece, lo + position, error) for position, error in errors.items()]
        seq, each, spent = piece.assign.seq, seconds / count, accounts.spent()
        spans = accounts.strip.take(PAUSE) if over else ()
        if accounts.strip.untold:
            accounts.news = True
        with state.telling:
            last = state.seq
            rest = over and not state.retiring and state.empty and not self._fibers.ready
            rest = rest and len(state.begun) == 1  # else `Idle` has to tell that others are parked
            idle = rest and lo + count == piece.hi and not self._owner.dirty
            if idle:
                state.rested = True
                state.told_rich = False
            rested = last if idle else 0
            done = m.Done(seq, lo, lo + count, form, parcel, tuple(failures), seconds, each, rested, *spent, spans)
            self._link.send(done, frames)


def tell_shared(link: Link, state: WorkerState, back: Sequence[tuple[Piece, int, int]], own: int = 0) -> None:
    """Tell the broker what it gets of a worker.

    Args:
        link: to the broker.
        state: of the worker.
        back: ends of pieces, as (piece, lo, hi).
        own: how many tasks of the worker's own have left it.
    """
    with state.telling:
        rich = state.told_rich and not state.stuck
        link.send(m.Shared(tuple((piece.assign.seq, lo, hi) for piece, lo, hi in back), own, rich))
