"""Takes the pictures of the README and the guide: of a real run, in a real JupyterLab."""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from lab import Lab, NotebookPage, launch
from playwright.sync_api import Browser, FloatRect, Locator, sync_playwright

#: The browser's window, in CSS pixels; the picture has twice as many each way.
SIZE = (1000, 1000)
#: The same for all of JupyterLab; the picture has half as many again.
WIDE = (1280, 760)
#: The picture is taken when so many percent of the tasks are done.
SHARE = 50
MOST_BYTES = 400_000
MARGIN = 6

CELLS = [
    "%load_ext scoop",
    """import random

def walk(seed):
    dice = random.Random(seed)
    return abs(sum(dice.choice((-1, 1)) for _ in range(10_000)))

def farthest(seed):
    return max(futures.map(walk, range(seed, seed + 25)))

def tournament(seed):  # a task may itself submit tasks, to any depth
    return max(futures.map(farthest, range(seed, seed + 400, 25)))""",
    """%%scoop -n 4
winners = [futures.submit(tournament, seed) for seed in (10_000, 20_000)]
mean = sum(futures.map(walk, range(1_500))) / 1_500
print(f"{mean:.0f} steps from home; the winners:", *[winner.result() for winner in winners])""",
    "",
]


def take_panel(lab: Lab, browser: Browser) -> bytes:
    """The notebook with its live panel, as PNG.

    Raises:
        RuntimeError: the run was over before it was taken.
    """
    page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}, device_scale_factor=2)
    notebook = NotebookPage(page, lab, "walks.ipynb")
    notebook.run(0)
    notebook.run(1)
    notebook.start(2)
    notebook.select(3)
    _await_share(notebook.cell(2).locator(".scoop-panel"))
    picture = page.screenshot(clip=_area(notebook), animations="disabled")
    _end(notebook)
    return picture


def take_sidebar(lab: Lab, browser: Browser) -> bytes:
    """All of JupyterLab, with two pools in the sidebar and a panel in a tab, as PNG.

    Raises:
        RuntimeError: the run was over before it was taken.
    """
    page = browser.new_page(viewport={"width": WIDE[0], "height": WIDE[1]}, device_scale_factor=1.5)
    notebook = NotebookPage(page, lab, "walks.ipynb")
    page.get_by_role("tab", name="SCOOP").click()
    page.get_by_role("button", name="New pool").click()
    page.get_by_label("Workers").fill("2")
    page.get_by_label("Name", exact=True).fill("nightly")
    page.get_by_role("button", name="Start", exact=True).click()
    page.locator("[data-pool='nightly']").wait_for()
    notebook.run(0)
    notebook.page.evaluate("jupyterapp.shell.currentWidget.content.activeCellIndex = 1")
    notebook.run(1)
    notebook.start(2)
    own = page.locator(".scoop-pool").filter(has_text="walks.ipynb")
    own.get_by_role("button", name="Panel").click()
    notebook.front()
    notebook.select(3)
    _await_share(page.locator(".scoop-tab"))
    picture = page.screenshot(animations="disabled")
    _end(notebook)
    page.locator("[data-pool='nightly']").get_by_role("button", name="Stop").click()
    page.locator("[data-pool='nightly']").wait_for(state="detached")
    return picture


PICTURES: dict[str, Callable[[Lab, Browser], bytes]] = {"panel": take_panel, "sidebar": take_sidebar}


def _await_share(panel: Locator) -> None:
    """Wait until a run is half over."""
    share = panel.locator(".scoop-counts .scoop-share").filter(has_text=re.compile(r"\d"))
    share.wait_for()
    while int(share.inner_text().split()[0]) < SHARE:
        panel.page.wait_for_timeout(50)


def _end(notebook: NotebookPage) -> None:
    if not notebook.is_running(2):
        raise RuntimeError("the cell was over too soon for a picture")
    notebook.await_end(2)
    notebook.shut_down()


def _area(notebook: NotebookPage) -> FloatRect:
    """From the first cell to the end of the panel, with a margin."""
    first = notebook.cell(0).bounding_box()
    last = notebook.cell(2).locator(".scoop-panel").bounding_box()
    if first is None or last is None:
        raise RuntimeError("the notebook is not on the page")
    top = first["y"] - MARGIN
    return {
        "x": first["x"],
        "y": top,
        "width": first["width"] + MARGIN,
        "height": last["y"] + last["height"] + MARGIN - top,
    }


def main() -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(__file__).resolve().parent.parent / "docs" / "images"
    parser.add_argument("names", nargs="*", choices=[*PICTURES, []], help="which ones (default: all)")
    parser.add_argument("--folder", type=Path, default=default, help="where to (default: %(default)s)")
    options = parser.parse_args()
    for name in options.names or PICTURES:
        with (
            tempfile.TemporaryDirectory(prefix="scoop-picture-", ignore_cleanup_errors=True) as folder,
            Lab(Path(folder)) as lab,
            sync_playwright() as playwright,
        ):
            lab.write("walks.ipynb", CELLS)
            browser = launch(playwright)
            picture = PICTURES[name](lab, browser)
            browser.close()
        if len(picture) > MOST_BYTES:
            print(f"the picture has {len(picture):,} bytes; {MOST_BYTES:,} are the most", file=sys.stderr)
            return 1
        path = options.folder / f"{name}.png"
        path.write_bytes(picture)
        print(f"{os.path.relpath(path)}: {len(picture):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
