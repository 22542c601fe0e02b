"""What ran on each worker, and when: a lane of spans for each, which gets coarser as it gets longer."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from operator import attrgetter
from typing import Any

import msgspec

from scoop_core.messages import Ran

#: Spans of all lanes together; beyond that they are made coarser, until there are half as many.
LIMIT = 4000
#: Names of functions; those beyond share one.
NAMES = 1000
#: What is shorter than this is one with its neighbour, at first; in seconds.
GRAIN = 0.001


class Span(msgspec.Struct, gc=False):
    """A stretch of time of one function; or, where it is shorter than the grain, of several."""

    function: int
    began: float
    ended: float
    tasks: int  # that ended in it
    failed: int
    own: float  # seconds of the function that it is named by

    def joins(self, other: Span, grain: float) -> bool:
        """Whether the other one, which comes later, is to be one with it."""
        if other.ended - self.began < grain:
            return True
        return self.function == other.function and other.began - self.ended < grain

    def join(self, other: Span) -> None:
        """Take it in; the function that had more of the time gives the name."""
        self.ended = max(self.ended, other.ended)
        self.tasks += other.tasks
        self.failed += other.failed
        if self.function == other.function:
            self.own += other.own
        elif other.own > self.own:
            self.function, self.own = other.function, other.own


class Lanes:
    """The lanes of one run, or of several.

    Args:
        limit: spans that there may be; more only if there are more than half as many lanes.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._grain = GRAIN
        self._count = 0
        self._functions: dict[str, int] = {}
        self._lanes: dict[str, list[Span]] = {}  # by worker

    def add(self, worker: str, ran: Ran) -> None:
        """Put a span in the worker's lane."""
        span = self._span(ran)
        lane = self._lanes.setdefault(worker, [])
        if lane and lane[-1].began > span.began:
            insort(lane, span, key=attrgetter("began"))
        elif lane and lane[-1].joins(span, self._grain):
            lane[-1].join(span)
            return
        else:  # as a rule
            lane.append(span)
        self._count += 1
        while self._count > max(self._limit, 2 * len(self._lanes)):
            self._coarsen()

    def _span(self, ran: Ran) -> Span:
        name = ran.name if ran.name in self._functions or len(self._functions) < NAMES else "(more)"
        function = self._functions.setdefault(name, len(self._functions))
        return Span(function, ran.began, ran.ended, ran.tasks, ran.failed, ran.ended - ran.began)

    def _coarsen(self) -> None:
        while self._count > max(self._limit // 2, len(self._lanes)):
            self._grain *= 2
            self._lanes = {worker: self._joined(lane) for worker, lane in self._lanes.items()}
            self._count = sum(map(len, self._lanes.values()))

    def _joined(self, lane: list[Span]) -> list[Span]:
        joined: list[Span] = []
        for span in lane:
            if joined and joined[-1].joins(span, self._grain):
                joined[-1].join(span)
            else:
                joined.append(span)
        return joined

    def together(self, others: Iterable[Lanes]) -> Lanes:
        """These and others, as new ones."""
        lanes = Lanes(self._limit)
        for each in (self, *others):
            names = list(each._functions)
            for worker, lane in each._lanes.items():
                for s in lane:
                    lanes.add(worker, Ran("", 0, names[s.function], s.began, s.ended, s.tasks, s.failed))
        return lanes

    def picture(self, open: Iterable[tuple[str, Ran]] = ()) -> dict[str, Any]:
        """All of it as plain data.

        Args:
            open: what runs now, by worker: not over, and so in no lane.
        """
        lanes = {
            worker: [[s.function, round(s.began, 4), round(s.ended, 4), s.tasks, s.failed] for s in lane]
            for worker, lane in self._lanes.items()
        }
        for worker, ran in open:
            span = self._span(ran)
            lanes.setdefault(worker, []).append([span.function, round(span.began, 4), round(span.ended, 4), 0, 0])
        spans = [span for lane in lanes.values() for span in lane]
        return {
            "began": min((span[1] for span in spans), default=0.0),
            "ended": max((span[2] for span in spans), default=0.0),
            "functions": list(self._functions),
            "lanes": [{"worker": worker, "spans": spans} for worker, spans in lanes.items()],
        }
