"""What processes use."""

from __future__ import annotations

import subprocess
import sys

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
        process.communicate(b"\n")
    assert watched.private() == 0
    assert watched.used(True) is None
    with pytest.raises(ProcessLookupError, match=str(process.pid)):
        Process(process.pid)
