"""How large buffers get to other hosts: each once, by the agent there. Pure; `Broker` carries it out.

What peers of the broker's host send lies on the shelf there, and messages only name it. For another host the agent
puts it on the shelf of that host, before the first message that names it goes there; and takes it off, once it is
gone here. A result is for one peer only, and a root may be where there is no agent: to these it travels in the
message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import msgspec

from scoop_core import messages as m
from scoop_core.ledger import Send


class Carry(msgspec.Struct, frozen=True):
    """An instruction: send this segment to an agent."""

    agent: str
    segment: m.Segment


class Inline(msgspec.Struct, frozen=True):
    """An instruction: send this with its segments as frames; `take` them off the shelf, if nobody else needs them."""

    send: Send
    take: bool


class Site(msgspec.Struct, eq=False):
    """Another host, by its shelf."""

    agent: str
    there: dict[str, bool] = {}  # segments that are there, and those that are on their way
    refused: set[str] = set()  # for which there was no room
    segments: dict[str, m.Segment] = {}
    queues: dict[str, deque[Send]] = {}  # peers there for whom something waits: what, in order


class Courier:
    """Knows what is where.

    Args:
        shelf: of the broker's host.
    """

    def __init__(self, shelf: str) -> None:
        self._shelf = shelf
        self.away: dict[str, str] = {}  # peers on other hosts, whose messages go by `send`: their shelf
        self._sites: dict[str, Site] = {}  # by shelf

    @property
    def busy(self) -> bool:
        """Whether anything lies on other hosts, which may not be needed any more."""
        return bool(self._sites) and any(site.there for site in self._sites.values())

    def enter(self, peer: str, hello: m.Hello) -> None:
        """A peer is there."""
        if hello.shelf != self._shelf:
            self.away[peer] = hello.shelf
            if hello.role == "agent":
                self._sites[hello.shelf] = Site(peer)

    def leave(self, peer: str) -> None:
        """A peer is gone; an agent, with its host."""
        shelf = self.away.pop(peer, "")
        if site := self._sites.get(shelf):
            site.queues.pop(peer, None)
            if site.agent == peer:
                del self._sites[shelf]

    def send(self, send: Send) -> Iterator[Send | Carry | Inline]:
        """What to do so that this gets to its peer, on another host."""
        segments = named(send.header)
        site = self._sites.get(self.away[send.to])
        if site is None:
            yield self._inlined(send) if segments else send
            return
        single = isinstance(send.header, m.Result)
        for segment in () if single else segments:
            if segment.name not in site.there and segment.name not in site.refused:
                site.there[segment.name] = False
                site.segments[segment.name] = segment
                yield Carry(site.agent, segment)
        if site.queues.get(send.to) or not self._may_go(site, send):
            site.queues.setdefault(send.to, deque()).append(send)
        else:
            yield self._ready(site, send)

    def stored(self, agent: str, stored: m.Stored) -> Iterator[Send | Inline]:
        """An agent has a segment, or no room for it: what waited for that goes now."""
        site = self._sites.get(self.away.get(agent, ""))
        if site is None:
            return
        name = stored.segment.name
        if stored.fits:
            site.there[name] = True
        else:
            site.there.pop(name, None)
            site.refused.add(name)
        for peer, queue in list(site.queues.items()):
            while queue and self._may_go(site, queue[0]):
                yield self._ready(site, queue.popleft())
            if not queue:
                del site.queues[peer]

    def spare(self, holds: Callable[[m.Segment], bool]) -> Iterator[Send]:
        """Have those taken off that are gone here; `holds` tells whether a segment is not."""
        for site in self._sites.values():
            gone = [name for name, there in site.there.items() if there and not holds(site.segments[name])]
            if gone:
                yield Send(site.agent, m.Discard(tuple(site.segments.pop(name) for name in gone)))
                for name in gone:
                    del site.there[name]

    @staticmethod
    def _may_go(site: Site, send: Send) -> bool:
        if isinstance(send.header, m.Result):
            return True
        return all(site.there.get(s.name, s.name in site.refused) for s in named(send.header))

    def _ready(self, site: Site, send: Send) -> Send | Inline:
        segments = named(send.header)
        alone = isinstance(send.header, m.Result) or any(s.name in site.refused for s in segments)
        return self._inlined(send) if alone and segments else send

    @staticmethod
    def _inlined(send: Send) -> Inline:
        return Inline(send, isinstance(send.header, m.Result))


def named(header: m.Header) -> list[m.Segment]:
    """The segments that a message names."""
    parcel = getattr(header, "parcel", None)
    return [] if parcel is None else [place for place in parcel.buffers if place is not None]
