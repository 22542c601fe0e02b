"""PBS Professional, OpenPBS and Torque: how their jobs are written, and what their commands say. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from scoop_core.launchers import JobState, Order
from scoop_core.launchers.options import BatchOptions, clock, log_path, safe_name, script

#: Every other state is an end; E is that of a job whose processes have ended.
_STATES: dict[str, JobState] = {**dict.fromkeys("HQTW", "pending"), **dict.fromkeys("BRSU", "running")}
_JOB = re.compile(r"^Job Id: *(\S+)", re.MULTILINE)
_STATE = re.compile(r"^ *job_state = (\w)", re.MULTILINE)


@dataclass(frozen=True)
class PBS:
    """The commands of PBS.

    Args:
        torque: whether it is Torque, which knows no ``select``.
    """

    torque: bool = False
    name = "PBS"
    submit = ("qsub",)
    gone = ("Unknown Job", "has finished", "invalid state for job", "Request invalid for state")
    job_variables = (
        *(
            "PBS_ARRAY*",
            "PBS_ENVIRONMENT",
            "PBS_GPUFILE",
            "PBS_JOB*",
            "PBS_MOMPORT",
            "PBS_NODE*",
            "PBS_NP",
            "PBS_NUM_*",
        ),
        *("PBS_O_*", "PBS_QUEUE", "PBS_TASKNUM", "PBS_VERSION", "PBS_VNODENUM", "PBS_WALLTIME", "NCPUS"),
    )
    kept_variables = ()

    def script(self, order: Order, options: BatchOptions, command: Sequence[str], log: str) -> str:
        """The job of an order. Its output comes into the log file when it has ended.

        Raises:
            ValueError: see `log_path`.
        """
        directives = [
            f"-N {safe_name(order.name, 15)}",
            "-j oe",
            f"-o {log_path(log)}",
            "-r n",
            *self._place(order, options),
        ]
        if options.time:
            directives.append(f"-l walltime={clock(options.time)}")
        if options.queue:
            directives.append(f"-q {shlex.quote(options.queue)}")
        if options.account:
            directives.append(f"-A {shlex.quote(options.account)}")
        return script("#PBS", directives, options, command)

    def _place(self, order: Order, options: BatchOptions) -> list[str]:
        if self.torque:
            memory = [f"-l mem={options.memory}b"] if options.memory else []
            return [f"-l nodes={shlex.quote(order.host or '1')}:ppn={order.slots}", *memory]
        chunk = f"-l select=1:ncpus={order.slots}"
        chunk += f":mem={options.memory}b" if options.memory else ""
        return [chunk + (f":host={shlex.quote(order.host)}" if order.host else "")]

    def submitted(self, output: str) -> str:
        """The id, which is all that `qsub` prints; what a site has it print besides comes before."""
        return output.split()[-1] if output.strip() else ""

    def status(self, ids: Collection[str]) -> list[str]:
        return ["qstat", "-f", *ids]

    def states(self, output: str) -> dict[str, JobState]:
        """What ``qstat -f`` printed: a paragraph for each job."""
        found: dict[str, JobState] = {}
        jobs = _JOB.split(output)[1:]
        for job, text in zip(jobs[::2], jobs[1::2], strict=True):
            state = _STATE.search(text)
            found[job] = _STATES.get(state[1], "over") if state else "over"
        return found

    def cancel(self, ids: Collection[str]) -> list[str]:
        return ["qdel", *ids]
