"""Frames in pieces."""

from __future__ import annotations

import pytest

from scoop_core.link.end import BadStream
from scoop_core.link.pieces import PIECE, cut, join

LARGE = bytes(range(256)) * (PIECE // 100)


def views(parts: list[bytes]) -> list[memoryview]:
    return [memoryview(part) for part in parts]


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [b""],
        [b"a", bytes(PIECE)],
        [bytes(PIECE + 1)],
        [LARGE],
        [b"", LARGE, b"a", LARGE[:-1], memoryview(LARGE)[7:], b""],
    ],
)
@pytest.mark.parametrize("header", [b"\x91\x01", b"\x91" + LARGE])
def test_what_was_cut_is_joined(header: bytes, frames: list[bytes]) -> None:
    parts = cut(header, frames)
    assert max(map(len, parts)) <= PIECE
    found, joined = join(views(parts))
    assert found == header
    assert [bytes(frame) for frame in joined] == [bytes(frame) for frame in frames]


def test_small_messages_are_left_as_they_are_and_nothing_is_copied() -> None:
    frames = [b"a", memoryview(LARGE)[:PIECE]]
    assert all(part is frame for part, frame in zip(cut(b"\x91", frames), [b"\x91", *frames], strict=True))
    assert all(piece.obj is LARGE for piece in cut(b"\x91", [LARGE])[2:])
    given = views([b"\x91", b"a"])
    assert join(given)[1][0] is given[1]


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"\0"],
        [b"\0" + bytes(7), b"\x91"],
        [b"\0" + bytes(8), b"\x91"],
        [b"\0" + (1).to_bytes(8, "little") + (5).to_bytes(8, "little"), b"\x91", b"a"],
        [b"\0" + (9).to_bytes(8, "little") + (1).to_bytes(8, "little"), b"\x91", b"a"],
        [b"\0" + b"\xff" * 16, b"\x91", b"a"],
    ],
)
def test_what_nobody_has_cut_like_that_is_refused(parts: list[bytes]) -> None:
    with pytest.raises(BadStream):
        join(views(parts))
