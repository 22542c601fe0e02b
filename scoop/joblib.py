"""The pool as a backend of joblib, and so of scikit-learn.

Importing this module registers it: ``joblib.parallel_config("scoop")``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from joblib import register_parallel_backend
from joblib._parallel_backends import AutoBatchingMixin, ParallelBackendBase

from scoop.engine import engine
from scoop_core.future import Future

__all__ = ["ScoopBackend"]


class ScoopBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc]
    """Runs the calls of a `joblib.Parallel` on the pool, and those of a Parallel within them as well.

    Raises:
        NotStarted: there is no pool, once something is to be run.
    """

    default_n_jobs = -1
    supports_retrieve_callback = True
    supports_sharedmem = False
    uses_threads = False

    def __init__(self, nesting_level: int | None = None, **kwargs: Any) -> None:
        super().__init__(nesting_level=nesting_level, **kwargs)
        self._futures: WeakSet[Future] = WeakSet()

    def __reduce__(self) -> tuple[Any, ...]:
        """Tasks take it along, for a Parallel of their own."""
        return ScoopBackend, (self.nesting_level,)

    def configure(self, *args: Any, **kwargs: Any) -> int:
        """Decide how this Parallel waits: in a task by `Future.result`, so that other tasks run meanwhile."""
        self.supports_retrieve_callback = not engine("joblib").in_task
        n_jobs: int = super().configure(*args, **kwargs)
        return n_jobs

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None:
            return 1
        return n_jobs if n_jobs > 0 else max(1, engine("joblib").size + 1 + n_jobs)

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], Any] | None = None) -> Future:
        future = engine("joblib").submit(_call, (func,), {})
        self._futures.add(future)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Future) -> Any:
        return out.result()

    def retrieve_result(self, out: Future, timeout: float | None = None) -> Any:
        return out.result(timeout)

    def abort_everything(self, ensure_ready: bool = True) -> None:
        for future in list(self._futures):
            future.cancel()

    def get_nested_backend(self) -> tuple[ScoopBackend, int]:
        return ScoopBackend(nesting_level=(self.nesting_level or 0) + 1), -1


def _call(batch: Callable[[], Any]) -> Any:
    return batch()


register_parallel_backend("scoop", ScoopBackend)
