"""What programs written for the original rely on."""

from __future__ import annotations

import os
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

import scoop
from scoop import Pool, _types, futures, shared
from scoop.fallbacks import NotStartedProperly
from tests.cells import Cells
from tests.conftest import PoolFactory
from tests.scoop import tasks
from tests.scoop.running import PROGRAMS, run
from tests.waiting import eventually

# ---- a whole program --------------------------------------------------------------------------------------------

SEEN = """\
maps; True; [0, 1, 4, 9, 16]; [0, 1, 4, 9, 16]; [0, 3, 6]
submits; (1, 2, 9); 250; (9, None, True, False, False)
errors; ValueError('v'); SystemExit(3); KeyboardInterrupt(); MemoryError('m'); GeneratorExit(); KeyError(1)
waits; (2, 0); (2, 0); (2, 0); (2, 0); 2; ['NoneType', 'ValueError']
reductions; ('012345678', 'a'); 9; mapReduce() of empty iterables; [0, 1, 5, 14, 30, 55, 91, 140]
constants; [16, '4!', -4, '4']; None; This constant already exists: function.
"""


@pytest.mark.parametrize("n", [1, 2])
def test_a_program_of_the_original(n: int, tmp_path: Path) -> None:
    done = run("-m", "scoop", "-n", str(n), PROGRAMS / "original.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    parts = done.stdout.splitlines()
    assert parts[:6] == SEEN.splitlines()
    names = set(re.findall(r"'(\w+)', True, True, (\d)\)", parts[6]))
    assert names <= {("__main__", str(n)), ("__scoop_main__", str(n))} and names, parts[6]
    assert parts[6].endswith("; (True, False, 'original.py', False); (True, True)")
    assert parts[7] == f"classes; {n}"


def test_without_a_pool_map_is_serial_and_all_else_says_so() -> None:
    with pytest.warns(RuntimeWarning, match="no pool"):
        assert list(futures.map(tasks.inc, range(3))) == [1, 2, 3]
    calls: list[Callable[[], object]] = [
        lambda: futures.submit(tasks.inc, 1),
        lambda: list(futures.map_as_completed(tasks.inc, [1])),
        lambda: futures.mapReduce(tasks.inc, tasks.add, [1]),
        lambda: futures.mapScan(tasks.inc, tasks.add, [1]),
        lambda: shared.setConst(nothing=1),
        lambda: shared.getConst("nothing"),
    ]
    for call in calls:
        with pytest.raises(NotStartedProperly):
            call()
    assert futures.wait([]) == (set(), set()) and list(futures.as_completed([])) == []
    assert NotStartedProperly is shared.NotStartedProperly is scoop.NotStarted


def test_constants_of_the_package_without_a_pool() -> None:
    assert (scoop.IS_RUNNING, scoop.DEBUG, scoop.CONFIGURATION, scoop.MAIN_MODULE) == (False, False, {}, None)
    for name in ("IS_ORIGIN", "SIZE", "worker", "BROKER"):
        with pytest.raises(AttributeError, match=f"{name}' without a pool"):
            getattr(scoop, name)
    with pytest.raises(AttributeError, match=r"no attribute 'nothing'$"):
        _ = scoop.nothing


def test_constants_of_the_package_in_a_pool(pool: Pool) -> None:
    def seen() -> tuple[Any, ...]:
        return scoop.IS_RUNNING, scoop.IS_ORIGIN, scoop.SIZE, scoop.MAIN_MODULE, scoop.BROKER, scoop.worker

    assert scoop.IS_RUNNING and scoop.IS_ORIGIN and scoop.SIZE == 2
    for _ in range(4):
        *facts, worker = futures.submit(seen).result()
        assert facts == [True, False, 2, None, scoop.BROKER] and worker in ("w0", "w1")


# ---- callbacks --------------------------------------------------------------------------------------------------


def note(folder: Path, future: futures.Future) -> None:
    """What a callback was given, and where."""
    said = future.exception() if future.exception() else future.result()
    (folder / f"{os.getpid()}-{said}").touch()


def noted(folder: Path) -> list[list[str]]:
    return [path.name.split("-", 1) for path in folder.iterdir() if "begun" not in path.name and path.name != "go"]


class Note:
    """A callable that travels."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, future: futures.Future) -> None:
        note(self.folder, future)


@pytest.mark.parametrize("how", [(), ("standard",), ("standard", "a group")])
def test_standard_callbacks_run_where_they_were_added(pool: Pool, tmp_path: Path, how: tuple[str, ...]) -> None:
    future = futures.submit(tasks.hold, tmp_path, "value")
    future.add_done_callback(Note(tmp_path), *how)
    (tmp_path / "go").touch()
    assert eventually(lambda: noted(tmp_path)) == [[str(os.getpid()), "value"]]


@pytest.mark.parametrize("fails", [False, True])
def test_universal_callbacks_run_where_the_task_ran(pool: Pool, tmp_path: Path, fails: bool) -> None:
    def held(folder: Path) -> int:
        tasks.hold(folder)
        if fails:
            raise ValueError(os.getpid())
        return os.getpid()

    future = futures.submit(held, tmp_path)
    future.add_done_callback(Note(tmp_path), inCallbackType=_types.CallbackType.universal, inCallbackGroup="a group")
    (tmp_path / "go").touch()
    where, said = eventually(lambda: noted(tmp_path))[0]
    assert where == said != str(os.getpid())
    assert future.done() and len(noted(tmp_path)) == 1


@pytest.mark.parametrize(
    ("callback", "said"),
    [(lambda future: 1 / 0, "ZeroDivisionError"), (threading.Lock().locked, "NotPicklable")],
    ids=["raises", "does not travel"],
)
def test_a_universal_callback_that_fails_is_logged(
    pool: Pool, tmp_path: Path, caplog: pytest.LogCaptureFixture, callback: Callable[[Any], Any], said: str
) -> None:
    future = futures.submit(tasks.hold, tmp_path)
    future.add_done_callback(callback, "universal")
    (tmp_path / "go").touch()
    future.result(10)
    eventually(lambda: said in caplog.text)


def test_universal_callbacks_of_tasks_of_a_task(any_pool: Pool, tmp_path: Path) -> None:
    def parent() -> list[int]:
        children = [futures.submit(tasks.pid, number) for number in range(20)]
        for child in children:
            child.add_done_callback(Note(tmp_path), "universal")
        return [child.result() for child in children]

    ran_on = futures.submit(parent).result()
    eventually(lambda: {where for where, _ in noted(tmp_path)} == {str(pid) for pid in ran_on})
    assert all(where == said for where, said in noted(tmp_path))


def test_callbacks_of_what_is_over_run_at_once_and_here(pool: Pool, tmp_path: Path) -> None:
    future = futures.submit(tasks.inc, 1)
    future.result()
    for kind in ("standard", "universal"):
        seen: list[futures.Future] = []
        future.add_done_callback(seen.append, kind)
        assert seen == [future]
    with pytest.raises(ValueError, match="'everywhere'"):
        future.add_done_callback(print, "everywhere")


def test_a_universal_callback_of_a_task_that_nobody_ran(pool: Pool, tmp_path: Path) -> None:
    holding = [futures.submit(tasks.hold, tmp_path) for _ in range(2)]
    waiting = futures.submit(tasks.inc, 1)
    seen: list[bool] = []
    waiting.add_done_callback(lambda future: seen.append(future.cancelled()), "universal")
    assert waiting.cancel() and seen == [True]
    (tmp_path / "go").touch()
    assert futures.wait(holding, 10).not_done == set()


def test_a_future_that_is_over_can_be_an_argument(pool: Pool) -> None:
    good, bad = futures.submit(tasks.inc, 1), futures.submit(tasks.odd_fails, 1)
    futures.wait([good, bad])

    def look(*some: futures.Future) -> list[Any]:
        return [str(future.exception().__cause__) if future.exception() else future.result() for future in some]

    two, trace = futures.submit(look, good, bad).result()
    assert two == 2 and trace.endswith("ValueError: 1 is odd\n")
    cancelled = futures.submit(time.sleep, 60)
    cancelled.cancel()
    with pytest.raises(CancelledError):
        futures.submit(look, cancelled).result()


def test_a_future_that_is_not_over_is_no_argument(pool: Pool, tmp_path: Path) -> None:
    future = futures.submit(tasks.hold, tmp_path)
    with pytest.raises(scoop.NotPicklable, match="sent once it is over"):
        futures.submit(str, future).result()
    (tmp_path / "go").touch()
    future.result(10)


# ---- reductions -------------------------------------------------------------------------------------------------


def leaf(x: int) -> tuple[str, int, set[int]]:
    return str(x), 0, set()


def join(one: tuple[str, int, set[int]], two: tuple[str, int, set[int]]) -> tuple[str, int, set[int]]:
    """The text, the height of the tree below, and the processes that have combined something."""
    return one[0] + two[0], 1 + max(one[1], two[1]), one[2] | two[2] | {os.getpid()}


def test_map_reduce_is_a_flat_tree_and_passes_the_root_by(pool: Pool) -> None:
    text, height, processes = futures.mapReduce(leaf, join, range(100))
    assert text == "".join(map(str, range(100)))
    assert height == 7
    assert os.getpid() not in processes <= {row["pid"] for row in pool.workers}


# ---- the logger -------------------------------------------------------------------------------------------------


def test_the_logger_tells_time_worker_and_module(tmp_path: Path) -> None:
    program = """
import logging, sys
import scoop
from scoop import futures
scoop.logger.setLevel(logging.INFO)
scoop.logger.info("imported")

def divide(x):
    try:
        return 1 / x
    except ZeroDivisionError:
        scoop.logger.exception("no %s", "chance")

if __name__ == "__main__":
    futures.submit(divide, 0).result()
    assert scoop.logger.handlers
    scoop.logger.debug("not shown")
    if len(sys.argv) > 1:
        logging.basicConfig(format="mine %(worker)s %(message)s")
        scoop.logger.warning("once")
    else:
        scoop.logger.getChild("part").warning("from a part")
"""
    (tmp_path / "diary.py").write_text(program)
    done = run("-m", "scoop", "-n", "1", tmp_path / "diary.py")
    first, second, *trace = done.stderr.splitlines()
    stamp = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\]"
    assert re.fullmatch(stamp + r" diary \(w0\) INFO imported", first), done.stderr
    assert re.fullmatch(stamp + r" diary \(w0\) ERROR no chance", second), done.stderr
    assert trace[0].startswith("Traceback") and trace[-2] == "ZeroDivisionError: division by zero"
    assert re.fullmatch(stamp + r" diary \(w0\) WARNING from a part", trace[-1]), done.stderr
    done = run("-m", "scoop", "-n", "1", tmp_path / "diary.py", "own")
    assert done.stderr.endswith("\nmine w0 once\n") and done.stderr.count("once") == 1


def test_what_tasks_log_comes_to_the_root(pool: Pool, capsys: pytest.CaptureFixture[str]) -> None:
    futures.submit(lambda: scoop.logger.warning("beware")).result()
    text = ""

    def said() -> str:
        nonlocal text
        text += capsys.readouterr().err
        return text

    eventually(lambda: "beware" in said())
    assert re.fullmatch(r"\[(w\d)\] \[[-0-9]+ [0-9:,]+\] \w+ \(\1\) WARNING beware\n", text), text


# ---- shared constants -------------------------------------------------------------------------------------------


class Tariff:
    """Something with methods of all kinds."""

    def __init__(self, rate: int) -> None:
        self.rate = rate

    def price(self, amount: int) -> int:
        return self.rate * amount

    @classmethod
    def free(cls, amount: int) -> int:
        return cls(0).price(amount)

    @staticmethod
    def fixed(amount: int) -> int:
        return 7


def test_methods_as_constants(pool: Pool) -> None:
    shared.setConst(bound=Tariff(3).price, of_class=Tariff.free, static=Tariff.fixed, a_tariff=Tariff)

    def prices(amount: int) -> list[int]:
        functions = [shared.getConst(name) for name in ("bound", "of_class", "static")]
        return [function(amount) for function in functions] + [shared.getConst("a_tariff")(2).price(amount)]

    assert list(futures.map(prices, [1, 5])) == [[3, 0, 7, 2], [15, 0, 7, 10]]


def test_a_constant_may_be_asked_for_while_the_program_is_imported(tmp_path: Path) -> None:
    program = """
import os
from scoop import futures, shared
EARLY = shared.getConst("early", timeout=0.01)

def seen(_):
    return EARLY

if __name__ == "__main__":
    print(set(futures.map(seen, range(10))))
"""
    (tmp_path / "program.py").write_text(program)
    done = run("-m", "scoop", "-n", "2", tmp_path / "program.py")
    assert (done.stdout, done.stderr) == ("{None}\n", "")


# ---- classes that are made at run time --------------------------------------------------------------------------

EVOLUTION = """
    from deap import base, creator, tools

    creator.create("Fit", base.Fitness, weights=(1.0,))
    creator.create("Being", list, fitness=creator.Fit, tag="one")

    def born(_):
        return creator.Being([1, 2, 3])

    def aged(being):
        being.append(4)
        return being, type(being) is creator.Being, being.tag
    """


@pytest.fixture
def evolution(cells: Cells) -> Iterator[None]:
    """Cells that make classes; these are forgotten at the end."""
    from deap import creator

    before = set(vars(creator))

    cells(EVOLUTION)
    yield
    for name in set(vars(creator)) - before:
        delattr(creator, name)


def test_classes_that_a_notebook_makes_are_the_same_everywhere(
    new_pool: PoolFactory, cells: Cells, evolution: None
) -> None:
    new_pool(2)
    being = cells.creator.Being
    children = list(futures.map(cells.born, range(10)))  # no worker has seen one before
    assert children == [[1, 2, 3]] * 10 and {type(child) for child in children} == {being}
    for child, known, tag in futures.map(cells.aged, children):
        assert child == [1, 2, 3, 4] and type(child) is being and known and tag == "one"
    assert cells.creator.Being is being
    crowd = futures.submit(cells.tools.initRepeat, list, being, 3).result()  # as a toolbox does
    assert {type(one) for one in crowd} == {being}


def test_a_class_that_a_notebook_makes_again_is_used_by_the_next_call(
    pool: Pool, cells: Cells, evolution: None
) -> None:
    one = cells.creator.Being
    assert {type(child) for child in futures.map(cells.born, range(4))} == {one}
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # it was there already
        cells('creator.create("Being", list, fitness=creator.Fit, tag="two")')
    two = cells.creator.Being
    assert two is not one
    born = list(futures.map(cells.born, range(4)))
    assert {type(child) for child in born} == {two} and {child.tag for child in born} == {"two"}
    assert [tag for *_, tag in futures.map(cells.aged, born)] == ["two"] * 4


def test_a_function_that_was_tried_before_its_class_was_made(pool: Pool, cells: Cells, evolution: None) -> None:
    cells("""
        def late(_):
            return creator.Late([1])
        """)
    with pytest.raises(AttributeError, match="Late"):
        list(futures.map(cells.late, range(2)))
    cells('creator.create("Late", list, fitness=creator.Fit)')
    assert {type(one) for one in futures.map(cells.late, range(2))} == {cells.creator.Late}


@pytest.mark.parametrize("how", ["numpy.ndarray", "array.array, typecode='b'", "list, of=numpy.eye(2)"])
def test_classes_with_bases_of_all_kinds(pool: Pool, cells: Cells, evolution: None, how: str) -> None:
    cells(f"""
        import array, numpy
        creator.create("Group", {how}, fitness=creator.Fit)

        def back(group):
            group.fitness.values = (len(group),)
            return group
        """)
    group = cells.creator.Group([1, 2, 3])
    for there in futures.map(cells.back, [group] * 4):
        assert type(there) is cells.creator.Group and list(there) == [1, 2, 3]
        assert there.fitness.values == (3,) and not group.fitness.valid


def test_a_class_that_only_the_root_makes(tmp_path: Path) -> None:
    program = """
from deap import base, creator
from scoop import futures

def grown(being):
    return creator.Being(being + [1])

if __name__ == "__main__":
    creator.create("Fit", base.Fitness, weights=(1.0,))
    creator.create("Being", list, fitness=creator.Fit)
    print(set(map(type, futures.map(grown, [creator.Being()] * 100))) == {creator.Being})
"""
    (tmp_path / "program.py").write_text(program)
    done = run("-m", "scoop", "-n", "2", tmp_path / "program.py")
    assert (done.stdout, done.stderr) == ("True\n", "")
