"""A snapshot as plain text, for terminals and for the text form of a notebook's output."""

from itertools import islice

from scoop_jupyter.view.balance import finished, headline, mean, news, progress, states, total, walk
from scoop_jupyter.view.hints import hint
from scoop_jupyter.view.numbers import duration, more, number, percent, rounded, size
from scoop_jupyter.view.recruits import missing
from scoop_jupyter.view.snapshot import GroupRow, Snapshot, TaskCounts, WorkerRow

MAX_ROWS = 20


def latest(groups: list[GroupRow], count: int = MAX_ROWS) -> list[GroupRow]:
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


def render_text(snapshot: Snapshot) -> str:
    """Return a compact panel for terminals and for the text form of a notebook's output."""
    tasks = snapshot["tasks"]
    heading = f"SCOOP {line(snapshot['pool']['name'])}: {headline(snapshot).lower()}"
    lines = [*filter(None, [" · ".join(filter(None, [heading, news(snapshot)])), hint(snapshot)])]
    if total(tasks):
        counts = " · ".join(f"{number(count)} {state}" for state, count in states(tasks))
        lines.append(f"{_text_bar(tasks, 32)} {percent(progress(tasks)):>5}  {counts}")
    if snapshot["ended"] is None:
        lines += [_text_worker(worker) for worker in snapshot["workers"][:MAX_ROWS]]
        lines += more(len(snapshot["workers"]) - MAX_ROWS, "worker")
        if absent := missing(snapshot):
            lines += map(line, (absent["says"], *absent["troubles"]))
    rows = list(islice(walk(snapshot["groups"]), MAX_ROWS))
    names = ["  " * min(depth, 12) + line(group["name"]) for depth, group in rows]
    width = max(map(len, names), default=0)
    lines += [f"{name:<{width}}  {_text_group(row[1])}" for name, row in zip(names, rows, strict=True)]
    return "\n".join(lines + more(len(snapshot["groups"]) - MAX_ROWS, "group"))


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
    bar = "█" * rounded(min(max(worker["busy"], 0.0), 1.0) * 10)
    task = line(worker["task"]) if worker["task"] else worker["state"]
    return f"{line(worker['name']):<6} [{bar:·<10}] {size(worker['memory']):>8}  {task}"


def _text_group(group: GroupRow) -> str:
    text = f"{number(finished(group))}/{number(total(group))}"
    average = mean(group)
    if average is not None:
        text += f"  mean {duration(average)}, longest {duration(group['longest'])}"
    if group["failed"]:
        errors = [last_line(failure["error"]) for failure in group["failures"][:1]]
        text += ": ".join([f"  {number(group['failed'])} failed", *errors])
    return text


def line(text: str) -> str:
    """Return `text` on one line, without the control characters that would play with a terminal."""
    flat = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(flat.split())[:120]


def last_line(error: str) -> str:
    """Return what a traceback ends in: the exception and its message."""
    return line((error.strip() or "unknown").splitlines()[-1])
