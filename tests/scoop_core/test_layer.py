"""Several large arguments on their way to the shelf at the same time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from scoop_core.messages import Segment
from scoop_core.payload import layer as layer_module
from scoop_core.payload.layer import LARGE, Dumped, Layer
from scoop_core.store import THRESHOLD, Shelf

#: Nothing here takes longer.
SECONDS = 10.0


class Lanes(Shelf):
    """A shelf on which two lay at the same time, as somebody watches."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder), "here")
        self.lanes = 2
        self.folder = folder
        self.threads: list[threading.Thread] = []
        self.before: Callable[[], object] = lambda: None

    def _place(self, segment: Segment, view: memoryview) -> bool:
        self.threads.append(threading.current_thread())
        self.before()
        return super()._place(segment, view)

    @property
    def names(self) -> list[str]:
        return os.listdir(self.folder)


@pytest.fixture
def shelf(tmp_path: Path) -> Lanes:
    return Lanes(tmp_path)


@pytest.fixture
def layer(shelf: Lanes) -> Iterator[Layer]:
    layer = Layer(shelf)
    yield layer
    layer.close()


def arrays(count: int) -> list[bytes]:
    return [os.urandom(8) * (LARGE // 8) for _ in range(count)]


def dumped(array: bytes) -> Dumped:
    return Dumped("column+", 1, b"pickle", [memoryview(array)])


def test_they_are_laid_at_the_same_time_and_come_in_order(shelf: Lanes, layer: Layer) -> None:
    together = threading.Barrier(2, timeout=SECONDS)
    shelf.before = together.wait
    given = arrays(6)
    places = [place for _, parcel, _ in layer.parcels(map(dumped, given)) for place in parcel.buffers]
    for array, place in zip(given, places, strict=True):
        assert place is not None
        with shelf.get(place, take=False, writable=False) as mapped:
            assert mapped[:] == array


def test_an_array_that_several_lay_at_the_same_time_lies_there_once(shelf: Lanes, layer: Layer) -> None:
    [array] = arrays(1)
    second = threading.Event()

    def chunks() -> Iterator[Dumped]:
        yield dumped(array)
        yield dumped(bytes(bytearray(array)))
        second.set()

    shelf.before = lambda: second.wait(SECONDS)
    first, other = [parcel.buffers for _, parcel, _ in layer.parcels(chunks())]
    assert first == other
    assert len(shelf.names) == 1


def test_small_ones_and_pickles_are_laid_at_once(shelf: Lanes, layer: Layer) -> None:
    """Nobody waits for them until the next one is pickled."""
    taken = []

    def chunks() -> Iterator[Dumped]:
        for number in range(3):
            assert len(taken) == number
            yield Dumped("column+", 1, os.urandom(LARGE), [memoryview(os.urandom(THRESHOLD))])

    for chunk in layer.parcels(chunks()):
        taken.append(chunk)
    assert set(shelf.threads) == {threading.main_thread()}


def test_what_lies_there_already_needs_no_threads(shelf: Lanes, layer: Layer) -> None:
    segment = shelf.put(memoryview(arrays(1)[0]))
    threads = threading.enumerate()
    [(_, parcel, _)] = layer.parcels([Dumped("column+", 1, b"pickle", [segment])])
    assert parcel.buffers == (segment,)
    assert threading.enumerate() == threads


@pytest.mark.parametrize("allowed", [0, 1])
def test_where_there_can_be_no_more_threads_each_is_laid_once_all_the_same(
    shelf: Lanes, layer: Layer, monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    start, started = threading.Thread.start, []

    def scarce(thread: threading.Thread) -> None:
        if len(started) == allowed:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", scarce)
    places = [place for _, parcel, _ in layer.parcels(map(dumped, arrays(5))) for place in parcel.buffers]
    assert sorted(shelf.names) == sorted(place.name for place in places if place)
    layer.close()
    for place in places:
        assert place is not None
        shelf.discard(place)
    assert shelf.names == []


def test_what_nobody_takes_any_more_leaves_the_shelf(shelf: Lanes) -> None:
    layer = Layer(shelf)
    parcels = layer.parcels(map(dumped, arrays(3)))
    _, first, _ = next(parcels)
    layer.close()
    [name] = shelf.names
    [place] = first.buffers
    assert place is not None and name == place.name


def test_only_the_latest_are_kept_for_parcels_to_come(
    shelf: Lanes, layer: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layer_module, "HELD", 2 * THRESHOLD)
    given = [memoryview(np.full(THRESHOLD, number, np.uint8)) for number in range(4)]
    for buffer in given:
        segment = layer.share(buffer)
        assert segment is not None
        shelf.discard(segment)  # its tasks are over
    assert len(shelf.names) == 2
    assert layer.share(given[3]) == segment
    again = layer.share(given[0])
    assert again is not None and again.name in shelf.names
    shelf.discard(segment)
    shelf.discard(again)
    layer.close()
    assert shelf.names == []
