"""`%%scoop` in a real kernel: a cell as any other, with a pool; its values, its errors, its options."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable

import pytest

from scoop_jupyter.cell import CellTimeout, time_limit
from tests.scoop_jupyter.kernel import WIDGET, Kernel

#: The number of a cell, and of a line as the notebook shows it: `%%scoop` is the first.
POSITION = re.compile(r"^ *Cell In\[(\d+)\], line (\d+)", re.MULTILINE)


# ---- a cell as any other -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ("6 * 7", "42"),
        ("x = 6\nx * 7", "42"),
        ("6 * 7;", None),
        ("6 * 7;  # as anywhere", None),
        ("None", None),
        ("x = 42", None),
        ("if True:\n    42", None),
        ("# only a comment", None),
        ("", None),
        ("'%d' % 42", "'42'"),
        ("%time 42", "42"),
        ("[line] = !echo 42\nline", "'42'"),
    ],
)
def test_the_value_of_a_last_expression_is_displayed(kernel: Kernel, body: str, result: str | None) -> None:
    assert kernel.run(f"%%scoop --quiet\n{body}").check().result == result


def test_names_go_to_the_notebook_and_come_from_it(kernel: Kernel) -> None:
    kernel.run("given = 40").check()
    kernel.run("%%scoop --quiet\nmade = given + 2\ndef add(x: int, y: 'int'):\n    return x + y").check()
    assert kernel.run("made, add(1, 2)").check().result == "(42, 3)"
    # The cell is compiled as it stands: annotations are not strings.
    assert kernel.run("add.__annotations__").check().result == "{'x': int, 'y': 'int'}"
    assert kernel.run("%%scoop --quiet\n6 * 7").check().result == "42"
    assert kernel.run("_").check().result == "42"


def test_an_interrupt_where_python_knows_no_line_is_shown(kernel: Kernel) -> None:
    """As where a function with variables of closures begins: what the stop button strikes is often there."""
    cell = kernel.run(
        "%%scoop --quiet\n"
        "import sys, types\n"
        "def struck():\n"
        "    cell = 1\n"
        "    frame = (lambda: cell) and sys._getframe()\n"
        "    nowhere = types.TracebackType(None, frame, 0, -1)\n"
        "    assert nowhere.tb_lineno is None\n"
        "    raise KeyboardInterrupt().with_traceback(nowhere)\n"
        "struck()"
    )
    assert cell.error and cell.error.name == "KeyboardInterrupt"
    assert [line for _, line in POSITION.findall(cell.error.traceback)] == ["9", "8"]


def test_futures_and_shared_are_in_reach(new_kernel: Callable[[], Kernel]) -> None:
    kernel = new_kernel()
    cell = kernel.run(
        "%%scoop -n 1\nshared.setConst(base=40)\nlist(futures.map(lambda x: shared.getConst('base') + x, [2]))"
    )
    assert cell.check().result == "[42]"
    kernel.run("futures = 'my own'").check()
    assert kernel.run("%%scoop --quiet\nfutures").check().result == "'my own'"


def test_what_the_cell_prints_and_displays(kernel: Kernel) -> None:
    cell = kernel.run("%%scoop\nprint('first')\nlist(futures.map(abs, range(3)))\ndisplay('second')\nprint('third')")
    assert cell.check().text() == "first\nthird\n"
    assert [data["text/plain"] for data in cell.displays[1:]] == ["'second'"]
    assert WIDGET in cell.displays[0]


# ---- options -------------------------------------------------------------------------------------------------------


def test_number_of_workers(kernel: Kernel) -> None:
    assert kernel.run("%%scoop -n 3\nlen(processes(3))").check().result == "3"
    assert kernel.run("%%scoop\nlen(processes(3))").check().result == "3"  # it stays so
    assert kernel.run("%%scoop -n 2\nlen(processes(2))").check().result == "2"


def test_quiet(kernel: Kernel) -> None:
    cell = kernel.run("%%scoop --quiet\nlist(futures.map(abs, range(100)));").check()
    assert (cell.displays, cell.streams) == ([], [])  # updates may be those of the panel before


def test_timeout(kernel: Kernel) -> None:
    kernel.run("def endless(x):\n    while True:\n        x += 1").check()
    cell = kernel.run("%%scoop --timeout 0.5\nprint('begun')\nlist(futures.map(endless, range(6)))")
    assert cell.error and cell.error.name == "CellTimeout"
    assert cell.error.value == "the cell took longer than 0.5 s; its tasks were cancelled"
    found = POSITION.search(cell.error.traceback)
    assert found and found[2] == "3", cell.error.traceback
    print(f"ended after {cell.seconds:.2f} s")
    assert 0.5 < cell.seconds < 2.0
    assert "Cancelled" in cell.html
    # A cell that is quicker is left alone, and so is the one after it.
    assert kernel.run("%%scoop --timeout 0.2 --quiet\n42").check().result == "42"
    assert kernel.run("time.sleep(0.4)\n43").check().result == "43"


def test_a_timeout_where_interrupts_are_ignored() -> None:
    """As in all that a script of the shell has in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(CellTimeout), time_limit(0.05):
            while True:
                time.sleep(0.01)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_timeout_of_its_own_cancels_nothing_else(kernel: Kernel) -> None:
    cell = kernel.run(
        "%%scoop\nfurther = futures.submit(time.sleep, 0.5)\nfutures.submit(time.sleep, 0.5).result(0.05)"
    )
    assert cell.error and cell.error.name == "TimeoutError"
    kernel.run("assert further.result() is None").check()


# ---- errors --------------------------------------------------------------------------------------------------------


def test_an_error_begins_in_the_cell(kernel: Kernel) -> None:
    before = kernel.run("1 / 0").error
    cell = kernel.run("%%scoop\nfirst = 1\nfirst / 0\n")
    assert cell.error and before
    first = POSITION.search(cell.error.traceback)
    assert first and first[2] == "3"
    assert int(first[1]) == int(POSITION.search(before.traceback)[1]) + 1  # type: ignore[index]
    assert "----> 3 first / 0" in cell.error.traceback
    assert "scoop_jupyter" not in cell.error.traceback and "IPython" not in cell.error.traceback
    assert "Finished" in cell.html


def test_an_error_in_a_function_of_the_cell(kernel: Kernel) -> None:
    cell = kernel.run("%%scoop\ndef fails(x):\n    return 1 / x\n\nfails(0)\n")
    assert cell.error and [found[2] for found in POSITION.finditer(cell.error.traceback)] == ["5", "3"]


def test_an_error_in_a_task_shows_the_lines_of_the_notebook(kernel: Kernel) -> None:
    kernel.run("def outer(x):\n    return inner(x) + 1\n\ndef inner(x):\n    return 10 / (x - 2)").check()
    for magic in ("", "%%scoop\n"):
        cell = kernel.run(magic + "\nlist(futures.map(outer, range(4)))")
        assert cell.error and cell.error.name == "ZeroDivisionError" and cell.error.value == "division by zero"
        remote, _, here = cell.error.traceback.partition("The above exception was the direct cause")
        assert "RemoteTraceback" in remote and "return inner(x) + 1" in remote and "return 10 / (x - 2)" in remote
        assert "list(futures.map(outer, range(4)))" in here
        assert "scoop_jupyter" not in cell.error.traceback
    assert "ZeroDivisionError" in cell.html and "Finished with failures" in cell.html


def test_an_error_in_a_nested_task_names_the_whole_way(kernel: Kernel) -> None:
    kernel.run(
        "def deep(n):\n    if n == 0:\n        raise KeyError('deep down')\n"
        "    return futures.submit(deep, n - 1).result()"
    )
    cell = kernel.run("%%scoop\nfutures.submit(deep, 3).result()")
    assert cell.error and cell.error.name == "KeyError"
    assert "raise KeyError('deep down')" in cell.error.traceback
    assert cell.error.traceback.count("return futures.submit(deep, n - 1).result()") >= 1


@pytest.mark.parametrize(
    ("body", "name", "shown"),
    [
        ("x = 1\ny = (\nz = 2", "SyntaxError", "line 3\n    y = (\n        ^\nSyntaxError: '(' was never closed"),
        ("x = 1\n  y = 2", "IndentationError", "line 3\n    y = 2\n    ^\nIndentationError: unexpected indent"),
        ("return 3", "SyntaxError", "line 2\n    return 3\n    ^\nSyntaxError: 'return' outside function"),
    ],
)
def test_a_syntax_error_looks_as_in_any_cell(kernel: Kernel, body: str, name: str, shown: str) -> None:
    cell = kernel.run(f"%%scoop\n{body}\n")
    assert cell.error and cell.error.name == name
    assert shown in cell.error.traceback, cell.error.traceback
    assert "scoop_jupyter" not in cell.error.traceback and "IPython" not in cell.error.traceback


def test_an_error_with_slots_and_one_that_shows_itself(kernel: Kernel) -> None:
    kernel.run("class Shown(Exception):\n    def _render_traceback_(self):\n        return ['as I like it']").check()
    cell = kernel.run("%%scoop\nraise Shown('x')")
    assert cell.error and cell.error.name == "Shown"


def test_the_cell_after_an_error_works(kernel: Kernel) -> None:
    kernel.run("%%scoop\nlist(futures.map(lambda x: 1 / x, [0] * 20))")
    assert kernel.run("%%scoop\nsum(futures.map(abs, range(-9, 0)))").check().result == "45"
