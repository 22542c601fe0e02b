"""How ssh, srun and qrsh are told to run something on another host."""

from __future__ import annotations

import shlex

import pytest

from scoop_core.errors import StartFailed
from scoop_core.launchers.remote_shells import OF_A_TASK, argv, check, instead, name

WORDS = ["/usr/bin/python", "-c", "print('a b', \"$HOME\")"]


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("ssh -p 2222", "ssh"),
        ("/usr/bin/ssh", "ssh"),
        ("rsh", "ssh"),
        ("srun", "srun"),
        ("/opt/slurm/bin/srun --mpi=none", "srun"),
        ("/opt/sge/bin/lx-amd64/qrsh -verbose", "qrsh"),
        ("", "ssh"),
    ],
)
def test_a_shell_is_known_by_the_name_of_its_program(command: str, kind: str) -> None:
    assert name(shlex.split(command)) == kind


def test_ssh_takes_a_line_for_the_shell_there() -> None:
    command = argv(["ssh", "-p", "2222"], "nodea", WORDS)
    assert command[:3] == ["ssh", "-p", "2222"] and command[-2] == "nodea" and "BatchMode=yes" in command
    assert shlex.split(command[-1]) == ["exec", *WORDS]


def test_srun_takes_words_and_has_all_of_the_job_on_that_host() -> None:
    command = argv(["srun", "--mpi=none"], "nodea", WORDS)
    assert command[-4:] == ["--nodelist=nodea", *WORDS]
    own = command[command.index("srun") : -3]
    assert own[1] == "--mpi=none" and {"--overlap", "--nodes=1", "--ntasks=1", "--mem=0"} <= set(own)
    before = command[: command.index("srun")]
    assert before[0] == "env" and before[1::2] == ["-u"] * len(OF_A_TASK) and tuple(before[2::2]) == OF_A_TASK


def test_qrsh_takes_words_without_a_shell_between() -> None:
    assert argv(["qrsh", "-verbose"], "nodea", WORDS) == [
        *("qrsh", "-verbose", "-inherit", "-noshell", "-V", "nodea"),
        *WORDS,
    ]


@pytest.mark.parametrize(
    ("command", "tunnel", "environment", "why"),
    [
        ("srun", False, {}, "srun leads to other hosts within a job of Slurm only, and this is none"),
        ("/opt/qrsh", False, {"JOB_ID": "7"}, "/opt/qrsh leads .* within a job of Grid Engine only"),
        ("srun", True, {"SLURM_JOB_ID": "7"}, "There is no tunnel through srun, but only through ssh"),
        ("qrsh", True, {"PE_HOSTFILE": "/pe"}, "There is no tunnel through qrsh"),
        ("", False, {}, "What leads to other hosts has no name"),
    ],
)
def test_some_shells_are_of_no_use_here(command: str, tunnel: bool, environment: dict[str, str], why: str) -> None:
    with pytest.raises(StartFailed, match=why):
        check(shlex.split(command), tunnel, environment)


@pytest.mark.parametrize(
    ("command", "tunnel", "environment"),
    [
        ("ssh", True, {}),
        ("ssh", False, {"SLURM_JOB_ID": "7"}),
        ("srun", False, {"SLURM_JOB_ID": "7"}),
        ("qrsh", False, {"PE_HOSTFILE": "/pe"}),
    ],
)
def test_others_are(command: str, tunnel: bool, environment: dict[str, str]) -> None:
    check(shlex.split(command), tunnel, environment)


@pytest.mark.parametrize(
    ("command", "environment", "said"),
    [
        ("ssh", {}, ""),
        ("ssh -p 22", {"SLURM_JOB_ID": "7"}, "--ssh-executable srun"),
        ("ssh", {"PE_HOSTFILE": "/pe"}, "--ssh-executable qrsh"),
        ("srun", {"SLURM_JOB_ID": "7"}, ""),
    ],
)
def test_people_whom_ssh_does_not_lead_anywhere_are_told_what_may(
    command: str, environment: dict[str, str], said: str
) -> None:
    told = instead(shlex.split(command), environment)
    assert (said in told) if said else told == ""
