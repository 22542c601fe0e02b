"""Sizes, and when to look at the memory of workers again."""

from __future__ import annotations

import pytest

from scoop_core.memory import LONGEST, SHORTEST, parse_size, pause


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (1000, 1000),
        ("1000", 1000),
        ("500MB", 500_000_000),
        ("500 mb", 500_000_000),
        ("1.5G", 1_500_000_000),
        ("2GiB", 2 * 2**30),
        ("64KiB", 65536),
        ("1T", 10**12),
        (" 7B ", 7),
    ],
)
def test_sizes(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-5", "0", "0.5", "5 apples", "1e9", "5MBB", "nan"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_size(text)


def test_the_closer_to_the_limit_the_sooner_the_next_look() -> None:
    limit = 10**9
    waits = [pause(limit, most) for most in (0, limit // 2, limit * 8 // 10, limit * 9 // 10, limit, 2 * limit)]
    assert waits == sorted(waits, reverse=True)
    assert waits[0] == LONGEST
    assert waits[-1] == SHORTEST
