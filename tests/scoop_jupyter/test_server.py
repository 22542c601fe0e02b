"""The server extension in a real Jupyter server: who may ask, what it answers, and what it leaves."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.request import HTTPCookieProcessor, build_opener

import psutil
import pytest
import websocket

from scoop_core.files import running_pools
from scoop_jupyter.server.extension import addresses
from scripts.lab import Lab
from tests.scoop_jupyter.served import Notebook, Served, Stream
from tests.waiting import eventually

#: Under a path of its own, as behind a JupyterHub.
OPTIONS = ["--ServerApp.base_url=/user/somebody/", "--ScoopExtension.activity_seconds=0.2"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, session_folder: Path) -> Iterator[Served]:
    with Lab(tmp_path_factory.mktemp("server"), "jupyter_server", OPTIONS) as lab:
        yield Served(lab)


@pytest.fixture
def pool(served: Served) -> Iterator[str]:
    status, answer = served.ask("POST", "scoop/pools", {"n": 2})
    assert status == 201, answer
    yield answer["name"]
    status, answer = served.ask("DELETE", f"scoop/pools/{answer['name']}")
    assert status in (204, 404), answer


@pytest.fixture
def notebook(served: Served) -> Iterator[Notebook]:
    """A notebook with a pool of its own."""
    with Notebook(served, "analysis.ipynb") as notebook:
        notebook.run("%scoop start -n 2 --name of-a-notebook")
        notebook.run("import time\nfrom scoop import futures")
        yield notebook


# ---- who may ask ------------------------------------------------------------------------------------------------

ENDPOINTS = [
    (method, re.sub(r"\((cancel[a-z-]*).*?\)", r"\1", pattern.replace(r"([\w.-]+)", "some")))
    for pattern, handler in addresses()
    for method in ("GET", "POST", "PATCH", "DELETE", "PUT")
    if method.lower() in vars(handler)
]


def test_there_are_endpoints() -> None:
    assert len(ENDPOINTS) == 10


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "token wrong"}], ids=["nothing", "wrong token"])
def test_strangers_get_nothing(served: Served, method: str, path: str, headers: dict[str, str]) -> None:
    if "stream" in path:
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            served.socket(path.removeprefix("/"), headers)
        assert refused.value.status_code == 403
    else:
        status, answer = served.ask(method, path.removeprefix("/"), headers=headers)
        assert status == 403 and "workers" not in str(answer)
    assert served.pools() == {}


def test_a_page_of_somebody_else_cannot_act_for_the_user(served: Served) -> None:
    jar = CookieJar()
    browser = build_opener(HTTPCookieProcessor(jar))
    for page in ("login", f"api/status?token={served.lab.token}"):
        browser.open(served.lab.url + page).close()
    cookie = {"Cookie": "; ".join(f"{c.name}={c.value}" for c in jar)}
    assert served.ask("GET", "scoop/options", headers=cookie)[0] == 200, "the browser is logged in"
    assert served.ask("POST", "scoop/pools", {"n": 1}, cookie)[0] == 403
    [secret] = [c.value for c in jar if c.name == "_xsrf"]
    assert served.ask("POST", "scoop/pools", {"n": -1}, {**cookie, "X-XSRFToken": str(secret)})[0] == 400
    with pytest.raises(websocket.WebSocketBadStatusException):
        served.socket("scoop/stream", {**cookie, "Origin": "http://elsewhere.example"})


# ---- pools ------------------------------------------------------------------------------------------------------


def test_a_pool_is_started_changed_and_ended(served: Served) -> None:
    assert served.ask("POST", "scoop/pools", {"n": 1, "name": "here"}) == (201, {"name": "here"})
    row = served.pools()["here"]
    assert (row["workers"], row["wanted"], row["kept"], row["notebook"]) == (1, 1, True, None)
    assert served.ask("PATCH", "scoop/pools/here", {"n": 3}) == (202, {"wanted": 3})
    eventually(lambda: served.pools()["here"]["workers"] == 3, 20.0)
    before = {worker["pid"] for worker in served.ask("GET", "scoop/pools/here")[1]["workers"]}
    assert served.ask("POST", "scoop/pools/here/restart") == (202, {})

    def replaced() -> bool:
        workers = served.ask("GET", "scoop/pools/here")[1]["workers"]
        return [w["state"] for w in workers] == ["idle"] * 3 and not before & {w["pid"] for w in workers}

    eventually(replaced, 20.0)
    assert served.ask("DELETE", "scoop/pools/here") == (204, None)
    assert served.pools() == {} and not any(map(psutil.pid_exists, before))


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"n": -1}, 400, "can't have -1 workers"),
        ({"n": "many"}, 400, "int"),
        ({"workers": 2}, 400, "unknown field"),
        ({"kernel": "no-such"}, 400, "no kernel 'no-such'"),
        ({"folder": "../.."}, 400, "no folder '../..'"),
        ({"name": "a/b"}, 409, "can't name a pool"),
        ({"memory_limit": "much"}, 409, "much"),
        ({"launcher": "lsf"}, 409, "there is no launcher 'lsf': it is "),
        ({"launcher": "ssh"}, 409, "the launcher 'ssh' needs the option 'hosts'"),
        ({"profile": "gpu"}, 409, "there is no profile 'gpu': the configuration files have none"),
    ],
)
def test_a_pool_that_can_not_be(served: Served, body: dict[str, object], status: int, message: str) -> None:
    answered, answer = served.ask("POST", "scoop/pools", body)
    assert answered == status and message in answer["message"]
    assert served.pools() == {}


def test_a_name_that_is_taken(served: Served, pool: str) -> None:
    status, answer = served.ask("POST", "scoop/pools", {"n": 1, "name": pool})
    assert status == 409 and "already" in answer["message"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "", None), ("DELETE", "", None), ("PATCH", "", {"n": 2}), ("POST", "/cancel", None)],
)
def test_a_pool_that_is_not_there(served: Served, method: str, path: str, body: object) -> None:
    status, answer = served.ask(method, f"scoop/pools/nobody{path}", body)
    assert status == 404 and answer == {"message": "No pool 'nobody' runs here."}


def test_what_a_new_pool_may_be(served: Served) -> None:
    status, options = served.ask("GET", "scoop/options")
    assert status == 200 and options["workers"] >= 1
    assert options["launchers"] == ["local", *(["slurm"] if shutil.which("sbatch") else [])]
    assert options["profiles"] == {}
    assert options["kernels"]["scoop"] == "Python 3 (scoop)"


def test_pools_of_the_server_are_no_larger_than_the_files_allow(served: Served) -> None:
    file = served.lab.log.parent / "config" / "scoop_config.py"
    file.write_text("c.Limits.max_workers = 1")
    too_many = (409, {"message": f"2 workers are too many for a pool: {file} allows 1."})
    try:
        options = served.ask("GET", "scoop/options")[1]
        assert (options["workers"], options["most"]) == (1, 1)
        assert served.ask("POST", "scoop/pools", {"n": 2}) == too_many
        name = served.ask("POST", "scoop/pools")[1]["name"]
        assert served.pools()[name]["workers"] == 1
        assert served.ask("PATCH", f"scoop/pools/{name}", {"n": 2}) == too_many
        assert served.ask("DELETE", f"scoop/pools/{name}")[0] == 204
        file.write_text("max_workers = ")
        status, answer = served.ask("GET", "scoop/options")
        assert status == 409 and answer["message"].startswith(f"{file} can't be used: SyntaxError")
    finally:
        file.unlink()


# ---- pools of notebooks -----------------------------------------------------------------------------------------


def test_the_pool_of_a_notebook_is_there_with_its_path(served: Served, notebook: Notebook) -> None:
    row = served.pools()["of-a-notebook"]
    assert (row["notebook"], row["kept"], row["workers"]) == ("analysis.ipynb", False, 2)


def test_what_a_cell_waits_for_can_be_cancelled(served: Served, notebook: Notebook) -> None:
    cell = notebook.begin("%%scoop\nlist(futures.map(time.sleep, [60] * 8))")
    eventually(lambda: served.pools()["of-a-notebook"]["tasks"]["running"], 20.0)
    assert served.ask("POST", "scoop/pools/of-a-notebook/cancel") == (202, {})
    reply = notebook.end(cell)
    assert reply["status"] == "error" and reply["ename"] == "CancelledError"
    notebook.run("assert list(futures.map(abs, range(5))) == list(range(5))")


def test_the_task_of_one_worker_is_cancelled_and_the_worker_replaced(served: Served, notebook: Notebook) -> None:
    def rows() -> dict[str, str]:
        return {row["task"]: row["name"] for row in served.ask("GET", f"scoop/{path}")[1]["workers"]}

    path = "pools/of-a-notebook"
    notebook.run("def napper(): time.sleep(60)\ndef sleeper(): time.sleep(60)")
    notebook.run("nap, sleep = futures.submit(napper), futures.submit(sleeper)")
    eventually(lambda: {"napper", "sleeper"} <= set(rows()), 20.0)
    before = rows()
    assert served.ask("POST", f"scoop/{path}/workers/{before['napper']}/cancel-task")[0] == 202
    notebook.run("futures.wait([nap], timeout=20)\nassert nap.cancelled() and not sleep.done()")
    assert served.ask("POST", f"scoop/{path}/workers/{before['sleeper']}/restart-worker")[0] == 202
    eventually(lambda: rows().get("sleeper", before["sleeper"]) != before["sleeper"], 20.0)
    notebook.run("sleep.cancel()")
    status, answer = served.ask("POST", f"scoop/{path}/workers/w99/cancel-task")
    assert status == 404 and "no worker 'w99'" in answer["message"]


def test_a_notebook_uses_a_pool_of_the_server(served: Served, pool: str) -> None:
    with Notebook(served, "guest.ipynb") as guest:
        guest.run(f"%scoop connect {pool}")
        guest.run("%%scoop\nassert list(futures.map(abs, range(-5, 0))) == [5, 4, 3, 2, 1]")
        assert served.pools()[pool]["tasks"]["done"] == 5


def test_a_pool_with_work_keeps_its_user_active(served: Served, notebook: Notebook) -> None:
    def active() -> tuple[str, str]:
        return served.ask("GET", "api/status")[1]["last_activity"], notebook.last_activity()

    notebook.run("later = futures.submit(time.sleep, 60)")
    server, kernel = active()
    eventually(lambda: all(now > before for now, before in zip(active(), (server, kernel), strict=True)), 20.0)
    notebook.run("later.cancel()")
    eventually(lambda: served.pools()["of-a-notebook"]["tasks"]["running"] == 0, 20.0)


# ---- the stream -------------------------------------------------------------------------------------------------


def test_a_page_sees_pools_come_work_and_go(served: Served) -> None:
    with Stream(served) as stream:
        assert stream.until(lambda m: m["type"] == "pools")["pools"] == []
        with Notebook(served, "seen.ipynb") as notebook:
            notebook.run("%scoop start -n 1 --name seen")
            rows = stream.until(lambda m: m["type"] == "pools" and m["pools"])["pools"]
            assert [(row["name"], row["notebook"]) for row in rows] == [("seen", "seen.ipynb")]
            stream.say(type="watch", pool="seen")
            notebook.run("from scoop import futures\nlist(futures.map(abs, range(7)))")
            seen = stream.until(lambda m: m["type"] == "snapshot" and m["snapshot"]["tasks"]["done"] == 7)
            assert [group["name"] for group in seen["snapshot"]["groups"]] == ["abs"]
            assert seen["snapshot"]["missing"] is None
            over = stream.until(lambda m: m["type"] == "snapshot" and m["snapshot"]["ended"])
            assert over["snapshot"]["started"] <= over["snapshot"]["ended"]
        left = [{"type": "gone", "pool": "seen"}, {"type": "pools", "pools": []}]
        stream.until(lambda m: m in left and (left.remove(m) or not left))


def test_a_page_that_talks_nonsense_is_told_so(served: Served) -> None:
    with Stream(served) as stream:
        stream.say_raw("{")
        assert "truncated" in stream.until(lambda m: m["type"] == "error")["message"]
        stream.say(type="watch")
        assert "pool" in stream.until(lambda m: m["type"] == "error")["message"]
        stream.say(type="watch", pool="nobody")
        assert stream.until(lambda m: m["type"] == "gone") == {"type": "gone", "pool": "nobody"}


# ---- the end ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_pools_that_a_server_started_end_with_it(tmp_path: Path, session_folder: Path, how: signal.Signals) -> None:
    with Lab(tmp_path, "jupyter_server") as lab:
        assert Served(lab).ask("POST", "scoop/pools", {"n": 2, "name": "last"})[0] == 201
        processes = psutil.Process(lab.pid).children(recursive=True)
        assert len(processes) >= 5
        os.kill(lab.pid, how)
        eventually(lambda: all(map(has_ended, processes)), 15.0)
    assert "last" not in [connection.name for connection in running_pools()]


def has_ended(process: psutil.Process) -> bool:
    """Whether it has, even if nobody has asked for its exit status yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
