"""How far a run is, as one line of a terminal that is written anew again and again."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from scoop_core.contract import Root
from scoop_core.errors import BrokerLost
from scoop_jupyter.view import (
    Snapshot,
    about,
    duration,
    elapsed,
    number,
    percent,
    progress,
    remaining,
    summary,
    total,
)

#: Where no line can be written anew, a new one is begun after so many seconds.
PACE = 10.0
#: The bar has so many characters; a line has as many as the terminal, less one for the cursor.
BAR = 16
_ERASE = "\r\x1b[K"


def progress_line(snapshot: Snapshot, width: int) -> str:
    """How far it is, in so many characters at the most."""
    tasks = snapshot["tasks"]
    filled = int(progress(tasks) * BAR)
    parts = [f"{number(total(tasks) - tasks['queued'] - tasks['running'])} of {number(total(tasks))} tasks"]
    parts += [f"{number(tasks[state])} {state}" for state in ("running", "failed", "cancelled") if tasks[state]]
    gone, left = elapsed(snapshot), remaining(snapshot)
    parts += [duration(gone)] if gone is not None else []
    parts += [f"about {about(left)} left"] if left is not None else []
    line = f"[{'#' * filled}{'.' * (BAR - filled)}] {percent(progress(tasks)):>5}  {' · '.join(parts)}"
    return line if len(line) <= width else line[: width - 1] + "…"


class ProgressLine:
    """Shows a run in a terminal, or in a file, while it goes on.

    Args:
        client: of the pool.
        run: which run; -1 for all of the pool.
        stream: where the line goes.
    """

    def __init__(self, client: Root, run: int, stream: TextIO) -> None:
        self._client = client
        self._run = run
        self._stream = stream
        self._rewrites = stream.isatty()
        self._lock = threading.Lock()  # pictures come in the threads that serve the client
        self._shown = ""
        self._next = 0.0 if self._rewrites else time.monotonic() + PACE
        self._over = False

    def _show(self, picture: dict[str, Any]) -> None:
        snapshot = cast(Snapshot, picture)
        with self._lock:
            if self._over or not total(snapshot["tasks"]) or time.monotonic() < self._next:
                return
            if self._rewrites:
                self._shown = progress_line(snapshot, shutil.get_terminal_size().columns - 1)
                self._write(f"{_ERASE}{self._shown}")
            else:
                self._next = time.monotonic() + PACE
                self._write(progress_line(snapshot, 200) + "\n")

    def clear(self) -> None:
        """Take the line away, for something else to be written there."""
        with self._lock:
            if self._shown:
                self._shown = ""
                self._write(_ERASE)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the terminal is gone; the run matters more
            self._over = True

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show it as long as this lasts. What this process prints meanwhile stands above the line."""
        out, err = sys.stdout, sys.stderr
        if self._rewrites:
            sys.stdout, sys.stderr = cast(TextIO, _Above(self, out)), cast(TextIO, _Above(self, err))
        watch = self._client.watch(self._run, self._show)
        try:
            yield
        finally:
            self._client.unwatch(watch)
            sys.stdout, sys.stderr = out, err
            self.clear()
            self._over = True

    def finish(self) -> None:
        """Write how much it was."""
        try:
            snapshot = cast(Snapshot, self._client.picture(self._run))
        except BrokerLost:
            return
        if total(snapshot["tasks"]):
            snapshot["ended"] = snapshot["time"]
            self._write(summary(snapshot) + "\n")


class _Above:
    """A standard stream that takes the line away before it writes."""

    def __init__(self, line: ProgressLine, stream: TextIO) -> None:
        self._line = line
        self._stream = stream

    def write(self, text: str) -> int:
        self._line.clear()
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
