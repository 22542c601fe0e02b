"""How the code of a ``%%scoop`` cell runs: as that of any cell, with its own lines in tracebacks."""

from __future__ import annotations

import ast
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

from IPython.core.interactiveshell import InteractiveShell


def run_code(shell: InteractiveShell, head: str, source: str, seconds: float | None = None) -> None:
    """Execute a cell's code in the notebook's namespace; display the value of a last expression.

    Args:
        shell: IPython's.
        head: the cell's first line, with the magic.
        source: the rest of it.
        seconds: it is interrupted after this time.

    Raises:
        CellTimeout: the time was up.
        BaseException: what the code raised; its traceback begins in the cell.
    """
    text = shell.transform_cell(source)
    # Lines are numbered as the notebook numbers them.
    name = shell.compile.cache(f"{head}\n{text}", cell_number(shell), raw_code=f"{head}\n{source}")
    # IPython's, because this module's own __future__ imports are not the cell's; it takes trees too.
    compiler: Any = shell.compile
    last: ast.stmt | None = None
    try:
        tree = shell.transform_ast(compiler.ast_parse("\n" + text, filename=name))
        silent = shell.displayhook.semicolon_at_end_of_expression(text)
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not silent:
            last = tree.body.pop()
        body = compiler(tree, name, "exec")
        tail = None if last is None else compiler(ast.Interactive([last]), name, "single")
    except SyntaxError as error:
        raise _invalid(shell, error) from None
    try:
        with time_limit(seconds):
            exec(body, shell.user_global_ns, shell.user_ns)
            if tail is not None:
                exec(tail, shell.user_global_ns, shell.user_ns)
    except BaseException as error:
        _show_from(shell, error, name)
        raise


def cell_number(shell: InteractiveShell) -> int:
    """The number of the cell that runs."""
    # Not `shell.execution_count`, which newer IPythons count up before the cell runs.
    number: int = getattr(shell.displayhook.exec_result, "execution_count", None) or shell.execution_count
    return number


def _show_from(shell: InteractiveShell, error: BaseException, name: str) -> None:
    """Have IPython show the traceback from the cell's own first line on, without the way there."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != name:
        trace = trace.tb_next
    if trace is None or isinstance(error, SyntaxError):
        return
    begin = trace
    while (inner := trace.tb_next) is not None:
        if inner.tb_lineno:
            trace = inner
        else:  # an interrupt struck where Python knows no line, and IPython would show nothing at all
            trace.tb_next = inner.tb_next

    def render() -> list[str]:
        lines: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, begin, tb_offset=0)
        return lines

    try:
        error._render_traceback_ = render  # type: ignore[attr-defined]
    except AttributeError:  # an exception with slots: it is shown in full
        pass


class CellTimeout(TimeoutError):
    """A cell took longer than it was given."""


class _Invalid(Exception):
    """The cell is not Python. (IPython would show a `SyntaxError` with the whole way through the magic.)"""

    def __init__(self, text: str, lines: list[str]) -> None:
        super().__init__(text)
        self._lines = lines

    def _render_traceback_(self) -> list[str]:
        return self._lines


def _invalid(shell: InteractiveShell, error: SyntaxError) -> Exception:
    """An error that frontends show as they show this one for a cell without magics."""
    lines = shell.SyntaxTB.structured_traceback(type(error), error, [])  # type: ignore[arg-type]
    kind: type[_Invalid] = type(type(error).__name__, (_Invalid,), {})
    return kind(str(error), lines)


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Interrupt the main thread after some time.

    Raises:
        CellTimeout: the time was up.
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

    def hear(signum: int, frame: FrameType | None) -> None:
        if over.is_set():
            signal.default_int_handler(signum, frame)

    # What a script of the shell has in the background ignores SIGINT, and with it this limit would be.
    handler = signal.getsignal(signal.SIGINT)
    deaf = not callable(handler)
    if deaf:
        signal.signal(signal.SIGINT, hear)

    timer = threading.Timer(seconds, strike)
    timer.daemon = True
    try:
        timer.start()
        yield
    except KeyboardInterrupt as interrupt:
        if over.is_set():
            error = CellTimeout(f"the cell took longer than {seconds:g} s; its tasks were cancelled")
            raise error.with_traceback(interrupt.__traceback__) from None
        raise
    finally:
        timer.cancel()
        if deaf:
            signal.signal(signal.SIGINT, handler)
