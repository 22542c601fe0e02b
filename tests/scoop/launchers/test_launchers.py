"""What users say of where workers shall be, and what becomes of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

import scoop
from scoop.launchers.names import make, names
from scoop_core.config import Recruiting
from scoop_core.launchers import JobState, Order
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_each_launcher_has_a_name() -> None:
    assert {"local", "ssh", "slurm", "pbs", "torque", "sge"} <= set(names())
    assert make("slurm", per_job=2) == scoop.Slurm(per_job=2)
    assert make("local").recruiting(3) == (3, None)


def test_there_is_no_such_launcher_or_option() -> None:
    with pytest.raises(ValueError, match=r"there is no launcher 'lsf': it is .*local, .*sge, slurm, ssh, torque"):
        make("lsf")
    with pytest.raises(
        ValueError, match="the launcher 'slurm' has no option 'partition', but: per_job, time, memory"
    ):
        make("slurm", partition="main")
    with pytest.raises(ValueError, match="the launcher 'local' has no option 'time', but: none"):
        make("local", time="1h")


def test_jobs_are_described_by_words_that_people_use(tmp_path: Path) -> None:
    n, recruiting = scoop.Slurm(time="1h30m", memory="16GB", queue="gpu", directives=["--gres=gpu:1"]).recruiting(20)
    assert (n, recruiting.slots, recruiting.seconds, recruiting.hosts) == (20, 8, 5400, [])
    assert recruiting.folder == str(tmp_path / "scoop")
    assert recruiting.options["options"] == {
        "time": 5400, "memory": 16_000_000_000, "queue": "gpu", "directives": ["--gres=gpu:1"]
    }  # fmt: skip


def test_without_a_number_there_is_one_job() -> None:
    assert scoop.PBS(per_job=6).recruiting(None)[0] == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time": "soon"}, "'soon' is no time"),
        ({"memory": "much"}, "much"),
        ({"per_job": 0}, "a job can't have 0 workers"),
    ],
)
def test_bad_options_are_told_at_once(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make("slurm", **options)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("slurm", ["#SBATCH --job-name=pool-job-1", "#SBATCH --cpus-per-task=8", "#SBATCH --time=0-02:00:00"]),
        ("pbs", ["#PBS -N pool-job-1", "#PBS -l select=1:ncpus=8", "#PBS -l walltime=02:00:00"]),
        ("torque", ["#PBS -l nodes=1:ppn=8"]),
        ("sge", ["#$ -N pool-job-1", "#$ -pe smp 8", "#$ -l h_rt=7200"]),
    ],
)
def test_the_script_of_a_job_can_be_seen(name: str, lines: list[str], tmp_path: Path) -> None:
    more = {"parallel_environment": "smp"} if name == "sge" else {}
    shown = make(name, time="2h", **more).show(64).splitlines()
    assert [line for line in lines if line not in shown] == []
    assert shown[-1].endswith(f" -m scoop_core.away {tmp_path}/scoop/scoop-.../pool-job-1.launch")
    assert list(tmp_path.iterdir()) == []


def test_a_program_is_not_started_from_outside() -> None:
    with pytest.raises(scoop.StartFailed, match="start it within a job"):
        scoop.Slurm().recruiting(4, program=True)


def test_where_there_is_no_batch_system_the_start_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(scoop.StartFailed, match="sbatch is not here: is this a login node of a Slurm cluster"):
        scoop.start(4, launcher=scoop.Slurm(external_hostname="127.0.0.1"))
    assert not any((tmp_path / "scoop").iterdir())


def test_a_process_in_no_job_has_no_allocation(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_JOB_NODELIST", "SLURM_NODELIST", "PBS_NODEFILE", "PE_HOSTFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(scoop.StartFailed, match="in no job of Slurm, PBS, Torque or Grid Engine"):
        scoop.start(launcher="allocation")
    monkeypatch.setenv("PE_HOSTFILE", "/no/such/file")
    with pytest.raises(scoop.StartFailed, match="/no/such/file"):
        scoop.start(launcher="allocation")


def test_what_leads_to_other_hosts_has_time_to_end(tmp_path: Path) -> None:
    """Grid Engine ends the whole job if its qrsh is killed."""
    shell = tmp_path / "shell"
    lines = ["#!/bin/sh", 'for line; do :; done; sh -c "$line"', "sleep 2", f"touch {tmp_path / 'ended'}", ""]
    shell.write_text("\n".join(lines))
    shell.chmod(0o755)
    with scoop.start(launcher=scoop.Ssh(["nodea"], command=str(shell), external_hostname="localhost")) as pool:
        assert len(pool.workers) == 1
    assert (tmp_path / "ended").exists()


def test_srun_leads_nowhere_if_there_is_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with pytest.raises(scoop.StartFailed, match="srun leads to other hosts within a job of Slurm only"):
        scoop.start(launcher=scoop.Ssh(["nodea"], command="srun"))


class Broken:
    """A launcher of another package, with faults."""

    pauses = (0.1, 0.1)

    def __init__(self, folder: str, what: str) -> None:
        self.what = what

    def submit(self, order: Order) -> str:
        if self.what == "submit":
            raise ZeroDivisionError("the fault")
        return "job"

    def status(self, ids: Collection[str]) -> dict[str, JobState]:
        raise ZeroDivisionError("the fault")

    def why(self, id: str) -> str:
        return ""

    def cancel(self, ids: Collection[str]) -> None:
        raise ZeroDivisionError("the fault")


@dataclass
class BrokenJobs:
    what: str

    def recruiting(self, n: int | None, program: bool = False) -> tuple[int, Recruiting]:
        return n or 1, Recruiting(f"{__name__}:Broken", {"what": self.what}, "127.0.0.1", slots=1)


def test_a_fault_in_a_launcher_is_told() -> None:
    with pytest.raises(scoop.StartFailed, match="No workers from batch jobs: ZeroDivisionError: the fault"):
        scoop.start(1, launcher=BrokenJobs("submit"))


def test_a_launcher_that_does_not_know_its_jobs_is_asked_again(capfd: pytest.CaptureFixture[str]) -> None:
    said = ""

    def told() -> bool:
        nonlocal said
        said += capfd.readouterr().err
        return said.count("scoop: ZeroDivisionError: the fault") > 1

    with scoop.start(1, launcher=BrokenJobs("status")) as pool:
        eventually(told, 20)
        assert pool.alive
