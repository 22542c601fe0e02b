"""How many threads numerical libraries may start in each worker.

They take one for each CPU as a rule, and so would every worker: with n workers n times as many as there are CPUs,
which makes all of them slower.
"""

from __future__ import annotations

from collections.abc import Mapping

#: What OpenMP, the libraries of linear algebra, numexpr and numba look at when they are loaded.
VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


def thread_limits(workers: int, cpus: int, environment: Mapping[str, str]) -> dict[str, str]:
    """Variables for the environment of workers; what the user has set there stays.

    Args:
        workers: how many the pool has.
        cpus: that they may use all together.
        environment: of the process that starts them.
    """
    each = max(1, cpus // max(1, workers))
    return {name: environment.get(name, str(each)) for name in VARIABLES}
