"""How much memory a worker may use, and how soon to look again."""

from __future__ import annotations

import re

#: A process that fills memory as fast as it can takes about this many bytes a second: so soon it may be at the limit.
FASTEST = 4e9
#: Looks are never closer together than this, in seconds ...
SHORTEST = 0.005
#: ... nor farther apart: to look takes some 20 µs a worker.
LONGEST = 0.1

_SIZE = re.compile(r"(\d+(?:\.\d+)?) *([KMGT]?)(i?)B?", re.IGNORECASE)


def parse_size(text: str | int) -> int:
    """Bytes, from a number or a text such as "500MB", "1.5 GB" or "2GiB".

    Raises:
        ValueError: it is no size, or not above zero.
    """
    found = _SIZE.fullmatch(str(text).strip())
    if not found:
        raise ValueError(f"{text!r} is no size: write bytes, or 500MB, 1.5GB, 2GiB")
    number, unit, binary = found.groups()
    size = int(float(number) * (1024 if binary else 1000) ** " KMGT".index(unit.upper() or " "))
    if size < 1:
        raise ValueError(f"{text!r} is too small for a limit of memory")
    return size


def pause(limit: int, most: int) -> float:
    """Seconds until it is time to look again.

    Args:
        limit: what a worker may use, in bytes.
        most: what the largest one uses now.
    """
    return min(LONGEST, max(SHORTEST, (limit - most) / FASTEST))
