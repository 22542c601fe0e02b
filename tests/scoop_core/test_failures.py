"""Failed calls are kept while there is room, and found again."""

from __future__ import annotations

import pytest

from scoop_core.failures import RECORD, FailedCalls
from scoop_core.messages import Mishap


def mishap(id: str, source: str = "", root: str = "r", run: int = 1, size: int = 1000) -> Mishap:
    return Mishap(id, root, run, 1, 0, "f", "ValueError", "", "", "", source, bytes(size))


@pytest.fixture
def calls() -> FailedCalls:
    return FailedCalls(limit=5 * (1000 + RECORD))


def test_what_is_kept_is_found_by_its_id(calls: FailedCalls) -> None:
    for id, shown in (("w0-1", True), ("w0-2", False)):
        kept = mishap(id)
        calls.keep(kept, shown)
        assert calls.find(id) is kept
    assert calls.find("w0-3") is None
    assert calls.find("") is None


def test_without_room_the_oldest_go_and_those_that_people_see_last(calls: FailedCalls) -> None:
    for number in range(8):
        calls.keep(mishap(f"w0-{number}"), shown=number in (0, 2))
    assert [number for number in range(8) if calls.find(f"w0-{number}")] == [0, 2, 5, 6, 7]
    for number in range(8, 13):
        calls.keep(mishap(f"w0-{number}"), shown=True)
    assert [number for number in range(13) if calls.find(f"w0-{number}")] == [8, 9, 10, 11, 12]


def test_one_that_is_larger_than_all_room_is_not_kept(calls: FailedCalls) -> None:
    calls.keep(mishap("w0-1", size=50_000), shown=True)
    assert calls.find("w0-1") is None
    calls.keep(mishap("w0-2"), shown=True)
    assert calls.find("w0-2") is not None


@pytest.mark.parametrize("shown", [True, False])
def test_the_latest_is_the_last_of_a_root(calls: FailedCalls, shown: bool) -> None:
    assert calls.latest("r") is None
    calls.keep(mishap("w0-1"), shown=True)
    calls.keep(mishap("w0-2"), shown)
    calls.keep(mishap("w0-3", root="s"), shown=True)
    latest = calls.latest("r")
    assert latest is not None
    assert latest.id == "w0-2"
    assert calls.latest("t") is None


def test_of_a_failure_that_was_passed_on_the_latest_is_where_it_came_from(calls: FailedCalls) -> None:
    calls.keep(mishap("w1-1"), shown=True)
    calls.keep(mishap("w0-1", source="w1-1"), shown=True)
    calls.keep(mishap("w0-2", source="w0-1"), shown=False)
    latest = calls.latest("r")
    assert latest is not None
    assert latest.id == "w1-1"
    calls.forget("r", 2)
    assert calls.find("w0-2") is not None
    calls.forget("r", 1)
    assert calls.latest("r") is None
