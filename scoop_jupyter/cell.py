"""How the code of a ``%%scoop`` cell runs: as that of any cell, with its own lines in tracebacks."""

from __future__ import annotations

import ast
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from IPython.core.interactiveshell import InteractiveShell


def run_code(shell: InteractiveShell, source: str) -> None:
    """Execute a cell's code in the notebook's namespace; display the value of a last expression.

    Raises:
        BaseException: what the code raised; its traceback begins in the cell.
    """
    text = shell.transform_cell(source)
    name = shell.compile.cache(text, shell.execution_count, raw_code=source)
    tree = shell.transform_ast(shell.compile.ast_parse(text, filename=name))
    last: ast.stmt | None = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not text.rstrip().endswith(";"):
        last = tree.body.pop()
    try:
        exec(compile(tree, name, "exec"), shell.user_global_ns, shell.user_ns)
        if last is not None:
            exec(compile(ast.Interactive([last]), name, "single"), shell.user_global_ns, shell.user_ns)
    except BaseException as error:
        _show_from(shell, error, name)
        raise


def _show_from(shell: InteractiveShell, error: BaseException, name: str) -> None:
    """Have IPython show the traceback from the cell's own first line on, without the way there."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != name:
        trace = trace.tb_next
    if trace is None or isinstance(error, SyntaxError):
        return
    begin = trace

    def render() -> list[str]:
        lines: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, begin, tb_offset=0)
        return lines

    try:
        error._render_traceback_ = render  # type: ignore[attr-defined]
    except AttributeError:  # an exception with slots: it is shown in full
        pass


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Interrupt the main thread after some time.

    Raises:
        TimeoutError: the time was up.
    """
    if seconds is None:
        yield
        return
    main = threading.main_thread().ident
    assert main is not None
    over = threading.Event()

    def strike() -> None:
        over.set()
        signal.pthread_kill(main, signal.SIGINT)

    timer = threading.Timer(seconds, strike)
    timer.daemon = True
    timer.start()
    try:
        yield
    except KeyboardInterrupt:
        if over.is_set():
            raise TimeoutError(f"the cell took longer than {seconds:g} s; its tasks were cancelled") from None
        raise
    finally:
        timer.cancel()


def execute_there(source: str, name: str) -> str:
    """Execute code on a worker, in its `__main__`; what it printed. (Runs on workers.)"""
    import contextlib
    import io
    import linecache
    import sys

    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    namespace: dict[str, Any] = sys.modules["__main__"].__dict__
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(source, name, "exec"), namespace)
    return out.getvalue()
