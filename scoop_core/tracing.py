"""Profilers of one thread: what it calls, for how long, and on whose behalf.

Python's own is the fastest. But from Python 3.12 on it sees what all threads call as if one thread had called it, and
does not know any more who called whom; so there is one of our own, which takes some five times as long for each call.
"""

from __future__ import annotations

import sys
import time
from types import FrameType, ModuleType
from typing import Any

#: A function: file, line, name.
Place = tuple[str, int, str]
_now = time.perf_counter


def new_profile() -> ThreadProfile | FastProfile:
    """The profiler for this version of Python."""
    return FastProfile() if sys.version_info < (3, 12) else ThreadProfile()


class FastProfile:
    """What the thread that enables it calls, as `cProfile` sees it."""

    def __init__(self) -> None:
        import cProfile  # takes 4 ms, which no other pool should pay for

        self._profile = cProfile.Profile()

    def enable(self) -> None:
        self._profile.enable()

    def disable(self) -> None:
        self._profile.disable()

    def seen(self) -> dict[Place, Any]:
        """See `ThreadProfile`.

        `cProfile.Profile.snapshot_stats` won't do: of functions that look alike it knows one only, and a function
        that came in two pickles is two functions.
        """
        seen: dict[Place, list[Any]] = {}
        entries = self._profile.getstats()
        for entry in entries:
            _sum(seen.setdefault(_place(entry.code), [0, 0, 0.0, 0.0, {}]), entry)
        for entry in entries:
            for callee in entry.calls or ():
                if (place := _place(callee.code)) in seen:  # not, if it runs still
                    _sum(seen[place][4].setdefault(_place(entry.code), [0, 0, 0.0, 0.0]), callee)
        return _frozen(seen)


class ThreadProfile:
    """What the thread that enables it calls, between `enable` and `disable`."""

    def __init__(self) -> None:
        self._seen: dict[Place, list[Any]] = {}
        self._stack: list[list[Any]] = []  # place, when it began, seconds in what it called
        self._open: dict[Place, int] = {}  # how often it is in the stack

    def enable(self) -> None:
        sys.setprofile(self._note)

    def disable(self) -> None:
        sys.setprofile(None)
        while self._stack:
            self._leave()

    def seen(self) -> dict[Place, Any]:
        """As `pstats` has it: for each function calls, times, and the part of them for each caller."""
        return _frozen(self._seen)

    def _note(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            code = frame.f_code
            self._enter((code.co_filename, code.co_firstlineno, code.co_name))
        elif event == "c_call":
            self._enter(("~", 0, _name(argument)))
        elif self._stack:  # else it was called before anybody looked
            self._leave()

    def _enter(self, place: Place) -> None:
        self._open[place] = self._open.get(place, 0) + 1
        self._stack.append([place, _now(), 0.0])

    def _leave(self) -> None:
        place, began, below = self._stack.pop()
        spent = _now() - began
        self._open[place] -= 1
        inner = self._open[place] > 0  # it is called by itself: the outermost call has its time
        times = self._seen.setdefault(place, [0, 0, 0.0, 0.0, {}])
        _add(times, inner, spent - below, spent)
        if self._stack:
            caller = self._stack[-1]
            caller[2] += spent
            _add(times[4].setdefault(caller[0], [0, 0, 0.0, 0.0]), inner, spent - below, spent)


def _frozen(seen: dict[Place, list[Any]]) -> dict[Place, Any]:
    return {
        place: (*times, {caller: tuple(part) for caller, part in list(callers.items())})
        for place, (*times, callers) in list(seen.items())
    }


def _place(code: Any) -> Place:
    return ("~", 0, code) if isinstance(code, str) else (code.co_filename, code.co_firstlineno, code.co_name)


def _sum(times: list[Any], entry: Any) -> None:
    """Add an entry of `cProfile`: calls, those within itself only in the second number, and seconds."""
    times[0] += entry.callcount - entry.reccallcount
    times[1] += entry.callcount
    times[2] += entry.inlinetime
    times[3] += entry.totaltime


def _add(times: list[Any], inner: bool, own: float, cumulative: float) -> None:
    times[1] += 1
    times[2] += own
    if not inner:
        times[0] += 1
        times[3] += cumulative


def _name(function: Any) -> str:
    """What a built-in function is called in profiles."""
    owner = getattr(function, "__self__", None)
    if owner is None or isinstance(owner, ModuleType):
        return f"<built-in method {getattr(function, '__module__', None) or 'builtins'}.{function.__name__}>"
    return f"<method '{function.__name__}' of '{type(owner).__name__}' objects>"
