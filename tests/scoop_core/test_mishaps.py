"""What is told of failures: arguments that can't hurt, bounded texts, and the first ones only."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from scoop_core import messages as m
from scoop_core.errors import RemoteTraceback
from scoop_core.mishaps import ARGUMENTS, LINES, NOTED, OUTPUT, REPR_SECONDS, TRACEBACK, Mishaps, shown
from scoop_core.output import Outputs
from scoop_core.payload import Packer
from scoop_core.store import Shelf
from scoop_core.task_tree import top
from scoop_core.worker_state import GroupCount


class Told:
    """The mishaps of one worker, and what it says."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.task: object = 1
        self.group = GroupCount(top("r", 1).child("f"), "f", "r", 1)
        self.outputs = Outputs("w7", self._post, lambda: self.group, lambda: self.task)
        self.packer = Packer(Shelf("/nowhere", "w7"))
        self.mishaps = Mishaps("w7", self.packer, self._post, self.outputs)

    def _post(self, header: m.Header, frames: m.Frames) -> None:
        if isinstance(header, m.Mishap):
            self.said.append(header)

    def fail(self, error: BaseException, *args: Any, **kwargs: Any) -> str:
        return self.mishaps.note(self.group, error, abs, lambda: (args, kwargs), self.began)

    began = 0.0


@pytest.fixture
def told() -> Told:
    return Told()


# ---- arguments -------------------------------------------------------------------------------------------------


class Slow:
    """Its repr waits."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def __repr__(self) -> str:
        self.go_on.wait(30)
        return "late"


class Raising:
    def __repr__(self) -> str:
        raise SystemExit("no")


class Huge:
    def __repr__(self) -> str:
        return "x" * 10**6


@pytest.fixture
def slow() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    slow.go_on.set()


def test_arguments_are_shown_as_people_write_them() -> None:
    assert shown((1, "a", None), {}) == "1, 'a', None"
    assert shown(([1, {"k": 2.5}],), {"key": (1,)}) == "[1, {'k': 2.5}], key=(1,)"
    assert shown((), {}) == ""


@pytest.mark.parametrize(
    "args",
    [("x" * 10**6,), (Huge(),), (list(range(10**6)),), tuple(range(10**4)), (10**4000,), ([[[[[[[1]]]]]]] * 100,)],
)
def test_long_arguments_are_cut(args: tuple[Any, ...]) -> None:
    began = time.perf_counter()
    assert 20 < len(shown(args, {})) <= ARGUMENTS
    assert time.perf_counter() - began < 1.0


def test_a_repr_that_raises_hurts_nobody() -> None:
    assert shown((1, Raising()), {}) == "1, <Raising, whose repr raises SystemExit>"


def test_a_repr_that_is_slow_is_not_waited_for(slow: Slow) -> None:
    began = time.perf_counter()
    assert shown((1, slow), {}) == "(their repr takes too long)"
    assert REPR_SECONDS <= time.perf_counter() - began < 5


# ---- what is told ----------------------------------------------------------------------------------------------


def test_the_traceback_is_cut_in_the_middle(told: Told) -> None:
    told.fail(ValueError("begin " + "x" * 10**6 + " end"))
    [mishap] = told.said
    assert len(mishap.error) <= TRACEBACK + 10
    assert mishap.error.startswith("ValueError: begin") and mishap.error.endswith(" end\n")
    assert len(mishap.line) <= 300


def test_the_end_of_what_the_task_printed_is_told_and_of_no_other(told: Told) -> None:
    told.outputs.write("stdout", "of one before\n", None)  # type: ignore[arg-type]
    told.began = time.perf_counter()
    told.outputs.write("stdout", "mine\n", None)  # type: ignore[arg-type]
    told.task = 2
    told.outputs.write("stderr", "of another\n", None)  # type: ignore[arg-type]
    told.task = 1
    told.outputs.write("stderr", "mine too\n", None)  # type: ignore[arg-type]
    told.fail(ValueError())
    assert told.said[0].output == "mine\nmine too\n"
    for _ in range(10_000):
        told.outputs.write("stdout", "and so on\n", None)  # type: ignore[arg-type]
    told.fail(KeyError())
    assert len(told.said[1].output) == OUTPUT
    assert told.said[1].output.startswith("…") and told.said[1].output.endswith("on\nand so on\n")


def test_the_first_are_told_and_then_only_what_is_new(told: Told) -> None:
    ids = [told.fail(ValueError("same"), number) for number in range(NOTED + 10)]
    assert [id != "" for id in ids] == [True] * NOTED + [False] * 10
    assert [told.fail(ValueError(str(i))) != "" for i in range(LINES + 10)] == [True] * (LINES - 1) + [False] * 11
    assert len({mishap.id for mishap in told.said}) == len(told.said) == NOTED + LINES - 1
    assert told.said[0].id == ids[0] == "w7-1"


def test_a_failure_that_is_passed_on_tells_from_where(told: Told) -> None:
    error = ValueError()
    error.__cause__ = RemoteTraceback("Traceback", "w1-3")
    told.fail(error)
    assert told.said[0].source == "w1-3"


def test_the_call_travels(told: Told) -> None:
    told.fail(ValueError(), [1, 2], key=3)
    assert told.packer.unpack_call(told.said[0].call) == (abs, ([1, 2],), {"key": 3})
    assert told.said[0].why == ""


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (bytes(5 << 20), "were not kept, for they have more than 4 MiB"),
        ([b"0123456789" * 100_000] * 1 + [str(i) for i in range(10**6)], "were not kept, for they have more than"),
        (threading.Lock(), "can't be pickled: TypeError"),
    ],
    ids=["large", "much", "unpicklable"],
)
def test_a_call_that_does_not_travel_tells_why(told: Told, value: Any, why: str) -> None:
    told.fail(ValueError(), value)
    [mishap] = told.said
    assert mishap.call == b""
    assert why in mishap.why


class Ending:
    """It ends whoever pickles it."""

    def __reduce__(self) -> Any:
        raise SystemExit("pickled")


def test_arguments_that_raise_when_they_are_pickled_hurt_nobody(told: Told) -> None:
    told.fail(ValueError(), Ending())
    assert "SystemExit: pickled" in told.said[0].why


def test_arguments_that_cannot_be_had_hurt_nobody(told: Told) -> None:
    def call() -> Any:
        raise EOFError("torn")

    assert told.mishaps.note(told.group, EOFError("torn"), abs, call) == "w7-1"
    assert (told.said[0].arguments, told.said[0].call) == ("", b"")
    assert "EOFError" in told.said[0].why
