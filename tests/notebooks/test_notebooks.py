"""Every notebook runs in a real kernel, and shows what it promises; what is stored of it is complete and clean."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run all cells, in a kernel that works in this folder."""
    # Where it finds this one, ipykernel does not capture what children print.
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    client = NotebookClient(
        notebook,
        timeout=100,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
        # With keys: without, ipykernel warns at each start that others may listen.
        config=Config({"KernelManager": {"transport_encryption": "auto"}}),
    )
    asyncio.run(client.async_execute(env={**environment, "IPYTHONDIR": str(folder / "ipython")}))


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(notebook: NotebookNode) -> str:
    """All that its cells have printed."""
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return "\n".join(ANSI.sub("", output.text) for output in outputs if output.output_type == "stream")


def number(pattern: str, text: str) -> float:
    """The number that a pattern's group finds in a text."""
    found = re.search(pattern, text)
    assert found, f"{pattern!r} is not in\n{text}"
    return float(found[1].replace(",", ""))


def check_quickstart(text: str) -> None:
    assert "the same results: True" in text
    assert "4 results came before: ZeroDivisionError('division by zero')" in text
    assert "return walk(seed) / seconds" in text
    assert len(re.findall(r"^\[w\d+\] radius \d+: \d+ steps$", text, re.MULTILINE)) == 4
    assert 0.6 < number(r"steps / radius²: (\S+),", text) < 0.8


def check_pi(text: str) -> None:
    assert abs(number(r"π ≈ (\S+) ±", text) - 3.14159265) < 5e-4


def check_word_scores(text: str) -> None:
    assert "This constant already exists: rarity." in text
    assert 0.2 < number(r"gzip and bz2 have (\S+) in common", text) < 0.6


def check_task_tree(text: str) -> None:
    assert abs(number(r"ln 2 = 0.693; we find (\S+)", text) - 0.693) < 0.005
    assert re.search(r"^\d+ tasks, none lost: True$", text, re.MULTILINE)


def check_genetic(text: str) -> None:
    assert number(r"with the best one, (\d+)% of the cells", text) > 90
    assert number(r"(\S+)% of 10,000 new rings", text) > 75


CHECKS: dict[str, Callable[[str], None]] = {
    "genetic": check_genetic,
    "pi": check_pi,
    "quickstart": check_quickstart,
    "task_tree": check_task_tree,
    "word_scores": check_word_scores,
}


def test_each_has_a_check() -> None:
    assert [path.stem for path in NOTEBOOKS] == sorted(CHECKS)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(path, tmp_path))
    notebook = nbformat.read(copy, as_version=4)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None

    execute(notebook, tmp_path)

    text = printed(notebook)
    CHECKS[path.stem](text)
    assert re.search(r"^Pool '\S+' stopped\.$", text, re.MULTILINE)
    panels = 0
    for cell in code_cells(notebook):
        head = cell.source.partition("\n")[0]
        if not head.startswith("%%scoop"):
            continue
        found = [o.data for o in cell.outputs if "text/html" in o.get("data", {})]
        assert len(found) == (0 if "--quiet" in head else 1), cell.source
        for data in found:
            panels += 1
            assert re.match(r"SCOOP \S+: finished · [\d,]+ tasks? in ", data["text/plain"]), data["text/plain"]
            assert "Finished" in data["text/html"]
    assert panels >= 2
    images = sum("image/png" in output.get("data", {}) for cell in code_cells(notebook) for output in cell.outputs)
    assert images >= (0 if path.stem == "quickstart" else 1)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_stored(path: Path) -> None:
    """It has been run from top to bottom, without an error, and says nothing about the machine that did it."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {})
            texts = [output.get("text", ""), *(v for k, v in output.get("data", {}).items() if k.startswith("text/"))]
            for text in texts:
                assert not re.search(r"/(home|root|Users|tmp|var|usr|work|opt)/", text), text
