"""The one sentence that says why a run was slow."""

from typing import Any

import pytest

from scoop_jupyter.view import GroupRow, Snapshot, render_html, render_text
from scoop_jupyter.view.hints import hint
from tests.scoop_jupyter import samples

MIB = 1 << 20


def run(*groups: GroupRow, seconds: float = 10.0, busy: float, workers: int = 4) -> Snapshot:
    """A run that is over, on four workers."""
    snapshot = samples.snapshot(
        list(groups), [samples.worker(n) for n in range(workers)], seconds=seconds, ended=True
    )
    snapshot["busy"] = busy
    return snapshot


def group(name: str, done: int, seconds: float, longest: float = 0.01, **more: Any) -> GroupRow:
    row = samples.group(
        more.pop("id", 1), more.pop("parent", None), name, [0, 0, done], seconds=seconds, longest=longest
    )
    row.update(more)
    return row


def test_one_long_task() -> None:
    said = hint(run(group("fit", 40, 13.0, longest=9.4), busy=13.0))
    assert said.startswith("94 % of the time is one task of fit (9.4 s)")


def test_the_parent_that_waits_is_not_the_long_task() -> None:
    parent = group("tree", 1, 10.0, longest=10.0)
    twig = group("twig", 100, 12.0, longest=6.0, id=2, parent=1)
    assert "one task of twig" in hint(run(parent, twig, busy=14.0))


def test_tiny_tasks() -> None:
    said = hint(run(group("add", 100_000, 0.8, longest=0.001), busy=0.8))
    assert said.startswith("Each task of add takes 8 µs")


def test_a_heavy_argument() -> None:
    said = hint(run(group("scan", 20, 3.0, sent=20 * 180 * MIB), busy=3.0))
    assert said.startswith("180 MiB are sent with every task of scan") and "setConst" in said


def test_a_large_argument_that_is_sent_once_is_not_heavy() -> None:
    assert "sent" not in hint(run(group("scan", 2_000, 3.0, sent=180 * MIB), busy=3.0))


def test_idle_workers() -> None:
    assert hint(run(group("step", 900, 18.0), busy=18.0)).startswith("Workers were idle 55 % of the time")


def test_fewer_tasks_than_workers() -> None:
    rows = group("step", 2, 8.0, longest=4.5)
    assert hint(run(rows, busy=8.0)) == "There were 2 tasks for 4 workers: the others had nothing to do."


@pytest.mark.parametrize(
    "quiet",
    [
        samples.finished(),
        samples.small(),
        samples.lost(),
        samples.nothing(),
        run(busy=0.0),
        run(group("step", 900, 38.0), busy=38.0),
        run(group("step", 2, 0.01), busy=0.01, seconds=0.5),
        run(group("step", 900, 18.0), busy=18.0, workers=0),
    ],
)
def test_nothing_is_said_of_what_was_quick_or_is_not_over(quiet: Snapshot) -> None:
    assert hint(quiet) == ""


def test_it_stands_in_the_text_and_the_html() -> None:
    slow = run(group("<fit>", 40, 13.0, longest=9.4), busy=13.0)
    assert hint(slow) in render_text(slow).splitlines()
    page = render_html(slow)
    assert "one task of &lt;fit&gt;" in page and page.index("one task of") > page.rindex("</details>")
