"""When a wait looks again and again before it sleeps, and when it does not."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from scoop_core import hosts
from scoop_core.link import poller
from scoop_core.link.poller import SPIN, WARY, Poller, milliseconds


class Bell:
    """A poller with one descriptor, and how often it has given way while it looked."""

    def __init__(self, spare: int = 1) -> None:
        self.poller = Poller(spare)
        self._end, self._other = os.pipe()
        self.poller.register(self._end)
        self.looks = 0

    def look(self) -> None:
        self.looks += 1

    def answered(self, sleepy: bool = False) -> int:
        """Wait for what is there already; how often it gave way."""
        os.write(self._other, b"!")
        before = self.looks
        assert [fd for fd, _ in self.poller.wait(10, sleepy)] == [self._end]
        os.read(self._end, 1)
        return self.looks - before

    def in_vain(self, sleepy: bool = False) -> int:
        before = self.looks
        assert self.poller.wait(10 * SPIN, sleepy) == []
        return self.looks - before

    def close(self) -> None:
        os.close(self._end)
        os.close(self._other)


@pytest.fixture
def bell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bell]:
    monkeypatch.setattr(poller, "cpus", lambda: 2)
    bell = Bell()
    monkeypatch.setattr(os, "sched_yield", bell.look)
    yield bell
    bell.close()


def test_who_was_not_answered_quickly_sleeps_at_once(bell: Bell) -> None:
    assert bell.in_vain() == 0
    assert bell.in_vain() == 0


def test_who_was_answered_quickly_looks_for_a_moment(bell: Bell) -> None:
    bell.answered()
    assert bell.in_vain() > 0
    assert bell.in_vain() == 0, "that was in vain"


def test_each_look_in_vain_makes_it_more_wary(bell: Bell) -> None:
    for needed in (1, 2, 4, 8):
        for _ in range(needed):
            bell.answered()
        assert bell.in_vain() > 0, needed
    for _ in range(15):
        bell.answered()
    assert bell.in_vain() == 0, "16 are needed now"


def test_it_never_becomes_so_wary_that_it_gives_up(bell: Bell) -> None:
    for _ in range(12):
        for _ in range(WARY):
            bell.answered()
        assert bell.in_vain() > 0


def test_who_is_told_to_sleep_does_not_look(bell: Bell) -> None:
    bell.answered()
    assert bell.in_vain(sleepy=True) == 0


@pytest.mark.parametrize(("count", "spare", "looks"), [(1, 1, False), (2, 1, True), (2, 2, False), (3, 2, True)])
def test_nobody_looks_where_others_need_all_processors(
    bell: Bell, monkeypatch: pytest.MonkeyPatch, count: int, spare: int, looks: bool
) -> None:
    monkeypatch.setattr(poller, "cpus", lambda: count)
    other = Bell(spare)
    monkeypatch.setattr(os, "sched_yield", other.look)
    other.answered()
    assert (other.in_vain() > 0) is looks
    other.close()


def test_a_quota_counts_not_what_the_host_has(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "cpus", hosts.cpus)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64))
    for limit, looks in (("4", True), ("2", False)):
        monkeypatch.setenv("CPU_LIMIT", limit)
        other = Bell(spare=2)
        monkeypatch.setattr(os, "sched_yield", other.look)
        other.answered()
        assert (other.in_vain() > 0) is looks
        other.close()


def test_a_wait_is_never_shorter_than_was_asked_for() -> None:
    assert milliseconds(None) is None
    assert milliseconds(-1) == 0
    assert milliseconds(0.0101) == 11
