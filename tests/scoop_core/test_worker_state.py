"""A worker's queues, used by two threads at once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scoop_core import messages as m
from scoop_core.task_tree import top
from scoop_core.worker_state import GroupCount, Piece, Stretch, WorkerState


@pytest.fixture
def quick_switches() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Helper:
    """A thread that does the same thing in each round of a test, while the test does another."""

    def __init__(self, act: Callable[[int], Any]) -> None:
        self._act = act
        self._round = -1
        self._wake = threading.Semaphore(0)
        self._under_way = threading.Semaphore(0)
        self._over = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self.result: Any = None

    def begin(self, number: int) -> None:
        self._round = number
        self._wake.release()
        assert self._under_way.acquire(timeout=10)

    def end(self) -> Any:
        assert self._over.acquire(timeout=10)
        return self.result

    def stop(self) -> None:
        self.begin(-1)
        self._thread.join(10)

    def _run(self) -> None:
        while True:
            self._wake.acquire()
            self._under_way.release()
            if self._round < 0:
                return
            try:
                self.result = self._act(self._round)
            finally:
                self._over.release()


def consume(stretch: Stretch) -> list[Any]:
    """Run a stretch as a worker's main thread does."""
    out: list[Any] = []

    def run(task: Any) -> Any:
        return task

    while True:
        out.extend(map(run, stretch.items))
        if not stretch.go_on():
            return out


@pytest.mark.parametrize("half", [True, False])
def test_of_a_stretch_that_is_cut_while_it_runs_each_task_is_had_once(half: bool, quick_switches: None) -> None:
    stretches = [Stretch(5, 5 + n % 60) for n in range(3000)]

    def cut(number: int) -> list[tuple[int, int, Any]]:
        stretch, parts = stretches[number], []
        for _ in range(number % 4):
            if part := stretch.cut(half and number % 3 > 0):
                parts.append(part)
        return parts

    helper = Helper(cut)
    cuts = 0
    try:
        for number, stretch in enumerate(stretches):
            end = stretch.hi
            stretch.begin([f"task {index}" for index in range(5, end)])
            helper.begin(number)
            out = consume(stretch)
            for lo, hi, arguments in reversed(helper.end()):
                assert lo == 5 + len(out), "what is cut off lies behind what was left here"
                assert list(arguments) == [f"task {index}" for index in range(lo, hi)]
                out += arguments
                cuts += 1
            assert out == [f"task {index}" for index in range(5, end)]
            assert stretch.cut(False) is None
    finally:
        helper.stop()
    assert cuts > 100, "the threads never met"


def test_a_stretch_that_is_cut_before_it_begins_is_shorter() -> None:
    stretch = Stretch(10, 20)
    assert stretch.cut(half=True) == (15, 20, range(15, 20))
    stretch.begin("abcdefghij")  # whoever begins it may have looked before
    assert consume(stretch) == ["a", "b", "c", "d", "e"]


def test_what_is_left_here_comes_behind_what_runs() -> None:
    stretch = Stretch(0, 6)
    stretch.begin("abcdef")
    assert next(stretch.items) == "a"
    assert stretch.cut(half=True) == (3, 6, ["d", "e", "f"])
    assert (stretch.lo, stretch.hi) == (0, 3)
    assert stretch.cut(half=True) == (2, 3, ["c"])
    assert consume(stretch) == ["b"]


def test_the_task_that_runs_is_not_cut_off() -> None:
    stretch = Stretch(0, 2)
    stretch.begin("ab")
    assert [next(stretch.items), next(stretch.items)] == ["a", "b"]
    assert stretch.cut(half=False) is None
    assert stretch.hi == 2


def test_a_half_of_one_is_one() -> None:
    stretch = Stretch(0, 2)
    stretch.begin("ab")
    next(stretch.items)
    assert stretch.cut(half=True) == (1, 2, ["b"])


# ---- queues ----------------------------------------------------------------------------------------------------


def piece(seq: int, lo: int = 0, hi: int = 10) -> Piece:
    spec = m.Spec(b"f", "f", "r", 1, 1, 0)
    return Piece(m.Assign(seq, "r", 1, spec, lo, hi, 0, "column", None), m.Parcel(b""), [])


def always(stretch: Stretch) -> bool:
    return True


def never(stretch: Stretch) -> bool:
    return False


def test_the_newest_task_of_its_own_comes_first_then_pieces_in_order() -> None:
    state = WorkerState()
    first, second = piece(1), piece(2)
    state.pieces.extend((first, second))
    state.pending.update(dict.fromkeys("abc"))
    assert not state.empty
    assert [state.next() for _ in range(6)] == ["c", "b", "a", first, second, None]
    assert state.empty


def test_a_task_is_claimed_once() -> None:
    state = WorkerState()
    state.pending["a"] = None
    assert state.claim("a")
    assert not state.claim("a")


def test_pieces_that_have_not_begun_are_given_away_first_the_last_one_first() -> None:
    state = WorkerState()
    first, second = piece(1), piece(2)
    state.pieces.extend((first, second))
    state.pending["own"] = None
    assert state.share(None, False, always) == ([(second, 0, 10)], [], None)
    assert list(state.pieces) == [first]


def test_who_has_nothing_else_to_do_keeps_one_piece() -> None:
    state = WorkerState()
    state.pieces.extend((piece(1), piece(2)))
    assert state.share(None, False, always)[0]
    assert state.share(None, False, always) == ([], [], None)
    assert state.share(None, True, always)[0], "while something runs even that one can go"
    assert not state.pieces


def test_of_its_own_tasks_the_oldest_half_goes() -> None:
    state = WorkerState()
    state.pending.update(dict.fromkeys("abcde"))
    assert state.share(None, True, always) == ([], ["a", "b", "c"], None)
    assert list(state.pending) == ["d", "e"]


def test_a_running_piece_gives_the_second_half_of_its_rest_if_that_is_worth_it() -> None:
    state = WorkerState()
    running = piece(1)
    running.begin(list(range(10)))
    next(running.items)
    assert state.share(running, True, never) == ([], [], None)
    assert state.share(running, True, always) == ([(running, 5, 10)], [], None)


def test_a_running_map_of_its_own_gives_arguments_too() -> None:
    state = WorkerState()
    running = Stretch(0, 4)
    running.begin("abcd")
    next(running.items)
    assert state.share(running, True, always) == ([], [], (2, 4, ["c", "d"]))


def test_tasks_that_are_shared_while_the_main_thread_takes_them_are_had_once(quick_switches: None) -> None:
    state = WorkerState()

    def share(number: int) -> list[Any]:
        shared: list[Any] = []
        for _ in range(5):
            back, own, _ = state.share(None, True, never)
            shared += own + [p for p, _, _ in back]
        return shared

    helper = Helper(share)
    both = 0
    try:
        for number in range(1500):
            pieces = [piece(seq) for seq in range(number % 3)]
            tasks = [f"{number}/{i}" for i in range(40)]
            state.pending.update(dict.fromkeys(tasks))
            state.pieces.extend(pieces)
            helper.begin(number)
            mine = []
            while (task := state.next()) is not None:
                mine.append(task)
            shared = helper.end()
            rest = list(iter(state.next, None))
            assert sorted(map(str, mine + shared + rest)) == sorted(map(str, tasks + pieces))
            both += bool(mine and shared)
    finally:
        helper.stop()
    assert both > 50, "the threads never met"


# ---- accounts --------------------------------------------------------------------------------------------------


def test_a_tally_tells_what_is_new_since_the_last_one() -> None:
    group = GroupCount(top("r", 1).child("f"), "f", "r", 1)
    assert group.tally() is None
    group.queued, group.done, group.failed, group.seconds = 3, 2, 1, 0.5
    first = group.tally()
    assert first is not None
    assert (first.queued, first.done, first.failed, first.seconds) == (3, 2, 1, 0.5)
    assert group.tally() is None
    group.queued, group.done = 2, 3
    second = group.tally()
    assert second is not None
    assert (second.queued, second.done, second.failed, second.seconds) == (2, 1, 0, 0.0)


def test_of_a_tree_only_the_oldest_siblings_leave() -> None:
    """Each level of a binary tree is as large as all below it: who takes the oldest task has half of the work."""
    state = WorkerState()
    for level in range(6):
        state.pending[f"right child {level}"] = f"parent {level}"
    _, own, _ = state.share(None, True, always)
    assert own == ["right child 0"] and len(state.pending) == 5


def test_of_many_siblings_half_leave() -> None:
    state = WorkerState()
    for number in range(9):
        state.pending[number] = "parent"
    _, own, _ = state.share(None, True, always)
    assert own == [0, 1, 2, 3, 4] and list(state.pending) == [5, 6, 7, 8]
