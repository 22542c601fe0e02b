"""A snapshot as HTML without script, for saved notebooks and places that have no widgets."""

import html
from itertools import islice

from scoop_jupyter.view.balance import finished, headline, mean, news, states, status, total, walk
from scoop_jupyter.view.hints import hint
from scoop_jupyter.view.numbers import duration, more, number, plural, size
from scoop_jupyter.view.recruits import missing
from scoop_jupyter.view.snapshot import FailureRow, GroupRow, Missing, Snapshot, Status, TaskCounts, WorkerRow
from scoop_jupyter.view.text import last_line

# Ten thousand groups must not make a notebook of megabytes.
MAX_ROWS = 100

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
        f"<b>{html.escape(headline(snapshot))}</b> &nbsp;{html.escape(news(snapshot))}</summary>",
    ]
    if total(tasks):
        parts.append(f'<div style="margin:6px 0">{_html_bar(tasks, 8)}</div><div>{_html_legend(tasks)}</div>')
    if snapshot["groups"]:
        parts.append(_html_groups(snapshot["groups"]))
    if snapshot["workers"]:
        parts.append(_html_workers(snapshot["workers"]))
    parts.append("</details>")
    if snapshot["ended"] is None and (absent := missing(snapshot)):
        parts.append(_html_missing(absent))
    if advice := hint(snapshot):
        parts.append(f'<div style="margin:4px 0">{html.escape(advice)}</div>')
    return "".join([*parts, "</div>"])


def _html_bar(tasks: TaskCounts, height: int) -> str:
    known = max(total(tasks), 1)
    segments = "".join(
        f'<div style="height:{height}px;width:{count * 100 / known:.4g}%;'
        f"min-width:{3 if state == 'failed' else 0}px;margin-left:{'auto' if state == 'cancelled' else 0};"
        f'{_FILLS[state]}"></div>'
        for state, count in states(tasks)
        if count and state != "queued"
    )
    says = ", ".join(f"{number(count)} {state}" for state, count in states(tasks))
    return (
        f'<div role="img" aria-label="{says}" title="{says}" style="display:flex;height:{height}px;'
        f'border-radius:{height // 2}px;overflow:hidden;{_FILLS["queued"]}">{segments}</div>'
    )


def _html_legend(tasks: TaskCounts) -> str:
    return " &nbsp; ".join(
        f'<span style="white-space:nowrap"><span style="display:inline-block;width:9px;height:9px;'
        f'border-radius:2px;{_FILLS[state]}"></span> {number(count)} {state}</span>'
        for state, count in states(tasks)
    )


def _html_groups(groups: list[GroupRow]) -> str:
    head = _html_head(["Function", "Progress"], ["Done", "Failed", "Mean", "Longest", "Total"])
    rows = "".join(_html_group(depth, group) for depth, group in islice(walk(groups), MAX_ROWS))
    return _html_table(head, rows) + "".join(more(len(groups) - MAX_ROWS, "group"))


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
    return row + "".join(_html_failure(indent + 16, failure) for failure in group["failures"])


def _html_failure(indent: int, failure: FailureRow) -> str:
    parts = [("Arguments", failure["arguments"]), ("Printed", failure["output"])]
    if failure["id"]:
        parts.append(("To run it again here", f"%scoop debug {failure['id']}"))
    told = "\n\n".join([failure["error"], *(f"{name}: {text}" for name, text in parts if text)])
    return (
        f'<tr><td colspan="7" style="padding:0 8px 4px {indent}px;text-align:left"><details>'
        f'<summary style="cursor:pointer">{html.escape(last_line(failure["error"]))}</summary>'
        f'<pre style="margin:4px 0;white-space:pre-wrap;{_CODE}">{html.escape(told)}</pre>'
        "</details></td></tr>"
    )


def _html_workers(workers: list[WorkerRow]) -> str:
    head = _html_head(["Worker", "Host", "State"], ["Tasks", "Prints", "CPU", "Memory"])
    rows = "".join(map(_html_worker, workers[:MAX_ROWS]))
    return (
        f'<details style="margin-top:6px"><summary style="cursor:pointer">{plural(len(workers), "worker")}</summary>'
        + _html_table(head, rows)
        + "".join(more(len(workers) - MAX_ROWS, "worker"))
        + "</details>"
    )


def _html_worker(worker: WorkerRow) -> str:
    names = (worker["name"], worker["host"], worker["state"])
    counts = (worker["done"], worker.get("prints", 0))
    figures = (*map(number, counts), duration(worker["cpu"]), size(worker["memory"]))
    cells = [f'<td style="{_NAME}">{html.escape(name)}</td>' for name in names]
    cells += [f'<td style="{_CELL}">{figure}</td>' for figure in figures]
    return f"<tr>{''.join(cells)}</tr>"


def _html_missing(missing: Missing) -> str:
    troubles = "".join(f"<div>{html.escape(trouble)}</div>" for trouble in missing["troubles"])
    return (
        f'<div style="margin:4px 0"><span style="opacity:0.7">{html.escape(missing["says"])}</span>{troubles}</div>'
    )


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
