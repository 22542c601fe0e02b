"""What tasks print and display, on its way below their cells. What is too much for a notebook is held back."""

from __future__ import annotations

import json
import sys
import threading
from collections import deque
from typing import Any, NamedTuple

from IPython.core.interactiveshell import InteractiveShell

from scoop_core.client import to_terminal, with_name
from scoop_core.messages import DISPLAY
from scoop_jupyter.view import plural

#: Cells whose tasks may still print; older ones are forgotten.
CELLS = 200
#: So many lines of tasks are shown below a cell; something that is displayed counts as some of them.
LINES = 1000
DISPLAY_LINES = 10
#: What is held back of a cell, in characters; the server of a notebook lets through a little more at once ...
KEPT = 2_500_000
#: ... and of how many cells it is.
KEPT_CELLS = 10
#: The line that says how much is held back is written anew after so many seconds.
TELL_SECONDS = 0.3


class Piece(NamedTuple):
    """Something that tasks of a worker have said, to be shown at once."""

    stream: str
    text: str
    lines: int


class Cell:
    """What the tasks of one cell have said.

    Args:
        parent: the request that its output answers.
        number: as it stands beside the cell.
    """

    def __init__(self, parent: dict[str, Any], number: int) -> None:
        self.parent = parent
        self.number = number
        self.room = LINES  # that are left
        self.held: deque[Piece] = deque()
        self.count = 0  # lines that were held back, ...
        self.kept = 0  # ... and characters of those that are still here
        self.told: str | None = None  # what people know of it

    def take(self, piece: Piece) -> Piece | None:
        """What of it is to be shown now; the rest is held back."""
        if piece.lines <= self.room and not self.held:
            self.room -= piece.lines
            return piece
        shown: Piece | None = None
        if piece.stream != DISPLAY and self.room:
            lines = piece.text.splitlines(keepends=True)
            shown = Piece(piece.stream, "".join(lines[: self.room]), self.room)
            piece = Piece(piece.stream, "".join(lines[self.room :]), piece.lines - self.room)
        self.room = 0
        self.held.append(piece)
        self.count += piece.lines
        self.kept += len(piece.text)
        while self.kept > KEPT:
            self.kept -= len(self.held.popleft().text)
        return shown

    def notice(self) -> str:
        """How much is held back."""
        left = sum(piece.lines for piece in self.held)
        hint = f"`%scoop output {self.number}` shows {'them' if left == self.count else f'the last {left:,} of them'}"
        return f"… and {plural(self.count, 'line')} more{'' if not left else f': {hint}'}"


class Outputs:
    """Shows below each cell what its tasks say, whichever cell runs by then.

    Args:
        shell: of the kernel, or of a terminal: there nothing is held back.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._kernel: Any = getattr(shell, "kernel", None)
        self._cells: dict[int, Cell] = {}  # by run
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None

    def open(self, run: int, number: int) -> None:
        """What this run says belongs to the cell that runs now, which has this number."""
        if self._kernel is None:
            return
        parent = self._kernel.get_parent("shell")
        with self._lock:
            same = [cell for cell in self._cells.values() if cell.parent["header"] == parent["header"]]
            self._cells[run] = same[0] if same else Cell(parent, number)
            for old in list(self._cells)[:-CELLS]:
                del self._cells[old]

    def clear(self) -> None:
        """All runs are over."""
        with self._lock:
            self._cells.clear()

    def show(self, run: int, worker: str, stream: str, text: str) -> None:
        """Show what a task said; any thread may call this."""
        cell = self._cells.get(run)
        if cell is None:
            to_terminal(run, worker, stream, text)
            return
        with self._lock:
            said = text if stream == DISPLAY else with_name(worker, text)
            piece = cell.take(Piece(stream, said, DISPLAY_LINES if stream == DISPLAY else said.count("\n")))
            if piece is not None:
                self._send(cell.parent, piece)
            if cell.held:
                if cell.told is None:
                    self._drop_others()
                    self._tell(cell)
                elif self._timer is None:
                    self._timer = threading.Timer(TELL_SECONDS, self.tell)
                    self._timer.daemon = True
                    self._timer.start()

    def tell(self) -> None:
        """Say below each cell how much is held back by now."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            for cell in set(self._cells.values()):
                if cell.told is not None:
                    self._tell(cell)

    def held(self, number: int | None = None) -> list[Piece]:
        """What is held back of the cell with this number, or of the last one that has anything."""
        with self._lock:
            cells = [cell for cell in self._cells.values() if cell.held and number in (None, cell.number)]
            return list(cells[-1].held) if cells else []

    def print(self, pieces: list[Piece]) -> None:
        """Show them below the cell that runs now, all of them."""
        for piece in pieces:
            self._send(self._kernel.get_parent("shell"), piece)

    def _drop_others(self) -> None:
        holders = list(dict.fromkeys(cell for cell in self._cells.values() if cell.held))
        for cell in holders[:-KEPT_CELLS]:
            cell.held.clear()
            cell.kept = 0
            self._tell(cell)

    def _tell(self, cell: Cell) -> None:
        text = cell.notice()
        if text == cell.told:
            return
        kind = "display_data" if cell.told is None else "update_display_data"
        cell.told = text
        name = f"scoop-held-{cell.parent['header']['msg_id']}"
        self._post(
            cell.parent, kind, {"data": {"text/plain": text}, "metadata": {}, "transient": {"display_id": name}}
        )

    def _send(self, parent: dict[str, Any], piece: Piece) -> None:
        for out in (sys.stdout, sys.stderr):
            if hasattr(out, "pub_thread"):
                out.flush()  # what the cell itself printed before comes before
        if piece.stream == DISPLAY:
            ((kind, content),) = json.loads(piece.text).items()
            self._post(parent, "update_display_data" if kind == "update" else "display_data", content)
        else:
            self._post(parent, "stream", {"name": piece.stream, "text": piece.text})

    def _post(self, parent: dict[str, Any], kind: str, content: dict[str, Any]) -> None:
        ident = f"stream.{content['name']}" if kind == "stream" else kind
        self._kernel.session.send(
            self._kernel.iopub_socket, kind, content=content, parent=parent, ident=ident.encode()
        )
