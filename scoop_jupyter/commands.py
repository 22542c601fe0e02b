"""The words of ``%scoop`` and ``%%scoop``: parsed, explained and completed."""

from __future__ import annotations

import argparse
import shlex
from typing import NoReturn

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher
from IPython.core.error import UsageError

from scoop.arguments import positive
from scoop_core.current import current
from scoop_core.errors import BrokerLost
from scoop_core.memory import parse_size
from scoop_core.pool import pools


class _Parser(argparse.ArgumentParser):
    """Reports bad input to the cell instead of ending the kernel."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage()}")

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


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _line_parser() -> _Parser:
    parser = _Parser(prog="%scoop", description="Manage this notebook's pool of workers.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    start = commands.add_parser("start", help="start a pool of workers", description="Start a pool of workers.")
    start.add_argument("-n", type=positive, help="how many (default: one for each CPU that the kernel may use)")
    start.add_argument("--name", help="by which other notebooks connect to it (default: made up)")
    start.add_argument(
        "--host", nargs="+", default=[], metavar="HOST", help="by ssh; one that is named again gets another worker"
    )
    start.add_argument("--tunnel", action="store_true", help="other hosts reach this one through ssh")
    start.add_argument("--external-hostname", default="", metavar="NAME", help="under which they reach this host")
    start.add_argument("--ssh-executable", default="ssh", metavar="P", help="what starts workers there")
    start.add_argument("--memory-limit", type=_size, metavar="SIZE", help="for each worker, as 500MB or 2GiB")
    start.add_argument("--engine", choices=["scoop", "dask"], default="scoop", help="what runs the tasks")
    start.add_argument("--address", help="of a Dask cluster that runs, as tcp://host:8786 (default: one is started)")
    commands.add_parser("stop", help="stop the pool", description="Stop the pool; what is pending is lost.")
    commands.add_parser("status", help="show workers and tasks", description="Show workers and tasks, as text.")
    scale = commands.add_parser("scale", help="change the number of workers", description="Have N workers.")
    scale.add_argument("n", type=positive, metavar="N", help="how many")
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
    return parser


def _cell_parser() -> _Parser:
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


#: Words that can follow ``%scoop``, and the options of each.
LINE = {
    "start": [
        "-n",
        "--name",
        "--host",
        "--tunnel",
        "--external-hostname",
        "--ssh-executable",
        "--memory-limit",
        "--engine",
        "--address",
    ],
    "stop": [],
    "status": [],
    "scale": [],
    "restart": [],
    "connect": ["ssh://", "--ssh-executable", "--python"],
    "pools": [],
    "each": [],
    "sync": ["on", "off"],
    "debug": [],
    "output": [],
    "panel": [],
    "help": [],
}
CELL = ["each", "-n", "--profile", "--quiet", "--timeout"]


def parse_line(line: str) -> argparse.Namespace | None:
    """The command of a ``%scoop`` line; None if it was a call for help, which has been printed.

    Raises:
        UsageError: it is none; the message says what can be said.
    """
    if line.strip().startswith("each ") and "--help" not in line:
        # The statement is Python's, not a shell's: its quotes stay.
        return argparse.Namespace(command="each", statement=line.strip()[5:].strip())
    parser = _line_parser()
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
        return _cell_parser().parse_args(_split(line))
    except _Helped:
        return None


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"%scoop: {error}") from None


@context_matcher(identifier="scoop")
def complete(context: CompletionContext) -> SimpleMatcherResult:
    """Complete the words of a magic line (one of IPython's matchers; with it no other has a say there)."""
    token = context.token
    offers = _offers(context.text_until_cursor.removesuffix(token).split(), token)
    return {
        "completions": [SimpleCompletion(text=word) for word in offers if word.startswith(token)],
        "suppress": True,
    }


def _offers(words: list[str], token: str) -> list[str]:
    """What may follow these words."""
    if words[:1] == ["%%scoop"]:
        return [*CELL, "--help"]
    if words[:1] != ["%scoop"]:
        return []
    if not words[1:]:
        return [*LINE, "--help"]
    if words[1] == "connect":
        return [*pools(), *LINE["connect"], "--help"]
    if words[1] == "debug":
        return [*_failures(), "--help"]
    if words[1] == "each" and not token.startswith("-"):  # a statement: Python's completion has its turn
        return []
    return [*LINE.get(words[1], []), "--help"]


def _failures() -> list[str]:
    """The ids of failures that the pool remembers, the last one first."""
    client = current.engine
    if client is None or client.lost is not None:
        return []
    try:
        groups = client.picture(timeout=1.0)["groups"]
    except BrokerLost:
        return []
    return [failure["id"] for group in reversed(groups) for failure in reversed(group["failures"])]
