"""The sidebar and what is around it: pools of others, the menu, dragging, the palette, the settings, bad input."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from scripts.lab import Lab, NotebookPage
from tests.browser.pages import save
from tests.scoop_jupyter.served import Served
from tests.waiting import eventually

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, session_folder: Path) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def notebook(lab: Lab, page: Page) -> Iterator[NotebookPage]:
    """A notebook beside the sidebar, with a pool of its own."""
    lab.write("own.ipynb", ["%load_ext scoop", "%scoop start -n 1 --name own", "1 + 1"])
    notebook = NotebookPage(page, lab, "own.ipynb")
    notebook.run(0)
    notebook.run(1)
    page.get_by_role("tab", name="SCOOP").click()
    expect(page.locator(".scoop-pool")).to_have_count(1)
    yield notebook
    notebook.shut_down()


def test_the_pool_of_a_notebook(notebook: NotebookPage, lab: Lab) -> None:
    page = notebook.page
    pool = page.locator(".scoop-pool[data-pool='own']")
    expect(pool).to_contain_text("own.ipynb")

    pool.get_by_role("button", name="Scale").click()
    page.get_by_label("Workers").fill("2")
    page.get_by_role("button", name="Scale", exact=True).click()
    expect(pool).to_contain_text("2 workers")

    before = workers(lab)
    pool.click(button="right")
    page.get_by_role("menuitem", name="Restart Workers").click()
    eventually(lambda: not before & workers(lab), 20)
    expect(pool).to_contain_text("2 workers")
    expect(pool).to_contain_text("0 % busy", timeout=20_000)

    # What is dropped into a notebook is the cell that connects it.
    box = pool.locator(".scoop-pool-name").bounding_box()
    cell = notebook.cell(2).bounding_box()
    assert box is not None and cell is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 60, steps=5)
    page.mouse.move(cell["x"] + 200, cell["y"] + cell["height"] / 2, steps=10)
    save(page, "sidebar-dragged")
    page.mouse.up()
    expect(notebook.page.locator(".jp-Notebook .jp-Cell").filter(has_text="%scoop connect own")).to_have_count(1)


def workers(lab: Lab) -> set[int]:
    return {worker["pid"] for worker in Served(lab).ask("GET", "scoop/pools/own")[1]["workers"]}


def test_the_palette_has_it_all(notebook: NotebookPage) -> None:
    page = notebook.page
    page.keyboard.press("Control+Shift+C")
    page.locator("#modal-command-palette input").fill("scoop")
    items = page.locator("#modal-command-palette .lm-CommandPalette-item")
    for label in (
        "New Pool…",
        "Show Pools",
        "Connect Notebook to Pool",
        "Open Timeline",
        "Cancel Tasks",
        "Stop Pool",
    ):
        expect(items.filter(has_text=label)).to_have_count(1)
    items.filter(has_text="Open Timeline").click()
    expect(page.locator(".scoop-tab[data-kind='timeline']")).to_be_visible()


def test_settings_and_refusals(notebook: NotebookPage) -> None:
    page = notebook.page
    page.evaluate(
        """async () => {
            const plugin = { ...await jupyterapp.serviceManager.settings.fetch('scoop-jupyter:commands') };
            await jupyterapp.serviceManager.settings.save(plugin.id, '{"workers": 7, "theme": "dark"}');
        }"""
    )
    page.reload()
    page.wait_for_selector("body[data-scoop-theme='dark']", state="attached")
    # A click on its tab would close it, if the page comes back with it.
    page.evaluate("jupyterapp.restored.then(() => jupyterapp.commands.execute('scoop:show'))")
    page.get_by_role("button", name="New pool").click()
    expect(page.get_by_label("Workers")).to_have_value("7")
    page.get_by_label("Workers").fill("1")
    page.get_by_label("Name", exact=True).fill("own")
    page.get_by_role("button", name="Start", exact=True).click()
    refused = page.locator(".jp-Dialog").filter(has_text="there is a pool 'own' already")
    expect(refused).to_be_visible()
    refused.get_by_role("button").last.click()
    expect(page.locator(".scoop-pool")).to_have_count(1)
