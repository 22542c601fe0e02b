"""Slurm: how its jobs are written and submitted, and what its commands say. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence

from scoop_core.launchers import JobState, Order
from scoop_core.launchers.options import BatchOptions, clock, safe_name, script

#: Every other state is an end. A job that is COMPLETING has lost its processes already.
_STATES: dict[str, JobState] = {
    **dict.fromkeys(
        ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"),
        "pending",
    ),
    **dict.fromkeys(("RUNNING", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED"), "running"),
}
#: So long before the end of a job its agent is told, in seconds.
LEAVE_SECONDS = 120


class Slurm:
    """The commands of Slurm."""

    name = "Slurm"
    submit = ("sbatch", "--parsable")
    gone = ("Invalid job id",)
    job_variables = ("SLURM_*",)
    kept_variables = ("SLURM_CONF", "SLURM_JWT")

    def script(self, order: Order, options: BatchOptions, command: Sequence[str], log: str) -> str:
        """The job of an order."""
        directives = [
            f"--job-name={safe_name(order.name)}",
            # In the name of this file a percent sign stands for something else.
            f"--output={shlex.quote(log.replace('%', '%%'))}",
            "--open-mode=append",
            "--nodes=1",
            "--ntasks=1",
            f"--cpus-per-task={order.slots}",
            "--no-requeue",  # agents that are lost are started anew by those who miss them
        ]
        if options.time:
            days, seconds = divmod(options.time, 86_400)
            directives.append(f"--time={days}-{clock(seconds)}")
        else:  # as long as the partition allows, of which the agent knows nothing
            directives.append(f"--signal=B:USR1@{LEAVE_SECONDS}")
        if options.memory:
            directives.append(f"--mem={-(-options.memory // 1024)}K")
        if options.queue:
            directives.append(f"--partition={shlex.quote(options.queue)}")
        if options.account:
            directives.append(f"--account={shlex.quote(options.account)}")
        if order.host:
            directives.append(f"--nodelist={shlex.quote(order.host)}")
        return script("#SBATCH", directives, options, command)

    def submitted(self, output: str) -> str:
        """The id in what `sbatch` printed; behind a semicolon is the name of the cluster."""
        return output.strip().partition(";")[0]

    def status(self, ids: Collection[str]) -> list[str]:
        return ["squeue", "--noheader", "--states=all", "--format=%i %T", f"--jobs={','.join(ids)}"]

    def states(self, output: str) -> dict[str, JobState]:
        """What `squeue` printed: a job and its state in each line."""
        lines = (line.split() for line in output.splitlines() if line.strip())
        return {job: _STATES.get(state, "over") for job, state, *_ in lines}

    def cancel(self, ids: Collection[str]) -> list[str]:
        return ["scancel", *ids]
