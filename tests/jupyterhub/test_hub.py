"""SCOOP on a real JupyterHub: two Unix users, each with a server and a pool, who can't get at each other's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.jupyterhub.hub import INSTALLED, PROJECT, Hub, Kernel, User, log_in, unix_user

if os.getuid() != 0:
    pytest.skip("Unix users and a hub that serves them need root", allow_module_level=True)
if not INSTALLED.exists():
    pytest.skip("there is no JupyterHub: make jupyterhub", allow_module_level=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The wheel of this checkout, in the environment of the hub."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=PROJECT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--reinstall", "--compile-bytecode"]
    subprocess.run([*command, "--python", INSTALLED / "venv/bin/python", *folder.glob("*.whl")], check=True)


@dataclass
class Notebook:
    """A user with a notebook whose kernel has a pool of two workers, `pool`, with the name "mine".

    Attributes:
        user: who it belongs to.
        kernel: of the notebook.
        pool: what the pool's connection file says.
        file: where that is.
        pids: of the pool's processes: fork server, broker, agent, workers.
    """

    user: User
    kernel: Kernel
    pool: dict[str, Any]
    file: str
    pids: list[int]


PIDS = "[pool._process.pid, *[p.pid for p in psutil.Process(pool._process.pid).children()]]"
START = f"""
import json, os, psutil, scoop, time
from scoop import futures, shared
pool = scoop.start(2, "mine")
shared.setConst(large=bytes(1_000_000))
print(json.dumps([str(pool.connection_file), {PIDS}]))
"""


@pytest.fixture(scope="module")
def hub(installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, dict[str, str]]]:
    """A hub, and the passwords of its two users."""
    with ExitStack() as stack:
        # pytest's own folders are not for other users.
        homes = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="st-", dir="/tmp")))
        homes.chmod(0o755)
        accounts = dict(stack.enter_context(unix_user(homes, name)) for name in ("ada", "grace"))
        hub = stack.enter_context(Hub(tmp_path_factory.mktemp("hub"), set(accounts), {}))
        yield hub, accounts


@pytest.fixture(scope="module")
def notebooks(hub: tuple[Hub, dict[str, str]]) -> Iterator[tuple[Notebook, Notebook]]:
    """Those of Ada and Grace."""
    with ExitStack() as stack:
        users = [stack.enter_context(closing(User(hub[0], *account))) for account in hub[1].items()]
        for user in users:
            user.begin_server()
        yield tuple(map(open_notebook, users))


def open_notebook(user: User) -> Notebook:
    user.await_server()
    kernel = user.open_kernel()
    file, pids = json.loads(kernel.run(START))
    return Notebook(user, kernel, json.loads(Path(file).read_text()), file, pids)


def test_each_user_has_a_pool_and_both_compute_at_once(notebooks: tuple[Notebook, Notebook]) -> None:
    ada, grace = notebooks
    assert ada.pool["name"] == grace.pool["name"] == "mine" and ada.pool["id"] != grace.pool["id"]
    cells = [book.kernel.begin("print(sum(futures.map(abs, range(1000))), os.getuid())") for book in notebooks]
    printed = [book.kernel.finish(cell) for book, cell in zip(notebooks, cells, strict=True)]
    assert printed == [f"499500 {ada.user.uid}\n", f"499500 {grace.user.uid}\n"]
    for book in notebooks:
        owners = {psutil.Process(pid).uids().real for pid in book.pids}
        assert owners == {book.user.uid} and len(book.pids) == 5


def test_nobody_logs_in_with_a_wrong_password(hub: tuple[Hub, dict[str, str]]) -> None:
    for name in (*hub[1], "root"):
        with log_in(hub[0], name, "secret") as browser:
            assert browser.get(f"{hub[0].url}/hub/api/user", timeout=20).status_code == 403


#: What Grace tries, knowing all of Ada's pool but its keys. Each is to fail.
ATTACKS = """
import ctypes, signal, socket, zmq
from pathlib import Path
folder, shelf, address = Path(pool["folder"]), Path(pool["shelf"]), pool["address"].removeprefix("ipc://")
own = Path.home() / "forged.json"
own.write_text(json.dumps(pool))

def attack(what, *args):
    try:
        return f"succeeded: {what(*args)!r}"
    except Exception as error:
        return type(error).__name__

def talk():
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(address)

def trace(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(16, pid, None, None):  # PTRACE_ATTACH
        raise OSError(ctypes.get_errno(), "ptrace")

tried = {
    "find the pool's file by its name": attack(lambda: [n for n in os.listdir(Path(file).parent)]),
    "read the pool's file": attack(Path(file).read_text),
    "write the pool's file": attack(Path(file).write_text, "{}"),
    "connect by the pool's file": attack(scoop.connect, file),
    "connect by a forged file": attack(scoop.connect, str(own)),
    "connect to the socket": attack(talk),
    "list the pool's folder": attack(os.listdir, folder),
    "move the pool's folder": attack(folder.rename, folder.with_name("moved")),
    "put something into the pool's folder": attack((folder / "here").touch),
    "list the shared memory": attack(os.listdir, shelf),
    "read the shared memory": [attack((shelf / name).read_bytes) for name in shelved],
    "remove the shared memory": [attack((shelf / name).unlink) for name in shelved],
    "move the shared memory": attack(shelf.rename, shelf.with_name("moved")),
    "end the processes": [attack(os.kill, pid, signal.SIGKILL) for pid in pids],
    "end the group of processes": [attack(os.killpg, pid, signal.SIGKILL) for pid in pids],
    "read their environment": [attack(Path(f"/proc/{pid}/environ").read_bytes) for pid in pids],
    "read their memory": [attack(open, f"/proc/{pid}/mem", "rb") for pid in pids],
    "take their descriptors": [attack(os.listdir, f"/proc/{pid}/fd") for pid in pids],
    "trace them": [attack(trace, pid) for pid in pids],
}
print(json.dumps(tried))
"""


def test_nobody_gets_at_the_pool_of_another(notebooks: tuple[Notebook, Notebook]) -> None:
    ada, grace = notebooks
    shelved = os.listdir(ada.pool["shelf"])
    assert shelved, "there is something to steal"
    known = {"pool": ada.pool, "file": ada.file, "pids": ada.pids, "shelved": shelved}
    tried = json.loads(grace.kernel.run(f"victim = {known!r}\nexec({ATTACKS!r}, {{**globals(), **victim}})"))
    outcomes = {what: {found} if isinstance(found, str) else set(found) for what, found in tried.items()}
    by_scoop = {what: outcomes.pop(what) for what in ("connect by the pool's file", "connect by a forged file")}
    assert outcomes == {what: {"PermissionError"} for what in outcomes}
    assert by_scoop == {what: {"NoSuchPool"} for what in by_scoop}
    look = "print(scoop.pools(), scoop.connect('mine').client.connection.id); pool.client.picture()"
    assert grace.kernel.run(look) == f"['mine'] {grace.pool['id']}\n"
    assert ada.kernel.run("print(pool.client.picture()['pool']['strange'], len(pool.workers))") == "0 2\n"
