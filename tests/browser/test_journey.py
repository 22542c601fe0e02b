"""The whole journey in JupyterLab: from an empty page and a click on "New pool" to a failed task that runs again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from scripts.lab import Lab, NotebookPage
from tests.browser.pages import save
from tests.waiting import eventually

pytestmark = pytest.mark.browser

DEFINE = """import time
from scoop import futures
def leaf(x):
    time.sleep(0.05)
    return x
def branch(x):
    return sum(futures.map(leaf, range(x, x + 10)))
def fragile(x):
    print("weighing", x)
    return 1 / (x - 3)"""
WORK = """%%scoop
sum(futures.map(branch, range(8)))"""
ENDLESS = """%%scoop
list(futures.map(time.sleep, [60] * 8))"""
FAIL = """%%scoop
list(futures.map(fragile, range(6)))"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, session_folder: Path) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def test_from_an_empty_page_to_a_failed_task_that_runs_again(lab: Lab, page: Page) -> None:
    lab.write("analysis.ipynb", [DEFINE, WORK, ENDLESS, FAIL])
    notebook = NotebookPage(page, lab, "analysis.ipynb")
    try:
        sidebar = start_a_pool(page)
        connect(notebook, sidebar)
        watch_it_work(notebook, sidebar)
        come_back_while_a_cell_runs(notebook)
        cancel_from_the_sidebar(notebook)
        run_what_failed_again(notebook)
        stop_the_pool(page)
    finally:
        notebook.shut_down()


def pool(page: Page) -> Locator:
    return page.locator(".scoop-pool[data-pool='walks']")


def start_a_pool(page: Page) -> Locator:
    page.get_by_role("tab", name="SCOOP").click()
    expect(page.locator(".scoop-empty")).to_contain_text("No pool runs")
    page.get_by_role("button", name="New pool").click()
    page.get_by_label("Workers").fill("2")
    page.get_by_label("Name", exact=True).fill("walks")
    save(page, "journey-1-new-pool")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(pool(page)).to_contain_text("2 workers")
    expect(pool(page)).to_contain_text("started here")
    return pool(page)


def connect(notebook: NotebookPage, sidebar: Locator) -> None:
    notebook.run(0)
    sidebar.get_by_role("button", name="Connect").click()
    connected = notebook.output(1).filter(has_text="Connected to pool")
    expect(connected).to_contain_text("Connected to pool 'walks': 2 workers")
    expect(notebook.page.locator(".scoop-status")).to_have_text(re.compile("SCOOP [0-2]/2"))


def watch_it_work(notebook: NotebookPage, sidebar: Locator) -> None:
    """The tab lives while the cell blocks the kernel."""
    page = notebook.page
    sidebar.get_by_role("button", name="Panel").click()
    tab = page.locator(".scoop-tab[data-kind='panel']")
    expect(tab).to_be_visible()
    notebook.front()
    notebook.start(2)
    expect(tab.locator("header")).to_contain_text("Running")
    expect(tab.locator("tr.scoop-row").filter(has_text="leaf")).to_be_visible()
    seen: set[str] = set()
    eventually(lambda: seen.add(tab.locator(".scoop-legend").first.inner_text()) or len(seen) > 2, 20.0)
    save(page, "journey-3-working")
    notebook.await_end(2)
    expect(tab.locator("header")).to_contain_text("Finished")


def come_back_while_a_cell_runs(notebook: NotebookPage) -> None:
    """The page is loaded anew: the tabs are where they were, and live, though the kernel answers nobody."""
    page = notebook.page
    pool(page).get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Open Task Tree").click()
    expect(page.locator(".scoop-tab[data-kind='tree']")).to_be_visible()
    notebook.front()
    notebook.start(3)
    expect(pool(page)).to_contain_text("8 tasks to do")
    assert notebook.is_running(3)
    notebook.reload(keep_layout=True)
    expect(page.locator(".scoop-tab[data-kind='tree']")).to_contain_text("sleep")
    expect(pool(page)).to_contain_text("8 tasks to do")
    expect(notebook.output(3)).to_contain_text("Loading widget")
    save(page, "journey-4-reloaded")


def cancel_from_the_sidebar(notebook: NotebookPage) -> None:
    """No kernel is needed for that: the cell that runs is in its way. Then its panel is back below it."""
    page = notebook.page
    pool(page).get_by_role("button", name="Cancel").click()
    expect(pool(page)).not_to_contain_text("to do")
    expect(page.locator(".scoop-tab[data-kind='tree']")).to_contain_text("0 / 8")
    expect(page.locator(".scoop-tab[data-kind='tree']")).to_contain_text("8")
    notebook.front()
    panel = notebook.cell(3).locator(".scoop-panel")
    expect(panel).to_contain_text("Cancelled")
    expect(panel).to_contain_text("8 cancelled")
    expect(notebook.cell(3)).not_to_contain_text("Error displaying widget")
    save(page, "journey-5-cancelled")


def run_what_failed_again(notebook: NotebookPage) -> None:
    page = notebook.page
    notebook.front()
    notebook.run(4)
    expect(notebook.output(4).last).to_contain_text("ZeroDivisionError")
    tree = page.locator(".scoop-tab[data-kind='tree']")
    tree.locator("tr.scoop-row").filter(has_text="fragile").click()
    failures = tree.locator(".scoop-errors")
    expect(failures).to_contain_text("return 1 / (x - 3)")
    expect(failures).to_contain_text("weighing 3")
    save(page, "journey-6-failure")
    failures.get_by_role("button", name="Replay here").click()
    replayed = notebook.cell(5)
    expect(replayed).to_contain_text("%scoop debug")
    expect(replayed).to_contain_text("ipdb>")
    field = replayed.locator("input.jp-Stdin-input")
    field.last.fill("x")
    field.last.press("Enter")
    expect(replayed).to_contain_text(re.compile(r"ipdb>\s+x"))
    save(page, "journey-7-replayed")
    expect(replayed).to_contain_text(re.compile(r"ipdb>\s+x\s+3"))
    field.last.fill("q")
    field.last.press("Enter")
    notebook.await_end(5)


def stop_the_pool(page: Page) -> None:
    pool(page).get_by_role("button", name="Stop").click()
    expect(pool(page)).to_have_count(0)
    expect(page.locator(".scoop-tab-note").first).to_contain_text("This pool has ended")
    save(page, "journey-8-stopped")
