"""Framed messages over a Unix socket."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator

import pytest

from scoop_core.link.end import BadStream, Raw
from scoop_core.link.stream import MAX_PARTS, SCRATCH, Stream
from tests.waiting import eventually


class Pair:
    """Two ends of one connection."""

    def __init__(self) -> None:
        left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.left, self.right = Stream(left), Stream(right)
        self.arrived: list[Raw] = []

    def carry(self, count: int) -> list[Raw]:
        """Let both work in turns, until so many messages have arrived on the right."""

        def enough() -> bool:
            self.left.flush()
            self.arrived += self.right.read()
            return len(self.arrived) >= count

        eventually(enough, 20, step=0)
        return self.arrived


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.left.close()
    pair.right.close()


def plain(messages: list[Raw]) -> list[tuple[bytes, list[bytes]]]:
    return [(header, [bytes(frame) for frame in frames]) for header, frames in messages]


def test_messages_of_all_sizes_arrive_whole_and_in_order(pair: Pair) -> None:
    chance = random.Random(1)
    sizes = [0, 1, 7, 100, 5_000, SCRATCH - 20, SCRATCH - 12, SCRATCH, SCRATCH + 1, 3 * SCRATCH]
    sent = [
        (chance.randbytes(chance.choice(sizes)), [chance.randbytes(chance.choice(sizes)) for _ in range(frames)])
        for frames in [chance.choice([0, 0, 1, 2, 5]) for _ in range(300)]
    ]
    for header, frames in sent:
        pair.left.put(header, frames)
    assert plain(pair.carry(len(sent))) == sent
    assert not pair.left.waiting


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_message_may_come_in_pieces_of_any_size(pair: Pair, cut: int) -> None:
    other, end = socket.socketpair()
    with other, end:
        writer = Stream(other)
        writer.put(b"header", [b"", b"frame", b"x" * 30])
        writer.put(b"second")
        writer.flush()
        raw = end.recv(1000)
    arrived: list[Raw] = []
    for start in range(0, len(raw), cut):
        pair.left._out.append(raw[start : start + cut])
        pair.left.flush()
        arrived += pair.right.read()
    assert plain(arrived) == [(b"header", [b"", b"frame", b"x" * 30]), (b"second", [])]


def test_a_message_may_have_very_many_frames(pair: Pair) -> None:
    frames = [b"%d" % number for number in range(70_000)]
    pair.left.put(b"header", frames)
    assert plain(pair.carry(1)) == [(b"header", frames)]


def test_views_are_sent_as_they_are(pair: Pair) -> None:
    pair.left.put(b"h", [memoryview(b"0123456789")[2:5], bytearray(b"abc")])
    assert plain(pair.carry(1)) == [(b"h", [b"234", b"abc"])]


def test_what_arrives_cannot_be_written_to(pair: Pair) -> None:
    pair.left.put(b"h", [bytes(10)])
    pair.left.put(b"h", [bytes(3 * SCRATCH)])
    for _, (frame,) in pair.carry(2):
        assert memoryview(frame).readonly


def test_to_send_never_blocks_and_what_was_left_leaves_later(pair: Pair) -> None:
    pair.left.put(b"h", [bytes(10_000_000)])
    pair.left.flush()
    assert pair.left.waiting
    assert len(pair.carry(1)) == 1
    assert not pair.left.waiting


def test_the_end_comes_after_what_was_said(pair: Pair) -> None:
    pair.left.put(b"last words")
    pair.left.close(linger=1)
    assert plain(pair.carry(1)) == [(b"last words", [])]
    assert not pair.right.ended
    assert pair.right.read() == []
    assert pair.right.ended


def test_to_who_is_gone_nothing_is_sent(pair: Pair) -> None:
    pair.right.put(b"last words")
    pair.right.close(linger=1)
    for _ in range(3):
        pair.left.put(b"h", [bytes(1_000_000)])
        pair.left.flush()
        assert not pair.left.waiting
    assert plain(pair.left.read()) == [(b"last words", [])], "what came before can still be read"


@pytest.mark.parametrize(
    "raw",
    [
        (0).to_bytes(12, "little"),
        (MAX_PARTS + 1).to_bytes(12, "little"),
        b"\x01\0\0\0" + (1 << 50).to_bytes(8, "little"),
        b"\x02\0\0\0" + (1 << 39).to_bytes(8, "little") * 2 + b"x",
        b"\x02\0\0\0" + (1 << 63).to_bytes(8, "little") * 2,
    ],
)
def test_what_is_no_message_is_told(pair: Pair, raw: bytes) -> None:
    pair.left._out.append(raw)
    pair.left.flush()
    with pytest.raises(BadStream):
        pair.right.read()


def test_to_connect_to_nobody_is_to_have_ended(tmp_path: object) -> None:
    stream = Stream.connect(f"{tmp_path}/none")
    assert stream.ended
    stream.put(b"h")
    stream.flush()
    assert stream.read() == []
    stream.close()
