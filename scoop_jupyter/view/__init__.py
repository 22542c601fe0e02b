"""How a run looks: the snapshot that every panel draws, and its one-line, plain-text and static HTML forms.

Pure functions of one JSON-able dict, with no Jupyter in sight. What is drawn live is in ``labextension/src/drawing``,
which repeats the number formats and the conclusions; a browser test holds the two to the same words. Who takes the
snapshots, and how often, is left to the magics.
"""

from scoop_jupyter.view.balance import (
    balance,
    elapsed,
    finished,
    headline,
    mean,
    present,
    progress,
    remaining,
    status,
    summary,
    total,
    walk,
)
from scoop_jupyter.view.hints import hint
from scoop_jupyter.view.html import render_html
from scoop_jupyter.view.numbers import about, duration, number, percent, plural, ratio, size
from scoop_jupyter.view.recruits import missing, workforce
from scoop_jupyter.view.saved import RUN_MIME, SavedRun, coarse, saved
from scoop_jupyter.view.snapshot import (
    FailureRow,
    GroupRow,
    Missing,
    PoolRow,
    PoolState,
    RecruitRow,
    Snapshot,
    Status,
    TaskCounts,
    Timeline,
    WorkerRow,
    WorkerState,
    empty_snapshot,
)
from scoop_jupyter.view.text import latest, render_text

__all__ = [
    "RUN_MIME",
    "FailureRow",
    "GroupRow",
    "Missing",
    "PoolRow",
    "PoolState",
    "RecruitRow",
    "SavedRun",
    "Snapshot",
    "Status",
    "TaskCounts",
    "Timeline",
    "WorkerRow",
    "WorkerState",
    "about",
    "balance",
    "coarse",
    "duration",
    "elapsed",
    "empty_snapshot",
    "finished",
    "headline",
    "hint",
    "latest",
    "mean",
    "missing",
    "number",
    "percent",
    "plural",
    "present",
    "progress",
    "ratio",
    "remaining",
    "render_html",
    "render_text",
    "saved",
    "size",
    "status",
    "summary",
    "total",
    "walk",
    "workforce",
]
