"""How a worker gives tasks away: its own become jobs for the broker, and pieces go back."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from scoop_core import messages as m
from scoop_core.accounts import Accounts
from scoop_core.calls import KeptMap, Lot
from scoop_core.future import Future
from scoop_core.link import Link
from scoop_core.owner import DEFAULT, Options, Owner
from scoop_core.payload import Packer
from scoop_core.reporter import tell_shared
from scoop_core.worker_state import Piece, Stretch, WorkerState

#: A running stretch is worth sharing if the rest will take longer than this, in seconds.
WORTH = 0.001
_now = time.perf_counter


class Sharing:
    """Offers tasks to the broker, and gives away what it asks for: by the IO thread, while the main thread computes.

    Args:
        state: the worker's queues.
        accounts: of this worker.
        packer: packs what leaves.
        owner: of the jobs that leave.
        link: to the broker.
    """

    def __init__(self, state: WorkerState, accounts: Accounts, packer: Packer, owner: Owner, link: Link) -> None:
        self._state = state
        self._accounts = accounts
        self._packer = packer
        self._owner = owner
        self._link = link
        #: Held while tasks leave; who cancels one of them waits until it can follow.
        self.leaving = threading.RLock()

    def offer(self) -> None:
        """Tell the broker that there are tasks to share. A single one will probably be waited for at once, so it is
        offered by the duty, if it is still there then."""
        if len(self._state.pending) > 1:
            self.tell_rich()
        else:
            self._accounts.hurry()

    def tell_rich(self) -> None:
        with self._state.telling:
            self._state.told_rich = True
            self._state.stuck = False
            self._link.send(m.Rich())

    def give_away(self, everything: bool) -> None:
        """Give the broker of what has not begun, or all of that which was its own, and tell it what that is."""
        if everything:
            self._give_back(self._accounts.running)
            return
        with self.leaving:
            self._give_away()

    def _give_away(self) -> None:
        began = _now()

        def worth(stretch: Stretch) -> bool:
            if isinstance(stretch, Piece):
                count = len(stretch.out) - stretch.sent
                spent = began - stretch.since
                return spent / max(1, count) * (stretch.hi - stretch.lo - len(stretch.out)) > WORTH
            return True

        state = self._state
        running = self._accounts.running  # once: the main thread may go on to another meanwhile
        with _locked(running):
            back, own, part = state.share(running, self._accounts.context is not None, worth)
            if back:
                self._tell(back, 0)
                return
        given = 0
        for task in own:
            if type(task) is Lot:
                given += self._export_lot(task, task.lo, task.arguments)
            else:
                given += self._export_call(task)
        if part is not None and isinstance(running, Lot):
            given += self._export_lot(running, part[0], part[2])
        self._owner.flush()
        self._tell((), given, stuck=bool(own) and not given)
        if not given and not (state.empty and (running is None or running.is_spent)):
            self._accounts.news = True  # what runs may prove long; then the rest is worth it

    def _tell(self, back: Sequence[tuple[Piece, int, int]], given: int, stuck: bool = False) -> None:
        state = self._state
        with state.telling:
            state.told_rich = False  # before the look: who submits meanwhile tells it again
            state.told_rich = bool(state.pending)
            state.stuck = stuck
            tell_shared(self._link, state, back, given)

    def _export_call(self, future: Future) -> int:
        """Give a call to the broker; how many went."""
        try:
            self.hand_over(future, future._call, DEFAULT)
        except Exception:  # it can't travel; then it runs here
            self._state.pending[future] = None
            return 0
        return 1

    def hand_over(self, future: Future, call: tuple[Any, tuple[Any, ...], dict[str, Any]], options: Options) -> None:
        """Send a call to the broker, for others. Raises NotPicklable or whatever pickling raises."""
        function, args, kwargs = call
        group = future._group
        packed = self._packer.pack_function(function)
        frozen = self._packer.freeze((args, kwargs))
        spec = self._owner.spec(packed, group.root, group.run, group.place, options)
        future._call = None
        group.queued -= 1
        self._accounts.note()
        self._owner.call(future, packed, spec, frozen)

    def hand_over_map(self, job: KeptMap, items: Sequence[Any], form: str) -> None:
        """Send all tasks of a new map to the broker. Raises NotPicklable."""
        self._enroll(job)
        self._owner.extend_map(job, 0, items, form)

    def _enroll(self, job: KeptMap) -> None:
        packed = self._packer.pack_function(job.function)
        group = job.group
        self._owner.enroll(job, packed, self._owner.spec(packed, group.root, group.run, group.place, job.options))

    def _export_lot(self, lot: Lot, lo: int, arguments: Sequence[Any]) -> int:
        """Give tasks of a lot to the broker; how many went."""
        job, group = lot.job, lot.job.group
        try:
            if job.number < 0:
                self._enroll(job)
        except Exception:  # it can't travel; then it runs here
            kept = Lot(job, lo, arguments, lot.form)
            job.lots[lo] = kept
            self._state.pending[kept] = None
            return 0
        job.lots.pop(lo, None)
        group.queued -= len(arguments)
        self._accounts.note()
        self._owner.extend_map(job, lo, arguments, lot.form)
        return len(arguments)

    def retire(self) -> None:
        """Give back all pieces that have not begun, but those for this worker only; no more will come."""
        self._state.retiring = True
        self._give_back(None)

    def _give_back(self, running: Stretch | None) -> None:
        with _locked(running):
            tell_shared(self._link, self._state, self._state.give_back(running))


def _locked(running: Stretch | None) -> AbstractContextManager[Any]:
    return running.lock if isinstance(running, Piece) else nullcontext()
