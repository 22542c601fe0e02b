"""SCOOP on a real JupyterHub: two Unix users, each with a server and a pool, who can't get at each other's."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.jupyterhub.hub import (
    PROJECT,
    CellFailed,
    Hub,
    Kernel,
    User,
    install,
    log_in,
    missing,
    processes_of,
    unix_user,
)
from tests.waiting import eventually

if missing():
    pytest.skip(missing(), allow_module_level=True)


# One that is killed for its time would leave its users behind.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The wheel of this checkout, in the environment of the hub."""
    install(tmp_path_factory.mktemp("wheel"))


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


#: What is different for Grace.
GRACE = {"max_workers": 2}
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
        limits = (PROJECT / "deploy/jupyterhub/scoop_config.py").read_text()
        (homes / "scoop_config.py").write_text(f"{limits}\nc.Limits.users = {{{list(accounts)[1]!r}: {GRACE}}}\n")
        environment = {"JUPYTER_CONFIG_PATH": str(homes), "JUPYTERHUB_ACTIVITY_INTERVAL": "1"}
        hub = stack.enter_context(Hub(tmp_path_factory.mktemp("hub"), set(accounts), environment))
        yield hub, accounts


@pytest.fixture(scope="module")
def notebooks(hub: tuple[Hub, dict[str, str]]) -> Iterator[tuple[Notebook, Notebook]]:
    """Those of Ada and Grace."""
    with ExitStack() as stack:
        users = [stack.enter_context(closing(User(hub[0], *account))) for account in hub[1].items()]
        for user in users:
            user.begin_server()
        for user in users:
            user.await_server()
        ada, grace = (open_notebook(user, stack.enter_context(user.kernel())) for user in users)
        yield ada, grace


def open_notebook(user: User, kernel: Kernel) -> Notebook:
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
    with log_in(hub[0], next(iter(hub[1])), "secret") as browser:
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


#: Who knows where Ada's pool on TCP is, and even the public key of its broker, but no key that it trusts.
KEYS = """
import zmq
from scoop_core import messages as m
from scoop_core.client import Client
from scoop_core.config import Connection, Secrets
def reach(public, secret):
    keys = Secrets(pool["secrets"]["server_public"], public, secret)
    connection = Connection(**{**pool, "secrets": keys, "address": ""})
    try:
        Client(connection).connect(2.0)
    except scoop.StartFailed:
        return "nobody answered"
    return "welcome"
def shout():
    with zmq.Context() as context, context.socket(zmq.DEALER) as wire:
        wire.linger = wire.sndtimeo = 0
        wire.connect(pool["remote"])
        try:
            wire.send(m.encode(m.Hello("root", os.getpid(), "here")))
        except zmq.Again:  # the connection is already over
            return "nobody answered"
        return "an answer" if wire.poll(1000) else "nobody answered"
others = [key.decode() for key in zmq.curve_keypair()]
own = [pool["secrets"][name] for name in ("client_public", "client_secret")]
print(json.dumps({"without keys": shout(), "with other keys": reach(*others), "with its keys": reach(*own)}))
"""


def test_the_port_of_a_pool_on_tcp_is_open_for_those_with_its_keys_only(
    notebooks: tuple[Notebook, Notebook],
) -> None:
    ada, grace = notebooks
    code = "wire = scoop.start(1, 'wire', tcp=True); print(wire.connection_file.read_text())"
    pool = json.loads(ada.kernel.run(code))
    pool.pop("cap")
    tried = json.loads(grace.kernel.run(f"exec({KEYS!r}, {{**globals(), 'pool': {pool!r}}})"))
    # The last shows that the others are shut out for want of keys.
    nobody = "nobody answered"
    assert tried == {"without keys": nobody, "with other keys": nobody, "with its keys": "welcome"}
    assert ada.kernel.run("print(len(wire.workers), scoop.pools()); wire.stop(); pool = scoop.connect()") == (
        "1 ['mine', 'wire']\n"
    )


def test_the_hub_lets_nobody_into_the_server_of_another(notebooks: tuple[Notebook, Notebook]) -> None:
    ada, grace = notebooks
    for path in ("api/kernels", "api/contents", "files/.local/share/jupyter/runtime/scoop-mine.json"):
        assert grace.user.reach("GET", f"{ada.user.name}/{path}").status_code in (403, 404), path
    assert ada.user.reach("GET", f"{ada.user.name}/api/kernels").status_code == 200


def test_a_server_tells_its_user_of_the_pool_and_nobody_else(notebooks: tuple[Notebook, Notebook]) -> None:
    for book, other in (notebooks, notebooks[::-1]):
        place = f"{book.user.name}/scoop/pools"
        row = book.user.reach("GET", place).json()[0]
        assert (row["name"], row["workers"], row["pid"]) == ("mine", 2, book.pool["pid"])
        asked = [("GET", place), ("POST", place), ("GET", f"{place}/mine"), ("DELETE", f"{place}/mine")]
        assert [other.user.reach(verb, path, {}).status_code for verb, path in asked] == [403] * 4
        assert book.user.reach("GET", f"{place}/mine").status_code == 200


def test_no_process_of_a_pool_has_a_token_of_the_hub(notebooks: tuple[Notebook, Notebook]) -> None:
    for book in notebooks:
        names = ("JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN")
        tokens = json.loads(book.kernel.run(f"print(json.dumps([os.environ[name] for name in {names}]))"))
        seen = {pid: Path(f"/proc/{pid}/environ").read_text() for pid in book.pids}
        seen["task"] = book.kernel.run("print(futures.submit(lambda: dict(os.environ)).result())")
        for who, environment in seen.items():
            assert "JUPYTERHUB_USER" in environment and not any(token in environment for token in tokens), who


def test_nobody_has_more_workers_than_allowed(notebooks: tuple[Notebook, Notebook]) -> None:
    ada, grace = notebooks
    for book, most in ((ada, 4), (grace, GRACE["max_workers"])):
        file = Path(book.file).parents[5] / "scoop_config.py"
        with book.user.kernel() as kernel:
            said = kernel.run(f"%load_ext scoop\n%scoop start -n {most + 1}")
        assert f"{most + 1} workers are too many for a pool: {file} allows {most}." in said
        place = f"{book.user.name}/scoop/pools"
        for verb, path in (("POST", place), ("PATCH", f"{place}/mine")):
            refused = book.user.reach(verb, path, {"n": most + 1})
            assert refused.status_code == 409 and f"allows {most}." in refused.text
        with pytest.raises(CellFailed, match=f"OverLimit: .* allows {most}"):
            book.kernel.run(f"pool.scale({most + 1})")
        assert book.kernel.run("print(len(pool.workers))") == "2\n"


def test_who_says_no_number_gets_the_cpus_that_the_hub_grants(notebooks: tuple[Notebook, Notebook]) -> None:
    with notebooks[0].user.kernel() as kernel:
        assert kernel.run("import scoop\nwith scoop.start() as pool: print(len(pool.workers))") == "1\n"


#: Keeps both workers busy; one of them has also started a program.
BUSY = """
import subprocess
def work(seconds):
    subprocess.Popen(["sleep", str(seconds)])
    time.sleep(seconds)
pending = [futures.submit(work, 600) for _ in range(4)]
while sum(row["state"] == "busy" for row in pool.workers) < 2:
    time.sleep(0.01)
"""


def test_tasks_that_run_count_as_activity_of_their_user(notebooks: tuple[Notebook, Notebook]) -> None:
    ada, _ = notebooks
    ada.kernel.run(BUSY)
    begin = ada.user.server()["last_activity"]  # of the cell
    eventually(lambda: ada.user.server()["last_activity"] > begin, 20, 0.2)
    begin = ada.user.server()["last_activity"]  # of the tasks, which are all that there is to do by now
    eventually(lambda: ada.user.server()["last_activity"] > begin, 20, 0.2)
    ada.kernel.run("[future.cancel() for future in pending]")


def test_when_the_hub_stops_a_server_nothing_is_left(notebooks: tuple[Notebook, Notebook]) -> None:
    ada, grace = notebooks
    ada.kernel.run(BUSY)
    assert ada.user.reach("POST", f"{ada.user.name}/scoop/pools", {"n": 1}).status_code == 201
    ada.kernel.begin("futures.wait(pending)")
    assert left_of(ada), "there is something to clean up"
    ada.user.stop_server()
    eventually(lambda: not left_of(ada), 30, 0.1)
    assert grace.kernel.run("print(list(futures.map(abs, [-1])))") == "[1]\n"


def left_of(book: Notebook) -> list[str]:
    """What there is of a user's pools and of the processes that run for the user."""
    found = [f"{process.pid} {process.info['name']}" for process in processes_of(book.user.uid)]
    places = (Path("/tmp"), Path("/dev/shm"), Path(book.file).parent)
    paths = [path for place in places for path in place.glob("scoop-*") if path.lstat().st_uid == book.user.uid]
    return found + list(map(str, paths))
