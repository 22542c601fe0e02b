"""The two profilers of one thread say the same, and nothing of other threads."""

from __future__ import annotations

import math
import sys
import threading
import time
from typing import Any

import pytest

from scoop_core.tracing import FastProfile, ThreadProfile, new_profile

PROFILES = [ThreadProfile, *([FastProfile] if sys.version_info < (3, 12) else [])]


def fibonacci(n: int) -> int:
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def leaf(seconds: float) -> None:
    time.sleep(seconds)


def work() -> None:
    leaf(0.02)
    leaf(0.01)
    fibonacci(10)
    math.sqrt(2)
    [].append(1)
    try:
        int("no number")
    except ValueError:
        pass


def other_thread(until: threading.Event) -> None:
    while not until.is_set():
        fibonacci(3)


def profiled(kind: Any) -> dict[str, Any]:
    """What it sees of `work`, by name, while another thread does something else."""
    until = threading.Event()
    thread = threading.Thread(target=other_thread, args=(until,))
    thread.start()
    profile = kind()
    try:
        for _ in range(2):
            profile.enable()
            work()
            profile.disable()
            work()  # nobody looks
    finally:
        until.set()
        thread.join()
    return {place[2]: times for place, times in profile.seen().items()}


@pytest.mark.parametrize("kind", PROFILES)
def test_calls_and_times(kind: Any) -> None:
    seen = profiled(kind)
    assert seen["work"][:2] == (2, 2)
    assert seen["leaf"][:2] == (4, 4)
    assert seen["fibonacci"][:2] == (2, 2 * 177)
    for name in ("<built-in method math.sqrt>", "<method 'append' of 'list' objects>"):
        assert seen[name][:2] == (2, 2), name
    _, _, own, cumulative, callers = seen["leaf"]
    assert 0.06 <= cumulative < 0.5 and own < cumulative / 2
    assert {place[2]: part[:2] for place, part in callers.items()} == {"work": (4, 4)}
    assert {place[2] for place in seen["fibonacci"][4]} == {"work", "fibonacci"}
    assert seen["work"][3] >= cumulative + seen["fibonacci"][3]
    assert "other_thread" not in seen


def test_this_version_has_one_that_sees_its_own_thread_only() -> None:
    assert type(new_profile()) is PROFILES[-1]
