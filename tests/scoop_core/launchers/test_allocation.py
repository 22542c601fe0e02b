"""What a job has been given, from what its batch system tells it."""

from __future__ import annotations

import pytest

from scoop_core.launchers.allocation import Allocation, allocation
from scoop_core.plan import Hosts


def nothing_to_read(path: str) -> str:
    raise AssertionError(f"{path} is of no interest")


@pytest.mark.parametrize(
    ("variables", "hosts"),
    [
        ({"SLURM_JOB_NODELIST": "n1", "SLURM_TASKS_PER_NODE": "4"}, [("n1", 4)]),
        ({"SLURM_NODELIST": "n[1-3]", "SLURM_TASKS_PER_NODE": "2(x2),1"}, [("n1", 2), ("n2", 2), ("n3", 1)]),
        (
            {"SLURM_JOB_NODELIST": "n[1-2,07],x,r[1-2]s[3,4]", "SLURM_TASKS_PER_NODE": "2(x8)"},
            [(name, 2) for name in ("n1", "n2", "n07", "x", "r1s3", "r1s4", "r2s3", "r2s4")],
        ),
        # Processes with several CPUs each: their libraries have threads.
        (
            {"SLURM_JOB_NODELIST": "a,b", "SLURM_TASKS_PER_NODE": "2(x2)", "SLURM_CPUS_PER_TASK": "8"},
            [("a", 2), ("b", 2)],
        ),
        # One process a host: its CPUs are for workers.
        (
            {"SLURM_JOB_NODELIST": "a,b", "SLURM_TASKS_PER_NODE": "1(x2)", "SLURM_CPUS_PER_TASK": "8"},
            [("a", 8), ("b", 8)],
        ),
        (
            {"SLURM_JOB_NODELIST": "a,b", "SLURM_TASKS_PER_NODE": "1(x2)", "SLURM_JOB_CPUS_PER_NODE": "16,4"},
            [("a", 16), ("b", 4)],
        ),
        (
            {
                "SLURM_JOB_NODELIST": "a",
                "SLURM_TASKS_PER_NODE": "1",
                "SLURM_CPUS_PER_TASK": "1",
                "SLURM_JOB_CPUS_PER_NODE": "2",
            },
            [("a", 1)],
        ),
        ({"SLURM_JOB_NODELIST": "a,b", "SLURM_JOB_CPUS_PER_NODE": "4(x2)"}, [("a", 4), ("b", 4)]),
        ({"SLURM_JOB_NODELIST": "a,b", "SLURM_TASKS_PER_NODE": "1(x2)"}, [("a", 1), ("b", 1)]),
        ({"SLURM_JOB_NODELIST": "a,b"}, [("a", None), ("b", None)]),
    ],
)
def test_slurm(variables: dict[str, str], hosts: Hosts) -> None:
    assert allocation(variables, nothing_to_read) == Allocation("Slurm", hosts)


@pytest.mark.parametrize(
    ("text", "cpus", "hosts"),
    [
        ("a\na\nb\nb\n", "", [("a", 2), ("b", 2)]),
        ("a\nb\na\n\n", "2", [("a", 2), ("b", 1)]),
        ("a\nb\n", "8", [("a", 8), ("b", 8)]),
        ("a.example.org\n", "1", [("a.example.org", 1)]),
    ],
)
def test_pbs(text: str, cpus: str, hosts: Hosts) -> None:
    files = {"/nodes": text}
    assert allocation({"PBS_NODEFILE": "/nodes", "NCPUS": cpus}, files.__getitem__) == Allocation("PBS", hosts)


def test_grid_engine() -> None:
    files = {"/pe": "a 4 main.q@a UNDEFINED\nb 2 main.q@b <NULL>\na 1 other.q@a UNDEFINED\n"}
    expected = Allocation("Grid Engine", [("a", 5), ("b", 2)])
    assert allocation({"PE_HOSTFILE": "/pe"}, files.__getitem__) == expected


@pytest.mark.parametrize(
    "variables", [{}, {"SLURM_CONF": "/etc/slurm.conf"}, {"SLURM_JOB_NODELIST": ""}, {"PBS_O_HOST": "x"}]
)
def test_outside_of_jobs(variables: dict[str, str]) -> None:
    assert allocation(variables, nothing_to_read) is None


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"SLURM_JOB_NODELIST": "a,b", "SLURM_TASKS_PER_NODE": "4"}, "names 2 hosts .a,b., but has numbers for 1"),
        ({"SLURM_JOB_NODELIST": "a", "SLURM_TASKS_PER_NODE": "4(y2)"}, "SLURM_TASKS_PER_NODE is '4.y2.'"),
        ({"SLURM_JOB_NODELIST": "n[1-x]"}, "'1-x' in .* is no range"),
        ({"PBS_NODEFILE": "/empty"}, "PBS_NODEFILE names no host"),
    ],
)
def test_what_can_not_be_understood(variables: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        allocation(variables, {"/empty": "\n"}.__getitem__)
