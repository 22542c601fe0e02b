"""How many workers a host gets by default."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scoop_core.hosts import cgroup_quota, cpus, default_workers


@pytest.fixture
def cgroup(tmp_path: Path) -> Path:
    """A cgroup folder without a limit."""
    (tmp_path / "cpu.max").write_text("max 100000\n")
    return tmp_path


def test_without_a_limit_it_is_the_number_of_cpus_that_may_be_used(cgroup: Path) -> None:
    assert default_workers({}, 6, cgroup) == 6


def test_the_smallest_limit_counts(cgroup: Path) -> None:
    environment = {"CPU_LIMIT": "4.0", "SLURM_CPUS_PER_TASK": "3"}
    assert default_workers(environment, 6, cgroup) == 3
    assert default_workers({"CPU_LIMIT": "4.0"}, 6, cgroup) == 4
    assert default_workers(environment, 2, cgroup) == 2
    (cgroup / "cpu.max").write_text("100000 100000\n")
    assert default_workers(environment, 6, cgroup) == 1


@pytest.mark.parametrize("limit", ["0.5", "0.01"])
def test_there_is_always_one(limit: str, cgroup: Path) -> None:
    assert default_workers({"CPU_LIMIT": limit}, 6, cgroup) == 1


@pytest.mark.parametrize("nonsense", ["", "none", "4 CPUs"])
def test_a_limit_that_is_none_does_not_count(nonsense: str, cgroup: Path) -> None:
    assert default_workers({"CPU_LIMIT": nonsense, "SLURM_CPUS_PER_TASK": nonsense}, 6, cgroup) == 6


def test_a_part_of_a_cpu_in_the_quota_is_worth_a_worker(cgroup: Path) -> None:
    (cgroup / "cpu.max").write_text("250000 100000\n")
    assert cgroup_quota(cgroup) == 2.5
    assert default_workers({}, 6, cgroup) == 3


def test_the_old_kind_of_cgroup_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("200000\n")
    assert cgroup_quota(tmp_path) == 2.0
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert cgroup_quota(tmp_path) is None


@pytest.mark.parametrize("content", [None, "", "max", "max 100000", "a b c"])
def test_a_cgroup_that_says_nothing_is_no_limit(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "cpu.max").write_text(content)
    assert cgroup_quota(tmp_path) is None


def test_here_it_is_at_least_one_and_at_most_all() -> None:
    assert 1 <= default_workers() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("limit", "workers"), [(2**30, 3), (2**29, 1), (2**28, 1), (1, 1), (10 * 2**30, 6), ("8G", 6), ("inf", 6)]
)
def test_no_more_workers_than_memory_has_room_for_besides_the_program(
    limit: int | str, workers: int, cgroup: Path
) -> None:
    assert default_workers({"MEM_LIMIT": str(limit)}, 6, cgroup) == workers
    (cgroup / "memory.max").write_text(f"{limit}\n")
    assert default_workers({}, 6, cgroup) == workers
    assert cpus({"MEM_LIMIT": str(limit)}, 6, cgroup) == 6


def test_workers_that_need_more_memory_are_fewer(cgroup: Path) -> None:
    environment = {"MEM_LIMIT": str(4 * 2**30)}
    assert [default_workers(environment, 6, cgroup, memory) for memory in (2**30, 2 * 2**30, 5 * 2**30)] == [3, 1, 1]


def test_the_old_kind_of_cgroup_limits_memory_too(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text(f"{2**30}\n")
    assert default_workers({}, 6, tmp_path) == 3
    assert default_workers({"MEM_LIMIT": str(2**29)}, 6, tmp_path) == 1
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert default_workers({}, 6, tmp_path) == 6
