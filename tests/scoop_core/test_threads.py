"""Threads of numerical libraries."""

from __future__ import annotations

import pytest

from scoop_core.threads import VARIABLES, thread_limits


@pytest.mark.parametrize(
    ("workers", "cpus", "each"), [(2, 2, "1"), (2, 8, "4"), (3, 8, "2"), (16, 8, "1"), (0, 8, "8"), (1, 1, "1")]
)
def test_workers_use_the_machine_once(workers: int, cpus: int, each: str) -> None:
    assert thread_limits(workers, cpus, {}) == dict.fromkeys(VARIABLES, each)


def test_what_the_user_has_set_stays() -> None:
    limits = thread_limits(2, 8, {"OMP_NUM_THREADS": "3", "HOME": "/"})
    assert limits == {**dict.fromkeys(VARIABLES, "4"), "OMP_NUM_THREADS": "3"}
