"""Python programs in processes of their own."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).parent / "programs"


def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run Python to its end; what it printed is text."""
    command = [sys.executable, *map(str, arguments)]
    options = {"stdin": subprocess.DEVNULL} | options if "input" not in options else options
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


class Program:
    """A running Python program, in a session of its own, that talks on its standard streams."""

    def __init__(self, *arguments: str | Path, **options: Any) -> None:
        command = [sys.executable, "-u", *map(str, arguments)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True, **options
        )
        self.pid = self.process.pid
        self._text = b""

    def line(self, seconds: float = 20.0) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        end = time.monotonic() + seconds
        while b"\n" not in self._text:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"no line within {seconds:g} s"
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, f"it ended: {self.process.communicate(timeout=10)}"
            self._text += data
        line, _, self._text = self._text.partition(b"\n")
        return line.decode()

    def tell(self, text: str) -> None:
        """Write a line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def end(self, seconds: float = 20.0) -> tuple[int, str, str]:
        """Wait for its end: the exit code, and what else it has printed on both streams."""
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, (self._text + out).decode(), err.decode()


@contextlib.contextmanager
def running(*arguments: str | Path, **options: Any) -> Iterator[Program]:
    """A program that is killed at the end of the block, if it still runs then."""
    program = Program(*arguments, **options)
    try:
        yield program
    finally:
        if program.process.poll() is None:
            program.process.kill()
        program.process.wait()
        for stream in (program.process.stdin, program.process.stdout, program.process.stderr):
            if stream is not None:
                stream.close()
