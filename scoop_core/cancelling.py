"""How a worker lets go of tasks that are cancelled: those that wait are dropped, those that run are interrupted."""

from __future__ import annotations

from collections.abc import Iterable
from threading import RLock
from typing import Any

from scoop_core import messages as m
from scoop_core.accounts import Accounts
from scoop_core.calls import Interrupter, Lot
from scoop_core.fibers import Fiber, Fibers
from scoop_core.future import Future
from scoop_core.jobs import MapJob
from scoop_core.link import Link
from scoop_core.owner import Owner
from scoop_core.worker_state import GroupCount, Piece, WorkerState


class Cancelling:
    """Cancels tasks: at the broker's word, or at that of a task which had submitted them.

    Args:
        state: the worker's queues.
        fibers: of this process.
        accounts: of this worker.
        interrupter: of the fibers.
        owner: of the jobs that have left.
        link: to the broker.
        leaving: held while tasks leave; who cancels one of them waits until it can follow.
    """

    def __init__(
        self,
        state: WorkerState,
        fibers: Fibers,
        accounts: Accounts,
        interrupter: Interrupter,
        owner: Owner,
        link: Link,
        leaving: RLock,
    ) -> None:
        self._state = state
        self._fibers = fibers
        self._accounts = accounts
        self._interrupter = interrupter
        self._owner = owner
        self._link = link
        self._leaving = leaving
        self.unwanted: set[tuple[str, int]] = set()  # runs (-1: all of a root) that were cancelled

    # ---- at the broker's word ----------------------------------------------------------------------------------

    def drop(self, message: m.Drop) -> None:
        """Some tasks of a piece are cancelled: let go of all that has not begun, and interrupt what runs."""
        piece = self._state.find(message.seq)
        if piece is None:
            return
        try:
            self._state.pieces.remove(piece)
        except ValueError:  # it has begun, or does right now
            pass
        else:
            self._link.send(m.Dropped(message.seq, piece.lo, piece.hi))
            self._state.rested = False  # if there is nothing else, the broker must hear of it
            return
        with piece.lock:
            if part := piece.cut(half=False):
                self._link.send(m.Dropped(message.seq, part[0], part[1]))
        if message.lo <= piece.lo + len(piece.out) < min(message.hi, piece.hi):
            self._interrupter.interrupt(lambda fiber: fiber.piece is piece)

    def drop_run(self, root: str, run: int) -> None:
        """What this worker kept for itself of a run (or of all runs, -1) is cancelled."""

        def of_run(group: GroupCount | None) -> bool:
            return group is not None and group.root == root and run in (group.run, -1)

        def runs(fiber: Fiber) -> bool:
            return not isinstance(fiber.piece, Piece) and of_run(getattr(fiber.piece, "_group", None))

        if run < 0:  # the root is gone
            self.unwanted = {key for key in self.unwanted if key[0] != root}
        self.unwanted.add((root, run))  # first: a task of it may be submitting right now
        for task in [t for t in list(self._state.pending) if of_run(t._group)]:
            if self._state.claim(task):
                self._forgo(task)
        self._interrupter.interrupt(runs)

    def refuse(self, task: Any) -> bool:
        """Cancel a claimed task of the worker's own if its run was cancelled before; tell whether it was."""
        group = task._group
        if (group.root, group.run) in self.unwanted or (group.root, -1) in self.unwanted:
            self._forgo(task)
            return True
        return False

    # ---- at a task's word --------------------------------------------------------------------------------------

    def cancel(self, future: Future) -> bool:
        """Cancel a task that this one submitted; of those that run in this very process, only one that waits."""
        if self._state.claim(future):
            self._forgo(future)
            return True
        if future._index < 0:
            with self._leaving:  # it may be about to leave
                pass
        if future._index < 0:
            waits = any(fiber.piece is future and fiber.parked for fiber in self._fibers.all)
            if waits:
                self._interrupter.interrupt(lambda fiber: fiber.piece is future)
                future._drop()
            return waits
        self._owner.cancel(future._job, future._index)
        self._link.flush()
        return True

    def retract(self, job: MapJob) -> None:
        """Nobody waits for this map any more: let go of what this worker has kept of it, and interrupt what runs."""
        with self._leaving:  # what is about to leave is cancelled with what has left
            for lot in [lot for lot in list(job.lots.values()) if self._state.claim(lot)]:
                job.lots.pop(lot.lo, None)
                self._write_off(lot)
        here = self._fibers.current
        self._interrupter.interrupt(
            lambda fiber: fiber is not here and type(fiber.piece) is Lot and fiber.piece.job is job
        )

    def forgo(self, tasks: Iterable[Any]) -> None:
        """Cancel those of these tasks that this worker has kept and not begun."""
        with self._leaving:
            for task in tasks:
                if self._state.claim(task):
                    self._forgo(task)

    # ---- what was claimed --------------------------------------------------------------------------------------

    def _forgo(self, task: Any) -> None:
        """A claimed task of the worker's own is cancelled."""
        self._write_off(task)
        if type(task) is Lot:
            task.job.cancelled(task.lo, task.hi)
        else:
            task._drop()

    def _write_off(self, task: Any) -> None:
        count = task.hi - task.lo if type(task) is Lot else 1
        task._group.queued -= count
        task._group.cancelled += count
        self._accounts.note()
