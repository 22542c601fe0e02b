"""What a notebook keeps of a run, for JupyterLab to draw again without a kernel: not more than some 100 kB."""

from itertools import islice
from typing import TypedDict

from scoop_jupyter.view.balance import walk
from scoop_jupyter.view.hints import hint
from scoop_jupyter.view.snapshot import Lane, Snapshot, Timeline

#: The media type under which it stands in an output, beside HTML and text.
RUN_MIME = "application/vnd.scoop.run+json"

_MOST_GROUPS = 300
_MOST_SPANS = 1_500


class SavedRun(TypedDict):
    """The last state of a run."""

    snapshot: Snapshot
    timeline: Timeline | None


def saved(snapshot: Snapshot, timeline: Timeline | None) -> SavedRun:
    """Return what is to be kept of a run that is over."""
    kept: Snapshot = {**snapshot, "groups": [group for _, group in islice(walk(snapshot["groups"]), _MOST_GROUPS)]}
    if advice := hint(snapshot):
        kept["hint"] = advice
    return {"snapshot": kept, "timeline": timeline and coarse(timeline, _MOST_SPANS)}


def coarse(timeline: Timeline, most: int) -> Timeline:
    """Join neighbouring spans of one function until about `most` are left, beginning with the closest ones."""
    most = max(most, len(timeline["lanes"]))
    grain = max(timeline["ended"] - timeline["began"], 1e-3) / most
    while sum(len(lane["spans"]) for lane in timeline["lanes"]) > most:
        timeline = {**timeline, "lanes": [_joined(lane, grain) for lane in timeline["lanes"]]}
        grain *= 2
    return timeline


def _joined(lane: Lane, grain: float) -> Lane:
    spans: list[list[float]] = []
    for span in lane["spans"]:
        last = spans[-1] if spans else None
        # What is shorter than the grain goes under the name of its neighbour: it could not be seen anyway.
        if last and span[1] - last[2] < grain and (span[0] == last[0] or span[2] - span[1] < grain):
            spans[-1] = [last[0], last[1], max(last[2], span[2]), last[3] + span[3], last[4] + span[4]]
        else:
            spans.append(span)
    return {**lane, "spans": spans}
