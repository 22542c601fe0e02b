"""How what leads to other hosts is told to run something there: ssh, or in a batch job its srun or qrsh. Pure.

Where a job has several hosts, sites often have ssh closed between them. The batch system itself leads there then:
its commands carry the standard streams as ssh does, and what they start ends with the job.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from scoop_core.errors import StartFailed

#: Nobody is there to be asked, and a terminal is not needed.
SSH = ("-T", "-x", "-o", "BatchMode=yes", "-o", "ConnectTimeout=8", "-o", "ServerAliveInterval=5")
#: One process, which has all that the job has on a host, whatever else of the job runs there.
SRUN = ("--overlap", "--nodes=1", "--ntasks=1", "--mem=0", "--cpu-bind=none")
#: Were these in its environment, srun would give the process no more than one task of the job has.
OF_A_TASK = (
    *("SLURM_CPUS_PER_TASK", "SRUN_CPUS_PER_TASK", "SLURM_TRES_PER_TASK"),
    *("SLURM_GPUS_PER_TASK", "SLURM_NTASKS_PER_GPU"),
)
#: Without a shell nothing needs quotes. The environment is that of the program, as srun's is.
QRSH = ("-inherit", "-noshell", "-V")
#: The system that each belongs to, and what is in the environment of its jobs if they have several hosts.
JOBS = {"srun": ("Slurm", "SLURM_JOB_ID"), "qrsh": ("Grid Engine", "PE_HOSTFILE")}


def name(shell: Sequence[str]) -> str:
    """What a shell is: "srun", "qrsh", or "ssh", which all others are taken for."""
    found = Path(shell[0]).name if shell else ""
    return found if found in JOBS else "ssh"


def argv(shell: Sequence[str], host: str, words: Sequence[str]) -> list[str]:
    """The command that runs another one on a host.

    Args:
        shell: the program, with options of its own.
        host: as the shell knows it.
        words: the other command. They arrive there as they are.
    """
    match name(shell):
        case "srun":
            unset = [word for variable in OF_A_TASK for word in ("-u", variable)]
            return ["env", *unset, *shell, *SRUN, f"--nodelist={host}", *words]
        case "qrsh":
            return [*shell, *QRSH, host, *words]
        case _:
            return [*shell, *SSH, host, shlex.join(["exec", *words])]


def check(shell: Sequence[str], tunnel: bool, environment: Mapping[str, str]) -> None:
    """Whether a shell can be used.

    Args:
        shell: see `argv`.
        tunnel: whether it is to lead back here, too.
        environment: of this process.

    Raises:
        StartFailed: it can't, and why.
    """
    if not shell:
        raise StartFailed("What leads to other hosts has no name.")
    if name(shell) not in JOBS:
        return
    system, variable = JOBS[name(shell)]
    if variable not in environment:
        raise StartFailed(f"{shell[0]} leads to other hosts within a job of {system} only, and this is none.")
    if tunnel:
        raise StartFailed(f"There is no tunnel through {shell[0]}, but only through ssh.")


def instead(shell: Sequence[str], environment: Mapping[str, str]) -> str:
    """What to tell people about hosts that a shell does not reach: another one may, if this is a job."""
    for other, (system, variable) in JOBS.items():
        if name(shell) == "ssh" and variable in environment:
            return f" (in a job of {system} what leads to its hosts may be {other}: --ssh-executable {other})"
    return ""
