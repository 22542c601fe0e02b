"""Takes the picture of the live panel that the README shows: of a real run, in a real JupyterLab."""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path

from lab import Lab, NotebookPage, launch
from playwright.sync_api import FloatRect, sync_playwright

#: The browser's window, in CSS pixels; the picture has twice as many each way.
SIZE = (1000, 1000)
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


def take(folder: Path) -> bytes:
    """Run the notebook, and take the picture as PNG.

    Args:
        folder: empty, for what JupyterLab writes.

    Raises:
        RuntimeError: the run was over before it was taken.
    """
    with Lab(folder) as lab, sync_playwright() as playwright:
        lab.write("walks.ipynb", CELLS)
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}, device_scale_factor=2)
        notebook = NotebookPage(page, lab, "walks.ipynb")
        notebook.run(0)
        notebook.run(1)
        notebook.start(2)
        notebook.select(3)
        panel = notebook.cell(2).locator(".scoop-panel")
        panel.locator(".scoop-counts .scoop-share").filter(has_text=re.compile(r"\d")).wait_for()
        page.wait_for_function(
            "share => parseInt(document.querySelector('.scoop-counts .scoop-share').textContent) >= share", arg=SHARE
        )
        picture = page.screenshot(clip=_area(notebook), animations="disabled")
        if not notebook.is_running(2):
            raise RuntimeError("the cell was over too soon for a picture")
        notebook.await_end(2)
        notebook.shut_down()
        browser.close()
    return picture


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
    default = Path(__file__).resolve().parent.parent / "docs" / "images" / "panel.png"
    parser.add_argument("picture", type=Path, nargs="?", default=default, help="where to (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scoop-picture-", ignore_cleanup_errors=True) as folder:
        picture = take(Path(folder))
    if len(picture) > MOST_BYTES:
        print(f"the picture has {len(picture):,} bytes; {MOST_BYTES:,} are the most", file=sys.stderr)
        return 1
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    options.picture.write_bytes(picture)
    print(f"{os.path.relpath(options.picture)}: {len(picture):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
