"""What the numbers of a snapshot say. ``model.ts`` comes to the same conclusions; a test holds the two together."""

from collections.abc import Iterable, Iterator

from scoop_jupyter.view.numbers import about, duration, number, percent, plural, ratio, size
from scoop_jupyter.view.snapshot import GroupRow, Snapshot, Status, TaskCounts, WorkerRow

_BEFORE_ESTIMATE = 0.5  # seconds: earlier than that, the estimate would only jump about


def total(tasks: TaskCounts) -> int:
    """Return how many tasks are known of."""
    return sum(tasks[state] for state in ("queued", "running", "done", "failed", "cancelled"))


def finished(tasks: TaskCounts) -> int:
    """Return how many tasks were carried out, well or badly."""
    return tasks["done"] + tasks["failed"]


def progress(tasks: TaskCounts) -> float:
    """Return the share of tasks, 0 to 1, that need nothing more."""
    known = total(tasks)
    return (finished(tasks) + tasks["cancelled"]) / known if known else 0.0


def elapsed(snapshot: Snapshot) -> float | None:
    """Return the seconds from the first task to the end, or until now; None before the first task."""
    if snapshot["started"] is None:
        return None
    end = snapshot["time"] if snapshot["ended"] is None else snapshot["ended"]
    return max(0.0, end - snapshot["started"])


def remaining(snapshot: Snapshot) -> float | None:
    """Estimate the seconds that are left; None where nothing supports an estimate.

    Each group's waiting tasks are weighed by that group's own mean time, since a map of quick tasks beside
    slow ones says nothing by its counts alone. A running task counts as half done.
    """
    gone = elapsed(snapshot)
    tasks = snapshot["tasks"]
    over, waiting = finished(tasks), tasks["queued"] + tasks["running"]
    if gone is None or gone < _BEFORE_ESTIMATE or status(snapshot) != "running" or not over or not waiting:
        return None
    mean_of_all = snapshot["busy"] / over
    left = passed = 0.0
    for group in snapshot["groups"]:
        own = mean(group)
        each = mean_of_all if own is None else own
        left += each * (group["queued"] + group["running"] / 2)
        passed += group["seconds"] + each * group["running"] / 2
    # Without groups, or with tasks too short to time, the counts are all there is.
    return gone * left / passed if passed > 0 else gone * waiting / over


def status(snapshot: Snapshot) -> Status:
    """Return the one word for how the run stands."""
    pool, tasks = snapshot["pool"]["state"], snapshot["tasks"]
    if pool == "lost":
        return "lost"
    if snapshot["ended"] is not None:
        if tasks["failed"]:
            return "failed"
        return "cancelled" if finished(tasks) < total(tasks) else "done"
    if pool != "running":
        return pool
    return "waiting" if snapshot["started"] is None else "running"


def headline(snapshot: Snapshot) -> str:
    """Return the status in words."""
    return {
        "starting": "Starting",
        "waiting": "Waiting for tasks",
        "running": "Running",
        "done": "Finished",
        "failed": "Finished with failures",
        "cancelled": "Cancelled",
        "stopped": "Stopped",
        "lost": "Pool lost",
    }[status(snapshot)]


def summary(snapshot: Snapshot) -> str:
    """Return the one line that stays after a run: how much, how long, and what the workers gained."""
    line = balance(snapshot)
    return f"{line} · pool lost" if snapshot["pool"]["state"] == "lost" else line


def balance(snapshot: Snapshot) -> str:
    """Return the numbers of that line."""
    tasks, wall = snapshot["tasks"], elapsed(snapshot)
    over, known = finished(tasks), total(tasks)
    parts = [plural(over, "task") if over == known else f"{number(over)} of {plural(known, 'task')}"]
    if wall is not None:
        parts[0] += f" in {duration(wall)} (wall)"
    if over:
        parts.append(f"{duration(snapshot['cpu'])} CPU")
        workers = len(present(snapshot["workers"]))
        if wall and workers:
            speed_up = snapshot["busy"] / wall
            parts.append(f"speed-up {ratio(speed_up)} on {plural(workers, 'worker')}")
            parts.append(f"efficiency {percent(speed_up / workers)}")
        longest = max((group["longest"] for group in snapshot["groups"]), default=0.0)
        if longest:
            parts.append(f"longest {duration(longest)}")
        moved = sum(group.get("sent", 0) for group in snapshot["groups"])
        if moved:
            parts.append(f"{size(moved)} sent")
    parts += [f"{number(tasks[state])} {state}" for state in ("failed", "cancelled") if tasks[state]]
    return " · ".join(parts)


def news(snapshot: Snapshot) -> str:
    """Return what stands beside the headline: the balance once it is over, the times until then."""
    if snapshot["ended"] is not None or status(snapshot) == "lost":
        return balance(snapshot)
    gone, left = elapsed(snapshot), remaining(snapshot)
    times = [] if gone is None else [duration(gone)]
    return " · ".join(times if left is None else [*times, f"about {about(left)} left"])


def mean(group: GroupRow) -> float | None:
    """Return the mean seconds of a group's tasks; None before the first is over."""
    return group["seconds"] / finished(group) if finished(group) else None


def walk(groups: Iterable[GroupRow]) -> Iterator[tuple[int, GroupRow]]:
    """Yield each group after its parent, with its depth from 0; a group with an unknown parent is a root."""
    rows = {group["id"]: group for group in groups}
    children: dict[int | None, list[GroupRow]] = {}
    for group in rows.values():
        parent = group["parent"] if group["parent"] in rows else None
        children.setdefault(parent, []).append(group)
    # A stack of our own: tasks nest deeper than Python recurses.
    stack = [(0, group) for group in reversed(children.get(None, []))]
    while stack:
        depth, group = stack.pop()
        yield depth, group
        stack += [(depth + 1, child) for child in reversed(children.get(group["id"], []))]


def present(workers: list[WorkerRow]) -> list[WorkerRow]:
    """Leave out lost workers, whose successors are in the list too, unless all are lost."""
    return [worker for worker in workers if worker["state"] != "lost"] or workers


def states(tasks: TaskCounts) -> list[tuple[str, int]]:
    """Return the counts worth a word: those that are not zero, and always what is done."""
    counts = [
        ("done", tasks["done"]),
        ("failed", tasks["failed"]),
        ("running", tasks["running"]),
        ("queued", tasks["queued"]),
        ("cancelled", tasks["cancelled"]),
    ]
    return [(state, count) for state, count in counts if count or state == "done"]
