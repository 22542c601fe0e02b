"""Which versions go together."""

from __future__ import annotations

import tomllib
from pathlib import Path

import cloudpickle
import msgspec
import pytest

from scoop_core.versions import PYTHON, SCOOP, conflict, doubts, versions

PROJECT = Path(__file__).parents[2]


def test_the_version_of_this_package_is_that_of_the_project() -> None:
    with (PROJECT / "pyproject.toml").open("rb") as file:
        assert tomllib.load(file)["project"]["version"] == SCOOP


def test_what_this_process_has_goes_with_itself() -> None:
    here = versions()
    known = {"Python": PYTHON, "scoop-jupyter": SCOOP, "msgspec": msgspec.__version__}
    assert here.items() >= known.items()
    assert conflict(here) == "" and doubts(here) == []
    assert conflict({}) == "" and doubts({}) == []


@pytest.mark.parametrize(
    ("theirs", "why"),
    [
        ({"Python": "2.7"}, f"Python is {PYTHON} here, and 2.7 in the pool; both must be equal"),
        ({"scoop-jupyter": "0.0.9"}, f"scoop-jupyter is {SCOOP} here, and 0.0.9 in the pool; both must be equal"),
        ({"cloudpickle": "1.9"}, f"cloudpickle is {cloudpickle.__version__} here, and 1.9 in the pool, which do not"),
    ],
)
def test_what_does_not_go_together(theirs: dict[str, str], why: str) -> None:
    assert conflict(theirs).startswith(why)


def test_small_differences_and_missing_packages_are_only_told() -> None:
    theirs = {"cloudpickle": f"{cloudpickle.__version__}.1", "no-such-package": "1.0"}
    assert conflict(theirs) == ""
    assert doubts(theirs) == [
        f"cloudpickle is {cloudpickle.__version__} here, and {cloudpickle.__version__}.1 in the pool",
        "there is no no-such-package here, and 1.0 in the pool",
    ]
