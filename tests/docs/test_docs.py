"""The examples in README and docs run as they stand there.

Each file is one session of IPython: its ``python`` blocks are cells, in their order, and a ``text`` block right
behind one is what it prints (with ``...`` for what varies). A block that begins with ``# name.py`` is a file instead,
for the ``console`` blocks to run. Of these, commands of this project are carried out or at least looked up.
"""

from __future__ import annotations

import doctest
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PAGES = [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *sorted((PROJECT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

#: Runs the cells that it reads, and writes what each has printed.
SESSION = """
import contextlib, io, json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(history_length=0)
shell.enable_gui = lambda gui=None: None
printed = []
for cell in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        shell.run_cell(cell).raise_error()
    printed.append(out.getvalue())
shell.run_line_magic("scoop", "stop") if "scoop" in shell.magics_manager.magics["line"] else None
print("\\n" + json.dumps(printed))
"""


@dataclass
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    line: int
    adjacent: bool  # only blank lines are between it and the one before


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    end = 0
    for found in FENCE.finditer(text):
        yield Block(found[1], found[2], text.count("\n", 0, found.start()) + 1, not text[end : found.start()].strip())
        end = found.end()


def file_name(block: Block) -> str | None:
    """The file that a block of Python is, if it is one."""
    found = re.match(r"# (\w+\.py)\n", block.text)
    return found[1] if found and block.language == "python" else None


def pages(*languages: str) -> pytest.MarkDecorator:
    """For each page that has blocks of one of these languages; without any, for every page."""
    chosen = [p for p in PAGES if not languages or any(block.language in languages for block in blocks(p))]
    return pytest.mark.parametrize("page", chosen, ids=[str(p.relative_to(PROJECT)) for p in chosen])


def run(command: list[str], folder: Path, text: str = "") -> str:
    """Run a command in a folder; what it prints."""
    environment = {**os.environ, "IPYTHONDIR": str(folder / "ipython")}
    done = subprocess.run(
        command, cwd=folder, env=environment, input=text, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def matches(expected: str, printed: str) -> bool:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(expected.strip() + "\n", printed.strip() + "\n", flags)


@pages("python")
def test_python_blocks(page: Path, tmp_path: Path) -> None:
    found = list(blocks(page))
    cells = [block for block in found if block.language == "python" and not file_name(block)]
    printed = json.loads(
        run([sys.executable, "-c", SESSION], tmp_path, json.dumps([c.text for c in cells])).split("\n")[-2]
    )

    outputs = {id(cell): text for cell, text in zip(cells, printed, strict=True)}
    for block, after in pairwise(found):
        if id(block) in outputs and after.language == "text" and after.adjacent:
            text = outputs[id(block)]
            assert matches(after.text, text), f"{page.name}:{after.line}\n{after.text}\nbut it prints\n{text}"


@pages("console")
def test_console_blocks(page: Path, tmp_path: Path) -> None:
    for block in blocks(page):
        if name := file_name(block):
            (tmp_path / name).write_text(block.text)
        elif block.language == "console":
            before, *prompts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
            assert not before, f"{page.name}:{block.line}: a console block begins with `$ `"
            for prompt in prompts:
                command, _, output = prompt.partition("\n")
                check_command(command, output.strip(), tmp_path)


def check_command(command: str, output: str, folder: Path) -> None:
    """Carry out a command, or where it has placeholders or would never end, look at what it may be given."""
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        targets = re.findall(r"^(\w+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
        assert words[1] in targets, command
        return
    assert words[:3] == ["python", "-m", "scoop"], f"nothing known of {command!r}"
    program, *arguments = words[3:]
    if program in ("pools", "stop", "top"):
        run([sys.executable, "-m", "scoop", program, "--help"], folder)
    elif program.startswith("["):
        usage = run([sys.executable, "-m", "scoop", "--help"], folder)
        for option in re.findall(r"--?\w+", " ".join([program, *arguments])):
            assert option in usage, f"{option} of {command}"
    else:
        printed = run([sys.executable, *words[1:]], folder)
        assert not output or matches(output, printed), f"{command}\n{printed}"


@pages()
def test_links(page: Path) -> None:
    """What a page points to in this project is there, headings included."""
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text())):
        if re.match(r"\w+:", target):
            continue
        path, _, heading = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), target
        if heading:
            known = re.findall(r"^#+ (.*)$", FENCE.sub("", file.read_text()), re.MULTILINE)
            assert heading in [re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in known], target


@pytest.mark.parametrize("package", ["scoop", "scoop_core", "scoop_jupyter"])
def test_architecture_names_every_module(package: str) -> None:
    named = set(re.findall(r"\w+", (PROJECT / "docs" / "architecture.md").read_text()))
    paths = [*(PROJECT / package).glob("[a-z]*.py"), *(p.parent for p in (PROJECT / package).glob("*/__init__.py"))]
    assert {path.stem for path in paths} <= named
