"""Kernels for the tests of what a notebook sees."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jupyter_core.utils import ensure_event_loop

from tests.scoop_jupyter.kernel import PROCESSES, Kernel

#: Writes a configuration file into one of two folders, of which the first is the user's own; its path.
Writer = Callable[..., str]
WORKERS = 2
AT_REST = f"""
import time
def _at_rest():
    end = time.monotonic() + 10
    while time.monotonic() < end:
        rows = __import__("scoop_core.current").current.current.engine.picture()["workers"]
        if [row["state"] for row in rows] == ["idle"] * {WORKERS}:
            return
        time.sleep(0.01)
    raise AssertionError(rows)
_at_rest()
"""


@pytest.fixture(scope="session")
def event_loop_of_client(session_folder: Path) -> Iterator[None]:
    """The loop that the blocking client makes for itself, and would leave open."""
    loop = ensure_event_loop()
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture(scope="session")
def shared_kernel(event_loop_of_client: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path_factory.mktemp("kernel"))
    try:
        kernel.run("%load_ext scoop").check()
        kernel.run(f"%scoop start -n {WORKERS}").check()
        kernel.run("import os, time\nfrom scoop import futures" + PROCESSES).check()
        yield kernel
    finally:
        kernel.close()


@pytest.fixture
def kernel(shared_kernel: Kernel) -> Kernel:
    """A kernel with a pool of two workers at rest, which tests share; they leave it as they found it."""
    shared_kernel.run(AT_REST).check()
    return shared_kernel


@pytest.fixture
def new_kernel(event_loop_of_client: None, tmp_path: Path) -> Iterator[Callable[..., Kernel]]:
    """Starts kernels, with the extension loaded and no pool, or as a kernelspec has it; they end with the test."""
    kernels: list[Kernel] = []

    def start(specs: Path | None = None) -> Kernel:
        folder = tmp_path / f"kernel-{len(kernels)}"
        folder.mkdir()
        kernels.append(Kernel(folder, specs))
        if specs is None:
            kernels[-1].run("%load_ext scoop").check()
        return kernels[-1]

    yield start
    for kernel in kernels:
        kernel.close()


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The user's own folder, and the system's; Jupyter looks there for its configuration, and nowhere else."""
    found = [tmp_path / "own", tmp_path / "system"]
    for folder in found:
        folder.mkdir()
    monkeypatch.setattr("scoop_jupyter.configuration.jupyter_config_path", lambda: list(map(str, found)))
    monkeypatch.setattr("scoop.allowed.places", lambda: found)
    monkeypatch.setenv("JUPYTERHUB_USER", "ada")
    # Pools of other tests, such as that of a kernel which several use, count for others.
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(runtime))
    return list(map(str, found))


@pytest.fixture
def write(folders: list[str]) -> Writer:
    def write(text: str, folder: int = 1, name: str = "scoop_config.py") -> str:
        path = Path(folders[folder]) / name
        path.write_text(text)
        return str(path)

    return write
