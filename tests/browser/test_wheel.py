"""The wheel in environments of their own, without Node: what is in it, and that older and other frontends take it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from scripts.lab import Lab
from tests.browser.pages import save
from tests.scoop_jupyter.served import Served

#: What differs between the frontends, or is what the wheel brings.
OURS = ("jupyterlab", "notebook", "scoop-jupyter")
PROJECT = Path(__file__).parents[2]
SECONDS = 240.0


def uv(*arguments: str | Path, **environment: str) -> None:
    command = [sys.executable, "-m", "uv", *map(str, arguments)]
    result = subprocess.run(
        command, cwd=PROJECT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=SECONDS
    )
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # `make frontend` has just built what npm would build again.
    uv("build", "--wheel", "--no-build-isolation", "--out-dir", folder, ".", HATCH_JUPYTER_BUILDER_SKIP_NPM="1")
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes a virtual environment with the wheel and a frontend; the path of its Python."""

    def make(frontend: str) -> Path:
        folder = tmp_path_factory.mktemp("environment")
        # All else is as in our own environment, so that a new release elsewhere breaks nothing here.
        constraints = folder / "constraints.txt"
        ours = {found.name: found.version for found in distributions() if found.name not in OURS}
        constraints.write_text("\n".join(f"{name}=={version}" for name, version in ours.items()))
        uv("venv", "--quiet", "--python", sys.executable, folder / "venv")
        python = folder / "venv" / "bin" / "python"
        uv("pip", "install", "--quiet", "--python", python, "--constraint", constraints, frontend, wheel)
        return python

    return make


def test_what_is_in_it(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    data = {name.split(".data/data/")[1] for name in names if ".data/data/" in name}
    assert {
        "etc/jupyter/jupyter_server_config.d/scoop_jupyter.json",
        "share/jupyter/kernels/scoop/kernel.json",
        "share/jupyter/labextensions/scoop-jupyter/install.json",
        "share/jupyter/labextensions/scoop-jupyter/package.json",
        "share/jupyter/labextensions/scoop-jupyter/schemas/scoop-jupyter/commands.json",
    } <= data
    assert {"scoop_jupyter/static/panel.js", "scoop_jupyter/static/panel.css", "scoop/py.typed"} <= set(names)
    assert not [name for name in names if re.match(r"(tests|benchmarks|examples|labextension)/", name)]


@pytest.fixture(params=["jupyterlab==4.2.7", "notebook==7.6.5"])
def lab(
    request: pytest.FixtureRequest,
    environment: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Lab]:
    python = environment(request.param)
    monkeypatch.setenv("PATH", f"{python.parent}:/nowhere")
    listed = subprocess.run(
        [python, "-m", "jupyter", "labextension", "list"], capture_output=True, text=True, timeout=SECONDS
    )
    assert re.search(r"scoop-jupyter v\S+ .*enabled.*OK", listed.stdout + listed.stderr), listed
    with Lab(tmp_path, request.param.partition("==")[0], python=str(python)) as lab:
        yield lab


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page. (Errors of its scripts are not looked at: Notebook 7.6 has one of its own, without us.)"""
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.set_default_timeout(20_000)
    yield page
    page.close()


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_a_frontend_takes_it(lab: Lab, page: Page) -> None:
    served = Served(lab)
    status, answer = served.ask("POST", "scoop/pools", {"n": 1, "name": "here"})
    assert status == 201, answer
    lab.write("some.ipynb", ["1 + 1"])
    page.goto(f"{lab.url}{'notebooks' if lab.module == 'notebook' else 'lab/tree'}/some.ipynb?token={lab.token}")
    page.wait_for_function("window.jupyterapp?.isPluginActivated('scoop-jupyter:sidebar')")
    page.evaluate("jupyterapp.restored.then(() => jupyterapp.commands.execute('scoop:show'))")
    expect(page.locator(".scoop-pool[data-pool='here']")).to_contain_text("1 worker")
    page.evaluate("jupyterapp.commands.execute('scoop:open-panel', { pool: 'here' })")
    expect(page.locator(".scoop-tab .scoop-panel")).to_contain_text("Waiting for tasks")
    save(page, f"frontend-{lab.module}")
    assert served.ask("DELETE", "scoop/pools/here")[0] == 204
