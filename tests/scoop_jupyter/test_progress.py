"""The line that shows how far a run is: in real terminals, of IPython and of programs."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from scoop_jupyter.progress import progress_line
from scoop_jupyter.view import Snapshot
from tests.scoop.running import run
from tests.scoop_jupyter import samples

PROGRAM = """
import sys, time
from pathlib import Path
from scoop import futures

def nap(x):
    time.sleep(0.01)
    return x

def task(gate):
    while not Path(gate).exists():
        time.sleep(0.01)
    return 1

if __name__ == "__main__":
    print("begun")
    first = futures.map(nap, range(30))
    print("so far", sum(first))
    total = sum(futures.map(task, [sys.argv[1]] * 20))
    if "fail" in sys.argv:
        raise ValueError("no luck")
    print("total", total)
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


@contextmanager
def terminal(*arguments: str, folder: Path) -> Iterator[pexpect.spawn]:
    """A Python in a terminal of its own, with 100 columns."""
    environment = {**os.environ, "IPYTHONDIR": str(folder / "ipython"), "TERM": "xterm"}
    child = pexpect.spawn(
        sys.executable,
        list(arguments),
        cwd=folder,
        env=environment,
        dimensions=(30, 100),
        timeout=30,
        encoding="utf-8",
    )
    try:
        yield child
    finally:
        child.close(force=True)


def screen(text: str) -> list[str]:
    """The lines that somebody sees in the end."""
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        seen = ""
        for part in re.split(r"(\r|\x1b\[K)", line):
            if part == "\r":
                rest, seen = seen, ""
            elif part == "\x1b[K":
                rest = ""
            else:
                seen += re.sub(r"\x1b\[[\d;?]*\w|\x1b\].*?\x07", "", part)
                rest = ""
        lines.append(seen or rest)
    return lines


def test_a_program_in_a_terminal(here: Path) -> None:
    gate = here / "gate"
    with terminal("-m", "scoop", "-n", "2", "--progress", "program.py", str(gate), folder=here) as child:
        # The program is a worker that had nothing to do before: what it was sent waits behind a task of its own.
        child.expect_exact("30 of 50 tasks · 2 running")
        before = child.before + child.after
        gate.touch()
        child.expect(pexpect.EOF)
        lines = screen(before + child.before)
        child.close()
    assert child.exitstatus == 0
    assert lines[:3] == ["begun", "so far 435", "total 20"]
    assert re.fullmatch(r"50 tasks in .* on 2 workers.*", lines[3])
    assert lines[4:] == [""]


def test_a_program_alone_and_one_that_fails(here: Path) -> None:
    (here / "gate").touch()
    with terminal("-m", "scoop", "-n", "1", "--progress", "program.py", "gate", "fail", folder=here) as child:
        child.expect(pexpect.EOF)
        lines = screen(child.before)
        child.close()
    assert child.exitstatus == 1
    assert lines[:2] == ["begun", "so far 435"]
    assert re.fullmatch(r"50 tasks in .* on 1 worker\b.*", lines[2])
    assert lines[-2] == "ValueError: no luck"


def test_what_is_no_terminal(here: Path) -> None:
    (here / "gate").touch()
    done = run("-m", "scoop", "-n", "2", "--progress", "program.py", "gate", cwd=here)
    assert (done.stdout, done.stderr) == ("begun\nso far 435\ntotal 20\n", "")
    done = run("-m", "scoop", "-n", "2", "--progress=always", "program.py", "gate", cwd=here)
    assert done.stdout == "begun\nso far 435\ntotal 20\n"
    assert re.fullmatch(r"50 tasks in .* on 2 workers.*\n", done.stderr)


def test_ipython_in_a_terminal(here: Path) -> None:
    (here / "cells.ipy").write_text("""
%load_ext scoop
%scoop start -n 2 --name plain
import os, time
from scoop import futures
def task(x):
    while not os.path.exists("gate"):
        time.sleep(0.01)
    if x == 5:
        print("from a task")
    return 1
get_ipython().run_cell_magic("scoop", "", "print('first')\\nprint('total', sum(futures.map(task, range(20))))")
get_ipython().run_cell_magic("scoop", "--quiet", "print('quiet', sum(futures.map(task, range(4))))")
get_ipython().run_cell_magic("scoop", "--quiet --profile", "list(futures.map(task, range(5)));")
print('over')
""")
    with terminal("-m", "IPython", "--simple-prompt", "--no-banner", "cells.ipy", folder=here) as child:
        child.expect_exact("0 of 20 tasks · 2 running")
        before = child.before + child.after
        (here / "gate").touch()
        child.expect(pexpect.EOF)
        lines = screen(before + child.before)
    assert lines[0] == "Pool 'plain': 2 workers"
    assert lines[1] == "first"
    assert re.fullmatch(r"\[w\d+\] from a task", lines[2])
    assert lines[3] == "total 20"
    assert re.fullmatch(r"20 tasks in .* on 2 workers.*", lines[4])
    assert lines[5] == "quiet 4" and lines[6].startswith("Profile: ") and lines.index("over") > 8
    assert any(re.fullmatch(r" +[\d.]+ \S+ +[\d.]+ \S+ +5  task \(.*\)", line) for line in lines[7:])


@pytest.mark.parametrize("width", [20, 79, 200])
@pytest.mark.parametrize("sample", [samples.small, samples.large, samples.failed, samples.lost, samples.nothing])
def test_the_line_fits(sample: Callable[[], Snapshot], width: int) -> None:
    assert len(progress_line(sample(), width)) <= width
