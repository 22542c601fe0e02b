"""A real IPython kernel for tests: run cells, and see what a frontend would see of each."""

from __future__ import annotations

import os
import queue
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client import BlockingKernelClient, KernelManager
from jupyter_client.kernelspec import KernelSpecManager
from traitlets.config import Config

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_REQUESTS = {"kernel_info_request", "shutdown_request", "interrupt_request", "complete_request", "comm_info_request"}
WIDGET = "application/vnd.jupyter.widget-view+json"


#: Defines `processes(least)`: who runs 12 tasks, each of which waits until so many processes have begun some. One
#: that grips the interpreter's lock is replaced only after its grace; otherwise another might do all meanwhile.
PROCESSES = """
import os, pathlib, tempfile, time
from scoop import futures
def processes(least):
    def meet(folder):
        (folder / str(os.getpid())).touch()
        end = time.monotonic() + 8
        while len(os.listdir(folder)) < least and time.monotonic() < end:
            time.sleep(0.005)
        return os.getpid()
    with tempfile.TemporaryDirectory() as folder:
        return set(futures.map(meet, [pathlib.Path(folder)] * 12))
"""


def plain(text: str) -> str:
    """Text without its colours."""
    return _ANSI.sub("", text)


@dataclass
class CellError:
    """What a cell raised, as the frontend shows it."""

    name: str
    value: str
    traceback: str


@dataclass
class Outcome:
    """What one cell gave, in the order of arrival; it still grows when something comes after the cell's end.

    Attributes:
        id: of the request.
        code: the cell.
        streams: (name, text) of each message.
        displays: the MIME bundles that were displayed.
        shown: by display id, the state that its last update left.
        result: the text of the last expression's value; None if there is none.
        updates: for each state that widgets sent, the time since the cell began, in seconds.
        states: what those updates set.
        error: what the cell raised.
        seconds: from the request to the end; infinite while it runs.
    """

    id: str
    code: str
    begun: float
    streams: list[tuple[str, str]] = field(default_factory=list)
    displays: list[dict[str, Any]] = field(default_factory=list)
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)
    result: str | None = None
    updates: list[float] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)
    error: CellError | None = None
    seconds: float = float("inf")

    @property
    def over(self) -> bool:
        return self.seconds < float("inf")

    def text(self, name: str = "stdout") -> str:
        """All that was written to a stream."""
        return plain("".join(text for stream, text in self.streams if stream == name))

    @property
    def snapshots(self) -> list[dict[str, Any]]:
        """What panels showed meanwhile; the end of a timeline may come from the cell before."""
        return [state["snapshot"] for state in self.states if "snapshot" in state]

    @property
    def html(self) -> str:
        """The HTML that the displays of the cell show by now."""
        return "\n".join(data.get("text/html", "") for data in self.shown.values())

    def check(self) -> Outcome:
        """This outcome, of a cell that has not failed.

        Raises:
            AssertionError: it has.
        """
        assert self.error is None, f"{self.code}\n{self.error.traceback}"
        return self


class Kernel:
    """A kernel of its own process, with `%load_ext scoop` to be run in it by the test.

    Args:
        folder: where it runs, and where IPython keeps its files.
        specs: the folder of the kernelspecs of which it is the one called scoop; by default it is an ordinary kernel.
    """

    def __init__(self, folder: Path, specs: Path | None = None) -> None:
        environment = dict(os.environ, IPYTHONDIR=str(folder / "ipython"))
        # Where it finds this one, ipykernel does not capture what children print.
        environment.pop("PYTEST_CURRENT_TEST", None)
        # With keys: without, ipykernel warns at each start that others may listen.
        config = Config({"KernelManager": {"transport_encryption": "auto"}})
        if specs is None:
            self.manager = KernelManager(config=config)
        else:
            known = KernelSpecManager(kernel_dirs=[str(specs)])
            self.manager = KernelManager(config=config, kernel_name="scoop", kernel_spec_manager=known)
        self.manager.start_kernel(cwd=str(folder), env=environment)
        self._cells: dict[str, Outcome] = {}
        self._connect()

    def _connect(self) -> None:
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    @property
    def pid(self) -> int:
        pid: int = self.manager.provisioner.pid
        return pid

    @property
    def cells(self) -> list[Outcome]:
        """All cells since the start."""
        return list(self._cells.values())

    # ---- cells -------------------------------------------------------------------------------------------------

    def begin(self, code: str, typing: bool = True, where: str = "") -> Outcome:
        """Have a cell run; what it gives arrives in `until`.

        Args:
            code: the cell.
            typing: whether there is somebody who can answer what it asks.
            where: the cell is, as some frontends tell.
        """
        begun = time.monotonic()
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": typing}
        message = self.client.session.msg("execute_request", content, metadata={"cellId": where} if where else None)
        self.client.shell_channel.send(message)
        cell = Outcome(message["header"]["msg_id"], code, begun)
        self._cells[cell.id] = cell
        return cell

    def run(self, code: str, seconds: float = 30.0, where: str = "") -> Outcome:
        """Run a cell to its end.

        Raises:
            AssertionError: it did not end within so many seconds.
        """
        return self.finish(self.begin(code, where=where), seconds)

    def finish(self, cell: Outcome, seconds: float = 30.0) -> Outcome:
        """Wait for the end of a cell that was begun."""
        self.until(lambda: cell.over, seconds)
        return cell

    def until(self, condition: Callable[[], object], seconds: float = 10.0) -> None:
        """Take what the kernel sends until the condition is true.

        Raises:
            AssertionError: it was not, within so many seconds.
        """
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"still not so after {seconds:g} s; so far: {str(self.cells[-1])[:2000]}"
            try:
                self._take(self.client.get_iopub_msg(timeout=0.02))
            except queue.Empty:
                continue

    def answer(self, text: str, seconds: float = 10.0) -> str:
        """Type something where the cell that runs asks for it; how it has asked."""
        request = self.client.get_stdin_msg(timeout=seconds)
        self.client.input(text)
        prompt: str = request["content"]["prompt"]
        return plain(prompt)

    def interrupt(self, cell: Outcome, seconds: float = 10.0) -> float:
        """Press the stop button; how many seconds later the cell is over."""
        pressed = time.monotonic()
        self.manager.interrupt_kernel()
        self.finish(cell, seconds)
        return time.monotonic() - pressed

    def press(self, cell: Outcome, action: dict[str, Any]) -> Outcome:
        """Send what a button of a cell's panel sends; what follows, as if it were that of a cell."""
        return self._tell(cell, {"method": "custom", "content": action})

    def ask_state(self, cell: Outcome) -> Outcome:
        """Ask for all that a cell's panel shows, as a page does that was loaded anew."""
        return self._tell(cell, {"method": "request_state"})

    def _tell(self, cell: Outcome, data: dict[str, Any]) -> Outcome:
        comm = next(data[WIDGET]["model_id"] for data in cell.displays if WIDGET in data)
        message = self.client.session.msg("comm_msg", {"comm_id": comm, "data": data})
        self.client.shell_channel.send(message)
        outcome = Outcome(message["header"]["msg_id"], str(data), time.monotonic())
        self._cells[outcome.id] = outcome
        return outcome

    def widgets(self) -> set[str]:
        """The ids of all widgets of which the kernel knows."""
        reply = self.client.comm_info("jupyter.widget", reply=True, timeout=20)
        return set(reply["content"]["comms"])

    def complete(self, code: str) -> list[str]:
        """What the kernel offers at the end of this code."""
        reply = self.client.complete(code, len(code), reply=True, timeout=20)
        matches: list[str] = reply["content"]["matches"]
        return matches

    def _take(self, message: dict[str, Any]) -> None:
        parent, kind, content = message["parent_header"], message["header"]["msg_type"], message["content"]
        cell = self._cells.get(parent.get("msg_id", ""))
        if cell is None:
            # Whatever a cell gives must say which cell that is.
            assert parent.get("msg_type") in _REQUESTS or kind in ("status", "iopub_welcome"), message
            return
        elapsed = time.monotonic() - cell.begun
        match kind:
            case "stream":
                cell.streams.append((content["name"], content["text"]))
            case "display_data":
                cell.displays.append(content["data"])
                key = content.get("transient", {}).get("display_id", f"display {len(cell.displays)}")
                cell.shown[key] = content["data"]
            case "update_display_data":
                key = content["transient"]["display_id"]
                owner = next((c for c in self._cells.values() if key in c.shown), None)
                assert owner is not None, f"an update of {key}, which was never displayed"
                owner.shown[key] = content["data"]
            case "execute_result":
                cell.result = content["data"]["text/plain"]
            case "comm_msg" if content["data"].get("method") == "update":
                cell.updates.append(elapsed)
                cell.states.append(content["data"]["state"])
            case "error":
                cell.error = CellError(content["ename"], content["evalue"], plain("\n".join(content["traceback"])))
            case "status" if content["execution_state"] == "idle":
                cell.seconds = elapsed

    # ---- the end -----------------------------------------------------------------------------------------------

    def restart(self) -> None:
        """As the button does."""
        self.client.stop_channels()
        self._cells.clear()
        self.manager.restart_kernel()
        self._connect()

    def kill(self) -> None:
        """Have it die without a word."""
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Shut it down, as the notebook's server does, or clean up behind one that has died."""
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=not self.manager.is_alive())
        self.manager.cleanup_resources()
        self.manager.context.destroy(linger=0)
