"""Agents as jobs that PSI/J submits, for batch systems whose commands we don't know: LSF, Flux, Cobalt and others.

Only this module imports psij, and only a pool's recruiter imports this one: psij starts threads, and handles signals.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import psij

from scoop_core.errors import LaunchFailed
from scoop_core.launchers import JobState, Order
from scoop_core.launchers.job_files import AGENT, last_lines, write_launch
from scoop_core.launchers.options import PsijOptions, safe_name

#: Nothing is asked for the state of jobs: psij has a thread that does, every thirty seconds. Those of this host it
#: knows at once.
PAUSES = (1.0, 5.0)
#: Agents whose pool ends get so many seconds to end by themselves. Where jobs are just processes, psij kills them.
GRACE = 3.0


class PsijJobs:
    """A launcher for one executor of PSI/J.

    Args:
        options: what the jobs shall have.
        folder: for their launch data and their output, and the files of psij; all hosts see it.
    """

    pauses = PAUSES

    def __init__(self, options: PsijOptions, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._executor: psij.JobExecutor | None = None
        self._jobs: dict[str, psij.Job] = {}  # by the batch system's id

    def submit(self, order: Order) -> str:
        """Have psij start one agent; the id of the job."""
        file = self._folder / f"{safe_name(order.name)}.launch"
        write_launch(file, order.launch)
        try:
            if self._executor is None:
                config = psij.JobExecutorConfig(work_directory=self._folder / "psij")
                self._executor = psij.JobExecutor.get_instance(self._options.executor, config=config)
            job = psij.Job(self._spec(order, file))
            self._executor.submit(job)
        except Exception as error:  # of each executor its own
            file.unlink()
            there = ", ".join(sorted(psij.JobExecutor.get_executor_names()))
            why = str(error) or type(error).__name__
            hint = f" (it has the executors {there})" if self._executor is None else ""
            raise LaunchFailed(f"PSI/J can't submit to {self._options.executor!r}: {why}{hint}") from error
        id = str(job.native_id)
        self._jobs[id] = job
        return id

    def _spec(self, order: Order, file: Path) -> psij.JobSpec:
        options = self._options
        log = file.with_suffix(".log")
        prolog = None
        if options.prolog:
            prolog = file.with_suffix(".prolog")
            prolog.write_text("\n".join([*options.prolog, ""]))
        return psij.JobSpec(
            name=safe_name(order.name),
            executable=options.python or sys.executable,
            arguments=[*AGENT, str(file)],
            stdout_path=log,
            stderr_path=log,
            pre_launch=prolog,
            # Some executors count processes only: there are to be as many CPUs, and one agent is started on them.
            resources=psij.ResourceSpecV1(
                node_count=1, processes_per_node=order.slots, cpu_cores_per_process=1, memory=options.memory or None
            ),
            launcher="single",
            attributes=psij.JobAttributes(
                timedelta(seconds=options.time),
                options.queue or None,
                options.account or None,
                custom_attributes=dict(options.attributes),
            ),
        )

    def status(self, ids: Collection[str]) -> dict[str, JobState]:
        """How far these jobs are, as far as psij has heard."""
        return {id: self._state(id) for id in ids}

    def _state(self, id: str) -> JobState:
        if id not in self._jobs:
            return "over"
        state = self._jobs[id].status.state
        if state.final:
            return "over"
        return "running" if state == psij.JobState.ACTIVE else "pending"

    def why(self, id: str) -> str:
        """What psij says of its end, and the last that it has printed."""
        job = self._jobs.get(id)
        if job is None or job.spec is None or job.spec.stdout_path is None:
            return ""
        return " ".join(filter(None, [job.status.message or "", last_lines(job.spec.stdout_path)]))

    def cancel(self, ids: Collection[str]) -> None:
        """End these jobs, if they are not over; those that run may have heard already that they are to end."""
        end = time.monotonic() + GRACE
        failed = []
        for id in sorted(ids, key=self._state):  # first those that are pending
            job = self._jobs.get(id)
            if job is None:
                continue
            if self._state(id) == "running":
                job.wait(timedelta(seconds=max(0.01, end - time.monotonic())))
            try:
                if self._state(id) != "over":
                    job.cancel()
            except psij.SubmitException as error:
                failed.append(f"{id}: {error}")
            Path(self._folder, f"{job.spec.name}.launch").unlink(missing_ok=True) if job.spec else None
        if failed:
            raise LaunchFailed(f"PSI/J can't cancel jobs of {self._options.executor!r}: {'; '.join(failed)}")


def make_psij(folder: str, options: dict[str, Any]) -> PsijJobs:
    """A launcher for an executor of PSI/J.

    Args:
        folder: for its files; all hosts see it.
        options: those of `PsijOptions`.
    """
    return PsijJobs(msgspec.convert(options, PsijOptions), Path(folder))
