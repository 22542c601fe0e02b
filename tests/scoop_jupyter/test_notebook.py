"""A notebook and its pool, in a real kernel: prints find their cell, redefinition counts, a pool comes by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scoop_jupyter.kernel import Kernel, Outcome

MAGICS = pytest.mark.parametrize("magic", ["", "%%scoop\n", "%%scoop --quiet\n"], ids=["plain", "panel", "quiet"])


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A file that tasks wait for."""
    return tmp_path / "gate"


def wait_for(gate: Path) -> str:
    """Code that waits for it."""
    return f"while not os.path.exists({str(gate)!r}): time.sleep(0.01)"


def everywhere(kernel: Kernel, text: str) -> int:
    """How often this text was printed, in whatever cell, on whatever stream."""
    return sum(cell.text(name).count(text) for cell in kernel.cells for name in ("stdout", "stderr"))


# ---- prints --------------------------------------------------------------------------------------------------------


@MAGICS
def test_prints_of_tasks_appear_once_with_the_name_of_the_worker(kernel: Kernel, magic: str) -> None:
    kernel.run("def chatty(x):\n    print('chat', x)\n    return x").check()
    cell = kernel.run(magic + "print('before')\ntotal = sum(futures.map(chatty, range(20)))\nprint('after')").check()
    lines = cell.text().splitlines()
    assert lines[0] == "before" and lines[-1] == "after"
    assert all(re.fullmatch(r"\[w\d+\] chat \d+", line) for line in lines[1:-1]), lines
    assert sorted(int(line.split()[-1]) for line in lines[1:-1]) == list(range(20))
    assert cell.text("stderr") == ""


@MAGICS
def test_prints_to_stderr(kernel: Kernel, magic: str) -> None:
    kernel.run("import sys\ndef complain(x):\n    print('complaint', x, file=sys.stderr)").check()
    cell = kernel.run(magic + "list(futures.map(complain, range(3)));").check()
    assert re.fullmatch(r"(\[w\d+\] complaint \d\n){3}", cell.text("stderr"))
    assert cell.text() == ""


def test_prints_of_nested_tasks(kernel: Kernel) -> None:
    kernel.run(
        "def leaf(x):\n    print('leaf', x)\ndef branch(x):\n    return list(futures.map(leaf, [x, x + 1]))"
    ).check()
    cell = kernel.run("%%scoop\nlist(futures.map(branch, [0, 10]));").check()
    assert sorted(line.split("] ")[1] for line in cell.text().splitlines()) == [
        "leaf 0",
        "leaf 1",
        "leaf 10",
        "leaf 11",
    ]


def test_prints_that_come_while_another_cell_runs(kernel: Kernel, gate: Path) -> None:
    first = kernel.run(
        f"def late(x):\n    {wait_for(gate)}\n    print('late', x)\npending = futures.submit(late, 1)"
    ).check()
    second = kernel.begin("print('second')\npending.result()\nprint('got it')")
    kernel.until(lambda: "second" in second.text())
    gate.touch()
    kernel.finish(second).check()
    assert second.text() == "second\ngot it\n"
    assert re.fullmatch(r"\[w\d+\] late 1\n", first.text())
    assert everywhere(kernel, "late 1") == 1


def test_prints_that_come_while_no_cell_runs(kernel: Kernel, gate: Path) -> None:
    body = f"def later(x):\n    {wait_for(gate)}\n    print('out', x)\n    print('err', x, file=sys.stderr)\n"
    first = kernel.run(f"import sys\n{body}pending = futures.submit(later, 2)").check()
    second = kernel.run("print('second')").check()
    gate.touch()
    kernel.until(lambda: "out 2" in first.text() and "err 2" in first.text("stderr"))
    kernel.run("pending.result()").check()
    assert second.text() == "second\n"
    assert everywhere(kernel, "out 2") == everywhere(kernel, "err 2") == 1


def test_prints_of_two_cells_at_once(kernel: Kernel, gate: Path) -> None:
    kernel.run(f"def tell(x):\n    {wait_for(gate)}\n    print('tell', x)").check()
    cells = [kernel.run(f"pending_{n} = futures.submit(tell, {n})").check() for n in range(2)]
    gate.touch()
    last = kernel.run("pending_0.result(), pending_1.result()").check()
    assert [cell.text().partition("] ")[2] for cell in cells] == ["tell 0\n", "tell 1\n"]
    assert last.text() == ""


def test_a_print_is_there_while_its_task_still_runs(kernel: Kernel, gate: Path) -> None:
    cell = kernel.begin(f"def slow():\n    print('halfway')\n    {wait_for(gate)}\nfutures.submit(slow).result()")
    kernel.until(lambda: "halfway" in cell.text())
    assert not cell.over
    gate.touch()
    kernel.finish(cell).check()


def test_many_prints_lose_nothing(kernel: Kernel) -> None:
    kernel.run("def noisy(x):\n    for i in range(200):\n        print(x, i, 'x' * 50)").check()
    cell = kernel.run("%%scoop --quiet\nlist(futures.map(noisy, range(50)));").check()
    lines = cell.text().splitlines() + kernel.run("%scoop output").check().text().splitlines()
    said = [tuple(map(int, line.split()[1:3])) for line in lines]
    assert sorted(said) == [(x, i) for x in range(50) for i in range(200)]


def test_lines_that_come_in_parts_stay_whole(kernel: Kernel) -> None:
    body = (
        "print(x, end=' ')\n    time.sleep(0.25)\n    print('and', end='')\n    print()\n    print(x, 'last', end='')"
    )
    cell = kernel.run(f"def dots(x):\n    {body}\nlist(futures.map(dots, range(2)))").check()
    assert sorted(line.split("] ")[1] for line in cell.text().splitlines()) == ["0 and", "0 last", "1 and", "1 last"]


def test_prints_with_a_pool_that_the_notebook_has_started_itself(new_kernel: Callable[[], Kernel]) -> None:
    kernel = new_kernel()
    kernel.run("import scoop\nfrom scoop import futures\npool = scoop.start(1)").check()
    first = kernel.run("import time\nlate = lambda: (time.sleep(0.3), display(1), print('said'))").check()
    first = kernel.run("pending = futures.submit(late)").check()
    kernel.run("pending.result()").check()
    assert first.text() == "[w0] said\n" and first.displays == [{"text/plain": "1"}]
    kernel.run("pool.stop()").check()


def test_what_a_process_of_a_task_prints(kernel: Kernel) -> None:
    cell = kernel.run("%%scoop --quiet\nlist(futures.map(os.system, ['echo from a process']))").check()
    kernel.until(lambda: everywhere(kernel, "from a process\n"))
    assert cell.result == "[0]"
    assert everywhere(kernel, "from a process\n") == 1


# ---- redefinition --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "call", "then"),
    [
        ("def own(x): return x", "own", "def own(x): return -x"),
        ("def helper(x): return x\ndef using(x): return helper(x)", "using", "def helper(x): return -x"),
        ("factor = 1\ndef scaled(x): return factor * x", "scaled", "factor = -1"),
        ("class Sign:\n    def of(self, x): return x\ndef signed(x): return Sign().of(x)", "signed",
         "class Sign:\n    def of(self, x): return -x"),
        ("class Held:\n    sign = 1\n    def __call__(self, x): return self.sign * x\nheld = Held()", "held",
         "Held.sign = -1"),
        ("class Bound:\n    sign = 1\n    def of(self, x): return self.sign * x\nbound = Bound()", "bound.of",
         "bound.sign = -1"),
        ("step = lambda x: x\nclosed = (lambda f: lambda x: f(x))(step)", "closed",
         "closed = (lambda f: lambda x: -f(x))(step)"),
        ("def default(x, sign=1): return sign * x", "default", "default.__defaults__ = (-1,)"),
        ("import math\ndef using_module(x): return int(math.copysign(x, 1))", "using_module",
         "def using_module(x): return int(math.copysign(x, -1))"),
    ],
    ids=["function", "helper", "global", "class", "class_attribute", "instance", "closure", "default", "module"],
)  # fmt: skip
def test_the_next_call_uses_what_was_redefined(kernel: Kernel, first: str, call: str, then: str) -> None:
    kernel.run(first).check()
    for magic in ("", "%%scoop --quiet\n"):
        use = f"{magic}list(futures.map({call}, [1, 2, 3]))"
        kernel.run(first).check()
        assert kernel.run(use).check().result == "[1, 2, 3]"
        kernel.run(then).check()
        assert kernel.run(use).check().result == "[-1, -2, -3]"
    nested = f"def around(x):\n    return list(futures.map({call}, [x]))\nlist(futures.map(around, [4]))"
    assert kernel.run(nested).check().result == "[[-4]]"


def test_a_class_of_the_notebook_stays_itself(kernel: Kernel) -> None:
    kernel.run(
        "class Point:\n    def __init__(self, x):\n        self.x = x\ndef move(p):\n    return Point(p.x + 1)"
    ).check()
    assert (
        kernel.run("moved = futures.submit(move, Point(1)).result()\nisinstance(moved, Point), moved.x").result
        == "(True, 2)"
    )


# ---- pools ---------------------------------------------------------------------------------------------------------


def test_a_pool_starts_by_itself_at_the_first_use(new_kernel: Callable[[], Kernel]) -> None:
    kernel = new_kernel()
    cell = kernel.run(
        "from scoop import futures\nlist(futures.map(lambda x: print('task', x) or -x, range(3)))"
    ).check()
    assert cell.result == "[0, -1, -2]"
    assert len(re.findall(r"\[w\d+\] task \d\n", cell.text())) == 3
    assert "3 done" in kernel.run("%scoop status").check().text()
    # One that was started by code is the notebook's too.
    kernel.run("%scoop stop").check()
    kernel.run("import scoop\npool = scoop.start(1, 'by-code')").check()
    cell = kernel.run("%%scoop --quiet\nfutures.submit(print, 'mine').result()").check()
    assert cell.text() == "[w0] mine\n"
    assert "by-code  (in use here)" in kernel.run("%scoop pools").check().text()
    assert kernel.run("%scoop stop").check().text() == "Pool 'by-code' stopped.\n"
    # And again, by a method that is no map.
    assert kernel.run("futures.submit(abs, -1).result()").check().result == "1"


@pytest.mark.parametrize("way", ["ours", "ssh://anywhere/ours --ssh-executable {shell}"], ids=["name", "ssh"])
def test_two_notebooks_share_a_pool(new_kernel: Callable[[], Kernel], gate: Path, way: str, shell: str) -> None:
    connect = f"%scoop connect {way.format(shell=shell)}"
    owner, guest = new_kernel(), new_kernel()
    owner.run("%scoop start -n 2 --name ours\nimport os, time\nfrom scoop import futures").check()
    assert guest.run(connect).check().text() == "Connected to pool 'ours': 2 workers\n"
    assert "ours  (in use here)" in guest.run("%scoop pools").check().text()
    define = "import os, time\nfrom scoop import futures\ndef mine(x):\n    print({0!r}, x)\n    return {0!r}"
    for kernel, name in ((owner, "owner's"), (guest, "guest's")):
        kernel.run(define.format(name)).check()

    def use(kernel: Kernel, name: str) -> Outcome:
        cell = kernel.begin("%%scoop\nset(futures.map(mine, range(100)))")
        return cell

    cells = [use(owner, "owner's"), use(guest, "guest's")]
    for kernel, cell, name in zip((owner, guest), cells, ("owner's", "guest's"), strict=True):
        kernel.finish(cell).check()
        assert cell.result == f'{{"{name}"}}'
        assert cell.text().count(f"{name} ") == 100 == len(cell.text().splitlines())
        assert "100 tasks in" in cell.html
    # What the guest's stop button cancels is the guest's; when the guest leaves, the pool goes on.
    pending = owner.run(
        f"def held():\n    {wait_for(gate)}\n    return 'held'\nheld_future = futures.submit(held)"
    ).check()
    cell = guest.begin("print('now')\nlist(futures.map(time.sleep, [60] * 4))")
    guest.until(lambda: "now" in cell.text())
    assert guest.interrupt(cell) < 1.5
    assert guest.run("%scoop stop").check().text() == "Pool 'ours' left; it goes on.\n"
    gate.touch()
    assert owner.run("held_future.result()").check().result == "'held'" and pending.error is None
    # When its owner ends, whoever is connected is told.
    assert guest.run(connect).check().text().startswith("Connected to pool")
    cell = guest.begin("print('now')\nlist(futures.map(time.sleep, [60] * 4))")
    guest.until(lambda: "now" in cell.text())
    assert owner.run("%scoop stop").check().text() == "Pool 'ours' stopped.\n"
    guest.finish(cell, 2.0)
    assert cell.error and cell.error.name == "BrokerLost"
