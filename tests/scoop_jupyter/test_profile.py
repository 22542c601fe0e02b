"""``%%scoop --profile`` in a real kernel: what it shows, and that it ends with its cell."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.scoop_jupyter.kernel import WIDGET, Kernel

TASKS = """
import json, time
def small(x):
    return sum(range(1000))
def large(x):
    json.dumps(x)
    return small(x) + sum(futures.map(small, range(5)))
"""


def report(cell_displays: list[dict[str, str]]) -> dict[str, str]:
    """The one display that is no panel."""
    found = [data for data in cell_displays if WIDGET not in data]
    assert len(found) == 1
    return found[0]


def calls(text: str) -> dict[str, int]:
    """By function, from the table."""
    rows = re.findall(r"^ +[\d.]+ \S+ +[\d.]+ \S+ +([\d,]+)  (\S+) \(", text, re.MULTILINE)
    return {name: int(count.replace(",", "")) for count, name in rows}


def test_functions_of_all_workers(kernel: Kernel) -> None:
    kernel.run(TASKS).check()
    cell = kernel.run("%%scoop --profile\nlist(futures.map(large, range(40)));").check()
    shown = report(cell.displays)
    text = shown["text/plain"]
    assert text.startswith("Profile: ") and "in tasks on 2 workers" in text.splitlines()[0]
    counts = calls(text)
    assert (counts["large"], counts["small"], counts["dumps"]) == (40, 240, 40)
    assert re.search(r"  large \(Cell In\[\d+\]:\d\)$", text, re.MULTILINE)
    assert "scoop" not in text and "greenlet" not in text
    page = shown["text/html"]
    assert ">large<" in page and "<script" not in page and "http" not in page and "url(" not in page
    # The bars of what a task called lie below its own.
    tops = dict(re.findall(r'title="(\w+) [^"]*" style="[^"]*top:(\d+)px', page))
    assert int(tops["dumps"]) > int(tops["large"]) == 0
    # The cell's panel knows of the cell's tasks only.
    assert "240 tasks" in cell.html
    # The value of the cell is shown as ever.
    assert kernel.run("%%scoop --profile --quiet\nsum(futures.map(small, range(3)))").check().result == "1498500"


def test_it_ends_with_the_cell(kernel: Kernel) -> None:
    kernel.run(TASKS).check()
    kernel.run("%%scoop --profile\nlist(futures.map(large, range(4)));").check()
    watched = "set(futures.map(lambda x: __import__('scoop_core.current').current.current.engine.watch, range(9)))"
    assert kernel.run(watched).check().result == "{None}"
    cell = kernel.run("%%scoop --profile --quiet\nlist(futures.map(small, range(7)));").check()
    assert calls(report(cell.displays)["text/plain"])["small"] == 7
    assert "large" not in report(cell.displays)["text/plain"]


def test_cells_that_fail_and_that_are_stopped(kernel: Kernel) -> None:
    kernel.run(TASKS + "def fails(x):\n    small(x)\n    1 / 0\n").check()
    cell = kernel.run("%%scoop --profile\nlist(futures.map(fails, range(3)));")
    assert cell.error and cell.error.name == "ZeroDivisionError"
    assert calls(report(cell.displays)["text/plain"])["fails"] == 3
    begun = kernel.begin("%%scoop --profile\nprint('begun')\nlist(futures.map(time.sleep, [60, 60]))")
    kernel.until(lambda: "begun" in begun.text())
    assert kernel.interrupt(begun) < 5
    assert report(begun.displays)["text/plain"].startswith("Profile: ")
    assert kernel.run("list(futures.map(small, range(1)))").check().result == "[499500]"


def test_a_cell_without_tasks(kernel: Kernel) -> None:
    shown = report(kernel.run("%%scoop --profile\nfutures;").check().displays)
    assert shown["text/plain"].startswith("Profile: 0 s in tasks on 2 workers")


def test_tasks_that_wait_for_those_of_others(kernel: Kernel, tmp_path: Path) -> None:
    """While a task makes way for others, they are not taken for something that it has called."""
    gate, begun = tmp_path / "gate", tmp_path / "begun"
    kernel.run(f"""
import os, time
def slow():
    open({str(begun)!r}, "w").close()
    while not os.path.exists({str(gate)!r}):
        time.sleep(0.005)
def waits():
    child = futures.submit(slow)
    while not os.path.exists({str(begun)!r}):  # on the other worker
        time.sleep(0.005)
    child.result()
def busy(x):
    time.sleep(0.2)
""").check()
    cell = kernel.run(
        "%%scoop --profile\nfirst = futures.submit(waits)\n"
        f"while not os.path.exists({str(begun)!r}):\n    time.sleep(0.005)\n"
        f"list(futures.map(busy, range(5)))\nopen({str(gate)!r}, 'w').close()\nfirst.result()"
    ).check()
    seen: dict[str, float] = {}
    for figure, unit, name in re.findall(
        r"^ +[\d.]+ \S+ +([\d.]+) (\S+) +\d+  (\w+) \(", report(cell.displays)["text/plain"], re.MULTILINE
    ):
        seen[name] = float(figure) * {"s": 1, "ms": 1e-3, "µs": 1e-6}[unit]
    assert seen["busy"] >= 0.99 and seen["waits"] < 0.8, seen


def test_another_notebook_is_left_out(new_kernel: Callable[..., Kernel]) -> None:
    owner, guest = new_kernel(), new_kernel()
    owner.run("%scoop start -n 2 --name both").check()
    guest.run("%scoop connect both").check()
    for kernel, name in ((owner, "mine"), (guest, "theirs")):
        kernel.run(f"import time\nfrom scoop import futures\ndef {name}(x):\n    time.sleep(0.01)").check()
    other = guest.begin("list(futures.map(theirs, range(150)));")
    cell = owner.run("%%scoop --profile\nlist(futures.map(mine, range(40)));").check()
    guest.finish(other).check()
    counts = calls(report(cell.displays)["text/plain"])
    assert counts["mine"] == 40 and "theirs" not in counts
