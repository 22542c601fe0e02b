"""Large frames in pieces: a heartbeat can't pass while one part of a message is under way, which may take long."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from scoop_core.link.end import BadStream

#: No part of a message over the network is larger, in bytes: a slow link (1 MB/s) brings one within the time of a
#: heartbeat, and there is no need to take more from anybody.
PIECE = 1 << 20
#: Begins the part that tells which frames were cut. No header does: those are arrays.
_CUT = b"\0"


def cut(header: bytes, frames: Sequence[Any]) -> list[Any]:
    """The parts of a message; of large ones the pieces, and ahead of all who they are. Copies nothing."""
    parts = [header, *frames]
    if max(map(len, parts)) <= PIECE:
        return parts
    pieces: list[Any] = []
    where: list[int] = []
    for number, part in enumerate(parts):
        if len(part) <= PIECE:
            pieces.append(part)
            continue
        view = memoryview(part)
        pieces += (view[at : at + PIECE] for at in range(0, len(view), PIECE))
        where += number, -(-len(view) // PIECE)
    return [_CUT + struct.pack(f"<{len(where)}Q", *where), *pieces]


def join(parts: Sequence[memoryview]) -> tuple[bytes, list[Any]]:
    """The header and the frames of a message that has come in parts; what was not cut is not copied.

    Raises:
        BadStream: nobody has cut it like that.
    """
    first = bytes(parts[0][:1]) if parts else _CUT
    if first != _CUT:
        return bytes(parts[0]), list(parts[1:])
    try:
        where = list(struct.iter_unpack("<QQ", parts[0][1:]))
    except (IndexError, struct.error) as error:
        raise BadStream("it is not told what was cut") from error
    found: list[Any] = []
    at = 1
    for number, count in where:
        start = at + number - len(found)
        if not at <= start < start + count <= len(parts):
            raise BadStream(f"{len(parts)} parts can't be what was cut")
        found += parts[at:start]
        at = start + count
        found.append(b"".join(parts[start:at]))
    found += parts[at:]
    if not found:
        raise BadStream("no header")
    return bytes(found[0]), found[1:]
