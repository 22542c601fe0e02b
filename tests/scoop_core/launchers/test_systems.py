"""How jobs are written for each batch system, and how its answers are read."""

from __future__ import annotations

import pytest

from scoop_core.launchers import JobState, Order
from scoop_core.launchers.batch import System
from scoop_core.launchers.options import BatchOptions
from scoop_core.launchers.pbs import PBS
from scoop_core.launchers.sge import SGE
from scoop_core.launchers.slurm import Slurm

COMMAND = ["/opt/python", "-m", "agent", "/a b"]
SMALL = Order(slots=1, name="scoop", launch=b"")
LARGE = Order(slots=8, name="a pool with a long name", launch=b"", host="node7")
ALL = BatchOptions(
    time=5400,
    memory=3 * 2**30 + 1,
    queue="long",
    account="physics",
    directives=("--exclusive",),
    prolog=("module load python",),
    parallel_environment="smp",
)
SLURM_ALL = """\
#!/bin/sh
#SBATCH --job-name=a-pool-with-a-long-name
#SBATCH --output='/my log%%'
#SBATCH --open-mode=append
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --no-requeue
#SBATCH --time=0-01:30:00
#SBATCH --mem=3145729K
#SBATCH --partition=long
#SBATCH --account=physics
#SBATCH --nodelist=node7
#SBATCH --exclusive
module load python
exec /opt/python -m agent '/a b'
"""
PBS_ALL = """\
#!/bin/sh
#PBS -N a-pool-with-a-l
#PBS -j oe
#PBS -o '/my log%'
#PBS -r n
#PBS -l select=1:ncpus=8:mem=3221225473b:host=node7
#PBS -l walltime=01:30:00
#PBS -q long
#PBS -A physics
#PBS --exclusive
module load python
exec /opt/python -m agent '/a b'
"""
TORQUE_ALL = PBS_ALL.replace(
    "#PBS -l select=1:ncpus=8:mem=3221225473b:host=node7", "#PBS -l nodes=node7:ppn=8\n#PBS -l mem=3221225473b"
)
SGE_ALL = """\
#!/bin/sh
#$ -S /bin/sh
#$ -N a-pool-with-a-long-name
#$ -j y
#$ -o '/my log%'
#$ -r n
#$ -notify
#$ -pe smp 8
#$ -l h_rt=5400
#$ -l h_vmem=402653185
#$ -q long
#$ -P physics
#$ -l hostname=node7
#$ --exclusive
module load python
exec /opt/python -m agent '/a b'
"""


@pytest.mark.parametrize(
    ("system", "text"), [(Slurm(), SLURM_ALL), (PBS(), PBS_ALL), (PBS(torque=True), TORQUE_ALL), (SGE(), SGE_ALL)]
)
def test_a_job_with_everything(system: System, text: str) -> None:
    assert system.script(LARGE, ALL, COMMAND, "/my log%") == text


@pytest.mark.parametrize(
    ("system", "place"),
    [
        (Slurm(), "#SBATCH --cpus-per-task=1"),
        (PBS(), "#PBS -l select=1:ncpus=1"),
        (PBS(torque=True), "#PBS -l nodes=1:ppn=1"),
        (SGE(), "#$ -r n"),
    ],
)
def test_a_job_with_nothing_leaves_the_rest_to_the_batch_system(system: System, place: str) -> None:
    lines = system.script(SMALL, BatchOptions(), COMMAND, "/log").splitlines()
    assert place in lines and lines[-1] == "exec /opt/python -m agent '/a b'"
    said = " ".join(lines)
    assert not [word for word in ("time", "mem", "-q", "-A", "partition", "account", "-pe ") if word in said]


def test_many_slots_of_grid_engine_need_a_parallel_environment() -> None:
    with pytest.raises(ValueError, match="8 slots needs the name of a parallel environment"):
        SGE().script(LARGE, BatchOptions(), COMMAND, "/log")


@pytest.mark.parametrize("system", [PBS(), SGE()])
def test_paths_that_would_be_misread(system: System) -> None:
    with pytest.raises(ValueError, match="'/a,b:c' can't be the path of its log, because of , :"):
        system.script(SMALL, BatchOptions(), COMMAND, "/a,b:c")


@pytest.mark.parametrize(
    ("system", "output", "job"),
    [
        (Slurm(), "1234\n", "1234"),
        (Slurm(), "1234;cluster\n", "1234"),
        (PBS(), "12.server.example\n", "12.server.example"),
        (PBS(), "welcome to\nour cluster\n12.server\n", "12.server"),
        (SGE(), "17\n", "17"),
        (SGE(), "", ""),
        (PBS(), "\n", ""),
        (Slurm(), "", ""),
    ],
)
def test_the_id_of_a_job(system: System, output: str, job: str) -> None:
    assert system.submitted(output) == job


SQUEUE = """\
1 PENDING
2 RUNNING
3 CONFIGURING
4 COMPLETED
5 NODE_FAIL
6 SUSPENDED
7 COMPLETING
8 OUT_OF_MEMORY
9 A_STATE_OF_TOMORROW
"""
QSTAT_F = """\
Job Id: 1.server
    Job_Name = scoop
    job_state = Q
    comment = job_state = R would be nice
Job Id: 2.server
    Job_Name = scoop
    job_state = R
    Variable_List = PBS_O_HOME=/home/me,
\tPBS_O_LANG=C

Job Id: 3.server
    job_state = H
Job Id: 4.server
    job_state = C
    exit_status = 0
Job Id: 5.server
    job_state = F
Job Id: 6.server
    job_state = S
Job Id: 7.server
    job_state = E
Job Id: 8.server
    Job_Name = scoop
"""
QSTAT_XML = """\
<?xml version='1.0'?>
<job_info xmlns:xsd="http://example.org/qstat.xsd">
  <queue_info>
    <job_list state="running"><JB_job_number>2</JB_job_number><JB_name>scoop</JB_name><state>r</state></job_list>
    <job_list state="running"><JB_job_number>6</JB_job_number><state>S</state></job_list>
    <job_list state="running"><JB_job_number>7</JB_job_number><state>dr</state></job_list>
  </queue_info>
  <job_info>
    <job_list state="pending"><JB_job_number>1</JB_job_number><state>qw</state></job_list>
    <job_list state="pending"><JB_job_number>3</JB_job_number><state>hqw</state></job_list>
    <job_list state="pending"><JB_job_number>4</JB_job_number><state>Eqw</state></job_list>
  </job_info>
</job_info>
"""


@pytest.mark.parametrize(
    ("system", "output", "pending", "running", "over"),
    [
        (Slurm(), SQUEUE, "1 3", "2 6", "4 5 7 8 9"),
        (Slurm(), "", "", "", ""),
        (PBS(), QSTAT_F, "1.server 3.server", "2.server 6.server", "4.server 5.server 7.server 8.server"),
        (PBS(), "", "", "", ""),
        (SGE(), QSTAT_XML, "1 3", "2 6", "4 7"),
        (SGE(), "<job_info></job_info>", "", "", ""),
    ],
)
def test_states(system: System, output: str, pending: str, running: str, over: str) -> None:
    expected: dict[str, JobState] = {
        **dict.fromkeys(pending.split(), "pending"),
        **dict.fromkeys(running.split(), "running"),
        **dict.fromkeys(over.split(), "over"),
    }
    assert system.states(output) == expected


def test_what_is_no_answer() -> None:
    with pytest.raises(ValueError):
        SGE().states("error: commlib error")


@pytest.mark.parametrize(
    ("system", "status", "cancel"),
    [
        (Slurm(), "squeue --noheader --states=all --format=%i %T --jobs=1,2", "scancel 1 2"),
        (PBS(), "qstat -f 1 2", "qdel 1 2"),
        (SGE(), "qstat -xml", "qdel 1 2"),
    ],
)
def test_the_commands(system: System, status: str, cancel: str) -> None:
    assert " ".join(system.status(["1", "2"])) == status
    assert " ".join(system.cancel(["1", "2"])) == cancel
