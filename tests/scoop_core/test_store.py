"""The shelf: who may read it, what happens when it is full, and what is left."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scoop_core.messages import Segment
from scoop_core.store import MAPPED, MAPPINGS, THRESHOLD, Shelf, remove, shared_memory


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(str(tmp_path), "w0")


def large(fill: bytes = b"a") -> memoryview:
    return memoryview(fill * THRESHOLD)


def put(shelf: Shelf, buffer: memoryview) -> Segment:
    segment = shelf.put(buffer)
    assert segment is not None
    return segment


def test_what_is_put_there_can_be_had_in_another_process(shelf: Shelf, tmp_path: Path) -> None:
    segment = put(shelf, large())
    assert segment.size == THRESHOLD
    other = Shelf(str(tmp_path), "w1")
    with other.get(segment, take=False, writable=False) as mapped:
        assert mapped[:] == large()


def test_nobody_else_may_read_it(shelf: Shelf, tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        segment = put(shelf, large())
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / segment.name).stat().st_mode) == 0o600


def test_names_tell_the_owner_and_are_not_to_be_guessed(shelf: Shelf) -> None:
    names = {put(shelf, large()).name for _ in range(20)}
    assert len(names) == 20
    assert all(name.startswith("w0-") and len(name) >= 16 for name in names)


def test_small_buffers_travel(shelf: Shelf, tmp_path: Path) -> None:
    assert shelf.put(large()[1:]) is None
    assert list(tmp_path.iterdir()) == []


def test_any_kind_of_numbers_can_be_put_there(shelf: Shelf) -> None:
    doubles = memoryview(bytes(THRESHOLD)).cast("d")
    assert put(shelf, doubles).size == THRESHOLD


def test_who_may_write_to_it_changes_only_its_own_view(shelf: Shelf) -> None:
    segment = put(shelf, large())
    with shelf.get(segment, take=False, writable=True) as mine, shelf.get(segment, False, False) as other:
        mine[0] = ord("b")
        assert mine[0] == ord("b")
        assert other[0] == ord("a")


def test_who_may_only_read_it_cannot_write(shelf: Shelf) -> None:
    with shelf.get(put(shelf, large()), take=False, writable=False) as mapped, pytest.raises(TypeError):
        mapped[0] = 1


def test_what_is_taken_is_gone_and_holds_neither_a_file_nor_a_descriptor(shelf: Shelf, tmp_path: Path) -> None:
    segment = put(shelf, large())
    descriptors = len(os.listdir("/proc/self/fd"))
    taken = shelf.get(segment, take=True, writable=True)
    assert taken == large()
    assert list(tmp_path.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_what_is_taken_and_very_large_is_mapped_and_its_place_is_free_with_it(shelf: Shelf, tmp_path: Path) -> None:
    content = memoryview(os.urandom(MAPPED))
    descriptors = len(os.listdir("/proc/self/fd"))
    for _ in range(MAPPINGS + 10):
        segment = put(shelf, content)
        taken = shelf.get(segment, take=True, writable=True)
        taken[:2] = b"me"
        assert taken[2:] == content[2:]
    assert list(tmp_path.iterdir()) == []
    del taken
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_not_more_than_so_many_are_mapped_at_once(shelf: Shelf) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    taken = [shelf.get(put(shelf, memoryview(bytes(MAPPED))), take=True, writable=True) for _ in range(MAPPINGS + 10)]
    assert len(os.listdir("/proc/self/fd")) == descriptors + MAPPINGS
    assert all(len(each) == MAPPED for each in taken)


# ---- sharing ---------------------------------------------------------------------------------------------------


def share(shelf: Shelf, content: bytes) -> Segment:
    segment = shelf.share(memoryview(content))
    assert segment is not None
    return segment


def test_the_same_bytes_lie_there_once_until_the_last_who_shares_them_goes(shelf: Shelf, tmp_path: Path) -> None:
    content = os.urandom(THRESHOLD + 3)
    first, second = share(shelf, content), share(shelf, bytes(bytearray(content)))
    assert first == second
    assert shelf.again(first)
    assert len(list(tmp_path.iterdir())) == 1
    shelf.discard(first)
    shelf.discard(first)
    assert len(list(tmp_path.iterdir())) == 1
    shelf.discard(second)
    assert list(tmp_path.iterdir()) == []
    assert not shelf.again(first)
    assert share(shelf, content) != first, "a name is not used again"


@pytest.mark.parametrize("place", [0, 70, THRESHOLD // 2 + 1, THRESHOLD + 2])
def test_bytes_that_differ_anywhere_do_not_share(shelf: Shelf, place: int) -> None:
    content = bytearray(THRESHOLD + 3)
    first = share(shelf, bytes(content))
    content[place] = 1
    second = share(shelf, bytes(content))
    assert first != second
    with shelf.get(second, take=False, writable=False) as mapped:
        assert mapped[:] == content


def test_small_buffers_are_not_shared(shelf: Shelf) -> None:
    assert shelf.share(large()[1:]) is None


def test_what_somebody_has_taken_away_is_laid_down_again(shelf: Shelf, tmp_path: Path) -> None:
    first = share(shelf, bytes(THRESHOLD))
    (tmp_path / first.name).unlink()
    second = share(shelf, bytes(THRESHOLD))
    assert (tmp_path / second.name).exists()


def test_who_has_mapped_it_keeps_it_when_it_is_discarded(shelf: Shelf, tmp_path: Path) -> None:
    segment = put(shelf, large())
    with shelf.get(segment, take=False, writable=False) as mapped:
        shelf.discard(segment)
        shelf.discard(segment)
        assert list(tmp_path.iterdir()) == []
        assert mapped[:] == large()


def test_what_is_gone_is_missed_at_once(shelf: Shelf) -> None:
    with pytest.raises(FileNotFoundError):
        shelf.get(Segment("w0-none", 5), take=False, writable=False)


def test_a_tenth_of_the_memory_is_left_to_others(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def room(free: int) -> Callable[[Any], Any]:
        return lambda folder: SimpleNamespace(f_bavail=free, f_frsize=THRESHOLD, f_blocks=100)

    monkeypatch.setattr(os, "statvfs", room(10))
    assert shelf.put(large()) is None
    monkeypatch.setattr(os, "statvfs", room(11))
    assert shelf.put(large()) is not None


def test_when_others_fill_it_up_nothing_is_left_half_written(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def full(fd: int, data: memoryview) -> int:
        if len(data) < THRESHOLD:
            raise OSError(28, "No space left on device")
        return write(fd, data[:1000])

    monkeypatch.setattr(os, "write", full)
    assert shelf.put(large()) is None
    assert list(tmp_path.iterdir()) == []


def test_after_an_interrupt_nothing_is_left_half_written_and_nobody_waits_for_it(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def interrupted(fd: int, data: memoryview) -> int:
        if len(data) < THRESHOLD:
            raise KeyboardInterrupt
        return write(fd, data[:1000])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            shelf.share(large())
    assert list(tmp_path.iterdir()) == []
    with ThreadPoolExecutor(1) as threads:
        segment = threads.submit(shelf.share, large()).result(10.0)
    assert segment is not None
    assert [path.name for path in tmp_path.iterdir()] == [segment.name]


def test_who_waited_for_bytes_that_could_not_be_laid_tries_it_again(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()
    content = os.urandom(THRESHOLD)

    class Full(Shelf):
        def _place(self, segment: Segment, view: memoryview) -> bool:
            if begun.is_set():
                return super()._place(segment, view)
            begun.set()
            assert go_on.wait(10.0)
            return False

    shelf = Full(str(tmp_path), "w0")
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(shelf.share, memoryview(content))
        assert begun.wait(10.0)
        second = threads.submit(shelf.share, memoryview(content))
        go_on.set()
        assert first.result(10.0) is None
        segment = second.result(10.0)
    assert segment is not None
    assert [path.name for path in tmp_path.iterdir()] == [segment.name]


def test_without_a_folder_everything_travels(tmp_path: Path) -> None:
    assert Shelf(str(tmp_path / "none"), "w0").put(large()) is None


def test_a_whole_shelf_is_taken_away(shelf: Shelf, tmp_path: Path) -> None:
    put(shelf, large())
    remove(str(tmp_path))
    assert not tmp_path.exists()
    remove(str(tmp_path))


def test_there_is_shared_memory_where_it_can_be_written_to() -> None:
    memory = shared_memory()
    assert memory is None or os.access(memory, os.W_OK)


def test_shared_memory_may_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOOP_MEMORY", str(tmp_path))
    assert shared_memory() == tmp_path
    monkeypatch.setenv("SCOOP_MEMORY", str(tmp_path / "none"))
    assert shared_memory() is None
