"""Which Python and which packages a process has: what it sends must be understood where it arrives."""

from __future__ import annotations

import sys
from collections.abc import Mapping

SCOOP = "0.1.0"
#: Functions that travel are byte code, which another version does not understand.
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
#: Packages by which things are pickled, or whose own things often travel.
PACKAGES = ("cloudpickle", "msgspec", "numpy", "pandas")


def versions() -> dict[str, str]:
    """Of Python, of this package, and of those that this process has imported."""
    found = {"Python": PYTHON, "scoop-jupyter": SCOOP}
    for name in PACKAGES:
        if version := getattr(sys.modules.get(name), "__version__", ""):
            found[name] = version
    return found


def conflict(theirs: Mapping[str, str]) -> str:
    """Why this process can't work with one that has these versions; empty if it can.

    Python and this package must be the same, the others as far as their first number.
    """
    for name, there in theirs.items():
        here = _here(name)
        if name in ("Python", "scoop-jupyter"):
            if here != there:
                return f"{_differ(name, here, there)}; both must be equal ({sys.executable})"
        elif here and here.partition(".")[0] != there.partition(".")[0]:
            return f"{_differ(name, here, there)}, which do not understand each other ({sys.executable})"
    return ""


def doubts(theirs: Mapping[str, str]) -> list[str]:
    """Differences that can make trouble, but as a rule do not; and packages that are missing, each in words."""
    found = []
    for name, there in theirs.items():
        here = _here(name)
        if not here:
            found.append(f"there is no {name} here, and {there} in the pool")
        elif here != there:
            found.append(_differ(name, here, there))
    return found


def _here(name: str) -> str:
    """The version of a package in this process; empty if there is none."""
    if name == "Python":
        return PYTHON
    if name == "scoop-jupyter":
        return SCOOP
    if version := getattr(sys.modules.get(name), "__version__", ""):
        return str(version)
    # Here, as it is seldom needed, and slow; and not the package itself, for that may start threads.
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed(name)
    except PackageNotFoundError:
        return ""


def _differ(name: str, here: str, there: str) -> str:
    return f"{name} is {here} here, and {there} in the pool"
