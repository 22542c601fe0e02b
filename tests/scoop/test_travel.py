"""What travels between the root and the workers: functions, values, prints, exceptions."""

from __future__ import annotations

import functools
import gc
import math
import operator
import pickle
import re
import resource
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

import scoop
from scoop import NotPicklable, Pool, RemoteTraceback, futures
from tests.cells import Cells
from tests.conftest import PoolFactory, at_rest
from tests.scoop import tasks
from tests.waiting import eventually

# ---- what travels --------------------------------------------------------------------------------------------------


def test_lambdas_and_closures(pool: Pool) -> None:
    factor = 3
    assert list(futures.map(lambda x: factor * x, range(4))) == [0, 3, 6, 9]

    def power(n: int) -> Callable[[int], int]:
        def nested(x: int, m: int = n) -> int:
            return x**m

        return nested

    assert list(futures.map(power(2), range(4))) == [0, 1, 4, 9]


def test_four_lambdas_in_a_row_are_four_lambdas(pool: Pool) -> None:
    found = [
        list(futures.map(lambda x: x + 1, range(4))),
        list(futures.map(lambda x: x * 100, range(4))),
        list(futures.map(lambda x: -x, range(4))),
        list(futures.map(lambda x: f"{x}!", range(4))),
    ]
    assert found == [[1, 2, 3, 4], [0, 100, 200, 300], [0, -1, -2, -3], ["0!", "1!", "2!", "3!"]]


class Account:
    """Methods of all kinds."""

    interest = 2

    def __init__(self, value: int) -> None:
        self.value = value

    def plus(self, x: int) -> int:
        return self.value + x

    @classmethod
    def with_interest(cls, x: int) -> int:
        return cls.interest * x

    @staticmethod
    def negated(x: int) -> int:
        return -x

    def __call__(self, x: int) -> int:
        return self.value * x


def twice(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return 2 * function(*args)

    return wrapper


def untidy(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: ("untidy", function(*args))


@twice
def decorated(x: int) -> int:
    return x + 1


@untidy
def decorated_without_wraps(x: int) -> int:
    return x + 1


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (Account(10).plus, [10, 11, 12]),
        (Account.with_interest, [0, 2, 4]),
        (Account(1).with_interest, [0, 2, 4]),
        (Account.negated, [0, -1, -2]),
        (Account(10), [0, 10, 20]),
        (functools.partial(tasks.add, 5), [5, 6, 7]),
        (functools.partial(functools.partial(pow, 2), mod=3), [1, 2, 1]),
        (decorated, [2, 4, 6]),
        (decorated_without_wraps, [("untidy", 1), ("untidy", 2), ("untidy", 3)]),
        (math.factorial, [1, 1, 2]),
        (str, ["0", "1", "2"]),
        (functools.lru_cache(tasks.inc), [1, 2, 3]),
        (operator.neg, [0, -1, -2]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_callables_of_all_kinds(pool: Pool, function: Callable[..., Any], expected: list[Any]) -> None:
    assert list(futures.map(function, range(3))) == expected
    assert futures.submit(function, 2).result() == expected[2]


def test_what_cells_define_travels_by_value(pool: Pool, cells: Cells) -> None:
    cells("""
        import math
        from dataclasses import dataclass

        OFFSET = 100

        @dataclass
        class Point:
            x: int
            y: int = 0
            def norm(self): return math.hypot(self.x, self.y)
            @classmethod
            def at(cls, x): return cls(x, x + 1)
            @staticmethod
            def zero(_): return Point(0)

        class Special(Point):
            def norm(self): return -super().norm()

        def helper(x): return x + OFFSET
        def f(x): return helper(x)
        """)
    assert list(futures.map(cells.f, range(3))) == [100, 101, 102]
    assert list(futures.map(cells.Point, [1, 2])) == [cells.Point(1), cells.Point(2)]
    assert futures.submit(cells.Point(3, 4).norm).result() == 5
    assert futures.submit(cells.Special(3, 4).norm).result() == -5
    assert futures.submit(cells.Point.at, 1).result() == cells.Point(1, 2)
    found = futures.submit(cells.Point.zero, 1).result()
    assert type(found) is cells.Point and found == cells.Point(0)


def test_recursion_in_cells(pool: Pool, cells: Cells) -> None:
    cells("""
        from scoop import futures

        def tree(depth):
            return 1 if depth == 0 else sum(futures.map(tree, [depth - 1] * 2))

        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - 1)
        """)
    assert futures.submit(cells.tree, 5).result() == 32
    assert list(futures.map(cells.even, range(4))) == [True, False, True, False]


def test_a_redefined_function_is_used_by_the_next_call(pool: Pool, cells: Cells) -> None:
    for factor in (1, 2, 3):
        cells(f"def f(x): return {factor} * x")
        assert list(futures.map(cells.f, range(4))) == [factor * x for x in range(4)]
        assert futures.submit(cells.f, 1).result() == factor


def test_a_redefined_helper_or_global_is_used_by_the_next_call(pool: Pool, cells: Cells) -> None:
    cells("""
        BASE = 0
        TABLE = {"step": 0}
        def helper(x): return x
        def f(x): return helper(x) + BASE + TABLE["step"]
        """)
    assert futures.submit(cells.f, 1).result() == 1
    cells("BASE = 10")
    assert futures.submit(cells.f, 1).result() == 11
    cells("TABLE['step'] = 100")
    assert futures.submit(cells.f, 1).result() == 111
    cells("def helper(x): return -x")
    assert list(futures.map(cells.f, [1])) == [109]


def test_a_redefined_class_is_used_by_the_next_call(pool: Pool, cells: Cells) -> None:
    for answer in (1, 2):
        cells(f"""
            class Thing:
                def tell(self): return {answer}
            def f(_): return Thing().tell()
            """)
        assert list(futures.map(cells.f, range(2))) == [answer] * 2


def test_attributes_and_defaults_of_a_function_may_change(pool: Pool, cells: Cells) -> None:
    cells("""
        def f(x, y=1): return x + y + f.extra
        f.extra = 0
        """)
    assert futures.submit(cells.f, 1).result() == 2
    cells.f.extra = 10
    assert futures.submit(cells.f, 1).result() == 12
    cells.f.__defaults__ = (5,)
    assert futures.submit(cells.f, 1).result() == 16


def test_arrays_come_and_go(pool: Pool) -> None:
    arrays = [numpy.full(50_000, x) for x in range(4)]
    for array, found in zip(arrays, futures.map(numpy.negative, arrays), strict=True):
        assert (found == -array).all()
        found += 1  # results are the caller's own
    assert futures.submit(numpy.dot, arrays[2], arrays[3]).result() == 300_000
    del found
    gc.collect()


@pytest.mark.parametrize("size", [10, 1000, 50_000])
def test_tasks_may_change_arrays_that_they_were_given(pool: Pool, size: int) -> None:
    array = numpy.ones(size)

    def double(values: numpy.ndarray[Any, Any]) -> float:
        values *= 2
        return float(values.sum())

    assert set(futures.map(double, [array] * 1000)) == {2 * size}, "each has one of its own"
    assert {futures.submit(double, array).result() for _ in range(20)} == {2 * size}
    assert array.sum() == size


def test_tasks_may_change_arguments_of_which_several_pieces_come_from_one_pickle(pool: Pool) -> None:
    def grow(numbers: list[int], seconds: float) -> int:
        time.sleep(seconds)
        numbers.append(1)
        return len(numbers)

    for _ in range(2):
        assert list(futures.map(grow, [[] for _ in range(200)], [0.002] * 200)) == [1] * 200
        assert list(futures.map(operator.add, range(3000), [1] * 3000)) == list(range(1, 3001))


def test_a_piece_whose_arguments_come_from_several_pickles(pool: Pool) -> None:
    def half(text: str) -> str:
        if len(text) == 333:
            raise ValueError(text[:3])
        return text[: len(text) // 2]

    texts = [f"{number:05}" * 100 for number in range(2000)]  # a megabyte
    rows = [(text, [number]) for number, text in enumerate(texts)]
    for _ in range(3):  # what is known of the functions gets better
        assert list(futures.map(half, texts)) == [text[:250] for text in texts]
        assert list(futures.map(lambda text, numbers: numbers[0], *zip(*rows, strict=True))) == list(range(2000))
    odd = ["abc" * 111 if number == 1500 else text for number, text in enumerate(texts)]
    results = futures.map(half, odd)
    with pytest.raises(ValueError, match="abc"):
        list(results)


def test_a_long_map_whose_arguments_lie_in_shared_memory(pool: Pool) -> None:
    shelf = Path(pool.client.connection.shelf)
    before = len(list(shelf.iterdir()))

    def first(text: str, seconds: float) -> str:
        time.sleep(seconds)
        return text[:7]

    texts = [f"{number:07}" * 1000 for number in range(600)]  # four megabytes
    for seconds in (0.001, 0.0):  # pieces of a few tasks, and of a whole chunk
        assert list(futures.map(first, texts, [seconds] * 600)) == [text[:7] for text in texts]
        assert list(futures.map(operator.itemgetter(0), [[text] for text in texts])) == texts
    assert len(list(shelf.iterdir())) == before


def test_equal_results_are_not_the_same_object(pool: Pool, cells: Cells) -> None:
    cells("import numpy; CACHE = {}\ndef f(_): return CACHE.setdefault(0, numpy.ones(50_000))")
    found = list(futures.map(cells.f, range(50)))
    for array in found:
        array += 1
    assert all((array == 2).all() for array in found)


def test_two_parts_of_one_buffer(pool: Pool) -> None:
    data = bytearray(b"a" * 200_000 + b"b" * 200_000)
    parts = [pickle.PickleBuffer(memoryview(data)[:200_000]), pickle.PickleBuffer(memoryview(data)[200_000:])]
    assert list(futures.map(lambda part: bytes(part)[:1], parts)) == [b"a", b"b"]
    assert futures.submit(lambda *parts: [bytes(part)[:1] for part in parts], *parts).result() == [b"a", b"b"]


def test_many_arrays_need_few_descriptors(pool: Pool) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (150, hard))
    try:
        arrays = list(futures.map(numpy.full, [20_000] * 400, range(400)))
        assert list(futures.map(numpy.max, arrays)) == list(range(400))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_arguments_leave_the_shelf_when_their_tasks_are_over(pool: Pool) -> None:
    shelf = Path(pool.client.connection.shelf)
    before = len(list(shelf.iterdir()))
    for _ in range(5):
        futures.submit(numpy.sum, numpy.ones(50_000)).result()
        assert list(futures.map(numpy.sum, [numpy.ones(50_000)] * 3)) == [50_000] * 3
    assert len(list(shelf.iterdir())) == before


def test_results_can_be_read_after_the_pool_has_ended(new_pool: PoolFactory) -> None:
    pool = new_pool(1)
    future = futures.submit(numpy.ones, 100_000)
    results = futures.map(numpy.ones, [100_000] * 2)
    futures.wait([future])
    assert next(results).sum() == 100_000
    eventually(lambda: len(results.job.batches) == 1)
    pool.stop()
    assert future.result().sum() == 100_000
    assert next(results).sum() == 100_000


# ---- prints --------------------------------------------------------------------------------------------------------


def test_prints_reach_the_root_once_with_the_workers_name(pool: Pool, capsys: pytest.CaptureFixture[str]) -> None:
    def shout(x: int) -> None:
        print("task", x)

    def quiet() -> None:
        futures.submit(shout, 10).result()

    list(futures.map(shout, range(3)))
    futures.submit(quiet).result()
    seen: list[str] = []

    def all_there() -> bool:
        seen.extend(capsys.readouterr().out.splitlines())
        return len(seen) >= 4

    eventually(all_there)
    assert sorted(re.sub(r"^\[w\d+\] ", "", line) for line in seen) == ["task 0", "task 1", "task 10", "task 2"]
    assert all(re.match(r"\[w\d+\] ", line) for line in seen)


def test_standard_error_of_a_task(pool: Pool, capsys: pytest.CaptureFixture[str]) -> None:
    def complain() -> None:
        import sys

        print("oh\nno", file=sys.stderr)

    futures.submit(complain).result()
    lines = eventually(lambda: capsys.readouterr().err.splitlines())
    assert [re.sub(r"^\[w\d+\] ", "", line) for line in lines] == ["oh", "no"]


def test_prints_come_while_the_task_runs(pool: Pool, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def chat() -> None:
        print("before")
        tasks.hold(tmp_path)
        print("after")

    future = futures.submit(chat)
    assert "before" in eventually(lambda: capsys.readouterr().out)
    (tmp_path / "go").touch()
    future.result()
    assert "after" in eventually(lambda: capsys.readouterr().out)


# ---- exceptions ----------------------------------------------------------------------------------------------------


def test_the_remote_traceback_shows_the_source(pool: Pool, cells: Cells) -> None:
    cells("""
        def inner(x):
            return 1 / x  # the culprit

        def outer(x):
            return inner(x)
        """)
    with pytest.raises(ZeroDivisionError) as caught:
        futures.submit(cells.outer, 0).result()
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    text = "".join(traceback.format_exception(caught.value))
    assert "return 1 / x  # the culprit" in text
    assert "in outer" in text and "in inner" in text
    remote = str(caught.value.__cause__)
    assert remote.count("File ") == 2, "only lines of the user's own code"


def test_the_remote_traceback_of_a_nested_task(any_pool: Pool, cells: Cells) -> None:
    cells("""
        from scoop import futures

        def child(x):
            raise KeyError("deep down")  # the culprit

        def parent(x):
            return futures.submit(child, x).result()
        """)
    with pytest.raises(KeyError, match="deep down") as caught:
        futures.submit(cells.parent, 0).result()
    assert "# the culprit" in "".join(traceback.format_exception(caught.value))


class Costly(Exception):
    """Its constructor wants more than one argument."""

    def __init__(self, price: int, currency: str) -> None:
        super().__init__(f"{price} {currency}")
        self.price = price
        self.currency = currency

    def __reduce__(self) -> tuple[Any, ...]:
        return Costly, (self.price, self.currency)


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3), KeyboardInterrupt("stop it"), MemoryError(), GeneratorExit("over"), RecursionError("deep"),
        Costly(5, "CAD"), ExceptionGroup("both", [ValueError("a"), KeyError("b")]),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_exceptions_of_all_kinds_come_back_and_the_worker_lives_on(pool: Pool, error: BaseException) -> None:
    before = {row["pid"] for row in pool.workers}
    future = futures.submit(tasks.raise_it, error)
    found = future.exception()
    assert type(found) is type(error) and str(found) == str(error)
    assert vars(found) == vars(error)
    results = futures.map(tasks.raise_it, [error])
    with pytest.raises(type(error)):
        future.result()
    caught = None
    try:
        next(results)
    except BaseException as again:
        caught = again
    assert type(caught) is type(error)
    eventually(lambda: at_rest(pool, 2))
    assert {row["pid"] for row in pool.workers} == before


def test_stop_iteration_ends_no_map(pool: Pool) -> None:
    assert isinstance(futures.submit(next, iter([])).exception(), StopIteration)
    for mapped in (futures.map, futures.map_as_completed):
        results = mapped(next, [iter([0]), iter([]), iter([2])])
        found: list[Any] = []
        for _ in range(3):
            try:
                found.append(next(results))
            except RuntimeError as error:
                found.append(type(error.__cause__))
        assert set(found) == {0, StopIteration, 2}
        assert list(results) == []


def test_stop_iteration_in_a_nested_map(any_pool: Pool) -> None:
    def parent() -> tuple[int, str, int]:
        results = futures.map(next, [iter([0]), iter([]), iter([2])])
        first = next(results)
        try:
            return first, str(next(results)), next(results)
        except RuntimeError as error:
            return first, type(error.__cause__).__name__, next(results)

    assert futures.submit(parent).result() == (0, "StopIteration", 2)


def test_endless_recursion_is_an_error_like_others(pool: Pool, cells: Cells) -> None:
    cells("def f(x): return f(x + 1)")
    with pytest.raises(RecursionError):
        futures.submit(cells.f, 0).result()


# ---- what does not travel ------------------------------------------------------------------------------------------


class Stubborn:
    """Does not pickle."""

    def __reduce__(self) -> Any:
        raise RuntimeError("I stay here")


class Fragile:
    """Pickles, and does not unpickle."""

    def __reduce__(self) -> Any:
        return _break, ()


def _break() -> None:
    raise RuntimeError("I fell apart")


class Unwieldy(Exception):
    """Pickles, and does not unpickle, as exceptions with a constructor of their own often do."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__("only one")


def neighbours_go_on() -> bool:
    return list(futures.map(tasks.inc, range(10))) == list(range(1, 11))


def test_an_argument_that_does_not_travel(pool: Pool) -> None:
    before = futures.submit(tasks.keywords, 1)
    future = futures.submit(tasks.keywords, 1, Stubborn())
    after = futures.submit(tasks.keywords, 2)
    with pytest.raises(NotPicklable, match=r"argument 1 of 'keywords', a .*Stubborn.*I stay here"):
        future.result()
    assert (before.result(), after.result()) == (((1,), {}), ((2,), {}))
    with pytest.raises(NotPicklable, match=r"what.*Stubborn"):
        futures.submit(tasks.keywords, what=Stubborn()).result()


def test_one_argument_of_a_map_that_does_not_travel(pool: Pool) -> None:
    results = futures.map(tasks.keywords, [0, Stubborn(), 2])
    assert next(results) == ((0,), {})
    with pytest.raises(NotPicklable, match="Stubborn"):
        next(results)
    assert next(results) == ((2,), {})


def test_only_arguments_that_do_not_travel(pool: Pool) -> None:
    results = futures.map(tasks.keywords, [Stubborn()] * 3)
    for _ in range(3):
        with pytest.raises(NotPicklable, match="Stubborn"):
            next(results)
    with pytest.raises(StopIteration):
        next(results)


def test_a_function_that_does_not_travel(pool: Pool, cells: Cells) -> None:
    cells("import threading; lock = threading.Lock()\ndef f(x):\n    with lock: return x")
    future = futures.submit(cells.f, 1)
    with pytest.raises(NotPicklable, match=r"'f'.*the global 'lock'"):
        future.result()
    with pytest.raises(NotPicklable, match=r"'f'.*the global 'lock'"):
        futures.map(cells.f, [1])
    stubborn = Stubborn()
    with pytest.raises(NotPicklable, match=r"its variable 'stubborn'"):
        futures.submit(lambda: stubborn).result()
    assert neighbours_go_on()


def test_a_result_that_does_not_travel(pool: Pool) -> None:
    def some(x: int) -> Any:
        return Stubborn() if x == 1 else x

    results = futures.map(some, range(3))
    assert next(results) == 0
    with pytest.raises(NotPicklable, match=r"The result of .*some.*Stubborn.*I stay here"):
        next(results)
    assert next(results) == 2
    with pytest.raises(NotPicklable, match="generator"):
        futures.submit(lambda: (x for x in range(3))).result()


def test_an_exception_that_does_not_travel(pool: Pool) -> None:
    def fail() -> None:
        raise ValueError("about", Stubborn())

    for _ in range(2):
        with pytest.raises(scoop.TaskFailed, match=r"ValueError.*can't be sent"):
            futures.submit(fail).result()

    assert neighbours_go_on()


def test_an_exception_that_does_not_travel_by_itself(pool: Pool) -> None:
    def clumsy() -> None:
        raise Unwieldy(1, 2)

    with pytest.raises(Unwieldy, match="only one") as caught:
        futures.submit(clumsy).result()
    assert "raise Unwieldy(1, 2)" in str(caught.value.__cause__)
    assert neighbours_go_on()


def test_what_does_not_unpickle_fails_alone(pool: Pool) -> None:
    results = futures.map(tasks.keywords, [0, Fragile(), 2])
    assert next(results) == ((0,), {})
    with pytest.raises(RuntimeError, match="I fell apart"):
        next(results)
    assert next(results) == ((2,), {})
    with pytest.raises(RuntimeError, match="I fell apart"):
        futures.submit(lambda: Fragile()).result()
    assert neighbours_go_on()


def test_a_function_that_does_not_unpickle(pool: Pool) -> None:
    with pytest.raises(NotPicklable, match="I fell apart"):
        futures.submit(functools.partial(tasks.keywords, Fragile())).result()
    assert neighbours_go_on()


def test_what_does_not_travel_may_be_used_within_a_worker(new_pool: PoolFactory) -> None:
    new_pool(1)

    def parent() -> int:
        return len(list(futures.map(lambda x: Stubborn(), range(10))))

    assert futures.submit(parent).result() == 10
