"""Realistic snapshots, for the tests of everything that draws one."""

import random
from collections.abc import Sequence

from scoop_core.launchers import JobState
from scoop_jupyter.view import (
    FailureRow,
    GroupRow,
    PoolState,
    RecruitRow,
    Snapshot,
    TaskCounts,
    Timeline,
    WorkerRow,
    WorkerState,
    missing,
)

NOW = 1_795_000_000.0  # unix seconds
MIB = 1 << 20

TRACEBACK = """Traceback (most recent call last):
  File "/tmp/ipykernel_411/238.py", line 14, in measure
    return sum(samples) / len(samples)
ZeroDivisionError: division by zero"""


def failure(error: str) -> FailureRow:
    """Return a failure that raised this."""
    return {"id": "w0-1", "error": error, "arguments": "", "output": "", "worker": "w0"}


def group(
    id: int,
    parent: int | None,
    name: str,
    counts: Sequence[int],
    *,
    seconds: float = 0.0,
    longest: float = 0.0,
    errors: Sequence[str] = (),
) -> GroupRow:
    """Return one group; `counts` are queued, running, done, failed and cancelled, and may stop early."""
    queued, running, done, failed, cancelled = [*counts, 0, 0, 0, 0, 0][:5]
    return {
        "id": id,
        "parent": parent,
        "name": name,
        "queued": queued,
        "running": running,
        "done": done,
        "failed": failed,
        "cancelled": cancelled,
        "seconds": seconds,
        "longest": longest,
        "failures": [failure(error) for error in errors],
    }


def worker(
    number: int, task: str | None = None, *, busy: float = 0.0, state: WorkerState | None = None, host: str = "node1"
) -> WorkerRow:
    """Return one worker, busy with `task` if there is one."""
    return {
        "name": f"w{number}",
        "pid": 4200 + number,
        "host": host,
        "state": state or ("busy" if task else "idle"),
        "busy": busy,
        "cpu": 11.5 + number / 7,
        "memory": (84 + 13 * number % 50) * MIB,
        "task": task,
        "since": NOW - 0.4 * (number % 9) if task else None,
        "done": 310 + 3 * number,
    }


def recruit(
    host: str, state: JobState = "running", trouble: str = "", *, job: str = "", agent: str = "agent", slots: int = 4
) -> RecruitRow:
    """Return one host that was sent for, or one batch job."""
    return {"agent": agent, "host": host, "job": job, "state": state, "slots": slots, "trouble": trouble}


def snapshot(
    groups: list[GroupRow],
    workers: list[WorkerRow],
    *,
    seconds: float | None = 12.4,
    ended: bool = False,
    state: PoolState = "running",
) -> Snapshot:
    """Return a snapshot whose totals are those of its groups, `seconds` after the first task."""
    tasks: TaskCounts = {
        "queued": sum(row["queued"] for row in groups),
        "running": sum(row["running"] for row in groups),
        "done": sum(row["done"] for row in groups),
        "failed": sum(row["failed"] for row in groups),
        "cancelled": sum(row["cancelled"] for row in groups),
    }
    return {
        "pool": {"name": "scoop-4f2a", "state": state},
        "time": NOW,
        "started": None if seconds is None else NOW - seconds,
        "ended": NOW if ended else None,
        "tasks": tasks,
        "cpu": sum(row["seconds"] for row in groups),
        "busy": sum(row["seconds"] for row in groups),
        "workers": workers,
        "groups": groups,
    }


def small() -> Snapshot:
    """Two workers in the middle of a map whose tasks map again."""
    groups = [
        group(1, None, "simulate", [376, 2, 622], seconds=18.2, longest=0.094),
        group(2, 1, "step", [41, 0, 2488], seconds=5.1, longest=0.0121),
        group(3, None, "score", [120]),
    ]
    return snapshot(groups, [worker(0, "simulate", busy=0.97), worker(1, "simulate", busy=0.93)])


def large() -> Snapshot:
    """Sixteen workers on two hosts, one of them lost, and a nested tree of twelve groups with failures."""
    errors = [TRACEBACK, "ValueError: the sample <script>alert(1)</script> is empty"]
    groups = [
        group(1, None, "explore", [2, 6, 24], seconds=212.0, longest=14.2),
        group(2, 1, "load_sample", [0, 0, 32], seconds=3.9, longest=0.31),
        group(3, 1, "fit", [310, 9, 641, 3], seconds=640.0, longest=2.7, errors=errors),
        group(4, 3, "gradient", [0, 0, 12_820], seconds=88.0, longest=0.021),
        group(5, 3, "line_search", [18, 4, 2_560, 11], seconds=141.0, longest=0.4, errors=errors[:1]),
        group(6, 5, "evaluate", [211, 3, 18_200], seconds=96.0, longest=0.034),
        group(7, 5, "<lambda>", [0, 0, 18_200], seconds=0.9, longest=0.0004),
        group(8, 3, "measure", [0, 0, 633, 8], seconds=12.0, longest=0.09, errors=[TRACEBACK]),
        group(9, 1, "summarise_a_rather_long_function_name_for_one_fold", [30, 1, 1], seconds=2.2, longest=2.2),
        group(10, 9, "quantiles", [0, 0, 9], seconds=0.4, longest=0.05),
        group(11, None, "cross_validate", [5], seconds=0.0),
        group(12, None, "warm_up", [0, 0, 16, 0, 4], seconds=1.6, longest=0.12),
    ]
    tasks = ["fit", "explore", "line_search", "evaluate"]
    workers = [
        worker(n, tasks[n % 4], busy=(0.99, 0.91, 0.84, 0.62)[n % 4], host=f"node{1 + n // 8}") for n in range(14)
    ]
    workers.append(worker(14, host="node2"))
    workers.append(worker(15, state="lost", host="node2"))
    return snapshot(groups, workers, seconds=94.0)


def hosts() -> Snapshot:
    """Twelve workers on three hosts; a fourth one is awaited, and a fifth can't be had."""
    groups = [group(1, None, "simulate", [376, 12, 612], seconds=98.2, longest=0.94)]
    workers = [worker(n, "simulate", busy=0.9, host=("head", "nodea", "nodeb")[n // 4]) for n in range(12)]
    run = snapshot(groups, workers)
    refused = "ssh: connect to host noded port 22: Connection refused"
    rows = [recruit("nodea"), recruit("nodeb"), recruit("nodec", "pending"), recruit("noded", "over", refused)]
    run["pool"]["recruits"] = rows
    run["missing"] = missing(run)
    return run


def jobs() -> Snapshot:
    """Eight batch jobs were wanted, of which two run by now."""
    run = hosts()
    run["workers"] = run["workers"][4:]
    rows = [recruit("", job="4711"), recruit("", job="4712")]
    run["pool"]["recruits"] = rows + [recruit("", "pending", job=str(4713 + n)) for n in range(6)]
    run["missing"] = missing(run)
    return run


def finished() -> Snapshot:
    """A thousand tasks on two workers, all well."""
    groups = [
        group(1, None, "simulate", [0, 0, 900], seconds=3.6, longest=0.02),
        group(2, 1, "step", [0, 0, 100], seconds=0.3, longest=0.004),
    ]
    return snapshot(groups, [worker(0), worker(1)], seconds=2.1, ended=True)


def failed() -> Snapshot:
    """The same, with three that failed and five that were then cancelled."""
    run = finished()
    run["groups"][1].update({"done": 92, "failed": 3, "cancelled": 5, "failures": [failure(TRACEBACK)]})
    run["tasks"].update({"done": 992, "failed": 3, "cancelled": 5})
    return run


def lost() -> Snapshot:
    """The broker is gone in the middle of a map."""
    run = small()
    run["pool"]["state"] = "lost"
    for row in run["workers"]:
        row.update({"state": "lost", "busy": 0.0, "task": None, "since": None})
    return run


def nothing() -> Snapshot:
    """A pool that starts: two workers on their way, and no task yet."""
    return snapshot([], [worker(n, state="starting") for n in range(2)], seconds=None, state="starting")


def many(count: int) -> Snapshot:
    """`count` groups: a hundred roots, and the others their children in turn."""
    groups = [group(n, None if n < 100 else n % 100, f"task_{n}", [1, 0, 9], seconds=0.1) for n in range(count)]
    return snapshot(groups, [worker(0, "task_1", busy=1.0)])


def timeline(lanes: int = 4, spans: int = 60) -> Timeline:
    """Twelve seconds on some workers, with three functions, gaps, and failures now and then."""
    chance = random.Random(5)
    began = NOW - 12.0
    rows = []
    for lane in range(lanes):
        time, row = began + 0.1 * lane, []
        while len(row) < spans and time < NOW - 0.3:
            length = chance.uniform(0.02, 22 / spans)
            row.append(
                [chance.choice([0, 0, 0, 1, 2]), time, time + length, chance.randint(1, 9), int(len(row) % 23 == 9)]
            )
            time += length + chance.choice([0.0, 0.0, 0.05, 0.2])
        rows.append({"worker": f"w{lane}", "spans": row})
    return {"began": began, "ended": NOW, "functions": ["simulate", "step", "score"], "lanes": rows}  # type: ignore[typeddict-item]
