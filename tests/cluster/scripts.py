"""Scripts that are jobs of several hosts, for a real batch system."""

from __future__ import annotations

import sys
from pathlib import Path

from scoop_core.launchers.options import BatchOptions
from scoop_core.launchers.sge import SGE
from scoop_core.launchers.slurm import Slurm as SlurmCommands
from tests.cluster.grid_engine import GridEngine
from tests.cluster.jobs import STAYS, Jobs
from tests.cluster.slurm import Slurm
from tests.waiting import eventually

SECONDS = 60.0
#: What begins the script of a job with five slots on three hosts. Two of the settings are of the kind that srun
#: inherits, with the effect that it had too little of a host; and a step that has all CPUs must not be in the way.
HEADS = {
    "srun": """\
#!/bin/sh
#SBATCH --output='{log}'
#SBATCH --ntasks=5
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=100
export SRUN_CPUS_PER_TASK=1
srun --ntasks=5 --cpus-per-task=1 sleep 1000 &
""",
    "qrsh": """\
#!/bin/sh
#$ -S /bin/sh
#$ -j y
#$ -o '{log}'
#$ -pe spread 5
""",
}


class Scripts:
    """What submits scripts.

    Args:
        system: runs them.
        folder: that they run in; all hosts see it.
        program: the text of program.py there.

    Attributes:
        shell: by which a job gets to its other hosts.
        jobs: that are submitted; they go with this.
    """

    def __init__(self, system: Slurm | GridEngine, folder: Path, program: str) -> None:
        self.shell, commands = ("srun", SlurmCommands()) if isinstance(system, Slurm) else ("qrsh", SGE())
        self.folder = folder / self.shell
        self.folder.mkdir()
        (self.folder / "program.py").write_text(program)
        self.jobs = Jobs(commands, system.environment, self.folder)

    def submit(self, *lines: str) -> str:
        """Submit a job with these lines of the shell; its id."""
        begin = f"export PATH={Path(sys.executable).parent}:$PATH; cd {self.folder}"
        text = "\n".join((begin, *lines, "")).replace("{", "{{").replace("}", "}}")
        return self.jobs.submit("", options=BatchOptions(template=HEADS[self.shell] + text))

    def inside(self) -> tuple[str, dict[str, str]]:
        """Submit a job that stays; its id, and the environment in it."""
        file = self.folder / "environment"
        job = self.submit(f"env -0 > {file}.new; mv {file}.new {file}", STAYS)
        eventually(file.exists, SECONDS, 0.05)
        words = file.read_text(errors="surrogateescape").split("\0")
        return job, {name: value for name, _, value in (word.partition("=") for word in words) if name}

    def __enter__(self) -> Scripts:
        return self

    def __exit__(self, *_: object) -> None:
        self.jobs.close()
