"""Pools whose workers come in batch jobs, with commands that stand for those of PBS and run the jobs on this host."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from glob import glob
from pathlib import Path

import pytest

import scoop
from scoop import futures
from scoop_core.pool import Pool
from scoop_core.store import shared_memory
from tests.scoop import tasks
from tests.waiting import eventually

SECONDS = 30.0
#: Keeps a file for each job with its state, and one with its first process. Jobs begin when there is a file "open".
QSUB = """\
number=$(ls "$JOBS" | grep -c script)
job="$JOBS/$number.server"
cat > "$job.script"
echo Q > "$job.state"
export job
setsid sh -c '
    while [ "$(cat "$job.state")" = Q ]; do
        if [ -e "$JOBS/open" ]; then
            echo R > "$job.state"
            setsid sh "$job.script" > "$(sed -n "s/^#PBS -o //p" "$job.script")" 2>&1 &
            echo $! > "$job.pid"
            wait
            echo F > "$job.state"
        fi
        sleep 0.05
    done
' > /dev/null 2>&1 < /dev/null &
echo "$number.server"
"""
QSTAT = """\
shift
for job; do
    printf 'Job Id: %s\\n    Job_Name = x\\n    job_state = %s\\n\\n' "$job" "$(cat "$JOBS/$job.state")"
done
"""
QDEL = """\
for job; do
    if [ "$(cat "$JOBS/$job.state")" = R ]; then
        kill -TERM "$(cat "$JOBS/$job.pid")"
    else
        echo F > "$JOBS/$job.state"
    fi
done
"""


class Queue:
    """The jobs that were submitted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> None:
        """Have jobs begin, those that wait and all that come."""
        (self.folder / "open").touch()

    def close(self) -> None:
        (self.folder / "open").unlink()

    def states(self) -> str:
        """The letters of all jobs."""
        return "".join(path.read_text().strip() for path in sorted(self.folder.glob("*.state")))

    def kill(self, job: str, signum: int) -> None:
        """Send a signal to all processes of a job."""
        first = int((self.folder / f"{job}.pid").read_text())
        for pid in [*children(first), first]:
            os.kill(pid, signum)


def children(pid: int) -> list[int]:
    own = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*own, *(grandchild for child in own for grandchild in children(child))]


def leftovers() -> set[str]:
    """The folders of agents on this host."""
    return {path for place in (shared_memory(), tempfile.gettempdir()) for path in glob(f"{place}/scoop-*/.lock")}


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Queue:
    commands, jobs = tmp_path / "bin", tmp_path / "queue"
    commands.mkdir()
    jobs.mkdir()
    for name, text in (("qsub", QSUB), ("qstat", QSTAT), ("qdel", QDEL)):
        (commands / name).write_text(f"#!/bin/sh\n{text}")
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.setenv("JOBS", str(jobs))
    return Queue(jobs)


@pytest.fixture
def pool(queue: Queue, tmp_path: Path) -> Iterator[Pool]:
    """Two jobs with a worker each."""
    launcher = scoop.PBS(per_job=1, folder=str(tmp_path / "shared"), external_hostname="127.0.0.1")
    with scoop.start(2, launcher=launcher) as pool:
        assert isinstance(pool, Pool)
        yield pool
    assert not any((tmp_path / "shared").iterdir())
    eventually(lambda: set(queue.states()) == {"F"}, SECONDS)


def rows(pool: Pool) -> list[tuple[str, str, str]]:
    return [(row["job"], row["state"], row["trouble"]) for row in pool.agents]


def test_tasks_wait_for_the_jobs(pool: Pool, queue: Queue) -> None:
    future = futures.submit(tasks.inc, 1)
    assert queue.states() == "QQ"
    with pytest.raises(TimeoutError, match=r"0 of 2 workers are there after 0\.1 s"):
        pool.wait(timeout=0.1)
    assert rows(pool) == [("0.server", "pending", ""), ("1.server", "pending", "")]
    queue.open()
    assert future.result(SECONDS) == 2
    pool.wait(timeout=SECONDS)
    assert list(futures.map(tasks.inc, range(100))) == list(range(1, 101))


def test_jobs_that_wait_end_with_the_pool(pool: Pool, queue: Queue) -> None:
    assert queue.states() == "QQ"


def test_fewer_workers_need_fewer_jobs(pool: Pool, queue: Queue) -> None:
    pool.scale(1)
    eventually(lambda: queue.states() == "QF", SECONDS)
    queue.open()
    pool.wait(timeout=SECONDS)
    pool.scale(0)
    eventually(lambda: queue.states() == "FF", SECONDS)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGUSR1])
def test_a_job_that_is_told_to_end_finishes_what_it_runs(
    pool: Pool, queue: Queue, tmp_path: Path, signum: signal.Signals
) -> None:
    queue.open()
    pool.wait(timeout=SECONDS)
    once = futures.options(retries=0)
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    held = [once.submit(tasks.hold, folder) for folder in folders]
    eventually(lambda: all(tasks.begun(folder) for folder in folders), SECONDS)
    queue.kill("0.server", signum)
    eventually(lambda: len(queue.states()) == 3, SECONDS)  # another one comes in its place
    for folder in folders:
        (folder / "go").touch()
    for future in held:
        future.result(SECONDS)
    eventually(lambda: queue.states()[0] == "F", SECONDS)
    pool.wait(timeout=SECONDS)


def test_the_end_of_a_node_costs_a_repetition(pool: Pool, queue: Queue, tmp_path: Path) -> None:
    queue.open()
    pool.wait(timeout=SECONDS)
    future = futures.submit(tasks.hold, tmp_path)
    eventually(lambda: tasks.begun(tmp_path), SECONDS)
    left = leftovers()
    for job in ("0.server", "1.server"):
        queue.kill(job, signal.SIGKILL)
    (tmp_path / "go").touch()
    future.result(SECONDS)
    assert len(queue.states()) >= 3
    assert left and not left & leftovers()  # the agents that came later have swept it away


def test_a_job_that_fails_says_why(pool: Pool, queue: Queue) -> None:
    for script in queue.folder.glob("*.script"):
        script.write_text(script.read_text().replace("exec", "echo the module is not there; exit 3 #"))
    queue.open()
    with pytest.raises(scoop.StartFailed, match=r"No workers from batch jobs: .*the module is not there"):
        pool.wait(timeout=SECONDS)
