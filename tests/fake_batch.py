"""Commands that stand for those of a batch system, and run its jobs on this host."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple


class Dialect(NamedTuple):
    """How a batch system calls things.

    Attributes:
        submit: the command that takes a script; so the next two.
        id: what stands behind the number of a job.
        log: the beginning of the script's line with the path of the log.
        line: what `status` prints of a job, with places for its id and its state.
        pending: the state of a job that has not begun; so the rest.
    """

    submit: str
    status: str
    cancel: str
    id: str
    log: str
    line: str
    pending: str
    running: str
    over: str
    cancelled: str


SLURM = Dialect(
    *("sbatch", "squeue", "scancel"),
    *("", "#SBATCH --output=", "%s %s\\n"),
    *("PENDING", "RUNNING", "COMPLETED", "CANCELLED"),
)
PBS = Dialect(
    *("qsub", "qstat", "qdel"),
    *(".server", "#PBS -o ", "Job Id: %s\\n    job_state = %s\\n\\n"),
    *("Q", "R", "F", "F"),
)

#: They keep a file for each job with its script, its state, and its first process. Jobs begin when there is a file
#: "open".
SUBMIT = """\
job=$(( $(ls | grep -c script) + 1 )){id}
case "$1" in
    -*|"") cat ;;
    *) cat "$1" ;;
esac > $job.script
echo {pending} > $job.state
if [ -e open ]; then "{bin}/begin" $job; fi
echo $job
"""
BEGIN = """\
if [ $(cat $1.state) != {pending} ]; then exit; fi
echo {running} > $1.state
export TMPDIR={temporary}
setsid sh $1.script > "$(sed -n 's/^{log}//p' $1.script)" 2>&1 < /dev/null &
echo $! > $1.pid
if [ $(cat $1.state) = {cancelled} ]; then kill $(cat $1.pid); fi  # it was meanwhile
"""
STATUS = """\
for file in *.state; do
    job=${{file%.state}}
    if [ -e $job.pid ] && ! kill -0 $(cat $job.pid) 2> /dev/null; then echo {over} > $file; fi
    printf '{line}' $job $(cat $file)
done
"""
CANCEL = """\
for job; do
    echo {cancelled} > $job.state
    if [ -e $job.pid ]; then kill $(cat $job.pid); fi
done 2> /dev/null
true
"""


class FakeBatch:
    """A folder with the commands, to be put on the PATH, and one with the jobs.

    Args:
        folder: where they are made.
        dialect: of which batch system.
    """

    def __init__(self, folder: Path, dialect: Dialect = SLURM) -> None:
        self.bin = folder / "bin"
        self._jobs = folder / "jobs"
        self._dialect = dialect
        for part in (self.bin, self._jobs):
            part.mkdir()
        words = {"bin": self.bin, "temporary": tempfile.gettempdir(), **dialect._asdict()}
        commands = {dialect.submit: SUBMIT, "begin": BEGIN, dialect.status: STATUS, dialect.cancel: CANCEL}
        for name, text in commands.items():
            path = self.bin / name
            path.write_text(f"#!/bin/sh\ncd {self._jobs}\n{text.format_map(words)}")
            path.chmod(0o755)

    def open(self) -> None:
        """Have jobs begin, those that wait and all that come."""
        (self._jobs / "open").touch()
        for job in self.jobs(self._dialect.pending):
            subprocess.run([self.bin / "begin", job], check=True)

    def close(self) -> None:
        """Have those that come wait."""
        (self._jobs / "open").unlink(missing_ok=True)

    def jobs(self, state: str) -> list[str]:
        """Those in this state, as far as it was asked for."""
        return [path.stem for path in sorted(self._jobs.glob("*.state")) if path.read_text().strip() == state]

    def states(self) -> list[str]:
        """Those of all jobs, as of now."""
        subprocess.run([self.bin / self._dialect.status], stdout=subprocess.DEVNULL, check=True)
        return [path.read_text().strip() for path in sorted(self._jobs.glob("*.state"))]

    def running(self) -> list[int]:
        """The first processes of jobs, as far as they are there."""
        pids = [int(path.read_text()) for path in self._jobs.glob("*.pid")]
        return [pid for pid in pids if Path(f"/proc/{pid}").exists()]

    def script(self, job: str) -> str:
        """What was submitted."""
        return (self._jobs / f"{job}.script").read_text()

    def rewrite(self, old: str, new: str) -> None:
        """Have all jobs that were submitted do something else."""
        for path in self._jobs.glob("*.script"):
            path.write_text(path.read_text().replace(old, new))

    def kill(self, job: str, signum: int) -> None:
        """Send a signal to all processes of a job."""
        first = int((self._jobs / f"{job}.pid").read_text())
        for pid in [*_descendants(first), first]:
            os.kill(pid, signum)


def _descendants(pid: int) -> list[int]:
    own = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*own, *(further for child in own for further in _descendants(child))]
