"""What peers of other hosts share: it is sent once, lies on the broker's shelf, and goes when nobody needs it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from scoop_core import messages as m
from scoop_core.distant import Deposits, DistantShelf
from scoop_core.store import THRESHOLD, Shelf


class Peer:
    """A peer on another host, whose messages come at once."""

    def __init__(self, name: str, deposits: Deposits) -> None:
        self.name = name
        self.sent = 0  # bytes
        self._deposits = deposits
        self.shelf = DistantShelf("", name, self._send)

    def _send(self, header: m.Header, frames: m.Frames) -> None:
        self.sent += sum(map(len, frames))
        if isinstance(header, m.Store):
            self._deposits.lay(self.name, header.segment, frames)
        elif isinstance(header, m.Discard):
            self._deposits.discard(self.name, header.segments)

    def share(self, content: bytes) -> m.Segment:
        segment = self.shelf.share(memoryview(content))
        assert segment is not None
        return segment


@pytest.fixture
def deposits(tmp_path: Path) -> Deposits:
    return Deposits(Shelf(str(tmp_path), "broker"))


@pytest.fixture
def peer(deposits: Deposits) -> Peer:
    return Peer("r1", deposits)


def content(fill: bytes = b"a") -> bytes:
    return fill * THRESHOLD


def lying(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_shared_again_is_not_sent_again(peer: Peer, deposits: Deposits, tmp_path: Path) -> None:
    first, second = peer.share(content()), peer.share(bytes(bytearray(content())))
    other = peer.share(content(b"b"))
    assert first == second != other
    assert peer.sent == 2 * THRESHOLD
    assert lying(tmp_path) == sorted([first.name, other.name])
    assert bytes(deposits.get(first, take=False)) == content() != bytes(deposits.get(other, take=False))


def test_it_lies_there_until_the_last_who_shares_it_goes(peer: Peer, tmp_path: Path) -> None:
    segment = peer.share(content())
    peer.share(content())
    peer.shelf.again(segment)
    for _ in range(2):
        peer.shelf.discard(segment)
        assert lying(tmp_path) == [segment.name]
    peer.shelf.discard(segment)
    assert lying(tmp_path) == []


def test_what_comes_back_has_another_name(peer: Peer) -> None:
    """Who knows a function by what it names would look for it where it no longer is."""
    segment = peer.share(content())
    peer.shelf.discard(segment)
    assert peer.share(content()).name != segment.name
    assert peer.sent == 2 * THRESHOLD


def test_changes_after_the_call_are_not_sent(deposits: Deposits) -> None:
    sent: list[Any] = []
    array = bytearray(content())
    DistantShelf("", "w7", lambda header, frames: sent.append(frames)).share(memoryview(array))
    array[:] = content(b"b")
    assert sent == [[content()]]


def test_small_buffers_and_results_travel_with_their_messages(peer: Peer) -> None:
    assert peer.shelf.share(memoryview(content()[1:])) is None
    assert peer.shelf.put(memoryview(content())) is None  # type: ignore[func-returns-value]
    assert peer.sent == 0


def test_what_finds_no_room_is_kept(tmp_path: Path) -> None:
    deposits = Deposits(Shelf(str(tmp_path / "none"), "broker"))
    peer = Peer("r1", deposits)
    segment = peer.share(content())
    assert deposits.keeps([segment]) and deposits.holds(segment)
    assert bytes(deposits.get(segment, take=False)) == content()
    peer.shelf.discard(segment)
    assert not deposits.keeps([segment]) and not deposits.holds(segment)
    assert deposits.get(segment, take=False) == b""


def test_with_its_peer_goes_what_others_do_not_need(peer: Peer, deposits: Deposits, tmp_path: Path) -> None:
    other = Peer("w9", deposits)
    constant, argument, others = peer.share(content()), peer.share(content(b"b")), other.share(content())
    assert lying(tmp_path) == sorted([constant.name, argument.name, others.name])
    deposits.leave("r1", {constant.name})
    assert lying(tmp_path) == sorted([constant.name, others.name])


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("..", [content()]),
        ("r1-/../../evil", [content()]),
        ("r2-of-another", [content()]),
        ("r1-short", [content()[1:]]),
        ("r1-none", []),
        ("r1-two", [content(), b""]),
    ],
)
def test_what_is_none_of_ours_is_not_laid_down(
    deposits: Deposits, tmp_path: Path, name: str, frames: Sequence[bytes]
) -> None:
    deposits.lay("r1", m.Segment(name, THRESHOLD), list(frames))
    assert lying(tmp_path) == [] and not (tmp_path.parent / "evil").exists()


def test_nobody_takes_off_what_another_has_laid_down(peer: Peer, deposits: Deposits, tmp_path: Path) -> None:
    segment = peer.share(content())
    deposits.discard("w9", [segment])
    assert lying(tmp_path) == [segment.name]
