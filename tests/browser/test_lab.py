"""The panel in a real JupyterLab: it moves while the cell blocks, stays after it, and survives a reload."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from scoop_jupyter.view import RUN_MIME
from scripts.lab import Lab, NotebookPage
from tests.browser.pages import save
from tests.waiting import eventually

pytestmark = pytest.mark.browser

START = "%load_ext scoop\n%scoop start -n 2"
DEFINE = """import time
def leaf(x):
    time.sleep(0.02)
def branch(x):
    list(futures.map(leaf, range(20)))
def step(x):
    print("step", x) if x == 7 else None
    time.sleep(0.01)"""
CELL = """%%scoop
branches = [futures.submit(branch, x) for x in range(6)]
list(futures.map(step, range(200)))
{future.result() for future in branches}"""
HOLD = """%%scoop
import os
def hold(x):
    while not os.path.exists("go"):
        time.sleep(0.01)
    return x
list(futures.map(hold, range(8)))"""
FAIL = """%%scoop
list(futures.map(lambda x: 1 / (x - 3), range(8)))"""
ENDLESS = """%%scoop
list(futures.map(time.sleep, [60] * 8))"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, session_folder: Path) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def done(notebook: NotebookPage, index: int) -> int:
    """How many tasks the legend of the live panel says are done."""
    legend = notebook.cell(index).locator(".scoop-counts")
    found = re.search(r"([\d,]+) done", legend.inner_text())
    return int(found[1].replace(",", "")) if found else 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_panel_in_jupyterlab(lab: Lab, page: Page, theme: str) -> None:
    lab.write(f"{theme}.ipynb", [START, DEFINE, CELL, FAIL, ENDLESS])
    notebook = NotebookPage(page, lab, f"{theme}.ipynb", dark=theme == "dark")
    try:
        while_it_blocks(notebook, theme)
        if theme == "light":
            failures_and_the_stop_button(notebook)
        notebook.reload()
        look_at_the_end(notebook)
        expect(page.get_by_text("Loading widget")).to_have_count(0)
        save(page, f"lab-{theme}-reloaded")
    finally:
        notebook.shut_down()


def while_it_blocks(notebook: NotebookPage, theme: str) -> None:
    """A cell runs, and its panel moves; then it is over."""
    page = notebook.page
    notebook.run(0)
    expect(notebook.output(0)).to_contain_text("2 workers")
    notebook.run(1)

    notebook.start(2)
    panel = notebook.cell(2).locator(".scoop-panel")
    expect(panel.locator("header")).to_contain_text("Running")
    expect(panel.locator(".scoop-worker")).to_have_count(2)
    expect(panel.locator("tr.scoop-row").filter(has_text="leaf")).to_have_attribute("aria-level", "2")
    counts: list[int] = []
    eventually(lambda: counts.append(done(notebook, 2)) or len(set(counts)) > 3, 20.0)
    assert counts == sorted(counts)
    assert notebook.is_running(2)
    surface = page.evaluate("getComputedStyle(document.querySelector('.scoop-panel')).backgroundColor")
    assert surface == {"light": "rgb(255, 255, 255)", "dark": "rgb(33, 33, 33)"}[theme]
    save(page, f"lab-{theme}-running")

    notebook.await_end(2)
    look_at_the_end(notebook)
    save(page, f"lab-{theme}-finished")


def failures_and_the_stop_button(notebook: NotebookPage) -> None:
    """The panel of a failure stays open, with the traceback below; so does that of an interrupted cell."""
    notebook.run(3)
    failed = notebook.output(3)
    expect(failed.locator(".scoop-panel")).to_contain_text("Finished with failures")
    expect(failed.last).to_contain_text("ZeroDivisionError")
    expect(failed.last).to_contain_text("list(futures.map(lambda x: 1 / (x - 3), range(8)))")

    notebook.start(4)
    expect(notebook.cell(4).locator(".scoop-panel .scoop-counts")).to_contain_text("2 running")
    pressed = time.monotonic()
    notebook.interrupt()
    notebook.await_end(4)
    print(f"stopped {time.monotonic() - pressed:.2f} s after the click")
    expect(notebook.output(4).first).to_contain_text("Cancelled")
    expect(notebook.output(4).last).to_contain_text("KeyboardInterrupt")
    save(notebook.page, "lab-failures")


def look_at_the_end(notebook: NotebookPage) -> None:
    """What a cell that went well leaves: a line that unfolds to all of it, with the timeline."""
    left = notebook.cell(2).locator(".scoop-panel")
    expect(left).to_have_attribute("data-folded", "true")
    balance = re.compile(
        r"\d+ tasks in [\d.]+ s \(wall\) · [\d.]+ m?s CPU · speed-up .* · efficiency \d+ % · longest"
    )
    expect(left.locator("header")).to_contain_text("Finished")
    expect(left.locator("header")).to_contain_text(balance)
    rows = left.locator("tr.scoop-row")
    expect(rows.filter(has_text="leaf")).to_be_hidden()
    left.get_by_role("button", name="Details of the run").click()
    expect(rows.filter(has_text="leaf")).to_contain_text("120 / 120")
    expect(rows.filter(has_text="step")).to_contain_text("200 / 200")
    left.get_by_role("tab", name="Timeline").click()
    expect(left.get_by_role("img", name=re.compile("Timeline of 2 workers"))).to_be_visible()
    expect(left.locator(".scoop-timeline .scoop-legend")).to_contain_text("leaf")
    left.get_by_role("tab", name="Tasks").click()
    expect(notebook.output(2).filter(has_text="step 7")).to_have_text(re.compile(r"^\s*\[w\d\] step 7\s*$"))
    left.get_by_role("button", name="Details of the run").click()
    expect(left).to_have_attribute("data-folded", "true")


def test_buttons_while_the_cell_blocks_and_the_replay(lab: Lab, page: Page) -> None:
    """The kernel hears nothing meanwhile: what the panel asks goes by the server to the pool."""
    start = "%load_ext scoop\n%scoop start -n 2\nimport time"
    sleeps = "%%scoop\nfutures.wait([futures.submit(time.sleep, 60) for _ in range(2)])\nprint('over')"
    lab.write("buttons.ipynb", [start, sleeps, FAIL, ENDLESS])
    notebook = NotebookPage(page, lab, "buttons.ipynb")
    try:
        notebook.run(0)
        notebook.start(1)
        panel = notebook.cell(1).locator(".scoop-panel")
        expect(panel.locator(".scoop-counts")).to_contain_text("2 running")
        panel.get_by_role("tab", name="Timeline").click()
        expect(panel.locator(".scoop-timeline .scoop-legend")).to_contain_text("sleep")
        assert notebook.is_running(1)
        for worker in ("w0", "w1"):
            panel.get_by_role("button", name=f"Cancel the task of {worker}").click()
        notebook.await_end(1)
        expect(notebook.output(1).last).to_contain_text("over")
        expect(panel.locator("header")).to_contain_text("2 cancelled")

        notebook.run(2)
        failed = notebook.cell(2).locator(".scoop-panel")
        failed.get_by_role("button", name="1 failed: errors").click()
        failed.get_by_role("button", name="Replay here").click()
        expect(page.locator(".jp-Notebook .jp-InputArea-editor").filter(has_text="%scoop debug")).to_be_visible()
        notebook.interrupt()

        last = page.locator(".jp-Notebook .jp-Cell").count() - 1
        notebook.start(last)
        endless = notebook.cell(last).locator(".scoop-panel")
        endless.get_by_role("button", name="Cancel all").click()
        notebook.await_end(last)
        expect(endless.locator("header")).to_contain_text("Cancelled")
        save(page, "lab-buttons")
    finally:
        notebook.shut_down()


def test_a_panel_that_ends_after_a_reload_is_saved_as_any_other(lab: Lab, page: Page) -> None:
    """The page finds it by itself, wherever in the notebook it is; then no kernel is needed to see it."""
    cells = [START + "\nimport time", *["1 + 1"] * 80, HOLD]
    last = len(cells) - 1
    lab.write("left.ipynb", cells)
    notebook = NotebookPage(page, lab, "left.ipynb")
    try:
        notebook.run(0)
        notebook.start(last)
        expect(notebook.cell(last).locator(".scoop-panel .scoop-counts")).to_contain_text("2 running")
        notebook.reload()
        expect(notebook.cell(0)).to_be_visible()
        assert WIDGET in saved_output(lab, last)
        expect(notebook.cell(last)).to_have_count(0)  # it is far below
        (lab.notebooks / "go").touch()
        eventually(lambda: page.evaluate(OUTPUTS, last)[0]["data"].keys() == {RUN_MIME, *FALLBACKS}, 20.0)

        notebook.save()
        left = saved_output(lab, last)
        assert left.keys() == {RUN_MIME, *FALLBACKS}
        assert left[RUN_MIME]["timeline"]["lanes"] and "8 tasks in" in "".join(left["text/html"])
        notebook.shut_down()
        notebook.reload()  # with a new kernel
        eventually(lambda: page.evaluate(SCROLL, last) or notebook.cell(last).count(), 20.0)
        expect(notebook.cell(last).locator(".scoop-panel header")).to_contain_text("8 tasks in")
        expect(notebook.cell(last)).not_to_contain_text("Error displaying widget")
        notebook.run(1)  # a kernel that has just started would not like to be ended yet
    finally:
        notebook.shut_down()


def test_a_run_that_vs_code_has_saved_is_drawn_in_place_of_its_widget(lab: Lab, page: Page) -> None:
    code = "from scoop_jupyter.view import RUN_MIME, empty_snapshot, saved\nrun = saved(empty_snapshot(), None)\n"
    code += f"display({{RUN_MIME: run, '{WIDGET}': {{'model_id': 'gone'}}}}, raw=True)"
    lab.write("code.ipynb", [code])
    notebook = NotebookPage(page, lab, "code.ipynb")
    try:
        notebook.run(0)
        expect(notebook.cell(0).locator(".scoop-panel header")).to_be_visible()
        expect(notebook.cell(0)).not_to_contain_text("Error displaying widget")
    finally:
        notebook.shut_down()


WIDGET = "application/vnd.jupyter.widget-view+json"
SCROLL = "at => { jupyterapp.shell.currentWidget.content.scrollToItem(at) }"
FALLBACKS = ("text/html", "text/plain")
OUTPUTS = "at => jupyterapp.shell.currentWidget.content.model.cells.get(at).outputs.toJSON()"


def saved_output(lab: Lab, index: int) -> dict[str, Any]:
    """The first output of a cell as it is in the notebook's file."""
    cell = json.loads((lab.notebooks / "left.ipynb").read_text())["cells"][index]
    data: dict[str, Any] = cell["outputs"][0]["data"]
    return data
