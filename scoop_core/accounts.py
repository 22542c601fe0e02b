"""A worker's accounts: what runs, what became of its own tasks, how it spent its time; the broker is told of it."""

from __future__ import annotations

import threading
import time
from typing import Any

from scoop_core import messages as m
from scoop_core.link import Link
from scoop_core.payload import function_name
from scoop_core.strip import Strip
from scoop_core.task_tree import Place, top
from scoop_core.worker_state import GroupCount, Piece, Stretch, WorkerState

#: Accounts that are kept, at least; beyond that those go that have nothing queued and nothing running.
GROUPS = 1000
#: Functions whose accounts are at hand in the account of the task that submits them.
KIDS = 100
_now = time.perf_counter


class Accounts:
    """The accounts of one worker. Whoever runs a task writes into them himself: it happens for every single one.

    Args:
        name: of the worker.
        link: to the broker.
        state: what the worker has to do.
    """

    def __init__(self, name: str, link: Link, state: WorkerState) -> None:
        self._name = name
        self._link = link
        self._state = state
        self._groups: dict[tuple[str, int, int], GroupCount] = {}
        self.context: GroupCount | None = None  # of the task that runs now
        self.running: Stretch | None = None  # what it belongs to
        self.parent: object = None  # the call, lot or piece that runs now: what it submits, it alone waits for
        self.piece_since = 0.0  # when the last piece began, by the clock on the wall
        self.news = False  # there is something to tell
        self.own_news = False  # of tasks that only this worker knows
        self.told = 0.0  # when the broker was told
        self.telling = threading.Lock()  # held until the tally is under way
        self.ticking = False  # what there is to tell will be told soon
        self.strip = Strip(_now)  # of what has run
        self._started = _now()
        self._cpu = time.process_time()
        self._idled = 0.0
        self._idle_since: float | None = None

    # ---- whose tasks -------------------------------------------------------------------------------------------

    def of_spec(self, spec: m.Spec) -> GroupCount:
        """The account of tasks that the broker sent."""
        group = self._groups.get((spec.root, spec.run, spec.group))
        if group is None:
            path = spec.path or ((spec.name, spec.group),)
            group = self._group(spec.root, spec.run, Place(spec.group, spec.parent, path), spec.name)
        return group

    def of_program(self) -> GroupCount:
        """The account of the program, or of whatever runs here and is no task."""
        return self._group(self._name, 0, top(self._name, 0), "program")

    def of_kid(self, function: Any, name: str = "") -> GroupCount:
        """The account of tasks of this function (or of this name) that the running task submits."""
        above = self.context
        if above is None:  # a thread that outlived its task, or module level
            above = self.of_program()
        if name:
            return self._group(above.root, above.run, above.place.child(name), name)
        try:
            return above.kids[function]
        except (KeyError, TypeError):
            name = function_name(function)
            group = self._group(above.root, above.run, above.place.child(name), name)
            try:
                if len(above.kids) > KIDS:  # lambdas are new each time
                    above.kids.clear()
                above.kids[function] = group
            except TypeError:
                pass
            return group

    def _group(self, root: str, run: int, place: Place, name: str) -> GroupCount:
        key = (root, run, place.group)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = GroupCount(place, name, root, run)
        return group

    # ---- time, and what the broker is told ---------------------------------------------------------------------

    def begin_idling(self) -> None:
        self._idle_since = _now()

    def end_idling(self) -> None:
        began, self._idle_since = self._idle_since, None
        if began is not None:
            self.strip.mark = now = _now()
            self._idled += now - began

    def spent(self) -> tuple[float, float]:
        """Seconds that this process was not idle, and seconds of CPU that it has used."""
        now, since = _now(), self._idle_since
        idled = self._idled + (0.0 if since is None else now - since)
        return now - self._started - idled, time.process_time() - self._cpu

    def note(self) -> None:
        """A count of the worker's own tasks has changed."""
        self.news = self.own_news = True

    def hurry(self) -> None:
        """There is something to tell, and perhaps nobody who would look for it soon."""
        if not self.ticking:
            self.ticking = True
            self._link.nudge()

    def tally(self, now: float) -> None:
        """Tell the broker what happened here since the last time, with the next flush."""
        with self.telling:
            self.told = now
            self.news = self.own_news = False
            tallies = [t for g in list(self._groups.values()) if (t := g.tally()) is not None]
            context = self.context
            busy, cpu = self.spent()
            task = context.name if context is not None else ""
            piece = self.running
            # Of a task within a task it is not known when it began.
            own = isinstance(piece, Piece) and context is not None and context.place.group == piece.assign.spec.group
            since = self.piece_since if own else 0.0
            spans, open = self.strip.take(), self.strip.open(context)
            waits = self._state.waits
            self._link.post(m.Tally(tuple(tallies), task, since, busy, cpu, spans, open, waits))
        if len(self._groups) > GROUPS:
            self._groups = {k: g for k, g in self._groups.items() if g.queued or g.running}
