"""Commands that stand for those of Slurm, and run its jobs on this host."""

from __future__ import annotations

import subprocess
from pathlib import Path

#: They keep a file for each job with its script, its state, and its first process. Jobs begin when there is a file
#: "open".
COMMANDS = {
    "sbatch": """\
number=$(( $(ls | grep -c script) + 1 ))
case "$1" in
    -*|"") cat ;;
    *) cat "$1" ;;
esac > $number.script
echo PENDING > $number.state
if [ -e open ]; then "{folder}/bin/begin" $number; fi
echo $number
""",
    "begin": """\
if [ $(cat $1.state) != PENDING ]; then exit; fi
echo RUNNING > $1.state
setsid sh $1.script > "$(sed -n 's/^#SBATCH --output=//p' $1.script)" 2>&1 < /dev/null &
echo $! > $1.pid
""",
    "squeue": """\
for file in *.state; do
    job=${{file%.state}}
    if [ -e $job.pid ] && ! kill -0 $(cat $job.pid) 2> /dev/null; then echo COMPLETED > $file; fi
    echo $job $(cat $file)
done
""",
    "scancel": """\
for job; do
    if [ -e $job.pid ]; then kill $(cat $job.pid); fi
    echo CANCELLED > $job.state
done 2> /dev/null
true
""",
}


class FakeSlurm:
    """A folder with the commands, to be put on the PATH, and one with the jobs.

    Args:
        folder: where they are made.
    """

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self._jobs = folder / "jobs"
        for part in (self.bin, self._jobs):
            part.mkdir()
        for name, text in COMMANDS.items():
            path = self.bin / name
            path.write_text(f"#!/bin/sh\ncd {self._jobs}\n{text.format(folder=folder)}")
            path.chmod(0o755)

    def open(self) -> None:
        """Have jobs begin, those that wait and all that come."""
        (self._jobs / "open").touch()
        for job in self.jobs("PENDING"):
            subprocess.run([self.bin / "begin", job], check=True)

    def close(self) -> None:
        """Have those that come wait."""
        (self._jobs / "open").unlink(missing_ok=True)

    def jobs(self, state: str) -> list[str]:
        """Those in this state."""
        return [path.stem for path in sorted(self._jobs.glob("*.state")) if path.read_text().strip() == state]

    def script(self, job: str) -> str:
        """What was submitted."""
        return (self._jobs / f"{job}.script").read_text()
