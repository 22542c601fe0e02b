"""``%scoop debug``: a failed task runs again in the notebook, and a debugger opens where it fails."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

from IPython.core.error import StdinNotImplementedError
from IPython.core.interactiveshell import InteractiveShell

import scoop_core
from scoop_core.contract import Root
from scoop_core.errors import NothingToReplay

_ENGINE = tuple(str(Path(file).parent) for file in (scoop_core.__file__, __file__))


def debug(shell: InteractiveShell, client: Root, failure: str) -> None:
    """Run a failed task again; if it fails, show how, and open IPython's debugger there.

    Args:
        shell: IPython's.
        client: of the pool.
        failure: its id; empty for the last one.

    Raises:
        NothingToReplay: there is no such failure, or it is not kept.
    """
    try:
        value = client.replay(failure)
    except NothingToReplay:
        raise
    except Exception as error:
        _open(shell, error)
    else:
        print(f"It does not fail this time. It returned {value!r}.")


def _open(shell: InteractiveShell, error: Exception) -> None:
    trace: TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_ENGINE):
        trace = trace.tb_next
    if trace is None:  # it fails before its first line
        trace = error.__traceback__
    error.__traceback__ = trace
    print("\n".join(shell.InteractiveTB.structured_traceback(type(error), error, trace, tb_offset=0)))
    # Where `%debug` looks, in this cell and in later ones.
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    try:
        shell.debugger(force=True)
    except StdinNotImplementedError:
        print("Nobody can type here; where somebody can, `%debug` opens the debugger.")
