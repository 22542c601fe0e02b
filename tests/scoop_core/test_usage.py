"""What processes use."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from scoop_core.usage import Process


def test_what_a_process_uses() -> None:
    code = "x = bytearray(50_000_000); sum(range(10**6)); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        watched = Process(process.pid)
        assert watched.pid == process.pid
        assert 50_000_000 < watched.private() < 90_000_000
        for proportional in (True, False):
            used = watched.used(proportional)
            assert used is not None
            assert 0.01 < used[0] < 5
            assert 50_000_000 < used[1] < 90_000_000
            assert 0.0 <= used[2] <= 1.0
        process.communicate(b"\n")
    assert watched.private() == 0
    assert watched.used(True) is None
    with pytest.raises(ProcessLookupError, match=str(process.pid)):
        Process(process.pid)


def test_how_busy_a_process_is_shows_from_one_look_to_the_next() -> None:
    code = "while input(): sum(range(20_000_000)); print(flush=True)"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        watched = Process(process.pid)
        assert share(watched) == 0.0, "there was no look before"
        process.stdin.write(b"go\n")
        process.stdin.flush()
        process.stdout.readline()
        assert 0.1 < share(watched) <= 1.0
        process.stdin.write(b"\n")


def share(process: Process) -> float:
    used = process.used(False)
    assert used is not None
    return used[2]


@pytest.mark.parametrize("error", [psutil.AccessDenied(1), AttributeError("pss")])
def test_where_the_system_does_not_tell_the_part_all_memory_is_told(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: psutil.Process) -> None:
        raise error

    monkeypatch.setattr(psutil.Process, "memory_full_info", refuse)
    used = Process(os.getpid()).used(True)
    assert used is not None
    assert used[1] > 10_000_000
