"""The first process of a pool, before it is told which."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from scoop_core import spawn
from scoop_core.spawn import end, spawned, without_secrets


def test_one_that_was_begun_in_vain_ends_by_itself(capfd: pytest.CaptureFixture[str]) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(KeyboardInterrupt), spawned() as process:
        raise KeyboardInterrupt
    assert process.returncode == 0
    assert len(os.listdir("/proc/self/fd")) == before
    assert capfd.readouterr().err == ""


def test_one_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawn, "END_SECONDS", 0.1)
    with pytest.raises(ZeroDivisionError), spawned() as process:
        os.kill(process.pid, signal.SIGSTOP)
        raise ZeroDivisionError
    assert process.returncode == -signal.SIGKILL


def test_it_stays_when_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "hush")
    with spawned() as process:
        pass
    try:
        assert process.poll() is None
        assert b"hush" not in Path(f"/proc/{process.pid}/environ").read_bytes()
    finally:
        end(process, 10)


def test_secrets_are_left_out() -> None:
    environment = {"JUPYTERHUB_API_TOKEN": "1", "JPY_API_TOKEN": "2", "JUPYTER_TOKEN": "3", "HOME": "/"}
    assert without_secrets(environment) == {"HOME": "/"}
