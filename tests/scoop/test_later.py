"""Names that are imported when they are used."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

import scoop
from scoop import futures
from scoop.later import later

LOADED = """
import sys, scoop
from scoop import futures, shared
print(*sys.modules)
"""


def test_a_program_is_at_start_at_once() -> None:
    ran = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert not {"cloudpickle", "greenlet", "msgspec", "zmq", "scoop_core.peer"}.intersection(ran.stdout.split())


@pytest.mark.parametrize("module", [scoop, futures])
def test_all_names_are_there_and_completed(module: ModuleType) -> None:
    assert set(module.__all__) <= set(dir(module))
    for name in module.__all__:
        assert getattr(module, name) is getattr(module, name)


def test_a_name_is_looked_for_once() -> None:
    module = ModuleType("made_up")
    sys.modules["made_up"] = module
    try:
        find = later("made_up", {"sqrt": "math"})
        assert find("sqrt")(9) == 3
        assert "sqrt" in vars(module)
    finally:
        del sys.modules["made_up"]


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match=r"module 'scoop\.futures' has no attribute 'mapp'"):
        futures.mapp  # noqa: B018
