"""Those that must not outlive each other."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scoop_core.processes import is_alive, kill_group, open_pid
from tests.waiting import eventually

Child = subprocess.Popen[str]


@pytest.fixture
def children() -> Iterator[list[Child]]:
    """Processes that are ended after the test, if they have not ended by then."""
    started: list[Child] = []
    yield started
    for child in started:
        child.kill()
        child.communicate()


def run(children: list[Child], code: str) -> Child:
    """A Python process that leads a group of its own."""
    pipe = subprocess.PIPE
    child = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True, start_new_session=True)
    children.append(child)
    return child


def first_number(child: Child) -> int:
    assert child.stdout is not None
    return int(child.stdout.readline())


def turn(child: Child) -> int:
    """How long the turns of a process are, in nanoseconds."""
    text = Path(f"/proc/{child.pid}/sched").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("se.slice")).split()[-1])


SHORT_TURNS = """
import os
from scoop_core.processes import take_short_turns
os.nice(3)
print(1, flush=True)
input()
take_short_turns()
print(os.getpriority(os.PRIO_PROCESS, 0), flush=True)
input()
"""


@pytest.mark.skipif(tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) < (6, 12), reason="Linux before 6.12")
def test_turns_get_shorter_and_nothing_else_changes(children: list[Child]) -> None:
    child = run(children, SHORT_TURNS)
    assert first_number(child) == 1 and child.stdin is not None
    if not Path(f"/proc/{child.pid}/sched").exists():
        pytest.skip("this kernel does not tell how long turns are")
    before = turn(child)
    child.stdin.write("\n")
    child.stdin.flush()
    assert first_number(child) == min(19, os.nice(0) + 3)
    assert turn(child) == 100_000 < before


WITH_HELPER = """
import subprocess, sys, time
helper = subprocess.Popen([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"],
                          stdout=subprocess.PIPE, text=True)
helper.stdout.readline()
print(helper.pid, flush=True)
"""


def test_a_group_is_killed_with_all_that_is_in_it(children: list[Child]) -> None:
    child = run(children, WITH_HELPER + "time.sleep(60)")
    helper = first_number(child)
    assert is_alive(helper)
    kill_group(child.pid)
    assert child.wait(10) == -signal.SIGKILL
    eventually(lambda: not is_alive(helper))


def test_who_ends_takes_its_group_along(children: list[Child]) -> None:
    child = run(children, WITH_HELPER + "from scoop_core.processes import end_group; end_group(3)")
    helper = first_number(child)
    child.wait(10)
    eventually(lambda: not is_alive(helper))


def test_who_leads_no_group_ends_alone(children: list[Child]) -> None:
    code = """
import os
from scoop_core.processes import end_group
pid = os.fork()
if not pid:
    end_group(3)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
    assert first_number(run(children, code)) == 3


def test_killing_what_is_gone_does_nothing(children: list[Child]) -> None:
    child = run(children, "")
    child.wait(10)
    kill_group(child.pid)


def test_a_zombie_is_not_alive(children: list[Child]) -> None:
    child = run(children, "import time; print(1, flush=True); time.sleep(60)")
    first_number(child)
    assert is_alive(child.pid)
    os.kill(child.pid, signal.SIGKILL)
    eventually(lambda: not is_alive(child.pid))
    child.wait(10)
    assert not is_alive(child.pid)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs pidfds")
def test_a_descriptor_tells_the_end_of_a_process(children: list[Child]) -> None:
    child = run(children, "import time; print(1, flush=True); time.sleep(60)")
    first_number(child)
    fd = open_pid(child.pid)
    assert fd is not None
    try:
        assert select.select([fd], [], [], 0)[0] == []
        child.kill()
        assert select.select([fd], [], [], 10)[0] == [fd]
    finally:
        os.close(fd)
    child.wait(10)
    assert open_pid(child.pid) is None


@pytest.mark.skipif(sys.platform != "linux", reason="needs PDEATHSIG")
def test_who_dies_with_its_parent_does_so_even_if_it_never_looks(children: list[Child]) -> None:
    child = run(
        children,
        """
import os, time
from scoop_core.processes import die_with_parent
pid = os.fork()
if not pid:
    die_with_parent()
    print(os.getpid(), flush=True)
    while True: pass
os.waitpid(pid, 0)
""",
    )
    grandchild = first_number(child)
    assert is_alive(grandchild)
    os.kill(child.pid, signal.SIGKILL)
    eventually(lambda: not is_alive(grandchild))


def test_who_reads_from_nowhere_is_at_the_end_at_once(children: list[Child]) -> None:
    code = "import sys\nfrom scoop_core.processes import detach_input\ndetach_input()\nprint(len(sys.stdin.read()))"
    assert first_number(run(children, code)) == 0
