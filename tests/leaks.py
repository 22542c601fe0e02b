"""What tests must not leave behind: processes, threads, descriptors, and the files of pools.

Every process of a test session carries `MARK` in its environment, which children inherit: one that was re-parented,
or sits in a session of its own, is so found as well.
"""

from __future__ import annotations

import contextlib
import gc
import os
import secrets
import signal
import tempfile
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from scoop_core.files import runtime_folder
from scoop_core.store import VARIABLE
from tests.waiting import SOON, holds

MARK = "SCOOP_TEST_SESSION"
SESSION = secrets.token_hex(8)
_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A process of this session; `born` tells it from a later one with its id."""

    pid: int
    parent: int
    born: int
    command: str


@dataclass(frozen=True)
class Footprint:
    """What this test session occupies at one moment."""

    processes: dict[int, Process]
    threads: frozenset[threading.Thread]
    descriptors: tuple[str, ...]
    files: frozenset[str]

    @classmethod
    def now(cls) -> Footprint:
        return cls(processes(), frozenset(_threads()), tuple(_descriptors()), frozenset(_files()))

    def leaks(self, before: Footprint, pools: Collection[int] = (), inside: bool = True) -> list[str]:
        """What is there beyond `before`, a line for each.

        Args:
            before: an earlier footprint.
            pools: the first processes of pools that may stay, with their children.
            inside: look at the threads and descriptors of this process, too.
        """
        found = [f"process {p.pid}: {p.command}" for p in self.strays(before, pools)]
        if inside:
            found += [f"thread {t.name}" for t in self.threads - before.threads]
        if inside and len(self.descriptors) > len(before.descriptors):
            new = list(self.descriptors)
            for known in before.descriptors:
                if known in new:
                    new.remove(known)
            found += [f"{len(self.descriptors) - len(before.descriptors)} descriptors more, among {new}"]
        return found + [f"file {name}" for name in sorted(self.files - before.files)]

    def strays(self, before: Footprint, pools: Collection[int]) -> list[Process]:
        def belongs(process: Process) -> bool:
            if before.processes.get(process.pid) == process or process.pid in pools or process.parent in pools:
                return True
            # A kernel or a browser that was there before may start helpers; it answers for them at its own end.
            parent = before.processes.get(process.parent)
            return parent is not None and parent.parent not in pools and parent.pid not in pools

        return [process for process in self.processes.values() if not belongs(process)]


def processes() -> dict[int, Process]:
    """The processes that this session has started, at whatever depth, by their ids; without this one."""
    known: dict[int, Process] = {}
    marked: set[int] = set()
    mark = f"{MARK}={SESSION}".encode()
    for entry in os.listdir(_PROC) if _PROC.is_dir() else ():
        if not entry.isdigit():
            continue
        try:
            fields = (_PROC / entry / "stat").read_text().rpartition(")")[2].split()
            environment = (_PROC / entry / "environ").read_bytes()
            command = (_PROC / entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has just ended, or is somebody else's
            continue
        process = Process(int(entry), int(fields[1]), int(fields[19]), command.strip() or f"state {fields[0]}")
        known[process.pid] = process
        if mark in environment:
            marked.add(process.pid)
    here = os.getpid()

    def is_ours(process: Process | None) -> bool:
        while process is not None:
            if process.pid in marked or process.parent == here:
                return True
            process = known.get(process.parent)
        return False

    return {pid: process for pid, process in known.items() if pid != here and is_ours(process)}


def _threads() -> list[threading.Thread]:
    threads = [t for t in threading.enumerate() if not t.daemon or t.name.startswith("scoop")]
    return [t for t in threads if not t.name.startswith("pytest_timeout")]


def _descriptors() -> list[str]:
    found = []
    for fd in os.listdir("/proc/self/fd") if _PROC.is_dir() else ():
        try:
            found.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:  # the one that listed the folder
            continue
    return found


def _files() -> list[str]:
    places = (runtime_folder(), Path(tempfile.gettempdir()), Path(os.environ[VARIABLE]))
    return [str(path) for place in places for path in place.glob("scoop-*")]


def check(who: str, before: Footprint, pools: Callable[[], Collection[int]] = tuple, inside: bool = True) -> None:
    """Fail if something is left beyond `before`, once what is about to go had time to go; strays are killed."""
    found: list[str] = []
    now = before

    def clean() -> bool:
        nonlocal found, now
        now = Footprint.now()
        found = now.leaks(before, pools(), inside)
        if found:
            gc.collect()  # mapped results hold descriptors
        return not found

    if not holds(clean, seconds=SOON, step=0.02):
        for process in now.strays(before, pools()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        pytest.fail("\n  ".join([f"{who} left", *found]), pytrace=False)
