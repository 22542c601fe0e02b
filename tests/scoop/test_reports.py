"""``--profile`` and ``--debug``: what is left behind by a real run."""

from __future__ import annotations

import json
import os
import pstats
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.scoop.running import run, running
from tests.waiting import eventually

PROGRAM = """
import os, sys, time
from pathlib import Path
from scoop import futures

def leaf(x):
    return sum(range(x))

def meet(folder):  # two of them run at the same time
    Path(folder, f"met-{os.getpid()}").touch()
    until = time.monotonic() + 20
    while len(list(Path(folder).glob("met-*"))) < 2:
        assert time.monotonic() < until
        time.sleep(0.005)
    return sum(futures.map(leaf, range(100)))

def fail(folder):
    meet(folder)
    raise ValueError("no luck")

def last_words():
    return sum(range(1000))

if __name__ == "__main__":
    task = fail if "fail" in sys.argv else meet
    print(*futures.map(task, [sys.argv[1]] * 2))
    last_words()
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


def counts(file: Path) -> dict[str, int]:
    """How often the functions of a profile were called."""
    stats: Any = pstats.Stats(str(file))
    return {name: times[1] for (path, _, name), times in stats.stats.items() if path.endswith("program.py")}


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_profiles(here: Path) -> None:
    (here / "profile").mkdir()
    (here / "profile" / "w7.prof").write_bytes(b"of an earlier run")
    (here / "profile" / "mine.txt").touch()
    done = run("-m", "scoop", "-n", "2", "--profile", "program.py", here, cwd=here)
    assert (done.returncode, done.stdout) == (0, "161700 161700\n")
    assert files(here / "profile") == ["all.prof", "mine.txt", "report.txt", "w0.prof", "w1.prof"]
    own, other = counts(here / "profile" / "w0.prof"), counts(here / "profile" / "w1.prof")
    assert own["meet"] == other["meet"] == 1
    assert own["leaf"] + other["leaf"] == counts(here / "profile" / "all.prof")["leaf"] == 200
    assert own["last_words"] == 1, "after the program had to wait"
    report = (here / "profile" / "report.txt").read_text()
    assert done.stderr.strip() == report.strip()
    assert "Ordered by: cumulative time" in report and "(meet)" in report and "runner.py" not in report


@pytest.mark.parametrize("n", [1, 2])
def test_the_timeline(here: Path, n: int) -> None:
    if n == 1:  # nobody else comes
        (here / "met-other").touch()
    done = run("-m", "scoop", "-n", str(n), "--debug", "program.py", here, cwd=here)
    assert (done.returncode, done.stdout, done.stderr) == (0, "161700 161700\n", "")
    assert files(here / "debug") == ["report.html", "timeline.json"]
    events = json.loads((here / "debug" / "timeline.json").read_bytes())["traceEvents"]
    workers = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert workers == {number: f"w{number}" for number in range(n)}
    tasks: dict[tuple[str, str], int] = {}
    for event in (e for e in events if e["ph"] == "X"):
        key = event["name"], event["args"]["parent"]
        tasks[key] = tasks.get(key, 0) + event["args"]["tasks"]
    assert tasks == {("program", ""): 1, ("meet", "program"): 2, ("leaf", "meet"): 200}
    text = (here / "debug" / "report.html").read_text()
    assert "<title>program.py " in text and f"203 tasks on {n} worker" in text


def test_spans_of_a_worker_nest(here: Path) -> None:
    """As Perfetto wants it: of two that overlap one lies within the other."""
    done = run("-m", "scoop", "-n", "2", "--debug", "program.py", here, cwd=here)
    assert done.returncode == 0, done.stderr
    events = json.loads((here / "debug" / "timeline.json").read_bytes())["traceEvents"]
    spans = [e for e in events if e["ph"] == "X"]
    assert {e["tid"] for e in spans} == {0, 1}
    for worker in (0, 1):
        open_until: list[int] = []
        own = [(e["ts"], -e["dur"]) for e in spans if e["tid"] == worker]
        for start, minus in sorted(own):
            end = start - minus
            while open_until and open_until[-1] <= start:
                open_until.pop()
            assert not open_until or end <= open_until[-1]
            open_until.append(end)


def test_a_program_that_fails_leaves_its_reports(here: Path) -> None:
    done = run("-m", "scoop", "-n", "2", "--profile", "--debug", "program.py", here, "fail", cwd=here)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.endswith("ValueError: no luck\n") and "cumulative" in done.stderr
    assert "watching.py" not in done.stderr, "tracebacks are of the user's functions"
    assert files(here / "debug") == ["report.html", "timeline.json"]
    assert {"w0.prof", "w1.prof"} < set(files(here / "profile"))


INTERRUPTED = """
import sys, time
from pathlib import Path
from scoop import futures

def spin(folder):
    Path(folder, "begun").touch()
    try:
        while True:
            time.sleep(0.001)
    finally:
        Path(folder, "ended").touch()

if __name__ == "__main__":
    begun = Path(sys.argv[1], "begun")
    future = futures.submit(spin, sys.argv[1])
    while not begun.exists():  # on the other worker
        time.sleep(0.001)
    print(future.cancel(), future.cancelled(), flush=True)
    while not begun.with_name("ended").exists():
        time.sleep(0.001)
    begun.unlink()
    print(futures.submit(abs, -1).result(), flush=True)
    spin(sys.argv[1])
"""


def test_tasks_can_be_cancelled_and_the_program_interrupted(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(INTERRUPTED)
    arguments = ["-n", "2", "--profile", "--debug", "program.py", tmp_path]
    with running("-m", "scoop", *arguments, cwd=tmp_path) as program:
        assert (program.line(), program.line()) == ("True True", "1")
        eventually((tmp_path / "begun").exists)
        os.kill(program.pid, signal.SIGINT)
        code, _, err = program.end()
        assert code == 130 and err.endswith("KeyboardInterrupt\n")
    assert counts(tmp_path / "profile" / "all.prof")["spin"] >= 2
    assert "spin" in (tmp_path / "debug" / "report.html").read_text()


def test_workers_without_tasks(here: Path) -> None:
    (here / "program.py").write_text("if __name__ == '__main__': print('alone')")
    done = run("-m", "scoop", "-n", "2", "--profile", "--debug", "program.py", cwd=here)
    assert (done.returncode, done.stdout) == (0, "alone\n")
    assert files(here / "profile") == ["all.prof", "report.txt", "w0.prof"]
    assert "1 task on " in (here / "debug" / "report.html").read_text()


def test_without_these_options_nothing_is_written(here: Path) -> None:
    (here / "met-other").touch()
    before = set(os.listdir(here))
    assert run("-m", "scoop", "-n", "1", "program.py", here, cwd=here).returncode == 0
    assert {name for name in os.listdir(here) if not name.startswith("met-")} == before - {"met-other"}


@pytest.mark.parametrize("debug", [True, False])
def test_a_program_knows_whether_it_is_recorded(tmp_path: Path, debug: bool) -> None:
    program = """
import os, scoop
from scoop import futures

IMPORTED = scoop.DEBUG

def look(_):
    return IMPORTED, scoop.DEBUG

if __name__ == "__main__":
    print(set(futures.map(look, range(100))), scoop.DEBUG)
"""
    (tmp_path / "program.py").write_text(program)
    done = run("-m", "scoop", "-n", "2", *["--debug"] * debug, "program.py", cwd=tmp_path)
    assert done.stdout == f"{{({debug}, {debug})}} {debug}\n", done.stderr
