"""Python's own tests of executors and futures, with ours in the place of its own. None of them is left out."""

from __future__ import annotations

import importlib
import logging
import sys
import unittest
from concurrent.futures import Future as StandardFuture
from concurrent.futures._base import RUNNING
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from scoop import futures
from scoop_core.current import current
from scoop_core.future import Future

#: Where `scripts/executor_tests.sh` puts them, if this Python came without.
FETCHED = Path(__file__).parents[2] / "build" / "stdlib"


def theirs() -> ModuleType:
    """The module with their tests."""
    if str(FETCHED) not in sys.path:
        sys.path.append(str(FETCHED))  # workers find it there, too
    for name in ("test.test_concurrent_futures", "test_concurrent_futures"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    pytest.skip("this Python came without its own tests", allow_module_level=True)


module: Any = theirs()


class Mixin(module.ExecutorMixin):  # type: ignore[misc]
    """An executor with a pool of its own for each test."""

    executor_type = futures.Executor
    worker_count = 5

    def setUp(self) -> None:
        assert current.engine is None
        super().setUp()

    def tearDown(self) -> None:
        super().tearDown()
        assert current.engine is None


class ExecutorTest(Mixin, module.ExecutorTest, unittest.TestCase):  # type: ignore[misc]
    pass


class WaitTest(Mixin, module.WaitTests, unittest.TestCase):  # type: ignore[misc]
    pass


class AsCompletedTest(Mixin, module.AsCompletedTests, unittest.TestCase):  # type: ignore[misc]
    pass


class Alone:
    """The engine of futures that belong to no pool: somebody else settles them."""

    in_task = False

    def wait_for(self, future: Future, timeout: float | None) -> bool:
        with future._condition:
            return bool(future._condition.wait_for(future.done, timeout))

    def cancel(self, future: Future) -> bool:
        return StandardFuture.cancel(future)

    def is_running(self, future: Future) -> bool:
        return future._state == RUNNING

    def attend(self, waiter: Any, future: Future) -> None:
        pass


class Lonely(Future):
    def __init__(self) -> None:
        self._engine = Alone()


Lonely.__name__ = "Future"  # as they expect it in texts


class FutureTest(module.FutureTests):  # type: ignore[misc]
    def setUp(self) -> None:
        super().setUp()
        assert logging.lastResort is not None
        # They look at standard error for what is logged; pytest would have it all.
        logging.getLogger("concurrent.futures").addHandler(logging.lastResort)
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(module, "Future", Lonely)
        for name in [name for name in vars(module) if name.endswith("_FUTURE")]:
            like = getattr(module, name)
            self.patch.setattr(module, name, module.create_future(like._state, like._exception, like._result))

    def tearDown(self) -> None:
        self.patch.undo()
        logging.getLogger("concurrent.futures").removeHandler(logging.lastResort)  # type: ignore[arg-type]
        super().tearDown()
