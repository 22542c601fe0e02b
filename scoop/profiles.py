"""Profiles of several workers as one: which functions took the time, and who called them. Pure.

A profile, as `cProfile` has it, knows for each function how long it took, and for each caller how much of that was
on its behalf. The tree of calls is put together from these: what a function called goes to its callers in proportion.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from scoop_core import calls, logs

#: A function: file, line, name.
Where = tuple[str, int, str]
#: Calls without those of itself by itself, and with them; seconds without what it called, and with it.
Times = tuple[int, int, float, float]
#: Of each function: its times, and the part of them that each caller caused.
Profile = dict[Where, tuple[int, int, float, float, dict[Where, Times]]]

#: What took less than this share of the whole has no branch in the tree, and the tree has no more levels.
SHARE = 0.002
LEVELS = 40
_CORE, _ENGINE = (str(Path(file).parent) + os.sep for file in (logs.__file__, __file__))


class Function(NamedTuple):
    """What a function took on all workers together, in seconds; tasks that it waited for don't count."""

    where: Where
    own: float
    cumulative: float
    calls: int


class Branch(NamedTuple):
    """A function, called by the one above it: what it took there, in seconds."""

    where: Where
    seconds: float
    calls: int
    kids: list[Branch]


class _Given:
    """A profile as `pstats` takes it."""

    def __init__(self, stats: Profile) -> None:
        self.stats = stats

    def create_stats(self) -> None:
        """It is there already."""


def merge(profiles: Iterable[Profile]) -> Profile:
    """One profile of several."""
    import pstats  # most programs are not profiled, and should start without it

    given: list[Any] = [_Given(profile) for profile in profiles if profile]
    merged: Any = pstats.Stats(*given) if given else _Given({})
    stats: Profile = merged.stats
    return stats


def without_engine(profile: Profile) -> Profile:
    """Without the functions of the engine: what they called has no caller then."""
    kept: Profile = {}
    for where, (*times, callers) in profile.items():
        if not _is_engine(where):
            kept[where] = (*times, {c: part for c, part in callers.items() if not _is_engine(c)})  # type: ignore[assignment]
    return kept


class Tasks:
    """What tasks did, as a profile has it. The engine's part in it is left out.

    Args:
        profile: of all workers.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._kids: dict[Where, dict[Where, Times]] = {}
        for where, (*_, callers) in profile.items():
            for caller, times in callers.items():
                if caller != where and not _is_engine(where):
                    self._kids.setdefault(caller, {})[where] = times
        #: Functions, those first that took the most time themselves.
        self.functions = sorted(self._functions(), key=lambda row: (-row.own, -row.cumulative, row.where))
        self.seconds = sum(row.own for row in self.functions)
        #: The functions of the tasks, with all that they called, and so on.
        self.tree = self._tree()

    def _functions(self) -> Iterable[Function]:
        whole: dict[Where, float] = {}

        def cumulative(where: Where, above: frozenset[Where]) -> float:
            if where in whole:
                return whole[where]
            inner = above | {where}
            kids = self._kids.get(where, {}).items()
            below = sum(self._part(kid, times) * cumulative(kid, inner) for kid, times in kids if kid not in inner)
            whole[where] = self._profile[where][2] + below
            return whole[where]

        for where, (_, count, own, _, callers) in self._profile.items():
            noise = [times for caller, times in callers.items() if _is_noise(caller)]
            left = count - sum(times[1] for times in noise)
            if left > 0 and not _is_engine(where):
                off = sum(times[2] for times in noise)
                yield Function(where, max(0.0, own - off), max(0.0, cumulative(where, frozenset()) - off), left)

    def _tree(self) -> list[Branch]:
        grown: list[Branch] = []
        for where, (*_, callers) in self._profile.items():
            if _is_engine(where):
                continue
            parts = [self._part(where, t) for c, t in callers.items() if _is_engine(c) and not _is_noise(c)]
            if parts or not callers:
                grown.append(self._grow(where, min(1.0, sum(parts)) if parts else 1.0, ()))
        return _sorted(grown, SHARE * self.seconds)

    def _grow(self, where: Where, part: float, above: tuple[Where, ...]) -> Branch:
        _, count, own, cumulative, _ = self._profile[where]
        kids: list[Branch] = []
        if len(above) < LEVELS and cumulative * part >= SHARE * self.seconds:
            path = (*above, where)
            kids = [
                self._grow(kid, self._part(kid, times) * part, path)
                for kid, times in self._kids.get(where, {}).items()
                if kid not in path
            ]
        seconds = own * part + sum(kid.seconds for kid in kids)
        return Branch(where, seconds, max(1, round(count * part)), _sorted(kids, SHARE * self.seconds))

    def _part(self, where: Where, times: Times) -> float:
        """How much of a function is on behalf of one caller."""
        _, count, _, cumulative, _ = self._profile[where]
        return min(1.0, times[3] / cumulative if cumulative else times[1] / max(1, count))


def name_of(where: Where) -> str:
    """What a function is called."""
    return where[2] if where[0] != "~" else where[2].strip("<>").removeprefix("built-in method ")


def place_of(where: Where, label: Callable[[str], str | None] = lambda file: None) -> str:
    """Where a function stands.

    Args:
        where: the function.
        label: what people call a file that is none.
    """
    file, line, _ = where
    if file == "~":
        return "built in"
    folder, base = os.path.split(file)
    if base == "__init__.py":
        base = os.path.join(os.path.basename(folder), base)
    return f"{label(file) or base}:{line}"


def _sorted(branches: list[Branch], least: float) -> list[Branch]:
    return sorted((b for b in branches if b.seconds >= least), key=lambda branch: -branch.seconds)


def _is_engine(where: Where) -> bool:
    return where[0].startswith((_CORE, _ENGINE))


def _is_noise(caller: Where) -> bool:
    """Whether what it calls is the engine's own business, and no task."""
    return caller[0].startswith(_CORE) and caller[2] != calls.run_one.__name__
