"""A real JupyterLab in a headless Chromium: for the browser tests, and for the picture in the README."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Locator, Page, Playwright

START_SECONDS = 60.0
END_SECONDS = 10.0
#: What pages come from, by module.
APPS = {"jupyterlab": ["LabApp"], "notebook": ["JupyterNotebookApp"]}
#: JupyterLab saves the places of its tabs when they have not changed for this long, in seconds, and tells nobody.
LAYOUT_SECONDS = 2.0
#: Chromium runs without its sandbox, because containers lack what that needs, and without calls to its maker.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: No questions about news, and no cursor that blinks into a picture.
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/codemirror-extension/plugin": {"defaultConfig": {"cursorBlinkRate": 0}},
}


def chromium() -> Path | None:
    """Where there is a Chromium, if there is one."""
    found = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    return next(map(Path, found), None)


def launch(playwright: Playwright) -> Browser:
    """Start the browser.

    Raises:
        FileNotFoundError: there is none; `make browser` installs one.
    """
    path = chromium()
    if path is None:
        raise FileNotFoundError("there is no Chromium on PATH: `make browser` installs one")
    return playwright.chromium.launch(executable_path=path, args=ARGUMENTS)


def end(process: subprocess.Popen[bytes], seconds: float) -> list[psutil.Process]:
    """Have a process end, or kill it after some time; what it had started, which may be there still."""
    started: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        started = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return started


class Lab:
    """A JupyterLab on a free port of 127.0.0.1; a context manager, whose end leaves no process.

    Args:
        folder: empty; for its notebooks, and for all else that it writes.
        module: of the server; "jupyter_server" is one without JupyterLab's pages, "notebook" has others.
        options: more of them.
        python: that runs it.
    """

    def __init__(
        self,
        folder: Path,
        module: str = "jupyterlab",
        options: Iterable[str] = (),
        python: str = sys.executable,
    ) -> None:
        self.module = module
        self.notebooks = folder / "notebooks"
        self._runtime = folder / "runtime"
        self.log = folder / "lab.log"
        for name in ("notebooks", "runtime", "settings", "workspaces", "config", "data", "ipython"):
            (folder / name).mkdir(mode=0o700)
        for name, values in SETTINGS.items():
            path = folder / "settings" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        environment = dict(
            os.environ,
            JUPYTER_CONFIG_DIR=str(folder / "config"),
            JUPYTER_DATA_DIR=str(folder / "data"),
            JUPYTER_RUNTIME_DIR=str(self._runtime),
            JUPYTERLAB_SETTINGS_DIR=str(folder / "settings"),
            JUPYTERLAB_WORKSPACES_DIR=str(folder / "workspaces"),
            IPYTHONDIR=str(folder / "ipython"),
        )
        environment.pop("PYTEST_CURRENT_TEST", None)  # where it finds this, ipykernel does not capture all prints
        command = [python, "-m", module, "--no-browser", "--allow-root", *options]
        command += ["--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--ServerApp.root_dir={self.notebooks}"]
        command += ["--KernelManager.transport_encryption=auto"]
        command += [f"--{app}.expose_app_in_browser=True" for app in APPS.get(module, [])]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder
            )
        self.url, self.token = self._await_start()

    def _await_start(self) -> tuple[str, str]:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            for path in self._runtime.glob("jpserver-*.json"):
                try:
                    found = json.loads(path.read_text())
                    socket.create_connection(("127.0.0.1", found["port"])).close()
                except (json.JSONDecodeError, OSError):  # it is being written; it comes before the server listens
                    continue
                return found["url"], found["token"]
            time.sleep(0.05)
        self.close()
        raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text()}")

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def write(self, name: str, cells: Iterable[str]) -> None:
        """Make a notebook of code cells; one that begins with # and a space becomes a text cell."""
        notebook = {
            "cells": [_text_cell(cell) if cell.startswith("# ") else _code_cell(cell) for cell in cells],
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
            "nbformat": 4,
            "nbformat_minor": 4,
        }
        (self.notebooks / name).write_text(json.dumps(notebook))

    def close(self) -> None:
        """End it, its kernels and whatever they started."""
        started = end(self._process, END_SECONDS)
        _, alive = psutil.wait_procs(started, END_SECONDS / 2)
        for process in alive:
            process.kill()

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _code_cell(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "metadata": {}, "execution_count": None, "outputs": []}


def _text_cell(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "source": source, "metadata": {}}


class NotebookPage:
    """A notebook, open in JupyterLab.

    Args:
        page: of the browser.
        lab: the server.
        name: the notebook's file.
        dark: use JupyterLab's dark theme.
    """

    def __init__(self, page: Page, lab: Lab, name: str, dark: bool = False) -> None:
        self.page = page
        self._name = name
        self._url = f"{lab.url}lab/workspaces/auto-{Path(name).stem}/tree/{name}?token={lab.token}"
        self._open()
        self._page_command("apputils:change-theme", {"theme": f"JupyterLab {'Dark' if dark else 'Light'}"})
        page.wait_for_selector(f"body[data-jp-theme-light='{str(not dark).lower()}']", state="attached")
        page.evaluate("jupyterapp.shell.collapseLeft()")

    def _open(self, keep_layout: bool = False) -> None:
        self.page.goto(self._url if keep_layout else f"{self._url}&reset")
        # The indicator in the toolbar says idle before the kernel is there.
        self.page.wait_for_function(
            """() => window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel
            ?.connectionStatus === 'connected'"""
        )

    def _page_command(self, command: str, arguments: dict[str, Any] | None = None) -> None:
        self.page.evaluate(
            "async ([command, args]) => { await jupyterapp.commands.execute(command, args); }",
            [command, arguments or {}],
        )

    def cell(self, index: int) -> Locator:
        """One of its cells, the first is 0."""
        return self.page.locator(f".jp-Notebook .jp-Cell[data-windowed-list-index='{index}']")

    def output(self, index: int) -> Locator:
        """What is below a cell."""
        return self.cell(index).locator(".jp-OutputArea-output")

    def select(self, index: int) -> None:
        """Make a cell the active one."""
        self.page.evaluate("index => { jupyterapp.shell.currentWidget.content.activeCellIndex = index }", index)

    def start(self, index: int) -> None:
        """Begin to run a cell."""
        self.select(index)
        # Not awaited: the command ends with the cell.
        self.page.evaluate("() => { jupyterapp.commands.execute('notebook:run-cell') }")

    def run(self, index: int, seconds: float = 30.0) -> None:
        """Run a cell to its end."""
        self.start(index)
        self.await_end(index, seconds)

    def await_end(self, index: int, seconds: float = 30.0) -> None:
        """Wait until a cell's number is there instead of the asterisk."""
        prompt = self.cell(index).locator(".jp-InputArea-prompt")
        prompt.filter(has_text="[").filter(has_not_text="[*]").filter(has_not_text="[ ]").wait_for(
            timeout=seconds * 1e3
        )

    def is_running(self, index: int) -> bool:
        """Whether a cell has its asterisk."""
        return "*" in self.cell(index).locator(".jp-InputArea-prompt").inner_text()

    def interrupt(self) -> None:
        """Press the stop button."""
        self.page.locator(".jp-NotebookPanel-toolbar [data-command='notebook:interrupt-kernel']").first.click()

    def front(self) -> None:
        """Bring it to the front of the other tabs."""
        self._page_command("docmanager:open", {"path": self._name})

    def save(self) -> None:
        """Write it to its file."""
        self._page_command("docmanager:save")

    def reload(self, keep_layout: bool = False) -> None:
        """Save, and load the page anew.

        Args:
            keep_layout: with the tabs that are open.
        """
        self.save()
        if keep_layout:
            self.page.wait_for_timeout(LAYOUT_SECONDS * 1e3)
        self._open(keep_layout)

    def shut_down(self) -> None:
        """End its kernel."""
        self.front()
        # Before it is ready, as after the page was loaded anew, it knows of no kernel and ends none.
        self.page.evaluate(
            """async () => {
                const { sessionContext } = jupyterapp.shell.currentWidget.context;
                await sessionContext.ready;
                await sessionContext.shutdown();
            }"""
        )
