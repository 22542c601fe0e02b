"""Whether a function is, with all that its pickle would hold, still what it was.

A function of a notebook is pickled by value, with the globals and the closure that it uses; any of these may change
between two calls. Pickling it again for every `submit` would cost more than the task. A `Proof` remembers by identity
all that was reachable, and exists only where everything reachable is immutable, a module, or a function itself: where
one mutable object is in reach, nothing can be proved, and the function is pickled anew.
"""

from __future__ import annotations

import copyreg
import sys
from collections.abc import Iterator
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any

_ATOMS = frozenset({int, float, complex, bool, str, bytes, type(None), type(Ellipsis), range})
_ABSENT = object()


def is_importable(obj: Any) -> bool:
    """Whether a function or class is found under its own name in an imported module, other than `__main__`."""
    module = sys.modules.get(getattr(obj, "__module__", None) or "")
    if module is None or module.__name__ == "__main__":
        return False
    found: Any = module
    for part in getattr(obj, "__qualname__", "").split("."):
        found = getattr(found, part, _ABSENT)
    return found is obj


def metaclasses(module: ModuleType) -> tuple[type, ...]:
    """Those of a module that make classes at run time, such as deap's `creator`.

    To import the module elsewhere doesn't bring these classes. What gives them away: the module has registered with
    `copyreg` how they are made again.
    """
    kinds = [kind for kind in list(copyreg.dispatch_table) if isinstance(kind, type) and issubclass(kind, type)]
    return tuple(kind for kind in kinds if kind.__module__ == module.__name__)


class Proof:
    """Remembers what a function reaches; see the module."""

    __slots__ = ("_cells", "_functions", "_globals")

    def __init__(self) -> None:
        self._functions: list[tuple[FunctionType, CodeType, Any, Any]] = []
        self._globals: list[tuple[dict[str, Any], str, Any]] = []
        self._cells: list[tuple[CellType, Any]] = []

    def holds(self) -> bool:
        """Whether everything is as it was."""
        for function, code, defaults, keywords in self._functions:
            if function.__code__ is not code or function.__defaults__ is not defaults:
                return False
            if function.__kwdefaults__ is not keywords or function.__dict__:
                return False
        for namespace, name, value in self._globals:
            if namespace.get(name, _ABSENT) is not value:
                return False
        try:
            for cell, value in self._cells:
                if cell.cell_contents is not value:
                    return False
        except ValueError:  # one is empty now
            return False
        return True


def prove(function: Any) -> Proof | None:
    """A proof for a function as it is now, or None where there can't be one."""
    proof = Proof()
    return proof if _reach(function, proof, set()) else None


def _reach(value: Any, proof: Proof, seen: set[int]) -> bool:
    """Take a value and all that it reaches into the proof; False if it might change."""
    kind = type(value)
    if kind in _ATOMS:
        return True
    if isinstance(value, BuiltinFunctionType):  # of a module, or a method of an object, which may change
        return value.__self__ is None or isinstance(value.__self__, ModuleType)
    if isinstance(value, ModuleType):
        return sys.modules.get(value.__name__) is value and not metaclasses(value)
    if kind in (tuple, frozenset):
        return all(_reach(item, proof, seen) for item in value)
    if isinstance(value, type):
        return is_importable(value)
    if kind is not FunctionType:
        return False
    if is_importable(value) or id(value) in seen:
        return True
    seen.add(id(value))
    if value.__kwdefaults__ or value.__dict__ or not _reach(value.__defaults__, proof, seen):
        return False
    proof._functions.append((value, value.__code__, value.__defaults__, value.__kwdefaults__))
    for cell in value.__closure__ or ():
        try:
            content = cell.cell_contents
        except ValueError:  # not assigned yet
            return False
        if not _reach(content, proof, seen):
            return False
        proof._cells.append((cell, content))
    for name in _names(value.__code__):
        content = value.__globals__.get(name, _ABSENT)
        if content is not _ABSENT and not _reach(content, proof, seen):
            return False
        proof._globals.append((value.__globals__, name, content))
    return True


def _names(code: CodeType) -> Iterator[str]:
    """Every name that the code, or a function defined in it, may look up in its globals."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
