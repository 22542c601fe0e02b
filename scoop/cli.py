"""The command line. Bad input gets one line and exit code 2."""

from __future__ import annotations

import argparse
import os
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from scoop import __version__
from scoop_core import pool
from scoop_core.errors import ScoopError
from scoop_core.hosts import default_workers
from scoop_core.origin import run_program
from scoop_core.program import Program
from scoop_jupyter.view import render_text

COMMANDS = ("pools", "stop", "top")


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str]) -> int:
    """Run the command line; the exit code."""
    if arguments[:1] and arguments[0] in COMMANDS and not Path(arguments[0]).exists():
        return _command(arguments)
    parser = _Parser(
        prog="python -m scoop",
        description="Run a Python program on a pool of workers, or manage pools.",
        epilog="Other uses: `python -m scoop pools` lists your pools, `stop [NAME]` ends one, `top [NAME]` shows "
        "its load.",
    )
    parser.add_argument("-n", type=_count, metavar="N", help="workers, this program's own process being one of them")
    parser.add_argument("--name", help="the pool's name, for `scoop.connect`")
    parser.add_argument("--nice", type=int, default=0, help="added to the niceness of the workers")
    parser.add_argument("-m", dest="module", action="store_true", help="the program is the name of a module")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("program", help="the program to run")
    rest = parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what it finds in sys.argv")
    rest.required = False  # else it would be named among what is missing
    options = parser.parse_args(arguments)
    n = default_workers() if options.n is None else options.n
    try:
        program = Program(options.program, options.module)
    except OSError as error:
        parser.error(str(error))
    except (SyntaxError, ValueError) as error:  # as Python itself would show it
        traceback.print_exception(type(error), error, None)
        return 1
    preload = ["scoop.futures", "scoop.shared"]
    try:
        run_program(program, options.arguments, n, options.name, preload=preload, nice=options.nice)
    except SystemExit:
        raise
    except BaseException as error:
        return _failed(error, parser)
    return 0


def _failed(error: BaseException, parser: argparse.ArgumentParser) -> int:
    """Show what ended the program, from its own first line on."""
    trace = error.__traceback__
    here = tuple(str(Path(file).parent) + os.sep for file in (pool.__file__, __file__))
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(here):
        trace = trace.tb_next
    if trace is None and isinstance(error, (OSError, ScoopError, ValueError)):  # before it began
        parser.error(str(error))
    traceback.print_exception(type(error), error, trace)
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


def _command(arguments: Sequence[str]) -> int:
    parser = _Parser(prog=f"python -m scoop {arguments[0]}")
    if arguments[0] != "pools":
        parser.add_argument("name", nargs="?", help="of the pool, or the path of its connection file")
    if arguments[0] == "top":
        parser.add_argument("--once", action="store_true", help="show it once, not until interrupted")
    options = parser.parse_args(arguments[1:])
    try:
        if arguments[0] == "pools":
            for name in pool.pools():
                print(name)
        elif arguments[0] == "stop":
            pool.connect(options.name).stop()
        else:
            _top(options.name, options.once)
    except ScoopError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        return 130
    return 0


def _top(name: str | None, once: bool) -> None:
    """Show a pool's load, every second until interrupted."""
    found = pool.connect(name)
    try:
        while True:
            text = render_text(found.client.picture())  # type: ignore[arg-type]
            print(text if once else f"\x1b[2J\x1b[H{text}", flush=True)
            if once:
                return
            time.sleep(1)
    finally:
        found.close()
