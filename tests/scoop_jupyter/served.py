"""A real Jupyter server, asked as a page would ask it: by HTTP, by its websockets, and through its kernels."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import websocket

from scripts.lab import Lab

SECONDS = 30.0


class Served:
    """What a user does with a server.

    Args:
        lab: the server.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """The status of the answer, and the answer; with the token, unless there are other headers."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.lab.url + path, data, dict(self.token if headers is None else headers))
        request.method = method
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read()
        try:
            return status, json.loads(text) if text else None
        except ValueError:
            return status, text

    @property
    def token(self) -> dict[str, str]:
        return {"Authorization": f"token {self.lab.token}"}

    def pools(self) -> dict[str, Any]:
        """The rows of all pools, by name."""
        status, rows = self.ask("GET", "scoop/pools")
        assert status == 200, rows
        return {row["name"]: row for row in rows}

    def socket(self, path: str, headers: Mapping[str, str] | None = None) -> websocket.WebSocket:
        """An open websocket."""
        url = self.lab.url.replace("http", "ws", 1) + path
        socket: websocket.WebSocket = websocket.create_connection(
            url, SECONDS, header=dict(self.token if headers is None else headers)
        )
        return socket


class Stream:
    """The stream of pools, as one page sees it; a context manager."""

    def __init__(self, served: Served) -> None:
        self._socket = served.socket("scoop/stream")

    def say(self, **wish: Any) -> None:
        self._socket.send(json.dumps(wish))

    def say_raw(self, text: str) -> None:
        self._socket.send(text)

    def until(self, condition: Callable[[dict[str, Any]], Any], seconds: float = SECONDS) -> dict[str, Any]:
        """Read until a message suits; return it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            message: dict[str, Any] = json.loads(self._socket.recv())
            if condition(message):
                return message
        raise AssertionError(f"no such message within {seconds:g} s")

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


class Notebook:
    """A notebook that is open on the server, with a kernel of its own; a context manager.

    Args:
        served: the server.
        path: of the notebook.
    """

    def __init__(self, served: Served, path: str) -> None:
        self._served = served
        wish = {"path": path, "type": "notebook", "name": path, "kernel": {"name": "scoop"}}
        status, session = served.ask("POST", "api/sessions", wish)
        assert status == 201, session
        self._session, self._kernel = session["id"], session["kernel"]["id"]
        self._channels = served.socket(f"api/kernels/{self._kernel}/channels?session_id={uuid.uuid4().hex}")

    def begin(self, code: str) -> str:
        """Have the kernel run a cell; what `end` wants."""
        number = uuid.uuid4().hex
        header = {"msg_id": number, "username": "", "session": "", "msg_type": "execute_request", "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        self._channels.send(json.dumps(message))
        return number

    def end(self, number: str) -> dict[str, Any]:
        """Wait for the end of a cell: the kernel's reply."""
        while True:
            message = json.loads(self._channels.recv())
            if message["parent_header"].get("msg_id") == number and message["msg_type"] == "execute_reply":
                content: dict[str, Any] = message["content"]
                return content

    def run(self, code: str) -> None:
        """Run a cell that must not fail."""
        reply = self.end(self.begin(code))
        assert reply["status"] == "ok", reply

    def last_activity(self) -> str:
        """When its kernel did something, as the server says."""
        _, kernel = self._served.ask("GET", f"api/kernels/{self._kernel}")
        return str(kernel["last_activity"])

    def __enter__(self) -> Notebook:
        return self

    def __exit__(self, *_: object) -> None:
        self._channels.close()
        status, answer = self._served.ask("DELETE", f"api/sessions/{self._session}")
        assert status == 204, answer
