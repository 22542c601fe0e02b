"""``python -m scoop``: programs as roots, and the commands for pools."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import scoop
from scoop import futures
from tests.conftest import PoolFactory
from tests.scoop import tasks
from tests.scoop.running import PROGRAMS, run, running
from tests.waiting import eventually


def run_scoop(*arguments: str | Path | int, **options: Any) -> subprocess.CompletedProcess[str]:
    # Where this is set, a line of the program leaves in two pieces, and a worker may write in between.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return run("-m", "scoop", *map(str, arguments), **({"env": environment} | options))


# ---- programs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize(("status", "code"), [("0", 0), ("3", 3), ("no luck", 1)])
def test_arguments_streams_and_exit_code(n: int, status: str, code: int) -> None:
    arguments = [status, "a b", "-n", "7", "--name=x", "", "--", "*", "-m"]
    done = run_scoop("-n", n, PROGRAMS / "arguments.py", *arguments, input="first\nlast")
    assert done.stdout == f"{arguments}\nfirst\nlast"
    assert done.stderr == "to the error stream\n" + ("no luck\n" if status == "no luck" else "")
    assert done.returncode == code


FEATURES = """\
by reference True
data [0, 1, 4, 9]
nested [1, 2, 4, 8, 16, 32]
deep 300
lambda [1, 2, 3, 4]
closure [2, 3, 4, 5]
guarded [10, 20, 30, 40] 5
class True [Point(x=0)]
method True
cached [0, -1, -2]
neighbour [0, 3, 6]
reduce 01234 [0, 1, 3, 6, 10]
shared 42 -1
processes True named set()
"""


@pytest.mark.parametrize("n", [1, 2, 3])
def test_what_a_program_may_do(n: int, tmp_path: Path) -> None:
    done = run_scoop("-n", n, PROGRAMS / "features.py", n, cwd=tmp_path)
    assert done.stdout == FEATURES
    assert (done.returncode, done.stderr) == (0, "")


def test_a_program_named_by_a_relative_path(tmp_path: Path) -> None:
    name = os.path.relpath(PROGRAMS / "features.py", tmp_path)
    assert run_scoop("-n", 2, name, 2, cwd=tmp_path).stdout == FEATURES


def test_the_default_number_of_workers() -> None:
    code = run_scoop(PROGRAMS / "features.py", 64)
    assert (code.stdout, code.returncode) == (FEATURES, 0)


@pytest.mark.parametrize("n", [1, 2])
def test_a_program_in_a_package(n: int) -> None:
    done = run_scoop("-n", n, "-m", "package.program", "-x", "y", cwd=PROGRAMS)
    assert done.stdout == "['-x', 'y'] [0.0, 0.5, 1.0] [0.0, 0.25, 0.5]\n", done.stderr
    done = run_scoop("-n", n, "-m", "package", cwd=PROGRAMS)
    assert done.stdout == "main [0.0, 0.5, 1.0]\n", done.stderr


def test_a_program_without_a_guard() -> None:
    done = run_scoop("-n", 2, PROGRAMS / "unguarded.py")
    assert set(done.stdout.split()) == {"328350"}
    assert (done.returncode, done.stderr) == (0, "")


PROCESSES = """
import os
from scoop import futures
def process(_): return os.getpid()
if __name__ == "__main__":
    print(os.getpid(), *set(futures.map(process, range(100))))
"""


def test_with_one_worker_all_runs_in_the_programs_own_process(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROCESSES)
    own, *others = run_scoop("-n", 1, tmp_path / "program.py").stdout.split()
    assert others == [own]


def test_the_origin_is_one_of_the_workers(tmp_path: Path) -> None:
    program = """
import os, time
from pathlib import Path
from scoop import futures

def work(_):
    time.sleep(0.01)
    return os.getpid()

if __name__ == "__main__":
    pids = set(futures.map(work, range(100)))
    print(os.getpid() in pids, len(pids))
"""
    (tmp_path / "program.py").write_text(program)
    assert run_scoop("-n", 2, tmp_path / "program.py").stdout == "True 2\n"


def test_prints_of_tasks(tmp_path: Path) -> None:
    program = """
from scoop import futures
if __name__ == "__main__":
    list(futures.map(print, range(30)))
    print("end")
"""
    (tmp_path / "program.py").write_text(program)
    done = run_scoop("-n", 2, tmp_path / "program.py")
    lines = done.stdout.splitlines()
    assert sorted(lines) == sorted([*map(str, range(30)), "end"])


def test_what_was_submitted_and_is_not_waited_for_ends_with_the_program(tmp_path: Path) -> None:
    program = """
import atexit, time
from scoop import futures
if __name__ == "__main__":
    atexit.register(print, "at exit")
    pending = [futures.submit(time.sleep, 3600) for _ in range(5)]
    print("end")
"""
    (tmp_path / "program.py").write_text(program)
    done = run_scoop("-n", 2, tmp_path / "program.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\nat exit\n", "")


# ---- programs that fail -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("how", ["here", "task", "nested"])
def test_a_program_that_raises(n: int, how: str) -> None:
    done = run_scoop("-n", n, PROGRAMS / "failing.py", how)
    assert done.returncode == 1 and done.stdout == ""
    assert "1 / x  # the culprit" in done.stderr
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")
    own = done.stderr.rpartition("direct cause of the following exception:\n\n")[2]
    files = re.findall(r'File "(.*)", line', own)
    assert files[0] == str(PROGRAMS / "failing.py"), "it begins in the program"


def test_a_program_that_does_not_parse(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text("def f(:\n")
    done = run_scoop("-n", 2, tmp_path / "wrong.py")
    assert done.returncode == 1
    assert done.stderr.startswith(f'  File "{tmp_path / "wrong.py"}", line 1')
    assert "SyntaxError" in done.stderr


@pytest.mark.parametrize("how", ["map", "result", "wait", "own"])
@pytest.mark.parametrize("n", [1, 2])
def test_an_interrupt_ends_the_program_and_its_pool(tmp_path: Path, how: str, n: int) -> None:
    with running("-m", "scoop", "-n", str(n), PROGRAMS / "waiting.py", how, tmp_path) as program:
        expected = n - 1 if how == "own" else n
        eventually(lambda: (tmp_path / "waits").exists() and len(set(tasks.begun(tmp_path))) == expected, 20)
        began = time.monotonic()
        os.kill(program.pid, signal.SIGINT)
        code, out, err = program.end()
        assert time.monotonic() - began < 2
        assert (code, out) == (130, "")
        assert err.endswith("KeyboardInterrupt\n")


@pytest.mark.parametrize("n", [1, 2])
def test_a_program_may_catch_an_interrupt_and_go_on(tmp_path: Path, n: int) -> None:
    with running("-m", "scoop", "-n", str(n), PROGRAMS / "catching.py", tmp_path) as program:
        for number in range(5):
            eventually(lambda number=number: program.pid in tasks.begun(tmp_path / str(number)), 20)
            os.kill(program.pid, signal.SIGINT)
            assert program.line(1) == "caught KeyboardInterrupt"
        assert program.end() == (0, "5050\n", "")


@pytest.mark.parametrize("victim", ["root", "server"])
def test_nothing_is_left_of_a_program_that_is_killed(tmp_path: Path, victim: str) -> None:
    with running("-m", "scoop", "-n", "2", PROGRAMS / "waiting.py", "elsewhere", tmp_path) as program:
        eventually(lambda: tasks.begun(tmp_path), 20)
        root = psutil.Process(program.pid)
        server = next(child for child in root.children() if "forkserver" in " ".join(child.cmdline()))
        everybody = [root, *root.children(recursive=True)]
        (root if victim == "root" else server).kill()
        code, _, err = program.end()
        if victim == "server":
            assert code == 1 and "BrokerLost" in err
    eventually(lambda: not any(p.is_running() and p.status() != "zombie" for p in everybody))


def test_a_worker_of_a_program_that_is_killed_is_replaced(tmp_path: Path) -> None:
    program = """
import os, signal, sys, time
from pathlib import Path
from scoop import futures

def work(x):
    folder = Path(sys.argv[1])
    if folder.joinpath("root").read_text() != str(os.getpid()) and not (folder / "killed").exists():
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.005)
    return x

if __name__ == "__main__":
    Path(sys.argv[1], "root").write_text(str(os.getpid()))
    print(list(futures.map(work, range(200))) == list(range(200)))
"""
    (tmp_path / "program.py").write_text(program)
    done = run_scoop("-n", 2, tmp_path / "program.py", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")
    assert (tmp_path / "killed").exists()


# ---- bad input --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no_such_program.py"], "no_such_program.py"),
        (["-n", "-1", "program.py"], "'-1' is not a positive number"),
        (["-n", "0", "program.py"], "'0' is not a positive number"),
        (["-n", "many", "program.py"], "'many' is not a positive number"),
        (["-m", "no_such_module"], "no_such_module"),
        (["-m", "no_such.module"], "no_such"),
        ([], "required: program"),
        (["--what", "program.py"], "--what"),
        (["--name", "a/b", str(PROGRAMS / "arguments.py"), "0"], "'a/b' can't name a pool"),
        (["stop", "no_such_pool"], "no_such_pool"),
        (["stop"], "No pool runs here"),
        (["top", "--once"], "No pool runs here"),
        (["pools", "--what"], "--what"),
    ],
    ids=lambda value: " ".join(value)[-20:] if isinstance(value, list) else "",
)
def test_bad_input_gets_one_line_and_exit_code_2(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = run_scoop(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and said in done.stderr, done.stderr


def test_help_and_version(tmp_path: Path) -> None:
    done = run_scoop("--help")
    assert done.returncode == 0 and "pools" in done.stdout and "-n N" in done.stdout
    assert run_scoop("--version").stdout == f"{scoop.__version__}\n"


# ---- pools ------------------------------------------------------------------------------------------------------


def test_pools_are_listed_shown_and_stopped(new_pool: PoolFactory) -> None:
    assert run_scoop("pools").stdout == ""
    pool = new_pool(2, "shown")
    list(futures.map(tasks.inc, range(10)))
    assert run_scoop("pools").stdout == f"shown  {socket.gethostname()}\n"
    done = run_scoop("top", "--once", "shown")
    assert done.returncode == 0 and "w0" in done.stdout and "w1" in done.stdout and "inc" in done.stdout
    assert done.stdout.startswith(f"Pool 'shown' on {socket.gethostname()}\n")
    assert run_scoop("top", "--once").stdout
    assert pool.alive and len(pool.workers) == 2
    done = run_scoop("stop", "shown")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    eventually(lambda: not pool.alive)
    assert run_scoop("pools").stdout == ""


def test_top_goes_on_until_it_is_interrupted(new_pool: PoolFactory) -> None:
    new_pool(1, "watched")
    with running("-m", "scoop", "top", "watched") as top:
        while "w0" not in top.line():
            pass
        os.kill(top.pid, signal.SIGINT)
        code, _, err = top.end()
        assert (code, err) == (130, "")


def test_a_file_named_like_a_command_is_a_program(tmp_path: Path) -> None:
    (tmp_path / "pools").write_text("print('a program')")
    assert run_scoop("-n", 1, "pools", cwd=tmp_path).stdout == "a program\n"
    assert "a program\n" in run_scoop("pools", cwd=tmp_path).stdout


def test_the_pool_of_a_program_can_be_seen_and_stopped(tmp_path: Path) -> None:
    program_and_arguments = [PROGRAMS / "waiting.py", "elsewhere", tmp_path]
    with running("-m", "scoop", "-n", "2", "--name", "named", *program_and_arguments) as program:
        eventually(lambda: tasks.begun(tmp_path), 20)
        assert scoop.pools() == ["named"]
        pool = scoop.connect("named")
        assert {row["name"] for row in pool.workers} == {"w0", "w1"}
        pool.stop()
        code, _, err = program.end()
        assert code == 1 and "BrokerLost" in err
