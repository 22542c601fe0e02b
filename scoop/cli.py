"""The command line. Bad input gets one line and exit code 2."""

from __future__ import annotations

import os
import shlex
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import scoop
from scoop.arguments import Options, Parser, launcher, parse
from scoop.reports import finish, prepare
from scoop.restart import restart
from scoop_core import pool
from scoop_core.attach import all_pools, attach
from scoop_core.client import Client
from scoop_core.config import Connection
from scoop_core.errors import ScoopError
from scoop_core.files import is_here
from scoop_core.origin import run_program
from scoop_core.program import Program
from scoop_jupyter.progress import ProgressLine
from scoop_jupyter.view import render_text

COMMANDS = ("pools", "stop", "top")


def main(arguments: Sequence[str]) -> int:
    """Run the command line; the exit code."""
    if arguments[:1] and arguments[0] in COMMANDS and not Path(arguments[0]).exists():
        return _command(arguments)
    options = parse(arguments)
    parser = Parser(prog="python -m scoop")
    here = Path.cwd()
    try:
        _enter(options)
        program = Program(options.program, options.module)
        reports = prepare(here, options)
    except OSError as error:
        parser.error(str(error))
    except (SyntaxError, ValueError) as error:  # as Python itself would show it
        traceback.print_exception(type(error), error, None)
        return 1
    try:
        try:
            n, others = launcher(options).recruiting(None, program=True)
            scoop.logger.info("%s runs on %d workers", program.path, n)
            preload = ["scoop.futures", "scoop.shared"]
            shows = options.progress == "always" or (options.progress == "auto" and sys.stderr.isatty())
            run_program(
                program, options.arguments, n, options.name, preload=preload, nice=options.nice, reports=reports,
                recruiting=others, beside=_progress if shows else nullcontext,
            )  # fmt: skip
        finally:
            finish(reports)
    except SystemExit:
        raise
    except BaseException as error:
        return _failed(error, parser)
    return 0


def _enter(options: Options) -> None:
    """Go where the options want the program to be: prolog, interpreter, folders."""
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if options.pythonpath and folders[: len(options.pythonpath)] != options.pythonpath:
        os.environ["PYTHONPATH"] = os.pathsep.join([*options.pythonpath, *filter(None, folders)])
    restart(options.prolog, options.interpreter)
    sys.path[:0] = options.pythonpath
    os.chdir(options.path)


@contextmanager
def _progress(connection: Connection) -> Iterator[None]:
    """Show on the standard error stream how far the program is."""
    client = Client(connection)
    client.connect()
    line = ProgressLine(client, -1, sys.stderr)
    try:
        with line.shown():
            yield
    finally:
        line.finish()
        client.close()


def _failed(error: BaseException, parser: Parser) -> int:
    """Show what ended the program, from its own first line on."""
    trace = error.__traceback__
    here = tuple(str(Path(file).parent) + os.sep for file in (pool.__file__, __file__))
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(here):
        trace = trace.tb_next
    if trace is None and isinstance(error, (OSError, ScoopError, ValueError)):  # before it began
        parser.error(str(error))
    traceback.print_exception(type(error), error, trace)
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def _command(arguments: Sequence[str]) -> int:
    parser = Parser(prog=f"python -m scoop {arguments[0]}")
    if arguments[0] != "pools":
        parser.add_argument(
            "name", nargs="?", help="of the pool, the path of its connection file, or ssh://host/name"
        )
        parser.add_argument("--ssh-executable", default="ssh", metavar="P", help="what leads to other hosts")
        parser.add_argument("--python", default="", metavar="P", help="the Python there that has SCOOP")
    if arguments[0] == "top":
        parser.add_argument("--once", action="store_true", help="show it once, not until interrupted")
    options = parser.parse_args(arguments[1:])
    try:
        if arguments[0] == "pools":
            _list()
            return 0
        found = pool.Pool(attach(options.name, shlex.split(options.ssh_executable), options.python))
        if arguments[0] == "stop":
            found.stop()
        else:
            _top(found, options.once)
    except ScoopError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        return 130
    return 0


def _list() -> None:
    """Show all pools, each with its host."""
    found = all_pools()
    width = max((len(connection.name) for connection in found), default=0)
    for connection in found:
        print(f"{connection.name:<{width}}  {connection.host}{'' if is_here(connection) else '  (another host)'}")


def _top(found: pool.Pool, once: bool) -> None:
    """Show a pool's load, every second until interrupted."""
    connection = found.client.connection
    try:
        while True:
            text = f"Pool {connection.name!r} on {connection.host}\n{render_text(found.client.picture())}"  # type: ignore[arg-type]
            print(text if once else f"\x1b[2J\x1b[H{text}", flush=True)
            if once:
                return
            time.sleep(1)
    finally:
        found.close()
