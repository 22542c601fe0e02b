"""What travels between processes, and what is said of what does not."""

from __future__ import annotations

import copyreg
import enum
import functools
import io
import linecache
import pickle
import sys
import textwrap
import threading
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import HTTPError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoop_core.errors import NotPicklable, RemoteTraceback, TaskFailed
from scoop_core.messages import Parcel
from scoop_core.payload import (
    Packed,
    Packer,
    explain_argument,
    explain_result,
    first_line,
    function_name,
    unpack_error,
)
from scoop_core.payload.pickler import FEW, NUMBERS, dump_numbers
from scoop_core.program import WORKER_NAME, Program
from scoop_core.store import THRESHOLD, Shelf

LARGE = THRESHOLD // 8  # numbers in an array that goes to the shelf


class Ends:
    """Two processes of a pool on one host: what one packs, the other unpacks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.here = Packer(Shelf(str(folder), "here"))
        self.there = Packer(Shelf(str(folder), "there"))

    def travel(self, value: Any, **how: Any) -> Any:
        return self.there.unpack(*self.here.pack(value), **how)

    def function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        packed = self.here.pack_function(function)
        return self.there.unpack_function(packed.parcel, packed.frames)

    def items(self, items: Any, form: str, take: bool = False) -> tuple[str, list[Any], dict[int, Exception]]:
        form, parcel, frames, errors = self.here.pack_items(items, form, lambda position, error: error)
        received = self.there.unpack_items(form, parcel, frames, take)
        loaded = [
            item.load() if isinstance(item, Packed) and position not in errors else item
            for position, item in enumerate(received)
        ]
        return form, loaded, errors

    @property
    def shelf(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def ends(tmp_path: Path) -> Ends:
    return Ends(tmp_path)


def cell(source: str, name: str = "f", file: str = "<cell>") -> Callable[..., Any]:
    """A function as a notebook defines it, with its source where tracebacks look for it."""
    source = textwrap.dedent(source)
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, file, "exec"), names)
    function: Callable[..., Any] = names[name]
    return function


# ---- functions -------------------------------------------------------------------------------------------------


def test_a_function_of_a_notebook_travels_by_value_with_what_it_uses(ends: Ends) -> None:
    f = cell(
        """
        import math
        factor = 3
        def g(x): return factor * x
        def f(x): return math.sqrt(g(x))
        """
    )
    there = ends.function(f)
    assert there is not f
    assert there(12) == 6.0
    f.__globals__["factor"] = 100
    assert there(12) == 6.0, "it has its own globals"


def test_a_traceback_shows_the_lines_of_the_cell(ends: Ends) -> None:
    f = cell(
        """
        def g(x):
            return 1 / x  # the line to be seen
        def f(x):
            return g(x)
        """,
        file="<cell 7>",
    )
    packed = ends.here.pack_function(f)
    del linecache.cache["<cell 7>"]  # another process has not seen the cell
    there = ends.there.unpack_function(packed.parcel, packed.frames)
    with pytest.raises(ZeroDivisionError) as caught:
        there(0)
    failure = ends.there.pack_error(0, caught.value)
    assert "the line to be seen" in failure.traceback
    assert "return g(x)" in failure.traceback
    assert "<cell 7>" in failure.traceback


def test_a_traceback_calls_a_cell_by_the_name_that_people_know(ends: Ends) -> None:
    f = cell("def f(x): return 1 / x", file="<cell 8>")
    ends.here.label = lambda file: "Cell In[8]" if file == "<cell 8>" else None
    there = ends.function(f)
    with pytest.raises(ZeroDivisionError) as caught:
        there(0)
    text = ends.there.pack_error(0, caught.value).traceback
    assert "Cell In[8], line 1" in text
    assert "<cell 8>" not in text


def test_the_same_function_is_pickled_once_and_has_one_digest(ends: Ends) -> None:
    f = cell("def f(x): return x")
    assert ends.here.pack_function(f) is ends.here.pack_function(f)


def test_a_function_that_changed_has_another_digest(ends: Ends) -> None:
    f = cell("k = 1\ndef f(x): return k")
    before = ends.here.pack_function(f)
    f.__globals__["k"] = 2
    after = ends.here.pack_function(f)
    assert after.digest != before.digest
    assert ends.there.unpack_function(after.parcel, after.frames)(0) == 2
    assert ends.there.unpack_function(before.parcel, before.frames)(0) == 1


def test_a_function_that_reaches_a_list_is_pickled_as_it_is_now(ends: Ends) -> None:
    f = cell("k = [1]\ndef f(): return k")
    assert ends.function(f)() == [1]
    f.__globals__["k"].append(2)
    assert ends.function(f)() == [1, 2]


def test_equal_functions_have_one_digest_so_that_workers_know_them(ends: Ends) -> None:
    f = cell("k = [1]\ndef f(): return k")
    assert ends.here.pack_function(f).digest == ends.here.pack_function(f).digest


def test_a_function_over_a_large_array_lays_it_on_the_shelf(ends: Ends) -> None:
    f = cell("def f(): return data.sum()")
    f.__globals__["data"] = np.ones(LARGE)
    packed = ends.here.pack_function(f)
    assert len(packed.parcel.data) < 10_000
    assert len(ends.shelf) == 1
    assert ends.there.unpack_function(packed.parcel, packed.frames)() == LARGE
    ends.here.discard(packed.parcel)
    assert ends.shelf == []


@pytest.mark.parametrize(
    "function",
    [len, str.upper, functools.partial(int, base=2), textwrap.dedent, dict, np.sqrt],
    ids=["builtin", "method", "partial", "module", "class", "ufunc"],
)
def test_whatever_can_be_called_travels(function: Callable[..., Any], ends: Ends) -> None:
    there = ends.function(function)
    argument: Any = {int: 4.0, str: "101"}.get(int if function is np.sqrt else str)
    argument = [("a", 1)] if function is dict else argument
    assert there(argument) == function(argument)


def test_a_lambda_and_a_function_with_a_cache_travel(ends: Ends) -> None:
    assert ends.function(lambda x: x + 1)(1) == 2
    cached = ends.function(cell("from functools import lru_cache\n@lru_cache(maxsize=7)\ndef f(x): return [x]"))
    assert cached(1) is cached(1)
    assert cached.cache_parameters()["maxsize"] == 7  # type: ignore[attr-defined]


def test_a_function_that_does_not_travel_is_named_with_what_is_to_blame(ends: Ends) -> None:
    f = cell("import threading\nlock = threading.Lock()\ndef f(x): return lock")
    with pytest.raises(NotPicklable, match=r"The function 'f' can't be sent.*the global 'lock', a _thread.lock"):
        ends.here.pack_function(f)
    g = cell("import threading\ndef make(k):\n    return lambda: k\nf = make(threading.Lock())")
    with pytest.raises(NotPicklable, match=r"its variable 'k', a _thread.lock"):
        ends.here.pack_function(g)


def test_the_name_of_a_function_is_what_people_call_it() -> None:
    def inner() -> None: ...

    assert function_name(inner) == "inner"
    assert function_name(functools.partial(inner)) == "inner"
    assert function_name(Ends.travel) == "Ends.travel"
    assert function_name(len) == "len"
    assert function_name(np.vectorize(inner)) == "vectorize"


# ---- the program -----------------------------------------------------------------------------------------------


SCRIPT = """
    table = [0, 10, 20]

    def look_up(i):
        return table[i]

    class Row:
        def __init__(self, i):
            self.i = i

    def make(k):
        return lambda: k

    if __name__ == "__main__":
        secret = 42

        def guarded(i):
            return look_up(i) + secret

        class Mine(Row):
            pass
    """


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """A program that runs as `__main__` here."""
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(SCRIPT))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setitem(sys.modules, WORKER_NAME, ModuleType(WORKER_NAME))
    program = Program(str(path))
    program.run()
    return program


def packed_and_received(program: Program, value: Any) -> tuple[bytes, Any]:
    """The pickle of a value, and what a worker that imported the program makes of it."""
    packer = Packer(Shelf("/nowhere", "here"), program)
    parcel, frames = packer.pack(value)
    program.load()
    return parcel.data, packer.unpack(parcel, frames)


def test_what_the_program_defines_everywhere_travels_by_reference(program: Program) -> None:
    root = sys.modules["__main__"]
    root.table[1] = 11  # type: ignore[attr-defined]
    data, there = packed_and_received(program, root.look_up)  # type: ignore[attr-defined]
    assert len(data) < 100
    assert there(1) == 10, "the worker has its own table, as it imported it"
    assert there is sys.modules["__main__"].look_up  # type: ignore[attr-defined]


def test_what_the_program_defines_under_the_guard_travels_by_value(program: Program) -> None:
    root = sys.modules["__main__"]
    _, there = packed_and_received(program, root.guarded)  # type: ignore[attr-defined]
    assert there(2) == 62
    assert not hasattr(sys.modules["__main__"], "guarded")


def test_instances_of_the_programs_classes_are_of_the_workers_class(program: Program) -> None:
    root = sys.modules["__main__"]
    _, [row, mine] = packed_and_received(program, [root.Row(1), root.Mine(2)])  # type: ignore[attr-defined]
    assert type(row) is sys.modules["__main__"].Row  # type: ignore[attr-defined]
    assert type(mine).__name__ == "Mine"
    assert [row.i, mine.i] == [1, 2]


def test_what_a_function_of_the_program_made_travels_by_value(program: Program) -> None:
    _, there = packed_and_received(program, sys.modules["__main__"].make([1, 2]))  # type: ignore[attr-defined]
    assert there() == [1, 2]


def test_a_result_of_a_class_that_the_worker_imported_comes_back_as_the_roots(program: Program) -> None:
    root = sys.modules["__main__"]
    program.load()
    row = sys.modules["__main__"].Row(3)  # type: ignore[attr-defined]
    packer = Packer(Shelf("/nowhere", "there"), program)
    parcel, frames = packer.pack(row)
    sys.modules["__main__"] = sys.modules[WORKER_NAME] = root
    assert type(packer.unpack(parcel, frames)) is root.Row  # type: ignore[attr-defined]


# ---- arguments and results -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "form"),
    [
        (range(5), "range"),
        ([1, "a", None, 2.5, b"x", True, 3j], "column"),
        ([(1, "a"), (2, None)], "rows"),
        ([((1,), {}), ((), {"k": 2.0})], "calls"),
        ([None, "result"], "values"),
        ([], "column"),
    ],
)
def test_simple_items_share_one_pickle(items: Any, form: str, ends: Ends) -> None:
    assert ends.items(items, form) == (form, list(items), {})


@pytest.mark.parametrize(
    ("items", "form"),
    [
        ([[1], {"a": 2}], "column"),
        ([1, (2,)], "column"),
        ([(1, [2])], "rows"),
        ([(([1],), {})], "calls"),
        ([((), {"k": [1]})], "calls"),
        ([{1}], "values"),
    ],
)
def test_other_items_have_a_pickle_each(items: Any, form: str, ends: Ends) -> None:
    assert ends.items(items, form) == (form + "+", items, {})


class MyInt(int):
    pass


def test_a_subclass_of_a_simple_type_keeps_its_class(ends: Ends) -> None:
    form, [number], _ = ends.items([MyInt(3)], "column")
    assert form == "column+"
    assert type(number) is MyInt


class Few(enum.IntEnum):
    SIX = 6


@pytest.mark.parametrize(
    "odd",
    [
        *(0, -1, 2**80, 0.5, float("nan"), True, None),
        *(1j, "", "text", b"", b"bytes", (1, 2), [], [3], {}, set(), frozenset({4}), bytearray(b"5")),
        *(MyInt(6), Few.SIX, int, len, ..., np.float64(7.0)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("place", [0, 500, -1])
def test_numbers_are_pickled_at_once_and_others_are_told_from_them(odd: Any, place: int) -> None:
    items: list[Any] = [*range(400), *(x / 7 for x in range(400)), *[True, False, None] * 100]
    items[place] = odd
    data = dump_numbers(items)
    assert (data is not None) == (type(odd) in NUMBERS)
    if data is not None:
        assert repr(pickle.loads(data)) == repr(items)
    assert dump_numbers(items[: FEW - 1]) is None, "it would not be worth while"


def test_one_item_that_does_not_travel_fails_alone(ends: Ends) -> None:
    lock = threading.Lock()
    form, items, errors = ends.items([[1], lock, [3]], "column")
    assert form == "column+"
    assert [items[0], items[2]] == [[1], [3]]
    assert list(errors) == [1]
    assert isinstance(errors[1], TypeError)


class Unloadable:
    def __reduce__(self) -> Any:
        return _refuse, ()


def _refuse() -> None:
    raise ValueError("not here")


def test_one_item_that_does_not_unpickle_fails_alone(ends: Ends) -> None:
    form, parcel, frames, errors = ends.here.pack_items([[1], Unloadable(), [3]], "column", lambda i, e: e)
    received = ends.there.unpack_items(form, parcel, frames)
    assert errors == {}
    assert received[0].load() == [1]
    with pytest.raises(ValueError, match="not here"):
        received[1].load()
    assert received[2].load() == [3]


def test_a_call_is_frozen_as_it_is(ends: Ends) -> None:
    numbers, array = [1, 2], np.arange(1000)
    frozen = [ends.here.freeze(((numbers, array), {})), ends.here.freeze(((1,), {"k": "a"}))]
    numbers.append(3)
    array[0] = 99
    _, loaded, errors = ends.items(frozen, "calls")
    assert errors == {}
    [(there, array_there), _], second = loaded
    assert there == [1, 2]
    assert array_there[0] == 0
    assert second == ((1,), {"k": "a"})


def test_who_is_to_blame_is_named() -> None:
    lock = threading.Lock()
    error = explain_argument("f", ([1], lock), {}, TypeError("no"))
    assert isinstance(error, NotPicklable)
    assert "argument 1 of 'f', a _thread.lock, can't be sent" in str(error)
    error = explain_argument("f", (), {"guard": lock}, TypeError("no"))
    assert "guard of 'f'" in str(error)
    error = explain_result("f", lock, TypeError("no way"))
    assert "The result of 'f', a _thread.lock, can't be sent back: TypeError: no way" in str(error)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(values, max_size=6))
def test_any_plain_data_comes_back_equal_and_of_the_same_type(items: list[Any]) -> None:
    ends = Ends(Path("/nowhere"))
    for form in ("column", "values"):
        _, loaded, errors = ends.items(items, form)
        assert errors == {}
        assert loaded == items
        assert repr(loaded) == repr(items), "1, 1.0 and True are equal"


# ---- arrays ----------------------------------------------------------------------------------------------------

ARRAYS = {
    "a large one": np.arange(LARGE * 2.0),
    "a small one": np.arange(10),
    "one between": np.arange(1000.0),
    "every second number": np.arange(LARGE * 2.0)[::2],
    "a transposed one": np.arange(LARGE * 2.0).reshape(2, -1).T,
    "a column": np.arange(LARGE * 2.0).reshape(-1, 2)[:, 1],
    "in Fortran's order": np.asfortranarray(np.arange(LARGE * 2.0).reshape(2, -1)),
    "reversed": np.arange(LARGE * 2.0)[::-1],
    "an empty one": np.zeros((0, 3)),
    "a single number": np.array(3.5),
    "of dates": np.arange(LARGE * 2).astype("datetime64[s]"),
    "of records": np.zeros(LARGE, dtype=[("a", "i4"), ("b", "f8")]),
    "of strings": np.array(["a", "bcd"] * LARGE),
    "of objects": np.array([{"a": 1}, None], dtype=object),
    "of booleans": np.ones(THRESHOLD * 2, dtype=bool),
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_arrays_of_all_kinds_come_back_as_they_are(array: Any, ends: Ends) -> None:
    _, [there], errors = ends.items([array], "column")
    assert errors == {}
    assert (there.dtype, there.shape) == (array.dtype, array.shape)
    assert np.array_equal(there, array)
    assert np.array_equal(ends.travel({"a": [array]})["a"][0], array)


def test_a_large_array_lies_on_the_shelf_and_a_small_one_travels(ends: Ends) -> None:
    parcel, frames = ends.here.pack([np.ones(LARGE), np.ones(1000), np.ones(10)])
    assert len(ends.shelf) == 1
    assert [len(frame) for frame in frames] == [8000]
    assert len(parcel.data) < 1000


def test_the_receiver_may_change_its_array_and_nobody_else_sees_it(ends: Ends) -> None:
    for size in (LARGE, 1000):
        array = np.zeros(size)
        form, parcel, frames, _ = ends.here.pack_items([array], "column", lambda i, e: e)
        first = ends.there.unpack_items(form, parcel, frames)[0].load()
        first += 1
        second = ends.there.unpack_items(form, parcel, frames)[0].load()
        assert (first == 1).all()
        assert (second == 0).all()
        assert (array == 0).all()


def test_the_sender_may_change_its_array_once_it_is_packed(ends: Ends) -> None:
    for size in (LARGE, 1000):
        array = np.zeros(size)
        parcel, frames = ends.here.pack(array)
        array += 1
        assert (ends.there.unpack(parcel, frames) == 0).all()


def test_a_task_that_is_run_again_gets_its_argument_as_it_was(ends: Ends) -> None:
    form, parcel, frames, _ = ends.here.pack_items([np.zeros(LARGE)], "column", lambda i, e: e)
    [item] = ends.there.unpack_items(form, parcel, frames)
    item.load().fill(7)
    assert (item.load() == 0).all()


def test_one_array_in_many_calls_is_laid_down_once_and_shared_by_none(ends: Ends) -> None:
    array = np.zeros(LARGE)
    form, parcel, frames, _ = ends.here.pack_items([(array, i) for i in range(50)], "rows", lambda i, e: e)
    assert len(ends.shelf) == 1
    first, second, *_ = (item.load()[0] for item in ends.there.unpack_items(form, parcel, frames))
    first += 1
    assert (second == 0).all()


class Made:
    """Makes an array of itself whenever it is pickled."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> Any:
        return Made.of, (np.full(LARGE, self.number),)

    @classmethod
    def of(cls, array: Any) -> Made:
        return cls(int(array[0]))


def test_two_parts_of_one_array_are_two(ends: Ends) -> None:
    array = np.arange(LARGE * 2.0)
    _, [one, two], _ = ends.items([array[:LARGE], array[LARGE:]], "values", take=True)
    assert np.array_equal(one, array[:LARGE])
    assert np.array_equal(two, array[LARGE:])


def test_arrays_that_are_made_while_they_are_pickled_are_not_taken_for_each_other(ends: Ends) -> None:
    """They come one after the other at the same place in memory."""
    layer = ends.here.layer()
    parcels = []
    for number in range(20):
        form, parcel, frames, _ = ends.here.pack_items([Made(number)], "column", lambda i, e: e, layer.share)
        parcels.append((form, parcel, frames))
    layer.close()
    made = [ends.there.unpack_items(*packed)[0].load().number for packed in parcels]
    assert made == list(range(20))
    for _, parcel, _ in parcels:
        ends.here.discard(parcel)
    assert ends.shelf == []


LARGE_VALUES = {
    "bytes": b"x" * THRESHOLD,
    "a bytearray": bytearray(THRESHOLD),
    "text": "é" * THRESHOLD,
    "a list of numbers": [x / 7 for x in range(THRESHOLD // 4)],
    "a list with an array": [*range(THRESHOLD), np.arange(LARGE * 1.0).tolist()],
}


@pytest.mark.parametrize("value", LARGE_VALUES.values(), ids=LARGE_VALUES)
@pytest.mark.parametrize("shelf", [True, False])
def test_large_values_of_all_kinds_do_not_travel_through_the_broker(value: Any, shelf: bool, ends: Ends) -> None:
    if not shelf:
        ends = Ends(Path("/nowhere"))
    parcel, frames = ends.here.pack(value)
    assert (len(parcel.data), bool(frames)) == (0, not shelf), "it need not look into what it passes on"
    assert ends.there.unpack(parcel, frames) == value
    ends.here.discard(parcel)
    for items, form in ([value], "column"), ([(value, 1)], "rows"), ([value, None], "values"):
        for take in (True, False):
            form, parcel, frames, errors = ends.here.pack_items(items, form, lambda i, e: e)
            assert (len(parcel.data), bool(frames), errors) == (0, not shelf, {})
            received = ends.there.unpack_items(form, parcel, frames, take)
            assert [x.load() if isinstance(x, Packed) else x for x in received] == items
            if not take:
                ends.here.discard(parcel)
            form = form.rstrip("+")
    assert not shelf or ends.shelf == []


def test_large_data_with_arrays_comes_back_with_them(ends: Ends) -> None:
    value = {"text": "x" * THRESHOLD, "large": np.arange(LARGE * 1.0), "small": np.arange(1000.0)}
    for how in ({}, {"take": True}, {"writable": False}):
        found = ends.travel(value, **how)
        assert found["text"] == value["text"]
        assert np.array_equal(found["large"], value["large"])
        assert np.array_equal(found["small"], value["small"])


def test_a_function_over_much_text_lays_it_on_the_shelf(ends: Ends) -> None:
    text = "x" * THRESHOLD
    packed = ends.here.pack_function(lambda: len(text))
    assert len(packed.parcel.data) == 0
    assert ends.there.unpack_function(packed.parcel, packed.frames)() == THRESHOLD


def test_results_are_taken_off_the_shelf_by_who_unpacks_them(ends: Ends) -> None:
    array = np.arange(LARGE * 1.0)
    _, [one, two], _ = ends.items([array, array], "values", take=True)
    assert ends.shelf == []
    one += 1
    assert np.array_equal(two, array), "the same array in two results is two arrays"
    assert np.array_equal(one, array + 1)


def test_arguments_are_taken_off_the_shelf_by_who_packed_them(ends: Ends) -> None:
    form, parcel, frames, _ = ends.here.pack_items([np.zeros(LARGE)], "column", lambda i, e: e)
    [item] = ends.there.unpack_items(form, parcel, frames)
    array = item.load()
    assert len(ends.shelf) == 1
    ends.here.discard(parcel)
    assert ends.shelf == []
    assert (array == 0).all(), "who has mapped it keeps it"


def test_constants_are_the_same_for_all_and_so_read_only(ends: Ends) -> None:
    for size in (LARGE, 1000):
        there = ends.travel(np.zeros(size), writable=False)
        with pytest.raises(ValueError, match="read-only"):
            there[0] = 1


def test_where_there_is_no_shelf_arrays_travel() -> None:
    ends = Ends(Path("/nowhere"))
    array = np.arange(LARGE * 1.0)
    _, [there], _ = ends.items([array], "column")
    assert np.array_equal(there, array)


# ---- exceptions ------------------------------------------------------------------------------------------------


class TwoArguments(Exception):
    """Pickles, but does not unpickle: Exception's way to pickle has one argument only."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")
        self.second = second


class WithLock(Exception):
    def __init__(self) -> None:
        super().__init__("locked")
        self.lock = threading.Lock()
        self.add_note("by whom?")


class TellsItsLock(WithLock):
    def __str__(self) -> str:
        return f"locked: {self.lock.locked()}"


class Particular(Exception):
    """Can't be made without its constructor."""

    def __new__(cls, *args: Any, key: str) -> Particular:
        return super().__new__(cls, *args)

    def __init__(self, *args: Any, key: str) -> None:
        super().__init__(*args)


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def test_an_exception_comes_back_as_it_is_with_the_remote_traceback_as_its_cause(ends: Ends) -> None:
    failure = ends.there.pack_error(3, raised(KeyError("x")))
    assert failure.index == 3
    assert failure.line == "KeyError: 'x'"
    error = unpack_error(failure)
    assert type(error) is KeyError
    assert error.args == ("x",)
    assert isinstance(error.__cause__, RemoteTraceback)
    assert "raise error" in str(error.__cause__)


def test_an_exception_of_the_notebook_travels_too(ends: Ends) -> None:
    kind: Any = cell("class Mine(Exception):\n    pass", name="Mine")
    error = unpack_error(ends.there.pack_error(0, raised(kind("why"))))
    assert (type(error).__name__, error.args) == ("Mine", ("why",))


def test_an_exception_is_itself_whatever_its_constructor_wants(ends: Ends) -> None:
    error = unpack_error(ends.there.pack_error(0, raised(TwoArguments("a", "b"))))
    assert type(error) is TwoArguments
    assert (str(error), error.args, vars(error)) == ("a b", ("a b",), {"second": "b"})
    assert "raise error" in str(error.__cause__)


def test_an_exception_leaves_behind_what_does_not_travel_and_says_so(ends: Ends) -> None:
    error = unpack_error(ends.there.pack_error(0, raised(WithLock())))
    assert type(error) is WithLock
    assert error.args == ("locked",)
    assert vars(error)["lock"] is None
    assert error.__notes__ == ["by whom?", "(lock: can't be sent from the worker, None here)"]


def test_the_answer_of_a_server_that_is_an_error_is_one_wherever_the_task_ran(ends: Ends) -> None:
    body = io.BufferedReader(io.BytesIO(b"gone"))
    sent = raised(HTTPError("http://here/lost", 404, "Not Found", Message(), body))
    error = unpack_error(ends.there.pack_error(0, sent))
    assert isinstance(error, HTTPError)
    assert (error.code, error.url, str(error)) == (404, "http://here/lost", "HTTP Error 404: Not Found")
    assert error.fp is None


@pytest.mark.parametrize("error", [TellsItsLock(), Particular("why", key="")], ids=lambda error: type(error).__name__)
def test_an_exception_that_does_not_travel_is_told_by_its_words(error: Exception, ends: Ends) -> None:
    failure = ends.there.pack_error(0, raised(error))
    told = unpack_error(failure)
    assert type(told) is TaskFailed
    assert first_line(error) in str(told)
    assert "the exception itself can't be sent" in str(told)
    assert "raise error" in str(told.__cause__)


def test_an_exception_that_only_the_receiver_cannot_load_is_told_by_its_words(ends: Ends) -> None:
    failure = ends.there.pack_error(0, raised(ValueError("why")))
    failure.error = b"\x80\x05cno_such_module\nError\n."
    told = unpack_error(failure)
    assert type(told) is TaskFailed
    assert "ValueError: why (the exception itself can't be received" in str(told)
    failure.error = pickle.dumps("no exception")
    assert type(unpack_error(failure)) is TaskFailed


def test_even_a_system_exit_of_a_task_comes_back(ends: Ends) -> None:
    error = unpack_error(ends.there.pack_error(0, raised(SystemExit(3))))
    assert isinstance(error, SystemExit)
    assert error.code == 3


@pytest.mark.parametrize("error", [SystemExit(3), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "why"), KeyError("x")])
def test_an_exception_is_itself_where_dask_has_changed_how_they_are_pickled(
    ends: Ends, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    tblib = pytest.importorskip("tblib.pickling_support")
    monkeypatch.setitem(copyreg.dispatch_table, type(error), tblib.pickle_exception)
    found = unpack_error(ends.there.pack_error(0, raised(error)))
    assert type(found) is type(error)
    assert (found.args, str(found), found.__traceback__) == (error.args, str(error), None)
    assert getattr(found, "code", None) == getattr(error, "code", None)


def test_the_first_line_of_an_exception_is_short() -> None:
    assert first_line(ValueError("a\nb")) == "ValueError: a"
    assert len(first_line(ValueError("x" * 1000))) == 300
    assert first_line(ValueError()) == "ValueError"


def test_a_parcel_without_buffers_is_one_pickle(ends: Ends) -> None:
    assert ends.here.pack({"a": 1}) == (Parcel(pickle.dumps({"a": 1}, 5)), [])
