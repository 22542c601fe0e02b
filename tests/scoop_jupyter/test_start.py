"""`%scoop start` with launchers and profiles, in a real kernel; commands stand for those of Slurm, and run jobs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_batch import FakeBatch
from tests.scoop_jupyter.kernel import Kernel
from tests.waiting import eventually

PROFILES = """
[Limits]
max_workers = 100
[Profiles.gpu]
launcher = "slurm"
n = 4
per_job = 2
queue = "gpu"
directives = ["--gres=gpu:1"]
external_hostname = "127.0.0.1"
[Profiles.small]
n = 2
[Profiles.odd]
launcher = "slurm"
partition = "gpu"
"""
WAIT = "get_ipython().magics_manager.registry['ScoopMagics'].notebook.pool.wait(timeout=60)"
#: The broker and the jobs are on this host.
HERE = "--external-hostname 127.0.0.1"


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory, session_folder: Path) -> FakeBatch:
    return FakeBatch(tmp_path_factory.mktemp("slurm"))


@pytest.fixture(scope="module")
def cluster_kernel(
    event_loop_of_client: None, slurm: FakeBatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kernel]:
    """A kernel on a host of the cluster, where the configuration has profiles."""
    folder = tmp_path_factory.mktemp("kernel")
    (folder / "scoop_config.toml").write_text(PROFILES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{slurm.bin}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("JUPYTER_CONFIG_PATH", str(folder))
        patch.setenv("XDG_STATE_HOME", str(folder))
        kernel = Kernel(folder)
    kernel.run("%load_ext scoop\nfrom scoop import futures").check()
    yield kernel
    kernel.close()


@pytest.fixture
def kernel(cluster_kernel: Kernel, slurm: FakeBatch) -> Iterator[Kernel]:
    """The same, without a pool and with a queue that nothing leaves."""
    slurm.close()
    yield cluster_kernel
    cluster_kernel.run("%scoop stop").check()
    assert slurm.jobs("PENDING") == slurm.jobs("RUNNING") == []


def refused(kernel: Kernel, line: str) -> str:
    cell = kernel.run(f"%scoop {line}")
    assert cell.text() == "" and cell.error is None, cell.error
    return cell.text("stderr")


# ---- jobs of a batch system ----------------------------------------------------------------------------------------


def test_from_the_queue_to_the_last_task(kernel: Kernel, slurm: FakeBatch) -> None:
    line = f"start -n 5 --name mine --launcher slurm --per-job 2 --time 1h --directive=--gres=gpu:1 {HERE}"
    said = kernel.run(f"%scoop {line} --directive=--exclusive --prolog 'word=said' --prolog true").check().text()
    assert said == "Pool 'mine': no workers yet; 3 jobs with 5 workers are in the queue.\n"
    first = slurm.jobs("PENDING")[0]
    script = slurm.script(first).splitlines()
    options = ["--job-name=mine-job-1", "--cpus-per-task=2", "--time=0-01:00:00", "--gres=gpu:1", "--exclusive"]
    assert [option for option in options if f"#SBATCH {option}" not in script] == []
    assert script[-3:-1] == ["word=said", "true"]
    said = kernel.run("%scoop scale 3").check().text()
    assert said in [f"no workers yet; {jobs} with 3 workers are in the queue.\n" for jobs in ("jobs", "2 jobs")]

    eventually(lambda: len(slurm.jobs("PENDING")) == 2, 20.0)
    slurm.open()
    kernel.run(WAIT).check()
    assert kernel.run("%scoop scale 3").check().text() == "3 workers\n"
    cell = kernel.run(
        "%%scoop --quiet\nimport os\nlist(futures.map(lambda x: (x, os.getpid())[0], range(5)))"
    ).check()
    assert cell.result == "[0, 1, 2, 3, 4]"
    slurm.close()
    said = kernel.run("%scoop scale 4").check().text()
    assert said in ("4 workers\n", "3 workers; 1 job with 1 worker is in the queue.\n")
    assert kernel.run("%scoop stop").check().text() == "Pool 'mine' stopped.\n"
    eventually(lambda: not slurm.jobs("RUNNING") and not slurm.jobs("PENDING"), 20.0)


def test_what_would_be_submitted_is_shown(kernel: Kernel, slurm: FakeBatch) -> None:
    before = slurm.jobs("CANCELLED")
    line = f"%scoop start -n 64 --name mine --launcher slurm --per-job 8 --memory 16GB {HERE} --dry-run"
    said = kernel.run(line).check().text()
    assert said.startswith("8 jobs of 8 workers each; the script of the first:\n#!/bin/sh\n#SBATCH --job-name=mine-")
    assert "#SBATCH --mem=15625000K\n" in said and " -m scoop_core.away " in said.splitlines()[-1]
    for n, jobs in [
        (8, "1 job of 8 workers; its script:"),
        (3, "1 job of 3 workers; its script:"),
        (20, "2 jobs of 8 workers each and a job of 4 workers; the script of the first:"),
        (9, "1 job of 8 workers and a job of 1 worker; the script of the first:"),
    ]:
        assert kernel.run(line.replace("64", str(n))).check().text().startswith(f"{jobs}\n#!/bin/sh\n")
    assert slurm.jobs("PENDING") == [] and slurm.jobs("CANCELLED") == before
    assert "There is no pool." in kernel.run("%scoop status").check().text()


def test_a_template_comes_from_a_file_and_what_was_shown_can_be_one(kernel: Kernel, slurm: FakeBatch) -> None:
    kernel.run(
        "open('job.sh', 'w').write('#!/bin/sh\\n#SBATCH --output={log}\\n# by hand\\nexec {command}\\n')"
    ).check()
    line = f"%scoop start -n 1 --launcher slurm --template job.sh {HERE}"
    assert "\n# by hand\nexec " in kernel.run(f"{line} --dry-run").check().text()
    slurm.open()
    kernel.run(line).check()
    kernel.run(WAIT).check()
    assert kernel.run("futures.submit(abs, -3).result()").check().result == "3"
    kernel.run("open('job.sh', 'w').write('{nonsense}')").check()
    assert "the template has {nonsense}" in refused(kernel, f"{line[7:]} --dry-run")
    assert "nowhere.sh can't be read" in refused(kernel, "start --launcher slurm --template nowhere.sh")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("start --time 2h", "--time is no option of the launcher 'local': --launcher names another"),
        ("start --tunnel --profile small", "--tunnel is no option of the launcher 'local'\n"),
        ("start --launcher slurm --tunnel", "--tunnel is no option of the launcher 'slurm'\n"),
        ("start --launcher slurm --host nodea", "--host is no option of the launcher 'slurm'\n"),
        ("start --host nodea --time 2h", "--time is no option of the launcher 'ssh'"),
        ("start --launcher ssh", "the launcher 'ssh' needs --host"),
        ("start --launcher allocation --ssh-executable srun", "This process is in no job of Slurm"),
        ("start --host nodea --ssh-executable srun", "srun leads to other hosts within a job of Slurm only"),
        ("start --launcher lsf", "there is no launcher 'lsf': it is "),
        ("start --launcher slurm --time soon", "'soon' is no time: write 90s, 45m"),
        ("start --launcher slurm --per-job 0", "argument --per-job: '0' is not a positive number"),
        ("start --launcher slurm --option gpus=1", "the launcher 'slurm' has no option 'gpus', but: per_job"),
        ("start --launcher slurm --option per-job=x", "the option 'per_job' can't be 'x': expected int, got str"),
        ("start --launcher slurm --option gpus", "argument --option: 'gpus' is not NAME=VALUE"),
        ("start --dry-run", "--dry-run is for launchers that can show what they submit: slurm, pbs, torque and sge"),
        ("start --host nodea --dry-run", "--dry-run is for launchers that can show"),
        (f"start -n 101 --launcher slurm --dry-run {HERE}", "101 workers are too many for a pool: "),
        (f"start -n 101 --profile gpu {HERE}", "101 workers are too many for a pool: "),
        ("start --profile none", "there is no profile 'none': there is 'gpu', 'odd', 'small'"),
        ("start --profile odd", "scoop_config.toml: the profile 'odd' can't be used: the launcher 'slurm' has no"),
        ("start --launcher slurm --engine dask", "A Dask cluster takes no such options"),
    ],
)
def test_what_makes_no_sense(kernel: Kernel, line: str, says: str) -> None:
    said = refused(kernel, line)
    assert said.startswith("UsageError: ") and says in said


# ---- profiles ------------------------------------------------------------------------------------------------------


def test_a_pool_of_a_profile(kernel: Kernel, slurm: FakeBatch) -> None:
    said = kernel.run("%scoop start --name mine --profile gpu").check().text()
    assert said == "Pool 'mine': no workers yet; 2 jobs with 4 workers are in the queue.\n"
    shown = kernel.run("get_ipython().magics_manager.registry['ScoopMagics'].notebook.pool").check().result
    assert shown == "<Pool 'mine': 0 workers, 4 more in the queue>"
    script = slurm.script(slurm.jobs("PENDING")[0])
    assert "#SBATCH --partition=gpu\n#SBATCH --gres=gpu:1\n" in script


def test_what_the_line_says_comes_before_the_profile(kernel: Kernel) -> None:
    line = "%scoop start --profile gpu -n 6 --per-job 3 --time 30m --queue fast --option account=physics --dry-run"
    said = kernel.run(line).check().text()
    assert said.startswith("2 jobs of 3 workers each; the script of the first:\n")
    for option in ("--time=0-00:30:00", "--partition=fast", "--account=physics", "--gres=gpu:1"):
        assert f"#SBATCH {option}\n" in said
    assert kernel.run("%scoop start --profile small -n 1 --name one").check().text() == "Pool 'one': 1 worker\n"


def test_another_launcher_has_none_of_the_options_of_the_profile(kernel: Kernel) -> None:
    said = kernel.run("%scoop start --profile gpu --launcher local -n 1 --name one").check().text()
    assert said == "Pool 'one': 1 worker\n"
    said = kernel.run(f"%scoop start --profile gpu --launcher pbs {HERE} --dry-run").check().text()
    assert said.startswith("1 job of 4 workers; its script:\n") and "gpu" not in said


def test_a_profile_without_a_launcher_is_for_this_host(kernel: Kernel) -> None:
    assert kernel.run("%scoop start --profile small --name two").check().text() == "Pool 'two': 2 workers\n"


def test_profiles_are_listed(kernel: Kernel) -> None:
    gpu, odd, small = kernel.run("%scoop profiles").check().text().splitlines()
    assert gpu.split()[:4] == ["gpu", "slurm", "4", "workers"] and gpu.endswith("/scoop_config.toml")
    assert small.split()[:4] == ["small", "local", "2", "workers"]
    assert odd.startswith("odd    /") and "the profile 'odd' can't be used: the launcher 'slurm' has no option" in odd


def test_profiles_are_completed(kernel: Kernel) -> None:
    assert set(kernel.complete("%scoop start --profile ")) == {"gpu", "odd", "small"}
    assert set(kernel.complete("%scoop start -n 3 --profile g")) == {"gpu"}


def test_the_help_has_groups(kernel: Kernel) -> None:
    said = kernel.run("%scoop start --help").check().text()
    for title in ("on hosts that ssh reaches", "in jobs of a batch system", "on other hosts", "by other launchers"):
        assert f"\n{title}" in said
    assert "how long a job may run" in said
