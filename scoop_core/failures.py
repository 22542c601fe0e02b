"""Calls that have failed, for those who want to make them again: pickles, which nobody here opens."""

from __future__ import annotations

import itertools

import msgspec

from scoop_core.messages import Mishap

#: What all pickles of failed calls may take, in bytes; then the oldest are forgotten, those that people see at last.
LIMIT = 64 << 20
#: What a record takes beside its pickle, about.
RECORD = 1000


class FailedCall(msgspec.Struct):
    """One of them; `number` tells the later from the earlier."""

    mishap: Mishap
    number: int

    @property
    def size(self) -> int:
        return len(self.mishap.call) + RECORD


class FailedCalls:
    """What is kept of them.

    Args:
        limit: in bytes.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._size = 0
        self._shown: dict[str, FailedCall] = {}  # by id; the tree of tasks shows these
        self._others: dict[str, FailedCall] = {}
        self._numbers = itertools.count()

    def keep(self, mishap: Mishap, shown: bool) -> None:
        """Keep one; others may have to go for it."""
        call = FailedCall(mishap, next(self._numbers))
        (self._shown if shown else self._others)[mishap.id] = call
        self._size += call.size
        while self._size > self._limit:
            calls = self._others or self._shown
            self._size -= calls.pop(next(iter(calls))).size

    def find(self, id: str) -> Mishap | None:
        """By its id; None if it is not there, or not any more."""
        call = self._shown.get(id) or self._others.get(id)
        return call.mishap if call else None

    def latest(self, root: str) -> Mishap | None:
        """The last one of a root's runs; if it has only passed on the failure of another, that other one."""
        mine = [
            next((call for call in reversed(calls.values()) if call.mishap.root == root), None)
            for calls in (self._shown, self._others)
        ]
        last = max((call for call in mine if call), key=lambda call: call.number, default=None)
        mishap = last.mishap if last else None
        while mishap and (source := self.find(mishap.source)):
            mishap = source
        return mishap

    def forget(self, root: str, run: int) -> None:
        """The run is not shown any more."""
        for calls in (self._shown, self._others):
            for id in [id for id, call in calls.items() if (call.mishap.root, call.mishap.run) == (root, run)]:
                self._size -= calls.pop(id).size
