"""Agents that are started through a remote shell; here it is a script that does what a shell may do."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scoop_core.errors import StartFailed
from scoop_core.launchers import Order, shells
from scoop_core.launchers.shells import Shells, network_name, with_numbers
from tests.waiting import eventually


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "shell"


def write(script: Path, *lines: str) -> list[str]:
    """Have the shell do this, whatever it is told."""
    script.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    script.chmod(0o755)
    return [str(script)]


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["cat"], 0),
        (["trap 'exit 7' TERM", "echo", "while :; do sleep 0.01; done"], 7),
        (["trap '' TERM", "echo", "while :; do sleep 0.01; done"], -signal.SIGKILL),
    ],
    ids=["ends with its input", "ends if it is told to", "does not end"],
)
def test_a_shell_is_ended_no_harder_than_it_takes(
    script: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], status: int
) -> None:
    monkeypatch.setattr(shells, "END_SECONDS", 0.5)
    there = script.with_name("there")
    launcher = Shells(write(script, *(line.replace("echo", f"echo > {there}") for line in lines)))
    id = launcher.submit(Order(slots=1, name="agent", launch=b"data\n", host="nodea"))
    if status:
        eventually(there.exists)
    process = launcher._remotes[id].process
    launcher.cancel([id])
    assert process.returncode == status


def test_hosts_say_how_many_cores_they_have(script: Path) -> None:
    shell = write(script, "echo 3")
    assert with_numbers([("localhost", 1), ("nodea", None)], {"localhost"}, shell) == [("", 1), ("nodea", 3)]


def test_what_a_program_is_to_read_is_left_to_it(script: Path) -> None:
    call = f"with_numbers([('nodea', None)], (), {write(script, 'cat > /dev/null', 'echo 3')})"
    code = f"import sys; from scoop_core.launchers.shells import with_numbers; print({call}, sys.stdin.read())"
    done = subprocess.run([sys.executable, "-c", code], input="data", capture_output=True, text=True, check=True)
    assert done.stdout == "[('nodea', 3)] data\n"


def test_a_host_that_does_not_say_it_is_told(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    shell = write(script, "echo closed >&2", "exit 255")
    with pytest.raises(StartFailed, match=r"nodea does not tell .*: closed .*--ssh-executable srun"):
        with_numbers([("nodea", None)], (), shell)
    with pytest.raises(StartFailed, match="'/no/such' can't be run: No such file"):
        with_numbers([("nodea", None)], (), ["/no/such"])


def test_only_ssh_knows_other_names_of_hosts(script: Path) -> None:
    assert network_name(write(script, "echo hostname 10.0.0.7"), "nodea") == "10.0.0.7"
    for name in ("srun", "qrsh"):
        other = script.with_name(name)
        assert network_name(write(other, "echo hostname 10.0.0.7"), "nodea") == "nodea"
