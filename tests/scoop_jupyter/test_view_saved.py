"""What a notebook keeps of a run."""

import json

import nbconvert
import nbformat
import pytest

from scoop_jupyter.view import RUN_MIME, Timeline, coarse, render_html, render_text, saved
from tests.scoop_jupyter import samples


def tasks(timeline: Timeline) -> float:
    return sum(span[3] for lane in timeline["lanes"] for span in lane["spans"])


@pytest.mark.parametrize("most", [10, 100, 1_000])
def test_a_timeline_becomes_coarser_and_loses_no_task(most: int) -> None:
    fine = samples.timeline(lanes=8, spans=500)
    few = coarse(fine, most)
    assert sum(len(lane["spans"]) for lane in few["lanes"]) <= max(most, 8)
    assert tasks(few) == tasks(fine)
    assert [lane["worker"] for lane in few["lanes"]] == [lane["worker"] for lane in fine["lanes"]]
    for lane in few["lanes"]:
        assert lane["spans"] == sorted(lane["spans"], key=lambda span: span[1])
        assert all(span[1] <= span[2] for span in lane["spans"])


def test_a_small_timeline_stays_as_it_is() -> None:
    assert coarse(samples.timeline(), 1_000) == samples.timeline()
    nothing: Timeline = {"began": 1.0, "ended": 1.0, "functions": [], "lanes": []}
    assert coarse(nothing, 1) == nothing


def test_gaps_stay() -> None:
    lane = {"worker": "w0", "spans": [[0, 0.0, 1.0, 1, 0], [0, 1.0, 2.0, 1, 1], [0, 8.0, 10.0, 1, 0]]}
    timeline: Timeline = {"began": 0.0, "ended": 10.0, "functions": ["f"], "lanes": [lane]}  # type: ignore[list-item]
    assert coarse(timeline, 2)["lanes"][0]["spans"] == [[0, 0.0, 2.0, 2, 1], [0, 8.0, 10.0, 1, 0]]


def test_more_lanes_than_spans_end_too() -> None:
    many = samples.timeline(lanes=20, spans=3)
    assert all(lane["spans"] for lane in coarse(many, 5)["lanes"])


def test_ten_thousand_groups_and_spans_stay_small() -> None:
    kept = saved(samples.many(10_000), samples.timeline(lanes=10, spans=800))
    assert len(kept["snapshot"]["groups"]) == 300
    assert len(json.dumps(kept)) < 250_000


def test_the_hint_is_kept() -> None:
    slow = samples.snapshot(
        [samples.group(1, None, "fit", [0, 0, 40], seconds=13.0, longest=9.4)],
        [samples.worker(0), samples.worker(1)],
        seconds=10.0,
        ended=True,
    )
    assert saved(slow, None)["snapshot"]["hint"].startswith("94 % of the time")
    assert "hint" not in saved(samples.finished(), None)["snapshot"]


def test_exporters_of_notebooks_take_the_html() -> None:
    run = samples.failed()
    data = {RUN_MIME: saved(run, samples.timeline()), "text/html": render_html(run), "text/plain": render_text(run)}
    output = nbformat.v4.new_output("display_data", data=data)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("%%scoop", outputs=[output])])
    nbformat.validate(notebook)
    page, _ = nbconvert.HTMLExporter().from_notebook_node(notebook)
    assert "Finished with failures" in page and "ZeroDivisionError" in page and RUN_MIME not in page
