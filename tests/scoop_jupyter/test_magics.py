"""`%scoop` in a real kernel: each command, errors, help, completion; how the extension comes and goes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.scoop_jupyter.kernel import WIDGET, Kernel

COMMANDS = [
    "start", "stop", "status", "scale", "wait", "restart", "connect", "profiles", "pools",
    "each", "sync", "debug", "output", "panel", "help",
]  # fmt: skip


def refused(kernel: Kernel, line: str) -> str:
    """What a line that makes no sense is answered: an error of usage, without a traceback."""
    cell = kernel.run(line)
    assert cell.text() == "" and cell.error is None, line
    said = cell.text("stderr")
    assert said.startswith("UsageError: "), said
    assert "Traceback" not in said
    return said


# ---- coming and going ----------------------------------------------------------------------------------------------


def test_from_the_first_line_to_the_last(new_kernel: Callable[[], Kernel]) -> None:
    kernel = new_kernel()
    assert "There is no pool" in kernel.run("%scoop status").check().text()
    assert "There is no pool" in kernel.run("%scoop stop").check().text()
    assert kernel.run("%scoop start -n 2 --name first").check().text() == "Pool 'first': 2 workers\n"
    said = refused(kernel, "%scoop start -n 3")
    assert "'first' runs already" in said and "%scoop scale N" in said
    kernel.run("%load_ext scoop").check()  # says that it is loaded
    kernel.run("import scoop\nscoop.load_ipython_extension(get_ipython())").check()
    assert "first  (in use here)" in kernel.run("%scoop pools").check().text()
    assert kernel.run("%scoop stop").check().text() == "Pool 'first' stopped.\n"
    assert "first" not in kernel.run("%scoop pools").check().text()
    assert kernel.run("%scoop start -n 1 --name second").check().text() == "Pool 'second': 1 worker\n"
    kernel.run("%unload_ext scoop").check()
    assert kernel.run("'second' in scoop.pools()").check().result == "False"
    assert "not found" in kernel.run("%scoop status").text("stderr")
    assert "not found" in kernel.run("%%scoop\n1").text("stderr")
    kernel.run("%reload_ext scoop").check()
    assert kernel.run("%%scoop -n 1 --quiet\nlist(futures.map(abs, [-3]))").check().result == "[3]"
    # Loaded twice, and a third time after all of this: each cell is still one run.
    assert kernel.run("print(1)").check().text() == "1\n"


def test_unloading_what_was_never_loaded(kernel: Kernel) -> None:
    kernel.run("from IPython.core.interactiveshell import InteractiveShell").check()
    kernel.run("scoop_free = InteractiveShell()\nimport scoop").check()
    kernel.run("scoop.unload_ipython_extension(scoop_free)").check()
    assert kernel.run("list(futures.map(abs, [-1]))").check().result == "[1]"


# ---- commands ------------------------------------------------------------------------------------------------------


def test_status(kernel: Kernel) -> None:
    kernel.run("def counted(x):\n    return x\nlist(futures.map(counted, range(5)))").check()
    said = kernel.run("%scoop status").check().text()
    assert re.search(r"^w\d+ +\[.{10}\] +[\d.]+ \w+ +idle$", said, re.MULTILINE)
    assert re.search(r"^counted +5/5", said, re.MULTILINE)


def test_scale(kernel: Kernel) -> None:
    assert kernel.run("%scoop scale 3").check().text() == "3 workers\n"
    assert kernel.run("len(processes(3))").check().result == "3"
    assert kernel.run("%scoop scale 1").check().text() == "1 worker\n"
    assert kernel.run("len(processes(1))").check().result == "1"
    assert kernel.run("%scoop scale 2").check().text() == "2 workers\n"
    assert kernel.run("%scoop wait 2 --timeout 5").check().text() == "2 workers\n"
    assert "2 of 3 workers are there after 0.1 s" in kernel.run("%scoop wait 3 --timeout 0.1").text("stderr")


def test_restart_replaces_all_workers(kernel: Kernel) -> None:
    kernel.run("before = processes(2)").check()
    kernel.run("%scoop each stale = 1").check()
    kernel.run("pending = futures.submit(time.sleep, 60)").check()
    assert kernel.run("%scoop restart").check().text() == "2 new workers\n"
    kernel.run("after = processes(2)").check()
    assert kernel.run("len(before), len(after), before & after, pending.cancelled()").result == "(2, 2, set(), True)"
    fails = kernel.run("%scoop each stale")
    assert fails.error and fails.error.name == "NameError"


def test_pools(kernel: Kernel) -> None:
    assert re.fullmatch(r"pool-[0-9a-f]{6}  \(in use here\)\n", kernel.run("%scoop pools").check().text())


def test_each_runs_on_every_worker(kernel: Kernel) -> None:
    cell = kernel.run("%scoop each import os; own = os.getpid(); print(\"it's\", 'here')").check()
    assert re.fullmatch(r"\[w\d+, w\d+\]\nit's here\n", cell.text())
    said = kernel.run("%scoop each print(own)").check().text()
    assert len(set(re.findall(r"^\d+$", said, re.MULTILINE))) == 2  # each has its own
    seen = "sorted(set(futures.map(lambda x: __import__('__main__').own == os.getpid(), range(8))))"
    assert kernel.run(seen).check().result == "[True]"


def test_workers_do_without_ipython(new_kernel: Callable[..., Kernel]) -> None:
    kernel = new_kernel()
    kernel.run("%scoop start -n 1\nfrom scoop import futures").check()
    kernel.run("%scoop each x = 1").check()
    kernel.run("%%scoop --profile --quiet\nfutures.submit(lambda: display(1)).result()").check()
    said = kernel.run("%scoop each import sys; {'IPython', 'matplotlib'} & set(sys.modules)").check().text()
    assert said == "[w0]\nset()\n"


def test_each_with_a_cell(kernel: Kernel) -> None:
    kernel.run("%%scoop each\ndef set_up():\n    return 'set up'\n\ntools = [set_up()]").check()
    assert kernel.run("%scoop each print(tools)").check().text().endswith("\n['set up']\n")


def test_functions_of_the_notebook_see_what_each_has_set(kernel: Kernel) -> None:
    kernel.run("%scoop each import os, math as arithmetic; who = os.getpid()").check()
    kernel.run("def seen(x):\n    return who == os.getpid(), arithmetic.floor(2.5)\nimport os").check()
    nested = "def around(x):\n    return list(futures.map(seen, [x]))"
    for code in (nested, "set(futures.map(seen, range(20)))"):
        cell = kernel.run(code).check()
    assert cell.result == "{(True, 2)}"
    assert kernel.run("set(sum(futures.map(around, range(20)), []))").check().result == "{(True, 2)}"
    kernel.run("%%scoop each\nwho = 'changed'\ndef tell():\n    return who\nmax = 'mine'").check()
    kernel.run("def told(x):\n    return tell(), max(1, x)").check()
    assert kernel.run("set(futures.map(told, [3] * 20))").check().result == "{('changed', 3)}"
    # What the notebook itself has goes before.
    kernel.run("who = 'of the notebook'\ndef mine(x):\n    return who").check()
    assert kernel.run("set(futures.map(mine, range(20)))").check().result == "{'of the notebook'}"
    kernel.run("del who\n").check()
    kernel.run("%scoop each del who, max").check()
    assert kernel.run("futures.submit(mine, 1).exception()").check().result.startswith("NameError")


def test_braces_are_values_of_the_notebook_but_in_statements(kernel: Kernel) -> None:
    kernel.run("count = 3").check()
    assert kernel.run("%scoop scale {count - 1}").check().text() == "2 workers\n"
    assert kernel.run("%%scoop -n {count - 1} --quiet\n{count}").check().result == "{3}"
    assert kernel.run("%scoop each {'a': 1}['a']").check().text().endswith("\n1\n")


def test_each_shows_the_value_of_a_last_expression(kernel: Kernel) -> None:
    assert re.fullmatch(r"\[w\d+, w\d+\]\n3\n", kernel.run("%scoop each 1 + 2").check().text())
    cell = kernel.run("%%scoop each\nprint('said')\nNone\n").check()
    assert re.fullmatch(r"\[w\d+, w\d+\]\nsaid\n", cell.text())


def test_each_that_fails(kernel: Kernel) -> None:
    cell = kernel.run("%%scoop each\nnothing = 0\n1 / nothing")
    assert cell.error and cell.error.name == "ZeroDivisionError"
    number = re.search(r"Cell In\[(\d+)\], line 1", cell.error.traceback)
    assert number and f'File "Cell In[{number[1]}]", line 3' in cell.error.traceback
    assert "    1 / nothing" in cell.error.traceback
    assert "magics.py" not in cell.error.traceback


def test_panel_follows_the_pool(new_kernel: Callable[[], Kernel]) -> None:
    kernel = new_kernel()
    panel = kernel.run("%scoop panel").check()  # starts a pool, as any use does
    assert WIDGET in panel.displays[0]
    cell = kernel.begin("import time\nfrom scoop import futures\nlist(futures.map(time.sleep, [0.05] * 20));")
    kernel.finish(cell).check()
    # A thread's updates count as the running cell's.
    states = cell.snapshots
    done = [state["tasks"]["done"] for state in states]
    assert any(0 < count < 20 for count in done), done
    kernel.run("%scoop stop").check()
    assert "20 tasks in" in panel.html and WIDGET not in panel.shown.popitem()[1]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%scoop bogus", "invalid choice: 'bogus' (choose from"),
        ("%scoop scale", "the following arguments are required: N"),
        ("%scoop scale 0", "'0' is not a positive number"),
        ("%scoop scale many", "'many' is not a positive number"),
        ("%scoop start -n -1", "-n"),
        ("%scoop start two", "unrecognized arguments: two"),
        ("%scoop connect nowhere", "No pool 'nowhere' runs here (running: 'pool-"),
        ("%scoop connect /nowhere/at-all.json", "no connection file of a running pool"),
        ("%scoop each", "which statement?"),
        ("%scoop start --name 'x", "No closing quotation"),
        ("%%scoop --timeout soon\n1", "'soon' is not a time in seconds"),
        ("%%scoop -n none\n1", "'none' is not a positive number"),
        ("%%scoop --loud\n1", "unrecognized arguments: --loud"),
    ],
)
def test_what_makes_no_sense(kernel: Kernel, line: str, says: str) -> None:
    assert says in refused(kernel, line)


def test_a_name_that_is_none(new_kernel: Callable[[], Kernel]) -> None:
    assert "can't name a pool" in refused(new_kernel(), "%scoop start --name a/b")


# ---- help and completion -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["%scoop", "%scoop help", "%scoop --help", "%scoop -h"])
def test_help(kernel: Kernel, line: str) -> None:
    said = kernel.run(line).check().text()
    assert said.startswith("usage: %scoop [-h] COMMAND")
    assert [command for command in COMMANDS if not re.search(rf"^ +{command} ", said, re.MULTILINE)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(kernel: Kernel, command: str) -> None:
    said = kernel.run(f"%scoop {command} --help").check().text()
    assert said.startswith(f"usage: %scoop {command} [-h]") and "%%" not in said


def test_help_of_the_cell_magic(kernel: Kernel) -> None:
    said = kernel.run("%%scoop --help\n1 / 0").check().text()
    for option in ("-n N", "--profile", "--quiet", "--timeout S", "%%scoop each"):
        assert option in said


@pytest.mark.parametrize(
    ("code", "offers"),
    [
        ("%scoop ", {*COMMANDS, "--help"}),
        ("%scoop sy", {"sync"}),
        ("%scoop sync ", {"on", "off", "--help"}),
        ("%scoop st", {"start", "stop", "status"}),
        ("%scoop start --n", {"--name"}),
        ("%scoop start --e", {"--engine", "--external-hostname"}),
        ("%scoop start --launcher s", {"sge", "slurm", "ssh"}),
        ("%scoop start --engine ", {"scoop", "dask"}),
        ("%scoop start --per-job 2 --par", {"--parallel-environment"}),
        ("%scoop bogus ", {"--help"}),
        ("%scoop scale --", {"--help"}),
        ("%scoop connect --", {"--ssh-executable", "--python", "--help"}),
        ("%scoop connect ssh", {"ssh://"}),
        ("%%scoop --", {"--profile", "--quiet", "--timeout", "--help"}),
        ("%%scoop --quiet --t", {"--timeout"}),
        ("%%scoop e", {"each"}),
    ],
)
def test_completion(kernel: Kernel, code: str, offers: set[str]) -> None:
    assert set(kernel.complete(code)) == offers


def test_completion_of_pools(kernel: Kernel) -> None:
    names = kernel.run("%scoop pools").check().text().split()[:1]
    assert kernel.complete("%scoop connect pool-") == names
