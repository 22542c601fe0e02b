"""Who wants to see pictures of the pool, and when each gets the next one."""

from __future__ import annotations

from collections.abc import Iterator

from scoop_core import messages as m

#: A watcher gets at most a picture in this many seconds.
PICTURE_SECONDS = 0.1
#: ... and one in this many when nothing has changed, so that it knows that the pool is alive.
QUIET_SECONDS = 1.0


class Watchers:
    """Watchers that wait for a picture. One request, one picture: who is slow asks seldom, and nothing heaps up."""

    def __init__(self) -> None:
        self.waiting: dict[tuple[str, int], m.Watch] = {}
        self._seen: dict[tuple[str, int], tuple[int, float]] = {}  # version and time of the last picture

    def add(self, peer: str, watch: m.Watch) -> None:
        """A peer asks for a picture."""
        self.waiting[peer, watch.number] = watch

    def leave(self, peer: str) -> None:
        """The peer is gone."""
        self.waiting = {k: w for k, w in self.waiting.items() if k[0] != peer}
        self._seen = {k: v for k, v in self._seen.items() if k[0] != peer}

    def due(self, version: int, now: float) -> Iterator[tuple[str, m.Watch]]:
        """Those who get a picture now; they do not wait any more."""
        for (peer, number), watch in list(self.waiting.items()):
            if self._time(peer, number, version) <= now:
                del self.waiting[peer, number]
                self._seen[peer, number] = (version, now)
                yield peer, watch

    def deadline(self, version: int) -> float | None:
        """When the next one is due, or None."""
        return min((self._time(*key, version) for key in self.waiting), default=None)

    def _time(self, peer: str, number: int, version: int) -> float:
        seen, last = self._seen.get((peer, number), (-1, 0.0))
        # A brief one is for lists, which nobody reads ten times a second.
        often = seen != version and not self.waiting[peer, number].brief
        return last + (PICTURE_SECONDS if often else QUIET_SECONDS)
