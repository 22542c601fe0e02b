"""Agents as jobs of a batch system, whichever it is: runs its commands, and says clearly what goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from scoop_core.errors import LaunchFailed
from scoop_core.launchers import JobState, Order
from scoop_core.launchers.job_files import AGENT, last_lines, write_launch
from scoop_core.launchers.options import BatchOptions, fill, placeholders, safe_name
from scoop_core.spawn import SECRETS

#: A batch system that does not answer within so many seconds is overloaded, or down.
ANSWER_SECONDS = 30.0
#: A batch system is asked for its jobs so often, in seconds: soon after a job was submitted, and then less and less
#: often, for it has other users as well.
PAUSES = (1.0, 30.0)
#: Folders of this host or of this login, which Slurm would have jobs look for on others.
HERE_ONLY = ("TMPDIR", "XDG_RUNTIME_DIR")


class System(Protocol):
    """A batch system: its scripts and commands, and how to read what they print. Knows, but does nothing."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def submit(self) -> Sequence[str]:
        """The command that takes a script from its standard input."""

    @property
    def gone(self) -> Sequence[str]:
        """Parts of what its commands say of jobs that are over."""

    @property
    def job_variables(self) -> Sequence[str]:
        """Patterns for the variables that it sets in a job; a job that is submitted in there must not see them ..."""

    @property
    def kept_variables(self) -> Sequence[str]:
        """... but for these."""

    def script(self, order: Order, options: BatchOptions, command: Sequence[str], log: str) -> str:
        """The job of an order.

        Args:
            order: for one agent, on one host.
            options: what the user wants.
            command: what shall run.
            log: the path of a file for the output.

        Raises:
            ValueError: such a job can't be.
        """

    def submitted(self, output: str) -> str:
        """The id of a job, from what the command `submit` printed; empty if there is none."""

    def status(self, ids: Collection[str]) -> Sequence[str]:
        """The command that says how far these jobs are."""

    def states(self, output: str) -> dict[str, JobState]:
        """What it said, perhaps of other jobs as well.

        Raises:
            ValueError: that can't be understood.
        """

    def cancel(self, ids: Collection[str]) -> Sequence[str]:
        """The command that ends these jobs."""


class Batch:
    """A launcher for one batch system.

    Args:
        system: which one.
        options: what the jobs shall have.
        folder: for their launch data and their output; all hosts see it.
        command: what Python is to run.
        environment: of the batch system's commands; by default that of this process. Slurm gives it to the jobs, too.
        seconds: how long a command may take.
    """

    pauses = PAUSES

    def __init__(
        self,
        system: System,
        options: BatchOptions,
        folder: Path,
        command: Sequence[str] = AGENT,
        environment: Mapping[str, str] | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._system = system
        self._options = options
        self._folder = folder
        self._names: dict[str, str] = {}  # of the files of each job
        self._command = command
        environment = os.environ if environment is None else environment
        self._environment = {name: value for name, value in environment.items() if self._passes(name)}
        self._seconds = seconds

    def _passes(self, name: str) -> bool:
        """Whether a variable is for the batch system: no secret, and nothing of this host or of a job around us."""
        strange = (*SECRETS, *HERE_ONLY, *self._system.job_variables)
        return name in self._system.kept_variables or not any(fnmatchcase(name, pattern) for pattern in strange)

    def show(self, order: Order) -> str:
        """The script that would be submitted.

        Raises:
            LaunchFailed: there can be none.
        """
        options = self._options
        file = self._folder / safe_name(order.name)
        command = [options.python or sys.executable, *self._command, f"{file}.launch"]
        log = f"{file}.log"
        try:
            if not options.template:
                return self._system.script(order, options, command, log)
            return fill(options.template, placeholders(order, options, command, log))
        except ValueError as error:
            raise LaunchFailed(f"there is no job for {self._system.name}: {error}") from None

    def submit(self, order: Order) -> str:
        """Have the batch system start one agent; the id of the job."""
        script = self.show(order)
        name = safe_name(order.name)
        file = self._folder / f"{name}.launch"
        write_launch(file, order.launch)
        try:
            output = self._run(self._system.submit, script)
            job = self._system.submitted(output)
            if not job:
                raise LaunchFailed(f"{self._system.submit[0]} did not say which job it is, but: {output.strip()!r}")
        except BaseException:
            file.unlink()
            raise
        self._names[job] = name
        return job

    def status(self, ids: Collection[str]) -> dict[str, JobState]:
        """How far these jobs are; one that the batch system does not know any more is over."""
        if not ids:
            return {}
        output = self._run(self._system.status(ids), gone=self._system.gone)
        try:
            states = self._system.states(output)
        except ValueError as error:
            raise LaunchFailed(f"{self._system.name} was not understood ({error}): {output.strip()!r}") from None
        return {job: states.get(job, "over") for job in ids}

    def why(self, id: str) -> str:
        """The last that a job has printed."""
        return last_lines(self._folder / f"{self._names.get(id, '')}.log")

    def cancel(self, ids: Collection[str]) -> None:
        """End these jobs, if they are not over."""
        if not ids:
            return
        self._run(self._system.cancel(ids), gone=self._system.gone)
        for job in ids:
            (self._folder / f"{self._names.get(job, '')}.launch").unlink(missing_ok=True)

    def _run(self, command: Sequence[str], input: str = "", gone: Sequence[str] = ()) -> str:
        """Run a command of the batch system; what it printed.

        Args:
            command: the program and its arguments.
            input: what it reads.
            gone: if it fails, and says something of this, it does so only because jobs are over.
        """
        pipe = subprocess.PIPE
        try:
            process = subprocess.Popen(
                command,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                text=True,
                errors="replace",
                env=self._environment,
                start_new_session=True,  # an interrupt of the notebook is not for it
            )
        except FileNotFoundError:
            name = self._system.name
            raise LaunchFailed(f"{command[0]} is not here: is this a login node of a {name} cluster?") from None
        except OSError as error:
            raise LaunchFailed(f"{command[0]} can't be run: {error}") from None
        with process:
            try:
                out, err = process.communicate(input, self._seconds)
            except BaseException as error:
                os.killpg(process.pid, signal.SIGKILL)  # sites wrap such commands in scripts
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
                raise LaunchFailed(f"{command[0]} has not answered for {self._seconds:g} s") from None
        said = f"{err.strip()}\n{out.strip()}".strip()
        if process.returncode and not any(word in said for word in gone):
            raise LaunchFailed(f"{command[0]} failed: {said or f'exit status {process.returncode}'}")
        return out
