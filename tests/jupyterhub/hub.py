"""A real JupyterHub with real Unix users, for tests that are run by root: the hub, its users, and their kernels."""

from __future__ import annotations

import json
import os
import pwd
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import requests
import websocket

from scripts.lab import end
from tests import leaks
from tests.waiting import eventually

PROJECT = Path(__file__).parents[2]
#: Where `make jupyterhub` puts it; every user may read what is there.
INSTALLED = (PROJECT / "build" / "jupyterhub").resolve()
START_SECONDS = 120.0
CELL_SECONDS = 30.0

#: What is different from the configuration that we deploy: everything is of this test, and on ports of its own.
CONFIGURATION = """
load_subconfig({deployed!r})
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}  # who asks for a server is answered at once
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.Authenticator.allowed_users = {users!r}
c.Spawner.environment = {environment!r}
c.Spawner.cpu_limit = 1
c.Spawner.start_timeout = c.Spawner.http_timeout = {seconds}
c.Spawner.args += ["--ScoopExtension.activity_seconds=0.5"]
"""


def missing() -> str:
    """What it takes for a hub and is not here; empty if nothing."""
    if os.getuid() != 0:
        return "Unix users and a hub that serves them need root"
    return "" if INSTALLED.exists() else "there is no JupyterHub: make jupyterhub"


def install(folder: Path) -> None:
    """Have the wheel of this checkout in the environment of the hub.

    Args:
        folder: empty; for the wheel.
    """
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=PROJECT,
        env={**os.environ, "HATCH_JUPYTER_BUILDER_SKIP_NPM": "1"},  # the front end is there
        check=True,
        stdout=subprocess.DEVNULL,
    )
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--reinstall", "--compile-bytecode"]
    subprocess.run([*command, "--python", INSTALLED / "venv/bin/python", *folder.glob("*.whl")], check=True)


def is_proxy(process: psutil.Process) -> bool:
    """Whether a process is the hub's proxy, and still there."""
    try:
        return any("configurable-http-proxy" in word for word in process.cmdline())
    except psutil.NoSuchProcess:
        return False


class Hub:
    """A JupyterHub on a free port of 127.0.0.1, configured as in `deploy/`; a context manager.

    Args:
        folder: empty; for all that it writes.
        users: the names of those who may log in.
        environment: what their servers find in their environment.
    """

    def __init__(self, folder: Path, users: set[str], environment: dict[str, str]) -> None:
        port, hub_port, proxy_port = free_ports(3)
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "hub.log"
        deployed = str(PROJECT / "deploy" / "jupyterhub" / "jupyterhub_config.py")
        configuration = folder / "jupyterhub_config.py"
        configuration.write_text(
            CONFIGURATION.format(
                deployed=deployed,
                port=port,
                hub_port=hub_port,
                proxy_port=proxy_port,
                users=users,
                seconds=int(START_SECONDS),
                environment={**environment, leaks.MARK: leaks.SESSION},
            )
        )
        programs = [INSTALLED / "venv" / "bin", INSTALLED / "node_modules" / ".bin"]
        path = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [programs[0] / "jupyterhub", "--config", configuration],
                env={"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8", leaks.MARK: leaks.SESSION},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            eventually(self._answers, START_SECONDS, 0.1)
        except BaseException:
            self.close()
            raise

    def _answers(self) -> bool:
        """Whether the hub is there; the proxy is before."""
        assert self._process.poll() is None, self.log.read_text()
        try:
            return "version" in requests.get(f"{self.url}/hub/api/", timeout=5).json()
        except (requests.ConnectionError, requests.JSONDecodeError):
            return False

    def close(self) -> None:
        """End it, with its proxy and all servers."""
        started = end(self._process, 20)
        killed = self._process.returncode == -signal.SIGKILL
        for process in started:
            # The hub ends what it has started. Where `node` is a script that starts the real one, that one goes on.
            if killed or is_proxy(process):
                with suppress(psutil.NoSuchProcess):
                    process.kill()

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class User:
    """A Unix user who has logged in to the hub, as with a browser.

    Args:
        hub: the hub.
        name: of the user.
        password: of the user.
    """

    def __init__(self, hub: Hub, name: str, password: str) -> None:
        self.hub = hub
        self.name = name
        self.uid = pwd.getpwnam(name).pw_uid
        self.browser = log_in(hub, name, password)
        assert self.ask("GET", "user").json()["name"] == name
        self.token = ""  # for the user's own server

    def ask(self, verb: str, path: str, **options: Any) -> requests.Response:
        """Ask the hub's interface, as its pages do."""
        xsrf = next(cookie.value for cookie in self.browser.cookies if cookie.name == "_xsrf")
        return self.browser.request(
            verb,
            f"{self.hub.url}/hub/api/{path}",
            headers={"X-XSRFToken": str(xsrf), "Sec-Fetch-Mode": "cors"},
            timeout=30,
            **options,
        )

    def begin_server(self) -> None:
        """Have the hub start the user's Jupyter server."""
        reply = self.ask("POST", f"users/{self.name}/server")
        assert reply.status_code in (201, 202), f"{reply.text}\n{self.hub.log.read_text()}"

    def await_server(self) -> None:
        """Wait until it is there, and take a token for it."""
        eventually(lambda: self.server().get("ready"), START_SECONDS, 0.1)
        reply = self.ask("POST", f"users/{self.name}/tokens", json={"note": "test", "expires_in": 600})
        self.token = reply.json()["token"]

    def stop_server(self) -> None:
        """Have the hub end it, and wait until it says so."""
        reply = self.ask("DELETE", f"users/{self.name}/server")
        assert reply.status_code in (202, 204), reply.text
        eventually(lambda: not self.server(), START_SECONDS, 0.1)

    def server(self) -> dict[str, Any]:
        """What the hub knows of the user's server; empty if there is none."""
        servers: dict[str, dict[str, Any]] = self.ask("GET", f"users/{self.name}").json()["servers"]
        return servers.get("", {})

    def reach(self, verb: str, path: str, body: Any = None) -> requests.Response:
        """Ask any user's server, through the hub's proxy, with this user's token."""
        headers = {"Authorization": f"token {self.token}"}
        return requests.request(verb, f"{self.hub.url}/user/{path}", headers=headers, json=body, timeout=30)

    @contextmanager
    def kernel(self) -> Iterator[Kernel]:
        """A kernel on the user's server, for a while."""
        url = f"{self.hub.url}/user/{self.name}/api/kernels"
        headers = {"Authorization": f"token {self.token}"}
        reply = requests.post(url, json={"name": "python3"}, headers=headers, timeout=30)
        assert reply.status_code == 201, reply.text
        url = f"{url}/{reply.json()['id']}"
        with closing(Kernel(f"{url}/channels", headers)) as kernel:
            yield kernel
        requests.delete(url, headers=headers, timeout=30)

    def close(self) -> None:
        """Close the browser."""
        self.browser.close()


def log_in(hub: Hub, name: str, password: str) -> requests.Session:
    """Fill in the form of the log-in page; the browser then."""
    browser = requests.Session()
    form = browser.get(f"{hub.url}/hub/login", timeout=20)
    found = re.search(r'name="_xsrf" value="([^"]+)"', form.text)
    assert found is not None, form.text
    fields = {"username": name, "password": password, "_xsrf": found[1]}
    browser.post(f"{hub.url}/hub/login?next=/hub/home", fields, timeout=20, allow_redirects=False)
    return browser


def processes_of(uid: int) -> list[psutil.Process]:
    """All processes that run as this user; without those that nobody has waited for yet."""
    found = []
    for process in psutil.process_iter(["name", "uids", "status"]):
        owner, status = process.info["uids"], process.info["status"]
        if owner is not None and owner.real == uid and status != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


class Kernel:
    """A connection to a kernel, as a notebook in a browser has it.

    Args:
        url: of its channels.
        headers: with a token.
    """

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._session = uuid.uuid4().hex
        self._socket = websocket.create_connection(
            url.replace("http", "ws", 1), header=headers, timeout=CELL_SECONDS, suppress_origin=True
        )

    def begin(self, code: str) -> str:
        """Have a cell run; its id."""
        identity = uuid.uuid4().hex
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        header = {"msg_id": identity, "msg_type": "execute_request", "session": self._session, "version": "5.3"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        self._socket.send(json.dumps(message))
        return identity

    def run(self, code: str) -> str:
        """Run a cell; what it printed.

        Raises:
            CellFailed: it raised.
        """
        return self.finish(self.begin(code))

    def finish(self, identity: str) -> str:
        """Wait for the end of a cell; what it printed.

        Raises:
            CellFailed: it raised.
        """
        printed, error = "", None
        end = time.monotonic() + CELL_SECONDS
        while True:
            # With the server's pings, which would otherwise start the time anew.
            kind, frame = self._socket.recv_data_frame(control_frame=True)
            assert time.monotonic() < end, f"the cell goes on after {CELL_SECONDS:g} s"
            if kind != websocket.ABNF.OPCODE_TEXT:
                continue
            message = json.loads(frame.data)
            if message["parent_header"].get("msg_id") != identity:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                printed += content["text"]
            elif kind == "error":
                error = CellFailed(f"{content['ename']}: {content['evalue']}")
            elif kind == "status" and content["execution_state"] == "idle":
                if error is not None:
                    raise error
                return printed

    def close(self) -> None:
        """End the connection; the kernel goes on."""
        self._socket.close()


class CellFailed(Exception):
    """A cell raised an exception."""


@contextmanager
def unix_user(folder: Path, name: str) -> Iterator[tuple[str, str]]:
    """A user of this machine, with a home in this folder, for a while: the full name and the password."""
    name, password = f"scoop-{name}-{secrets.token_hex(3)}", secrets.token_hex(16)
    subprocess.run(
        ["useradd", "--create-home", "--home-dir", folder / name, "--shell", "/bin/sh", name],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        subprocess.run(["chpasswd"], input=f"{name}:{password}", text=True, check=True)
        yield name, password
    finally:
        for process in processes_of(pwd.getpwnam(name).pw_uid):  # a test has failed
            process.kill()
        subprocess.run(["userdel", "--remove", name], check=True, stderr=subprocess.DEVNULL)


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody uses."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [taken.getsockname()[1] for taken in sockets]
    for taken in sockets:
        taken.close()
    return ports
