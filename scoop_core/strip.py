"""What ran on a worker, and when, as spans of time: for those who draw it.

Nobody notes when a task begins. Time is told up to a mark: what ends, makes way for others or has taken long tells
the time since then, as its own. So tiny tasks cost nothing: they are in the span of what they ran in, or of their
piece. What a task does before it calls another one, in which it then has to wait for a third, is told as that other
one's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from scoop_core.messages import Ran
from scoop_core.worker_state import GroupCount

#: What is shorter has no span of its own among others of its run, in seconds: so a worker tells a thousand a second
#: at most.
SHORT = 0.001
#: Spans go with outcomes at most this often, in seconds, for the sake of short round trips; else with the next tally.
PAUSE = 0.01
#: The clocks may run apart (one of them is set, or the machine sleeps): so often, in seconds, they are compared.
COMPARE_SECONDS = 10.0


def zero(clock: Callable[[], float]) -> float:
    """When this clock was zero, in seconds since 1970: by the quickest of some readings, as on a busy machine others
    run in between."""
    readings = []
    for _ in range(3):
        before, wall, after = clock(), time.time(), clock()
        readings.append((after - before, wall - (before + after) / 2))
    return min(readings)[1]


class Strip:
    """The spans of one worker; the main thread adds to it, any thread may take them away.

    Args:
        clock: as `time.perf_counter`.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._spans: list[Ran] = []
        self._lock = Lock()
        self._zero = zero(clock)
        self.mark = self._compared = clock()  # up to the mark all is told, or nothing ran
        self._taken = 0.0  # the mark when spans were taken last

    def tell(self, group: GroupCount, tasks: int = 0, failed: int = 0, until: float | None = None) -> None:
        """The time since the mark was that of a task of this account, up to now.

        Args:
            group: the account.
            tasks: how many tasks are over with that.
            failed: how many of them failed.
            until: what is later is somebody else's.
        """
        began, self.mark = self.mark, self._clock() if until is None else until
        ended = self.mark
        if ended - began < SHORT and not tasks:
            return
        began, ended = began + self._zero, ended + self._zero
        with self._lock:
            if self._spans:
                last = self._spans[-1]
                near = ended - last.began < SHORT or (last.name == group.name and began - last.ended < SHORT)
                if near and last.run == group.run and last.root == group.root:
                    last.ended = ended
                    last.tasks += tasks
                    last.failed += failed
                    return
            self._spans.append(Ran(group.root, group.run, group.name, began, ended, tasks, failed))

    def tell_long(self, group: GroupCount, outer: GroupCount | None, seconds: float, tasks: int, failed: int) -> None:
        """Tasks that took long, within another one, are over: what was before them was that one's time."""
        began = self._clock() - seconds
        if outer is not None and began > self.mark:
            self.tell(outer, until=began)
        self.tell(group, tasks, failed)

    @property
    def untold(self) -> bool:
        """Whether there are spans that nobody has taken."""
        return bool(self._spans)

    def take(self, pause: float = 0.0) -> tuple[Ran, ...]:
        """The spans that nobody has taken; none if some were taken less than `pause` seconds ago."""
        if not self._spans or self.mark - self._taken < pause:
            return ()
        self._taken = self.mark
        with self._lock:
            spans, self._spans = self._spans, []
            if self.mark - self._compared > COMPARE_SECONDS:
                self._compared, self._zero = self.mark, zero(self._clock)
        return tuple(spans)

    def open(self, group: GroupCount | None) -> Ran | None:
        """The time since the mark, as it looks now: `group` is the account of what runs."""
        if group is None:
            return None
        began, now = self.mark + self._zero, self._clock() + self._zero
        return Ran(group.root, group.run, group.name, began, max(began, now), 0, 0)
