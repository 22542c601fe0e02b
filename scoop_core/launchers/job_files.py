"""What a job finds in the pool's shared folder, and what it leaves there."""

from __future__ import annotations

import os
from pathlib import Path

#: What Python is to run in a job; the path of the launch data comes behind.
AGENT = ("-m", "scoop_core.away")
#: So much of what a job printed is looked at for why it ended: bytes, and lines.
LAST_BYTES = 4096
LAST_LINES = 5


def write_launch(file: Path, data: bytes) -> None:
    """Write launch data, which nobody else can read at any moment."""
    with open(file, "wb", opener=_private) as out:
        out.write(data)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL, 0o600)


def last_lines(log: Path) -> str:
    """The last that a job has printed, on one line; empty if it printed nothing, or that is not here yet."""
    try:
        text = log.read_bytes()[-LAST_BYTES:]
    except OSError:
        return ""
    lines = [line.strip() for line in text.decode(errors="replace").splitlines() if line.strip()]
    return " ".join(lines[-LAST_LINES:])
