"""The words of ``%scoop`` and ``%%scoop``: parsed and explained."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Collection
from typing import NoReturn

from IPython.core.error import UsageError

from scoop.arguments import positive
from scoop_jupyter.start_options import add_start


class _Parser(argparse.ArgumentParser):
    """Reports bad input to the cell instead of ending the kernel."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage()}")

    @property
    def words(self) -> dict[str, Collection[str]]:
        """The options and commands that it knows, each with the words that may follow, as far as they are known."""
        words: dict[str, Collection[str]] = {}
        for action in self._actions:
            choices = list(action.choices or ())
            words |= {name: choices for name in action.option_strings if name != "-h"}
            words |= {} if action.option_strings else dict.fromkeys(choices, ())
        return words

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise _Helped(message or "")


class _Helped(Exception):
    """Help was asked for, and printed."""


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time in seconds")
    return seconds


def line_parser() -> tuple[_Parser, dict[str, _Parser]]:
    """The parser of ``%scoop``, and those of its commands."""
    parser = _Parser(prog="%scoop", description="Manage this notebook's pool of workers.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    add_start(commands.add_parser("start", help="start a pool of workers", description="Start a pool of workers."))
    commands.add_parser("stop", help="stop the pool", description="Stop the pool; what is pending is lost.")
    commands.add_parser("status", help="show workers and tasks", description="Show workers and tasks, as text.")
    scale = commands.add_parser("scale", help="change the number of workers", description="Have N workers.")
    scale.add_argument("n", type=positive, metavar="N", help="how many")
    wait = commands.add_parser(
        "wait", help="wait for workers", description="Wait until workers are there that come in batch jobs."
    )
    wait.add_argument("n", nargs="?", type=positive, metavar="N", help="how many (default: all that are wanted)")
    wait.add_argument("--timeout", type=_seconds, metavar="S", help="no longer than S seconds")
    commands.add_parser("restart", help="replace all workers", description="Cancel all, and replace every worker.")
    connect = commands.add_parser(
        "connect",
        help="use a pool that runs already",
        description="Use a pool that another notebook started, here or on another host.",
    )
    connect.add_argument(
        "name",
        nargs="?",
        help="its name, its connection file, or ssh://[user@]host[:port]/name (default: the only one that runs here)",
    )
    connect.add_argument("--ssh-executable", default="ssh", metavar="P", help="what leads to other hosts")
    connect.add_argument("--python", default="", metavar="P", help="the Python there that has SCOOP")
    commands.add_parser(
        "pools",
        help="list your pools",
        description="List your pools that run here, and those of other hosts in reach.",
    )
    commands.add_parser(
        "profiles", help="list the profiles of pools", description="List the pools that configuration files describe."
    )
    each = commands.add_parser(
        "each", help="run a statement on every worker", description="Run a statement on every worker."
    )
    each.add_argument("statement", nargs=argparse.REMAINDER, metavar="STATEMENT", help="for imports and set-up")
    sync = commands.add_parser(
        "sync",
        help="reload modules that were edited",
        description="Reload modules of your own that were edited, as is done before each cell.",
    )
    sync.add_argument("switch", nargs="?", choices=["on", "off"], help="whether it is done before each cell")
    debug = commands.add_parser(
        "debug",
        help="run a failed task again, here, and debug it",
        description="Run a failed task again in the notebook, and open a debugger where it fails.",
    )
    debug.add_argument("failure", nargs="?", metavar="ID", help="as the panel shows it (default: the last failure)")
    output = commands.add_parser(
        "output",
        help="show what was held back of prints",
        description="Show what tasks of a cell have printed and displayed beyond what is shown below it.",
    )
    output.add_argument("cell", nargs="?", type=positive, metavar="N", help="its number (default: the last one)")
    commands.add_parser("panel", help="show the live panel of the pool", description="Show the pool's live panel.")
    commands.add_parser("help", help="this text", description="What %scoop can do.")
    return parser, commands.choices


def cell_parser() -> _Parser:
    """The parser of ``%%scoop``."""
    parser = _Parser(
        prog="%%scoop",
        description="Run the cell with a pool: `futures` and `shared` are in reach, a live panel is below. "
        "`%%scoop each` runs the cell on every worker instead.",
    )
    parser.add_argument("each", nargs="?", choices=["each"], help="run the cell on every worker")
    parser.add_argument("-n", type=positive, help="have this many workers")
    parser.add_argument("--quiet", action="store_true", help="no panel and no summary")
    parser.add_argument("--profile", action="store_true", help="show in which functions the tasks spent their time")
    parser.add_argument("--timeout", type=_seconds, metavar="S", help="end the cell after S seconds")
    return parser


def parse_line(line: str) -> argparse.Namespace | None:
    """The command of a ``%scoop`` line; None if it was a call for help, which has been printed.

    Raises:
        UsageError: it is none; the message says what can be said.
    """
    if line.strip().startswith("each ") and "--help" not in line:
        # The statement is Python's, not a shell's: its quotes stay.
        return argparse.Namespace(command="each", statement=line.strip()[5:].strip())
    parser, _ = line_parser()
    words = _split(line) or ["help"]
    try:
        options = parser.parse_args(words)
    except _Helped:
        return None
    if options.command == "help":
        parser.print_help()
        return None
    if options.command == "each":
        options.statement = " ".join(options.statement)
    return options


def parse_cell(line: str) -> argparse.Namespace | None:
    """The options of a ``%%scoop`` cell; None if it was a call for help, which has been printed.

    Raises:
        UsageError: an option makes no sense.
    """
    try:
        return cell_parser().parse_args(_split(line))
    except _Helped:
        return None


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"%scoop: {error}") from None
