"""Grid Engine, in all its lines: how its jobs are written and submitted, and what its commands say. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from xml.etree import ElementTree

from scoop_core.launchers import JobState, Order
from scoop_core.launchers.options import BatchOptions, log_path, safe_name, script


class SGE:
    """The commands of Grid Engine."""

    name = "Grid Engine"
    submit = ("qsub", "-terse")
    gone = ("does not exist", "already in deletion")
    job_variables = (
        *("JOB_ID", "JOB_NAME", "JOB_SCRIPT", "NHOSTS", "NQUEUES", "NSLOTS", "PE", "PE_HOSTFILE", "QUEUE", "REQNAME"),
        *(
            "REQUEST",
            "RESTARTED",
            "SGE_CWD_PATH",
            "SGE_JOB_*",
            "SGE_O_*",
            "SGE_RERUN_*",
            "SGE_STD*_PATH",
            "SGE_TASK_*",
        ),
    )
    kept_variables = ()

    def script(self, order: Order, options: BatchOptions, command: Sequence[str], log: str) -> str:
        """The job of an order.

        Raises:
            ValueError: it has several slots, but there is no parallel environment for them; and see `log_path`.
        """
        # With -notify a job is told some time before it is killed.
        directives = ["-S /bin/sh", f"-N {safe_name(order.name)}", "-j y", f"-o {log_path(log)}", "-r n", "-notify"]
        if options.parallel_environment:
            directives.append(f"-pe {shlex.quote(options.parallel_environment)} {order.slots}")
        elif order.slots > 1:
            raise ValueError(
                f"a job with {order.slots} slots needs the name of a parallel environment whose allocation_rule is "
                "$pe_slots, so that they are on one host: qconf -spl lists what there is"
            )
        if options.time:
            directives.append(f"-l h_rt={options.time}")
        if options.memory:  # counts for each slot
            directives.append(f"-l h_vmem={-(-options.memory // order.slots)}")
        if options.queue:
            directives.append(f"-q {shlex.quote(options.queue)}")
        if options.account:
            directives.append(f"-P {shlex.quote(options.account)}")
        if order.host:
            directives.append(f"-l hostname={shlex.quote(order.host)}")
        return script("#$", directives, options, command)

    def submitted(self, output: str) -> str:
        """The id; what a site has `qsub` print besides comes before."""
        return output.split()[-1] if output.strip() else ""

    def status(self, ids: Collection[str]) -> list[str]:
        # Asked for single jobs, it says nothing of their states.
        return ["qstat", "-xml"]

    def states(self, output: str) -> dict[str, JobState]:
        """What ``qstat -xml`` printed: the jobs of this user.

        Raises:
            ValueError: it is no XML.
        """
        try:
            jobs = ElementTree.fromstring(output).iter("job_list")
        except ElementTree.ParseError as error:
            raise ValueError(str(error)) from None
        return {job.findtext("JB_job_number", ""): _state(job.findtext("state", "")) for job in jobs}

    def cancel(self, ids: Collection[str]) -> list[str]:
        return ["qdel", *ids]


def _state(letters: str) -> JobState:
    """The state of a job, from its letters: one that has an error or is being deleted will never run again."""
    if "E" in letters or "d" in letters:
        return "over"
    return "pending" if "w" in letters else "running"
