"""Jobs of a batch system, with commands that stand for those of PBS: what works, and all that can go wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scoop_core.errors import LaunchFailed, StartFailed
from scoop_core.launchers import Order
from scoop_core.launchers.batch import Batch
from scoop_core.launchers.job_files import AGENT
from scoop_core.launchers.options import BatchOptions
from scoop_core.launchers.pbs import PBS
from scoop_core.launchers.slurm import Slurm

#: They keep a file for each job with its state, and one with its script.
QSUB = """\
number=$(ls "$JOBS" | grep -c script)
cat > "$JOBS/$number.server.script"
echo Q > "$JOBS/$number.server.state"
env > "$JOBS/environment"
echo "$number.server"
"""
QSTAT = """\
shift
for job; do
    if [ -e "$JOBS/$job.state" ]; then
        printf 'Job Id: %s\\n    Job_Name = x\\n    job_state = %s\\n\\n' "$job" "$(cat "$JOBS/$job.state")"
    else
        echo "qstat: Unknown Job Id $job" >&2
        missing=153
    fi
done
exit ${missing:-0}
"""
QDEL = """\
for job; do
    case $(cat "$JOBS/$job.state" 2> /dev/null) in
        [QR]) echo C > "$JOBS/$job.state" ;;
        C) echo "qdel: Request invalid for state of job $job" >&2; exit 170 ;;
        *) echo "qdel: Unknown Job Id $job" >&2; exit 153 ;;
    esac
done
"""


class Commands:
    """A folder with commands, and one with the jobs that they keep."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "bin"
        self.jobs = folder / "jobs"
        self.folder.mkdir()
        self.jobs.mkdir()
        self.environment = {"PATH": f"{self.folder}:/usr/bin:/bin", "JOBS": str(self.jobs)}

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{text}")
        path.chmod(0o755)

    def have(self, job: str, state: str) -> None:
        """Have a job be in this state."""
        (self.jobs / f"{job}.state").write_text(f"{state}\n")

    def script(self, job: str) -> str:
        return (self.jobs / f"{job}.script").read_text()


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    commands = Commands(tmp_path)
    for name, text in (("qsub", QSUB), ("qstat", QSTAT), ("qdel", QDEL)):
        commands.write(name, text)
    return commands


@pytest.fixture
def batch(commands: Commands, tmp_path: Path) -> Batch:
    options = BatchOptions(prolog=("WORD=loaded",), python="/bin/echo")
    return Batch(PBS(), options, tmp_path, ["agent"], commands.environment, seconds=20.0)


ORDER = Order(slots=2, name="mine", launch=b"data")
OTHER = Order(slots=2, name="the other", launch=b"data")


def test_from_pending_to_over(batch: Batch, commands: Commands) -> None:
    first, second = batch.submit(ORDER), batch.submit(OTHER)
    assert batch.status([first, second]) == {first: "pending", second: "pending"}
    commands.have(first, "R")
    assert batch.status([first, second]) == {first: "running", second: "pending"}
    commands.have(first, "F")
    (commands.jobs / f"{second}.state").unlink()
    assert batch.status([first, second]) == {first: "over", second: "over"}
    assert batch.status([]) == {}


def test_what_is_submitted_is_what_was_shown_and_runs(batch: Batch, commands: Commands, tmp_path: Path) -> None:
    script = batch.show(ORDER)
    assert commands.script(batch.submit(ORDER)) == script
    assert f"#PBS -o {tmp_path}/mine.log" in script
    done = subprocess.run(["sh"], input=script, text=True, capture_output=True, check=True)
    assert done.stdout == f"agent {tmp_path}/mine.launch\n"


def test_jobs_are_cancelled_and_those_that_are_over_do_not_matter(batch: Batch, commands: Commands) -> None:
    job = batch.submit(ORDER)
    batch.cancel([job])
    assert batch.status([job]) == {job: "over"}
    batch.cancel([job])
    batch.cancel(["99.server"])
    batch.cancel([])


def test_launch_data_is_for_the_owner_only_and_goes_with_its_job(batch: Batch, tmp_path: Path) -> None:
    file = tmp_path / "mine.launch"
    job = batch.submit(ORDER)
    assert file.read_bytes() == b"data"
    assert file.stat().st_mode & 0o777 == 0o600
    batch.cancel([job])
    assert not file.exists()


def test_why_a_job_has_ended_is_the_last_that_it_printed(batch: Batch, tmp_path: Path) -> None:
    job = batch.submit(ORDER)
    assert batch.why(job) == "" == batch.why("99.server")
    (tmp_path / "mine.log").write_text("".join(f"line {i}\n\n" for i in range(1000)))
    assert batch.why(job) == "line 995 line 996 line 997 line 998 line 999"


def test_by_default_the_agent_runs_with_this_python(commands: Commands, tmp_path: Path) -> None:
    last = Batch(PBS(), BatchOptions(), tmp_path).show(ORDER).splitlines()[-1]
    assert last == f"exec {sys.executable} {' '.join(AGENT)} {tmp_path}/mine.launch"


def test_a_job_within_a_job_and_secrets(commands: Commands, tmp_path: Path) -> None:
    strange = {
        "PBS_NODEFILE": "/x",
        "PBS_JOBID": "1",
        "PBS_O_HOME": "/x",
        "NCPUS": "4",
        "TMPDIR": "/job",
        "JUPYTERHUB_API_TOKEN": "s3cret",
    }
    kept = {"PBS_SERVER": "server", "PBS_CONF_FILE": "/etc/pbs.conf", "MINE": "yes"}
    Batch(PBS(), BatchOptions(), tmp_path, environment={**commands.environment, **strange, **kept}).submit(ORDER)
    seen = dict(line.split("=", 1) for line in (commands.jobs / "environment").read_text().splitlines())
    assert not seen.keys() & strange.keys()
    assert kept.items() <= seen.items()


def test_slurm_is_still_found_in_a_job_of_slurm(commands: Commands, tmp_path: Path) -> None:
    commands.write("sbatch", 'env > "$JOBS/environment"; echo 7')
    variables = {"SLURM_JOB_ID": "3", "SLURM_CPUS_PER_TASK": "2", "SLURM_CONF": "/etc/s", "SBATCH_ACCOUNT": "me"}
    Batch(Slurm(), BatchOptions(), tmp_path, environment={**commands.environment, **variables}).submit(ORDER)
    seen = (commands.jobs / "environment").read_text()
    assert "SLURM_CONF=/etc/s" in seen and "SBATCH_ACCOUNT=me" in seen
    assert "SLURM_JOB_ID" not in seen and "SLURM_CPUS_PER_TASK" not in seen


def test_a_template_takes_the_place_of_the_script(commands: Commands, tmp_path: Path) -> None:
    options = BatchOptions(template="#!/bin/sh\n#PBS -l nodes=1:ppn={slots}:fast\n{command}\n", python="/bin/true")
    batch = Batch(PBS(), options, tmp_path, ["agent"], commands.environment)
    expected = f"#!/bin/sh\n#PBS -l nodes=1:ppn=2:fast\n/bin/true agent {tmp_path}/mine.launch\n"
    assert commands.script(batch.submit(ORDER)) == expected


def test_a_template_that_asks_for_what_there_is_not(commands: Commands, tmp_path: Path) -> None:
    batch = Batch(PBS(), BatchOptions(template="{cpus}"), tmp_path, environment=commands.environment)
    with pytest.raises(LaunchFailed, match=r"no job for PBS: the template has \{cpus\}"):
        batch.submit(ORDER)
    assert not os.listdir(commands.jobs)


def test_refusals_are_told_in_the_words_of_the_batch_system(batch: Batch, commands: Commands, tmp_path: Path) -> None:
    for name in ("qsub", "qstat", "qdel"):
        commands.write(name, "cat > /dev/null; echo 'the queue is closed' >&2; exit 3")
    with pytest.raises(LaunchFailed, match="qsub failed: the queue is closed") as caught:
        batch.submit(ORDER)
    assert not (tmp_path / "mine.launch").exists()
    assert isinstance(caught.value, StartFailed)
    with pytest.raises(LaunchFailed, match="qstat failed: the queue is closed"):
        batch.status(["1.server"])
    with pytest.raises(LaunchFailed, match="qdel failed: the queue is closed"):
        batch.cancel(["1.server"])


def test_a_refusal_is_one_even_if_it_sounds_like_the_end_of_a_job(batch: Batch, commands: Commands) -> None:
    commands.write("qsub", "cat > /dev/null; echo 'Unknown Job attribute' >&2; exit 3")
    with pytest.raises(LaunchFailed, match="qsub failed: Unknown Job attribute"):
        batch.submit(ORDER)


def test_a_failure_without_a_word(batch: Batch, commands: Commands) -> None:
    commands.write("qsub", "exit 3")
    with pytest.raises(LaunchFailed, match="qsub failed: exit status 3"):
        batch.submit(ORDER)


def test_a_job_without_an_id(batch: Batch, commands: Commands) -> None:
    commands.write("qsub", "cat > /dev/null")
    with pytest.raises(LaunchFailed, match="did not say which job it is, but: ''"):
        batch.submit(ORDER)


def test_there_is_no_such_batch_system(commands: Commands, tmp_path: Path) -> None:
    batch = Batch(Slurm(), BatchOptions(), tmp_path, environment={"PATH": str(commands.folder)})
    with pytest.raises(LaunchFailed, match="sbatch is not here: is this a login node of a Slurm cluster"):
        batch.submit(ORDER)
    with pytest.raises(LaunchFailed, match="squeue is not here"):
        batch.status(["1"])


def test_a_command_that_can_not_be_run(commands: Commands, tmp_path: Path) -> None:
    (commands.folder / "qsub").write_bytes(b"\x00")
    batch = Batch(PBS(), BatchOptions(), tmp_path, environment={"PATH": str(commands.folder)})
    with pytest.raises(LaunchFailed, match=r"qsub can't be run: .*Exec format"):
        batch.submit(ORDER)


def test_a_batch_system_that_does_not_answer(commands: Commands, tmp_path: Path) -> None:
    commands.write("qstat", "sleep 60")
    batch = Batch(PBS(), BatchOptions(), tmp_path, environment=commands.environment, seconds=0.2)
    begun = time.monotonic()
    with pytest.raises(LaunchFailed, match=r"qstat has not answered for 0\.2 s"):
        batch.status(["1.server"])
    assert time.monotonic() - begun < 20
