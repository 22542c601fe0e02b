"""Fixtures for all tests: pools to run tasks on, and the check that nothing is left behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import scoop
from scoop_core.current import current
from scoop_core.store import VARIABLE, shared_memory
from tests import leaks
from tests.waiting import holds

#: What `new_pool` is.
PoolFactory = Callable[..., scoop.Pool]


@pytest.fixture(scope="session", autouse=True)
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The runtime folder and the temporary folder of all pools of this session: the user's own stay untouched.

    Their shared memory is the session's own as well, so that sessions side by side don't see each other's.
    """
    tmp_path_factory.getbasetemp()  # stays where pytest keeps it
    with pytest.MonkeyPatch.context() as patch:
        # Short, because of the sockets in it.
        folder = Path(tempfile.mkdtemp(prefix="st-"))
        (folder / "runtime").mkdir(mode=0o700)
        patch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
        patch.setenv("TMPDIR", str(folder))
        memory = tempfile.mkdtemp(prefix="st-", dir=shared_memory())
        patch.setenv(VARIABLE, memory)
        patch.delenv("XDG_RUNTIME_DIR", raising=False)
        patch.setattr(tempfile, "tempdir", None)
        patch.setenv(leaks.MARK, leaks.SESSION)
        before = leaks.Footprint.now()
        yield folder
        try:
            leaks.check("the session", before)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(memory, ignore_errors=True)


class SharedPool:
    """A pool that many tests use, one after the other; replaced if one of them has broken it.

    Args:
        n: how many workers.
        options: of `scoop.start`.
    """

    def __init__(self, n: int, **options: Any) -> None:
        self.n = n
        self._options = options
        self.pool: scoop.Pool | None = None

    def get(self) -> scoop.Pool:
        """The pool, at full size and idle."""
        if self.pool is not None and not (self.pool.alive and holds(lambda: at_rest(self.pool, self.n))):
            self.stop()
        if self.pool is None:
            self.pool = scoop.start(self.n, **self._options)
        current.engine = self.pool.client
        return self.pool

    @property
    def first_processes(self) -> list[int]:
        process = getattr(self.pool, "_process", None)
        return [process.pid] if process else []

    @property
    def is_ours(self) -> bool:
        """Whether this project answers for all threads and descriptors that it has in this process."""
        return self._options.get("engine") != "dask"

    def stop(self) -> None:
        if self.pool is not None:
            self.pool.stop()
        self.pool = None


def at_rest(pool: scoop.Pool | None, n: int) -> bool:
    """Whether a pool has n workers, all of them idle."""
    return pool is not None and [row["state"] for row in pool.workers] == ["idle"] * n


@pytest.fixture(scope="module")
def shared_pool() -> Iterator[SharedPool]:
    shared = SharedPool(2)
    yield shared
    shared.stop()


@pytest.fixture
def pool(shared_pool: SharedPool) -> Iterator[scoop.Pool]:
    """A pool of two workers, which tests of a module share; it is the one that `futures` uses."""
    yield shared_pool.get()
    current.engine = None


@pytest.fixture
def new_pool() -> Iterator[PoolFactory]:
    """Starts pools as `scoop.start` does, and stops them after the test."""
    started: list[scoop.Pool] = []

    def start(n: int | None = 2, *args: Any, **kwargs: Any) -> scoop.Pool:
        started.append(scoop.start(n, *args, **kwargs))
        return started[-1]

    yield start
    for pool in started:
        pool.stop()
    current.engine = None


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest, session_folder: Path) -> Iterator[None]:
    """Fails a test that leaves a process, a thread, a descriptor or a file of a pool behind.

    What was there before the test may stay: fixtures of a wider scope answer for themselves.
    """
    shared: SharedPool | None = None
    if "shared_pool" in request.fixturenames:
        shared = request.getfixturevalue("shared_pool")
        shared.get()
    before = leaks.Footprint.now()
    yield
    leaks.check(
        "the test", before, lambda: shared.first_processes if shared else (), shared is None or shared.is_ours
    )


@pytest.fixture
def shell(tmp_path: Path) -> str:
    """A remote shell, as ssh is one, that leads to this host whatever it is told."""
    path = tmp_path / "shell"
    path.write_text('#!/bin/sh\nfor command; do :; done\necho welcome\nexec sh -c "$command"\n')
    path.chmod(0o755)
    return str(path)
