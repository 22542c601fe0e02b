"""What to tell people about what does not travel."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from functools import partial
from types import FunctionType
from typing import Any

import cloudpickle

from scoop_core.errors import NotPicklable


def function_name(function: Any) -> str:
    """What people call a function."""
    while isinstance(function, partial):
        function = function.func
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(name).rpartition("<locals>.")[2]


def first_line(error: BaseException) -> str:
    """An exception in one line of at most 300 characters."""
    return traceback.format_exception_only(type(error), error)[-1].strip().split("\n")[0][:300]


def explain_argument(name: str, args: Iterable[Any], kwargs: dict[str, Any], error: Exception) -> Exception:
    """The error for a call whose arguments can't be pickled, with the argument that is to blame."""
    for label, value in [*((f"argument {i}", a) for i, a in enumerate(args)), *kwargs.items()]:
        try:
            cloudpickle.dumps(value)
        except Exception as problem:
            return NotPicklable(
                f"{label} of {name!r}, {_short(value)}, can't be sent to a worker: {first_line(problem)}. "
                "Create it inside the task, or pass what it is made from."
            )
    return NotPicklable(f"The arguments of {name!r} can't be sent to a worker: {first_line(error)}")


def explain_item(name: str, items: Sequence[Any], form: str, position: int, error: Exception) -> Exception:
    """The same for one task of several, whose arguments are in this form."""
    args = items[position] if form == "rows" else (items[position],)
    return explain_argument(name, args, {}, error)


def explain_result(name: str, value: Any, error: Exception) -> Exception:
    """The error for a result that can't be pickled."""
    return NotPicklable(
        f"The result of {name!r}, {_short(value)}, can't be sent back: {first_line(error)}. "
        "Return plain data that it can be made from."
    )


def blame(function: Any, error: Exception) -> str:
    """Which global or closure variable of a function can't be pickled."""
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__func__", function)
    if isinstance(function, FunctionType):
        names = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
        reached: list[tuple[str, Any]] = []
        for name, cell in names.items():
            try:
                reached.append((f"its variable {name!r}", cell.cell_contents))
            except ValueError:
                continue
        globals_ = function.__globals__
        reached += [(f"the global {n!r}", globals_[n]) for n in function.__code__.co_names if n in globals_]
        for label, value in reached:
            try:
                cloudpickle.dumps(value)
            except Exception as problem:
                return f"{label}, {_short(value)}, can't be pickled: {first_line(problem)}"
    return first_line(error)


def _short(value: Any) -> str:
    """A value for a message: its type, and its repr if that is short."""
    try:
        text = repr(value)
    except Exception:
        text = ""
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return f"{text} (a {kind})" if 0 < len(text) <= 60 and not text.startswith("<") else f"a {kind}"
