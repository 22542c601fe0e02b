"""What tasks print: collected on the worker, and sent to the root that it is for."""

from __future__ import annotations

import io
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, TextIO

from scoop_core import messages as m

#: What a worker holds back of prints at the most, in characters, before it sends them.
LIMIT = 64 * 1024
#: What is remembered of the last prints, in characters and in writes, for those who ask what a failed task printed.
RECENT = 64 * 1024
WRITES = 4096
#: Root, run, stream.
Key = tuple[str, int, str]


class Outputs:
    """The standard streams of one worker.

    Args:
        worker: its name.
        post: sends a message with the next flush.
        context: tells what runs now: something with `root` and `run`, or None.
        task: tells which task that is, as a value that differs for those that run by turns.
        hurry: there is something to flush soon.
    """

    def __init__(
        self,
        worker: str,
        post: Callable[[m.Header, m.Frames], None],
        context: Callable[[], Any],
        task: Callable[[], Hashable] = lambda: None,
        hurry: Callable[[], None] = lambda: None,
    ) -> None:
        self._worker = worker
        self._post = post
        self._context = context
        self._task = task
        self._hurry = hurry
        self._recent: deque[tuple[float, Hashable, str]] = deque(maxlen=WRITES)
        self._remembered = 0  # characters in `_recent`
        self._texts: deque[tuple[str, int, str, str]] = deque()
        self._rest: dict[Key, str] = {}  # lines without an end
        # The IO thread flushes as well, and what is printed must keep its order.
        self._mutex = threading.RLock()
        self._flushing = 0  # holds of the mutex
        self._held = 0

    def install(self) -> None:
        """Put it in the place of `sys.stdout` and `sys.stderr`."""
        sys.stdout = _Stream(self, "stdout", sys.stdout)
        sys.stderr = _Stream(self, "stderr", sys.stderr)

    def write(self, stream: str, text: str, otherwise: TextIO) -> None:
        context = self._context()
        if context is None:  # no task runs: for the log
            otherwise.write(text)
            otherwise.flush()
            return
        self._remember(text)
        self._hold(context, stream, text)

    def show(self, content: str) -> bool:
        """Send something else than text, in the order in which the task has said it; False if no task runs."""
        context = self._context()
        if context is None:
            return False
        self._hold(context, m.DISPLAY, content)
        return True

    def _hold(self, context: Any, stream: str, text: str) -> None:
        self._texts.append((context.root, context.run, stream, text))
        self._held += len(text)
        if self._held > LIMIT:
            self.flush()
        else:
            self._hurry()

    def _remember(self, text: str) -> None:
        recent = self._recent
        if len(recent) == WRITES:
            self._remembered -= len(recent.popleft()[2])
        recent.append((time.perf_counter(), self._task(), text[-RECENT:]))
        self._remembered += len(recent[-1][2])
        while self._remembered > RECENT:
            self._remembered -= len(recent.popleft()[2])

    def tail(self, since: float, size: int) -> str:
        """The end of what the task that runs now has printed, as far as it is remembered.

        Args:
            since: when it, or the first of its neighbours, began, by `time.perf_counter`.
            size: in characters, at most.
        """
        task = self._task()
        text = "".join(text for when, who, text in list(self._recent) if when >= since and who == task)
        return text if len(text) <= size else f"…{text[1 - size :]}"

    def flush(self, rest: bool = False) -> bool:
        """Send what was printed, neighbouring prints of one run together; tell whether there was something.

        Args:
            rest: also what is no whole line yet; else it waits for its end, as a print comes in several writes.
        """
        # In this order: who has taken texts away may not have sent them yet.
        if not self._texts and not self._flushing and not (rest and self._rest):
            return False
        if not self._mutex.acquire(timeout=1.0):  # its owner was interrupted at the worst moment
            return True
        try:
            self._flushing += 1
            self._held = 0
            parts: list[str] = []
            last: Key | None = None
            while self._texts:
                root, run, stream, text = self._texts.popleft()
                if last is not None and last != (root, run, stream):
                    self._send(last, parts)
                    parts = []
                last = (root, run, stream)
                parts.append(text)
            if last is not None:
                self._send(last, parts)
            if rest:
                while self._rest:
                    key, text = self._rest.popitem()
                    self._post_text(key, text)
        finally:
            self._flushing -= 1
            self._mutex.release()
        return True

    def _send(self, key: Key, parts: list[str]) -> None:
        if key[2] == m.DISPLAY:
            for other in [other for other in self._rest if other[:2] == key[:2]]:
                self._post_text(other, self._rest.pop(other))
            for content in parts:
                self._post_text(key, content)
            return
        text = self._rest.pop(key, "") + "".join(parts)
        end = text.rfind("\n") + 1
        if len(text) - end > LIMIT:
            end = len(text)
        if end < len(text):
            self._rest[key] = text[end:]
        if end:
            self._post_text(key, text[:end])

    def _post_text(self, key: Key, text: str) -> None:
        root, run, stream = key
        self._post(m.Output(root, run, self._worker, stream, text), [])


class _Stream(io.TextIOBase):
    """One of the standard streams, as tasks see it."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, outputs: Outputs, name: str, otherwise: TextIO) -> None:
        self._outputs = outputs
        self._name = name
        self._otherwise = otherwise

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text:
            self._outputs.write(self._name, text, self._otherwise)
        return len(text)

    def fileno(self) -> int:
        return self._otherwise.fileno()

    def isatty(self) -> bool:
        return False
