"""The lower floors start no process: what their tests leave can be found without looking through all that run."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tests import leaks
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Fails a test that leaves a thread or a descriptor behind."""
    threads, descriptors = set(leaks._threads()), len(leaks._descriptors())

    def clean() -> bool:
        if set(leaks._threads()) <= threads and len(leaks._descriptors()) <= descriptors:
            return True
        gc.collect()
        return False

    yield
    eventually(clean)
