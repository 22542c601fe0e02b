"""A broker by example: short words for what its peers say, and for what it sends."""

from __future__ import annotations

from typing import Any, TypeVar

from scoop_core import messages as m
from scoop_core.broker_state import BrokerState
from scoop_core.ledger import Send

H = TypeVar("H", bound=m.Header)


class Stage:
    """A broker with one agent, and short words for what its peers say; keeps what the broker sends."""

    def __init__(self, workers: int = 0, roots: int = 1) -> None:
        self.state = BrokerState("stage", self._deliver)
        self.now = 0.0
        self.sent: list[Send] = []
        self.held: dict[tuple[str, int], m.Assign] = {}
        self.say("agent", m.Hello("agent", 1, "here"))
        for number in range(roots):
            self.say(f"r{number}", m.Hello("root", 1, "here"))
        self.say("r0", m.Scale(workers))
        for number in reversed(range(workers)):  # the first one comes last, so it is the first to be given something
            self.greet(number)
        self.sent.clear()

    def say(self, peer: str, *messages: m.Header) -> list[Send]:
        """Messages of a peer; what the broker sends for them."""
        before = len(self.sent)
        for message in messages:
            self.state.handle(peer, message, [], self.now)
        return self.sent[before:]

    def leave(self, peer: str) -> list[Send]:
        """A peer is gone; what the broker sends then."""
        before = len(self.sent)
        self.state.leave(peer, self.now)
        return self.sent[before:]

    def wait(self, seconds: float) -> list[Send]:
        before = len(self.sent)
        self.now += seconds
        self.state.tick(self.now)
        return self.sent[before:]

    def _deliver(self, to: str, header: m.Header, frames: m.Frames) -> None:
        if isinstance(header, m.Assign):
            self.held[to, header.seq] = header
        self.sent.append(Send(to, header, frames))

    def greet(self, number: int) -> None:
        self.say(f"w{number}", m.Hello("worker", 10 + number, "here", number))

    def submit(
        self,
        n: int,
        owner: str = "r0",
        job: int = 1,
        function: str = "f",
        root: str = "",
        run: int = 1,
        lo: int = 0,
        close: bool = True,
        **spec: Any,
    ) -> list[Send]:
        """A job with tasks [lo, n)."""
        header = m.Spec(function.encode(), function, root or owner, run, 1, 0, **spec)
        sends = self.say(owner, m.Open(job, header, m.Parcel(b"")), m.Extend(job, lo, n, "column", m.Parcel(b"")))
        return sends + (self.say(owner, m.Close(job)) if close else [])

    def done(
        self,
        worker: str,
        seq: int,
        each: float = 0.001,
        lo: int | None = None,
        hi: int | None = None,
        idle: bool = True,
    ) -> list[Send]:
        """The outcomes of a piece, or of a part of it."""
        piece = self.held[worker, seq]
        lo, hi = piece.lo if lo is None else lo, piece.hi if hi is None else hi
        time = (hi - lo) * each
        return self.say(worker, m.Done(seq, lo, hi, "values", m.Parcel(b""), (), time, each, seq if idle else 0))

    def learn(self, function: str = "f", each: float = 0.001) -> None:
        """Have the broker know how long tasks of a function take."""
        self.state.ledger.means[function.encode()] = each

    def exit(self, worker: int, begun: int, status: int = -11) -> list[Send]:
        return self.say("agent", m.Exited(worker, 10 + worker, status, begun, 5))


def sent(sends: list[Send], kind: type[H], to: str = "") -> list[H]:
    """The messages of one kind among these."""
    return [s.header for s in sends if isinstance(s.header, kind) and s.to.startswith(to)]


def spans(sends: list[Send], to: str = "") -> list[tuple[int, int]]:
    return [(a.lo, a.hi) for a in sent(sends, m.Assign, to)]
