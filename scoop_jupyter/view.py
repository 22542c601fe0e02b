"""How a run looks: the snapshot that every panel draws, and its one-line, plain-text and static HTML forms.

Pure functions of one JSON-able dict, with no Jupyter in sight. ``panel.js`` draws the same dict live and
repeats the number formats and the estimate below; a browser test holds the two to the same words. Who takes
the snapshots, and how often, is left to the magics.
"""

import html
import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Literal, TypedDict

PoolState = Literal["starting", "running", "stopped", "lost"]
WorkerState = Literal["starting", "idle", "busy", "lost", "stopped"]
Status = Literal["starting", "waiting", "running", "done", "failed", "cancelled", "stopped", "lost"]

# Rows that the static forms draw at most: ten thousand groups must not make a notebook of megabytes.
MAX_ROWS = 100
MAX_TEXT_ROWS = 20

_BEFORE_ESTIMATE = 0.5  # seconds: earlier than that, the estimate would only jump about


class PoolRow(TypedDict):
    """The pool that the run is on."""

    name: str
    state: PoolState


class TaskCounts(TypedDict):
    """How many tasks are in each state."""

    queued: int
    running: int
    done: int
    failed: int
    cancelled: int


class WorkerRow(TypedDict):
    """One worker: what it is doing, and what it has done."""

    name: str
    pid: int
    host: str
    state: WorkerState
    busy: float  # share of the last second spent in tasks, 0 to 1
    cpu: float  # seconds
    memory: int  # bytes
    task: str | None  # name of the function that runs now
    since: float | None  # when that began, unix seconds
    done: int


class GroupRow(TaskCounts):
    """The tasks that one function has under one parent group."""

    id: int
    parent: int | None
    name: str
    seconds: float  # sum of the tasks' times
    longest: float  # seconds
    failures: list[dict[str, str]]  # the first few different ones


class Snapshot(TypedDict):
    """All that a panel shows, at one moment. Times are unix seconds; the groups are a tree by ``parent``."""

    pool: PoolRow
    time: float
    started: float | None
    ended: float | None
    tasks: TaskCounts
    cpu: float  # seconds of CPU that the workers have used for it
    busy: float  # seconds that they have spent in tasks, whether these computed or waited
    workers: list[WorkerRow]
    groups: list[GroupRow]


def empty_snapshot(name: str = "scoop", state: PoolState = "starting") -> Snapshot:
    """Return the snapshot of a pool called `name` that has no workers and no tasks yet."""
    return {
        "pool": {"name": name, "state": state},
        "time": 0.0,
        "started": None,
        "ended": None,
        "tasks": {"queued": 0, "running": 0, "done": 0, "failed": 0, "cancelled": 0},
        "cpu": 0.0,
        "busy": 0.0,
        "workers": [],
        "groups": [],
    }


# --- Numbers for people ---------------------------------------------------------------------------------


def duration(seconds: float) -> str:
    """Return a time span in two or three digits and the unit that suits it, such as ``2.1 s``."""
    if seconds < 0.000_000_5:
        return "0 s"
    if seconds < 0.000_999_5:
        return f"{_rounded(seconds * 1e6)} µs"
    if seconds < 0.009_95:
        return f"{_tenths(seconds * 1e3)} ms"
    if seconds < 0.999_5:
        return f"{_rounded(seconds * 1e3)} ms"
    if seconds < 9.95:
        return f"{_tenths(seconds)} s"
    whole = _rounded(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = whole // 60
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def about(seconds: float) -> str:
    """Return a time span as coarsely as an estimate deserves; steps also keep a countdown from flickering."""
    if seconds <= 10:
        return f"{max(1, math.ceil(seconds))} s"
    if seconds <= 90:
        return f"{math.ceil(seconds / 5) * 5} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 120 else duration(minutes * 60)


def size(count: float) -> str:
    """Return a number of bytes in the binary unit that suits it, such as ``102 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 999.5:
            return f"{_tenths(count) if count < 9.95 and unit != 'B' else _rounded(count)} {unit}"
        count /= 1024
    return f"{_tenths(count)} TiB"


def number(count: int) -> str:
    """Return a count with its thousands set apart."""
    return f"{count:,}"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, such as ``1 task`` and ``1,000 tasks``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def percent(share: float) -> str:
    """Return a share of one in whole per cent, which says 100 only when nothing is left."""
    return f"{math.floor(min(max(share, 0.0), 1.0) * 100)} %"


def _rounded(value: float) -> int:
    """Round half up, as JavaScript does, so that both panels say the same."""
    return math.floor(value + 0.5)


def _tenths(value: float) -> str:
    tenths = _rounded(value * 10)
    return f"{tenths // 10}.{tenths % 10}"


def _ratio(value: float) -> str:
    return _tenths(value) if value < 99.95 else number(_rounded(value))


# --- What the numbers say -------------------------------------------------------------------------------


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
    line = _balance(snapshot)
    return f"{line} · pool lost" if snapshot["pool"]["state"] == "lost" else line


def _balance(snapshot: Snapshot) -> str:
    tasks, wall = snapshot["tasks"], elapsed(snapshot)
    over, known = finished(tasks), total(tasks)
    parts = [plural(over, "task") if over == known else f"{number(over)} of {plural(known, 'task')}"]
    if wall is not None:
        parts[0] += f" in {duration(wall)} (wall)"
    if over:
        parts.append(f"{duration(snapshot['cpu'])} CPU")
        workers = len(_present(snapshot["workers"]))
        if wall and workers:
            parts.append(f"speed-up {_ratio(snapshot['busy'] / wall)} on {plural(workers, 'worker')}")
    parts += [f"{number(tasks[state])} {state}" for state in ("failed", "cancelled") if tasks[state]]
    return " · ".join(parts)


def _news(snapshot: Snapshot) -> str:
    """Return what stands beside the headline: the balance once it is over, the times until then."""
    if snapshot["ended"] is not None or status(snapshot) == "lost":
        return _balance(snapshot)
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


def latest(groups: list[GroupRow], count: int = MAX_TEXT_ROWS) -> list[GroupRow]:
    """Leave out the trees that began first, until no more than `count` groups are left, or one tree."""
    trees: list[list[GroupRow]] = []
    for depth, group in walk(groups):
        if depth == 0:
            trees.append([])
        trees[-1].append(group)
    left = len(groups)
    while left > count and len(trees) > 1:
        left -= len(trees.pop(0))
    return [group for tree in trees for group in tree]


def _present(workers: list[WorkerRow]) -> list[WorkerRow]:
    """Leave out lost workers, whose successors are in the list too, unless all are lost."""
    return [worker for worker in workers if worker["state"] != "lost"] or workers


# --- Plain text -----------------------------------------------------------------------------------------


def render_text(snapshot: Snapshot) -> str:
    """Return a compact panel for terminals and for the text form of a notebook's output."""
    tasks, news = snapshot["tasks"], _news(snapshot)
    lines = [f"SCOOP {_line(snapshot['pool']['name'])}: {headline(snapshot).lower()}"]
    if news:
        lines[0] += f" · {news}"
    if total(tasks):
        counts = " · ".join(f"{number(count)} {state}" for state, count in _states(tasks))
        lines.append(f"{_text_bar(tasks, 32)} {percent(progress(tasks)):>5}  {counts}")
    if snapshot["ended"] is None:
        lines += [_text_worker(worker) for worker in snapshot["workers"][:MAX_TEXT_ROWS]]
        lines += _more(len(snapshot["workers"]) - MAX_TEXT_ROWS, "worker")
    rows = list(islice(walk(snapshot["groups"]), MAX_TEXT_ROWS))
    names = ["  " * min(depth, 12) + _line(group["name"]) for depth, group in rows]
    width = max(map(len, names), default=0)
    lines += [f"{name:<{width}}  {_text_group(row[1])}" for name, row in zip(names, rows, strict=True)]
    return "\n".join(lines + _more(len(snapshot["groups"]) - MAX_TEXT_ROWS, "group"))


def _states(tasks: TaskCounts) -> list[tuple[str, int]]:
    """Return the counts worth a word: those that are not zero, and always what is done."""
    counts = [
        ("done", tasks["done"]),
        ("failed", tasks["failed"]),
        ("running", tasks["running"]),
        ("queued", tasks["queued"]),
        ("cancelled", tasks["cancelled"]),
    ]
    return [(state, count) for state, count in counts if count or state == "done"]


def _text_bar(tasks: TaskCounts, width: int) -> str:
    bar, through = "", 0
    for mark, count in (("█", tasks["done"]), ("x", tasks["failed"]), ("▒", tasks["running"])):
        through += count
        reach = through * width // max(total(tasks), 1)
        if mark == "x" and count:
            bar = bar[: width - 1]  # even one failure in a million is seen
            reach = max(reach, len(bar) + 1)
        bar = bar.ljust(reach, mark)
    return f"[{bar:·<{width}}]"


def _text_worker(worker: WorkerRow) -> str:
    bar = "█" * _rounded(min(max(worker["busy"], 0.0), 1.0) * 10)
    task = _line(worker["task"]) if worker["task"] else worker["state"]
    return f"{_line(worker['name']):<6} [{bar:·<10}] {size(worker['memory']):>8}  {task}"


def _text_group(group: GroupRow) -> str:
    text = f"{number(finished(group))}/{number(total(group))}"
    average = mean(group)
    if average is not None:
        text += f"  mean {duration(average)}, longest {duration(group['longest'])}"
    if group["failed"]:
        text += ": ".join([f"  {number(group['failed'])} failed", *map(_last_line, _errors(group)[:1])])
    return text


def _more(left: int, noun: str) -> list[str]:
    return [f"… and {plural(left, f'more {noun}')}"] if left > 0 else []


def _line(text: str) -> str:
    """Return `text` on one line, without the control characters that would play with a terminal."""
    flat = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(flat.split())[:120]


def _last_line(error: str) -> str:
    """Return what a traceback ends in: the exception and its message."""
    return _line((error.strip() or "unknown").splitlines()[-1])


# --- Static HTML ----------------------------------------------------------------------------------------

# One palette for light and dark: each colour keeps a contrast of 3 or more with white and with black. In a
# notebook that it does not trust, JupyterLab drops variables and repeating gradients; plain colours stay.
_GREY = "rgba(128,128,128,0.3)"
_FILLS = {
    "done": "background-color:#2f86d1",
    "failed": "background-color:#d9541e;background-image:repeating-linear-gradient"
    "(45deg,#d9541e 0 3px,#8c2f0b 3px 5px)",
    "running": "background-color:#7db7e8;background-image:repeating-linear-gradient"
    "(-45deg,#7db7e8 0 4px,#2f86d1 4px 6px)",
    "cancelled": "background-color:#8a8a8a;background-image:repeating-linear-gradient"
    "(90deg,#8a8a8a 0 2px,#b5b5b5 2px 4px)",
    "queued": f"background-color:{_GREY}",
}
_MARKS: dict[Status, tuple[str, str]] = {
    "done": ("✓", "#2f86d1"),
    "failed": ("✕", "#d9541e"),
    "lost": ("✕", "#d9541e"),
    "running": ("●", "#2f86d1"),
    "waiting": ("○", "#8a8a8a"),
    "starting": ("○", "#8a8a8a"),
}
_CODE = "font-family:monospace;font-family:var(--jp-code-font-family,monospace)"
_CELL = "padding:2px 8px;text-align:right;white-space:nowrap"
_NAME = f"padding:2px 8px;text-align:left;max-width:260px;overflow:hidden;text-overflow:ellipsis;{_CODE}"


def render_html(snapshot: Snapshot) -> str:
    """Return a self-contained panel without script, for saved notebooks and places that have no widgets.

    Like the live one it folds to its summary line once all went well.
    """
    tasks, state = snapshot["tasks"], status(snapshot)
    mark, colour = _MARKS.get(state, ("■", "#8a8a8a"))
    parts = [
        '<div style="max-width:960px;margin:4px 0;padding:6px 12px;font-size:13px;line-height:1.5;'
        f'border:1px solid {_GREY};border-radius:6px;font-family:var(--jp-ui-font-family,sans-serif)">',
        f"<details{'' if state == 'done' else ' open'}>"
        f'<summary style="cursor:pointer"><span style="color:{colour};font-weight:bold">{mark}</span> '
        f"<b>{html.escape(headline(snapshot))}</b> &nbsp;{html.escape(_news(snapshot))}</summary>",
    ]
    if total(tasks):
        parts.append(f'<div style="margin:6px 0">{_html_bar(tasks, 8)}</div><div>{_html_legend(tasks)}</div>')
    if snapshot["groups"]:
        parts.append(_html_groups(snapshot["groups"]))
    if snapshot["workers"]:
        parts.append(_html_workers(snapshot["workers"]))
    return "".join([*parts, "</details></div>"])


def _html_bar(tasks: TaskCounts, height: int) -> str:
    known = max(total(tasks), 1)
    segments = "".join(
        f'<div style="height:{height}px;width:{count * 100 / known:.4g}%;'
        f"min-width:{3 if state == 'failed' else 0}px;margin-left:{'auto' if state == 'cancelled' else 0};"
        f'{_FILLS[state]}"></div>'
        for state, count in _states(tasks)
        if count and state != "queued"
    )
    says = ", ".join(f"{number(count)} {state}" for state, count in _states(tasks))
    return (
        f'<div role="img" aria-label="{says}" title="{says}" style="display:flex;height:{height}px;'
        f'border-radius:{height // 2}px;overflow:hidden;{_FILLS["queued"]}">{segments}</div>'
    )


def _html_legend(tasks: TaskCounts) -> str:
    return " &nbsp; ".join(
        f'<span style="white-space:nowrap"><span style="display:inline-block;width:9px;height:9px;'
        f'border-radius:2px;{_FILLS[state]}"></span> {number(count)} {state}</span>'
        for state, count in _states(tasks)
    )


def _html_groups(groups: list[GroupRow]) -> str:
    head = _html_head(["Function", "Progress"], ["Done", "Failed", "Mean", "Longest", "Total"])
    rows = "".join(_html_group(depth, group) for depth, group in islice(walk(groups), MAX_ROWS))
    return _html_table(head, rows) + "".join(_more(len(groups) - MAX_ROWS, "group"))


def _html_group(depth: int, group: GroupRow) -> str:
    indent = 8 + 16 * min(depth, 12)
    average = mean(group)
    times = () if average is None else (average, group["longest"], group["seconds"])
    figures = [
        f"{number(finished(group))} / {number(total(group))}",
        f"✕ {number(group['failed'])}" if group["failed"] else "",
        *map(duration, times),
    ]
    figures += [""] * (5 - len(figures))
    name = html.escape(group["name"])
    row = (
        f'<tr><td title="{name}" style="{_NAME};padding-left:{indent}px">{name}</td>'
        f'<td style="{_CELL};width:20%;min-width:90px">{_html_bar(group, 6)}</td>'
        + "".join(f'<td style="{_CELL}">{figure}</td>' for figure in figures)
        + "</tr>"
    )
    return row + _html_errors(indent + 16, _errors(group)) if group["failures"] else row


def _errors(group: GroupRow) -> list[str]:
    return [failure["error"] for failure in group["failures"]]


def _html_errors(indent: int, errors: list[str]) -> str:
    told = html.escape("\n\n".join(errors))
    return (
        f'<tr><td colspan="7" style="padding:0 8px 4px {indent}px;text-align:left"><details>'
        f'<summary style="cursor:pointer">{html.escape(_last_line(errors[0]))}</summary>'
        f'<pre style="margin:4px 0;white-space:pre-wrap;{_CODE}">{told}</pre>'
        "</details></td></tr>"
    )


def _html_workers(workers: list[WorkerRow]) -> str:
    head = _html_head(["Worker", "Host", "State"], ["Tasks", "CPU", "Memory"])
    rows = "".join(map(_html_worker, workers[:MAX_ROWS]))
    return (
        f'<details style="margin-top:6px"><summary style="cursor:pointer">{plural(len(workers), "worker")}</summary>'
        + _html_table(head, rows)
        + "".join(_more(len(workers) - MAX_ROWS, "worker"))
        + "</details>"
    )


def _html_worker(worker: WorkerRow) -> str:
    names = (worker["name"], worker["host"], worker["state"])
    figures = (number(worker["done"]), duration(worker["cpu"]), size(worker["memory"]))
    cells = [f'<td style="{_NAME}">{html.escape(name)}</td>' for name in names]
    cells += [f'<td style="{_CELL}">{figure}</td>' for figure in figures]
    return f"<tr>{''.join(cells)}</tr>"


def _html_head(names: list[str], figures: list[str]) -> str:
    style = "padding:2px 8px;white-space:nowrap;font-weight:normal;opacity:0.7;text-align:"
    cells = [f'<th style="{style}left">{name}</th>' for name in names]
    cells += [f'<th style="{style}right">{figure}</th>' for figure in figures]
    return f"<tr>{''.join(cells)}</tr>"


def _html_table(head: str, rows: str) -> str:
    return (
        '<div style="overflow-x:auto;margin-top:6px">'
        '<table style="margin:0;border-collapse:collapse;table-layout:auto;width:100%;font-size:12px">'
        f"<thead>{head}</thead><tbody>{rows}</tbody></table></div>"
    )
