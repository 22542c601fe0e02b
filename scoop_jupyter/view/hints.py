"""Why a run was slow, in one sentence that says what to do about it. Pure."""

from scoop_jupyter.view.balance import elapsed, finished, mean, present, status, total
from scoop_jupyter.view.numbers import duration, percent, plural, size
from scoop_jupyter.view.snapshot import GroupRow, Snapshot

_WORTH_SECONDS = 1.0  # what is over sooner needs no advice
_GOOD = 0.7  # efficiency: from here on the workers had enough to do
_MOST = 0.5  # share of the time from which one task is to blame
_TINY = 50e-6  # seconds: a task costs the engine 3 to 10 µs, so shorter ones gain little from more workers
_HEAVY = 1 << 20  # bytes sent with each task
_HEAVY_RATE = 50 << 20  # bytes a second: what is sent more slowly than that is not what takes the time
_SEVERAL = 4  # tasks: fewer are not a pattern


def hint(snapshot: Snapshot) -> str:
    """Return one sentence if a run that is over was slow for a reason that can be told; else nothing.

    The reasons are looked for from the one whose remedy is plainest to the one that only says what was seen.
    """
    wall, workers = elapsed(snapshot), len(present(snapshot["workers"]))
    if snapshot["ended"] is None or not wall or wall < _WORTH_SECONDS or status(snapshot) not in ("done", "failed"):
        return ""
    groups = [group for group in snapshot["groups"] if finished(group)]
    efficiency = snapshot["busy"] / (wall * workers) if workers else 1.0
    if not groups or efficiency >= _GOOD:
        return ""
    return (
        _heavy(groups, wall)
        or (workers > 1 and _one_task(groups, wall))
        or _tiny(groups, snapshot)
        or _idle(snapshot, efficiency, workers)
    )


def _heavy(groups: list[GroupRow], wall: float) -> str:
    group = max(groups, key=lambda group: group.get("sent", 0))
    sent, tasks = group.get("sent", 0), total(group)
    if tasks < _SEVERAL or sent / tasks < _HEAVY or sent / wall < _HEAVY_RATE:
        return ""
    return (
        f"{size(sent / tasks)} are sent with every task of {group['name']}: "
        "send it once with shared.setConst, or make or read it in the task."
    )


def _one_task(groups: list[GroupRow], wall: float) -> str:
    # A task that waits for others is not to blame for the time these take.
    parents = {group["parent"] for group in groups}
    leaves = [group for group in groups if group["id"] not in parents]
    group = max(leaves or groups, key=lambda group: group["longest"])
    share = group["longest"] / wall
    if share < _MOST or not leaves:
        return ""
    return (
        f"{percent(share)} of the time is one task of {group['name']} ({duration(group['longest'])}): "
        "the rest had to wait for it. Split it, or begin with it."
    )


def _tiny(groups: list[GroupRow], snapshot: Snapshot) -> str:
    group = max(groups, key=finished)
    each = mean(group)
    if each is None or each >= _TINY or finished(group) < finished(snapshot["tasks"]) / 2:
        return ""
    return (
        f"Each task of {group['name']} takes {duration(each)}, about as much as it costs to hand it out: "
        "let a task do more."
    )


def _idle(snapshot: Snapshot, efficiency: float, workers: int) -> str:
    tasks = finished(snapshot["tasks"])
    if tasks < workers:
        return f"There were {plural(tasks, 'task')} for {plural(workers, 'worker')}: the others had nothing to do."
    if efficiency > 0.6:
        return ""
    return (
        f"Workers were idle {percent(1 - efficiency)} of the time: "
        "the notebook was slower in making the tasks, or in using their results, than they in doing them."
    )
