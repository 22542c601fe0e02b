"""What a worker's two threads tell the broker leaves in the order in which it became true."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from scoop_core import messages as m
from scoop_core.cancelling import Cancelling
from scoop_core.future import Future
from scoop_core.reporter import Reporter
from scoop_core.sharing import Sharing
from scoop_core.waits import Waits
from scoop_core.worker_state import Piece, WorkerState

SPEC = m.Spec(b"f", "f", "r0", 1, 1, 0)


class Parked(Exception):
    """Where a task gives way."""


def held(lock: Any) -> bool:
    """Whether a thread has this lock."""
    free = lock.acquire(blocking=False)
    if free:
        lock.release()
    return not free


class Wire:
    """Takes note of what a worker sends, and whether another thread could say something else meanwhile."""

    def __init__(self, state: WorkerState, piece: Piece) -> None:
        self.state = state
        self.piece = piece
        self.sent: list[m.Header] = []
        self.locked: list[tuple[bool, bool]] = []  # of the piece; of what is told of the whole worker

    def flush(self) -> None:
        """All is sent at once here."""

    def send(self, message: m.Header, frames: m.Frames = ()) -> None:
        self.sent.append(message)
        with ThreadPoolExecutor(1) as other:
            locks = self.piece.lock, self.state.telling
            self.locked.append(tuple(other.submit(held, lock).result(10.0) for lock in locks))  # type: ignore[arg-type]


@pytest.fixture
def piece() -> Piece:
    """One that runs, and has come to the third of its ten tasks."""
    piece = Piece(m.Assign(1, "r0", 1, SPEC, 0, 10, 0, "column", None), m.Parcel(b""), [])
    piece.begin(range(10))
    piece.out = [next(piece.items) for _ in range(2)]
    next(piece.items)
    piece.since = -1e6  # they take long
    return piece


@pytest.fixture
def wire(piece: Piece) -> Wire:
    state = WorkerState()
    state.begun[1] = piece
    state.seq = 1
    return Wire(state, piece)


@pytest.fixture
def rooms(wire: Wire, piece: Piece) -> SimpleNamespace:
    """Parts of a worker, on that wire."""

    def park() -> None:
        raise Parked

    anything: Any = SimpleNamespace(
        running=piece, context=None, parent=None, news=False, own_news=False, ready=(),
        telling=threading.Lock(), note=lambda: None,
        spent=lambda: (0.0, 0.0),
        strip=SimpleNamespace(take=lambda pause: (), untold=False),
        dirty=False, flush=lambda: None, current=None, park=park,
        pack_items=lambda values, form, explain: (form, m.Parcel(b""), [], {}), interrupt=lambda chosen: None,
        tally=lambda now: wire.send(m.Tally((), "", 0.0, 0.0)),
    )  # fmt: skip
    link: Any = wire
    state = wire.state
    sharing = Sharing(state, anything, anything, anything, link)
    return SimpleNamespace(
        accounts=anything,
        sharing=sharing,
        cancelling=Cancelling(state, anything, anything, anything, anything, link, sharing.leaving),
        reporter=Reporter(state, anything, anything, anything, anything, link, None, anything),
        waits=Waits(state, anything, anything, anything, link),
    )


def sleep(rooms: SimpleNamespace, piece: Piece) -> None:
    fiber: Any = SimpleNamespace(piece=piece)
    with pytest.raises(Parked):
        rooms.waits._sleep(fiber, lambda: False, None)


@pytest.mark.parametrize(
    ("act", "kinds"),
    [
        (lambda rooms, piece: rooms.sharing.give_away(False), [m.Shared]),
        (lambda rooms, piece: rooms.sharing.give_away(True), [m.Shared]),
        (lambda rooms, piece: rooms.cancelling.drop(m.Drop(1, 5, 10)), [m.Dropped]),
        (lambda rooms, piece: rooms.reporter.interrupted(piece), [m.Interrupted, m.Dropped]),
        (lambda rooms, piece: rooms.reporter.report(piece, over=False), [m.Done]),
        (lambda rooms, piece: rooms.reporter.report(piece, over=True), [m.Done, m.Dropped]),
        (sleep, [m.Shared]),
    ],
)
def test_nobody_says_anything_else_of_a_piece_until_that_has_left(
    rooms: SimpleNamespace, wire: Wire, piece: Piece, act: Callable[..., None], kinds: list[type]
) -> None:
    act(rooms, piece)
    assert [type(message) for message in wire.sent] == kinds
    assert all(of_piece for of_piece, _ in wire.locked)


def test_nobody_says_anything_else_of_what_there_is_to_do_until_that_has_left(
    rooms: SimpleNamespace, wire: Wire, piece: Piece
) -> None:
    rooms.sharing.tell_rich()
    rooms.sharing.give_away(False)
    rooms.reporter.report(piece, over=False)
    assert [type(message) for message in wire.sent] == [m.Rich, m.Shared, m.Done]
    assert all(of_worker for _, of_worker in wire.locked)


@pytest.mark.parametrize("own_news", [False, True])
@pytest.mark.parametrize("over", [False, True])
def test_who_has_a_result_knows_the_counts_of_what_came_of_it(
    rooms: SimpleNamespace, wire: Wire, piece: Piece, over: bool, own_news: bool
) -> None:
    """Also where the IO thread reports what is over while the piece goes on. Of others the broker counts itself."""
    rooms.accounts.own_news = own_news
    rooms.reporter.report(piece, over)
    assert [type(message) for message in wire.sent] == [m.Tally] * own_news + [m.Done] + [m.Dropped] * over


def test_a_tally_that_another_thread_has_taken_leaves_before_the_outcomes(
    rooms: SimpleNamespace, wire: Wire, piece: Piece
) -> None:
    taken, waits = threading.Event(), threading.Event()

    class Telling:
        """The lock, held by a thread that tallies until somebody waits for it."""

        def locked(self) -> bool:
            return not wire.sent

        def __enter__(self) -> None:
            waits.set()
            assert taken.wait(10.0)

        def __exit__(self, *_: object) -> None:
            pass

    def tally() -> None:
        assert waits.wait(10.0)
        rooms.accounts.tally(0.0)
        taken.set()

    rooms.accounts.telling = Telling()
    with ThreadPoolExecutor(1) as other:
        told = other.submit(tally)
        rooms.reporter.report(piece, over=True)
        told.result(10.0)
    assert [type(message) for message in wire.sent] == [m.Tally, m.Done, m.Dropped]


@pytest.mark.parametrize("left", [1, 2])
def test_who_had_nothing_worth_sharing_tells_soon_how_it_goes_on(
    rooms: SimpleNamespace, wire: Wire, piece: Piece, left: int
) -> None:
    """What is left may prove long; if only what runs is left, there is nothing to ask for."""
    piece.since = math.inf
    piece.out = list(range(piece.lo, piece.hi - left))
    rooms.sharing.give_away(False)
    assert wire.sent == [m.Shared((), 0, False)]
    assert rooms.accounts.news is (left > 1)


def test_who_has_only_what_can_not_travel_is_not_asked_again_at_once(
    rooms: SimpleNamespace, wire: Wire, piece: Piece, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pack(*_: Any) -> None:
        raise TypeError("cannot pickle '_thread.lock' object")

    monkeypatch.setattr(rooms.sharing, "hand_over", pack)
    wire.state.pending |= {Future(): None for _ in range(3)}
    rooms.sharing.tell_rich()
    rooms.sharing.give_away(False)
    assert wire.sent == [m.Rich(), m.Shared((), 0, False)]
    assert len(wire.state.pending) == 3
    assert wire.state.told_rich, "who submits need not tell it"
    rooms.sharing.tell_rich()  # as is done from time to time
    assert wire.sent[2:] == [m.Rich()] and not wire.state.stuck


def test_who_has_given_all_away_is_not_rich_any_more(rooms: SimpleNamespace, wire: Wire, piece: Piece) -> None:
    rooms.sharing.tell_rich()
    rooms.sharing.give_away(False)
    assert wire.sent[-1] == m.Shared(((1, 6, 10),), 0, False)
    piece.out += [2, 3, 4, 5]
    rooms.reporter.report(piece, over=True)
    [done] = wire.sent[2:]
    assert isinstance(done, m.Done) and done.rested == 1, "there is nothing else, and the broker knows at once"
