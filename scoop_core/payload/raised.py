"""How what a task has raised travels."""

from __future__ import annotations

import io
import pickle
from contextlib import suppress
from typing import Any

from scoop_core.errors import RemoteTraceback, TaskFailed
from scoop_core.messages import Failure
from scoop_core.payload.explain import first_line
from scoop_core.payload.pickler import Pickler
from scoop_core.program import Program


def dump_error(error: BaseException, program: Program | None) -> bytes:
    """An exception as a pickle that is known to unpickle.

    Many don't travel as they are: their constructor wants other arguments than it has passed on, or they hold a lock
    or an open file. Such a one is made again from its parts, so that ``except`` finds it wherever the task ran.

    Raises:
        Exception: what is wrong with it as it is, if its parts don't make it either.
    """
    try:
        return _dump(error, program)[0]
    except Exception:
        with suppress(Exception):
            data, copy = _dump(_parts(error, program), program)
            if str(copy) == str(error):
                return data
        raise


def _dump(value: Any, program: Program | None) -> tuple[bytes, Any]:
    """A value as a pickle, and what that unpickles as: some pickle, but do not unpickle."""
    file = io.BytesIO()
    Pickler(file, program, lambda buffer: True).dump(value)
    data = file.getvalue()
    return data, pickle.loads(data)


class _Parts:
    """Unpickles as an exception, whose constructor is not called again."""

    def __init__(self, kind: type[BaseException], args: tuple[Any, ...], state: dict[str, Any]) -> None:
        self._parts = kind, args, state

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, self._parts


def _made(kind: type[BaseException], args: tuple[Any, ...], state: dict[str, Any]) -> BaseException:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


def _parts(error: BaseException, program: Program | None) -> _Parts:
    """All of it that can be sent; what can't is None, and a note says so."""
    lost: list[str] = []

    def sent(label: str, value: Any) -> Any:
        try:
            _dump(value, program)
        except Exception:
            lost.append(label)
            return None
        return value

    args = tuple(sent(f"argument {i}", value) for i, value in enumerate(error.args))
    state = {name: sent(name, value) for name, value in vars(error).items()}
    if lost:
        note = f"({', '.join(lost)}: can't be sent from the worker, None here)"
        state["__notes__"] = [*state.get("__notes__", ()), note]
    return _Parts(type(error), args, state)


def unpack_error(failure: Failure) -> BaseException:
    """The exception of a failed task, with the remote traceback as its cause."""
    try:
        loaded = pickle.loads(failure.error)
        if not isinstance(loaded, BaseException):
            raise TypeError(f"{loaded!r} is no exception")
        error = loaded
    except Exception as problem:
        error = TaskFailed(f"{failure.line} (the exception itself can't be received: {first_line(problem)})")
    error.__cause__ = RemoteTraceback(failure.traceback, failure.id)
    return error
