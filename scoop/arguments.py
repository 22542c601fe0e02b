"""The options of ``python -m scoop program.py``, and what they say. Bad input gets one line and exit code 2."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import NoReturn

from scoop import __version__
from scoop.allowed import allowed
from scoop.launchers import Ssh
from scoop_core.errors import ScoopError
from scoop_core.launchers.allocation import allocation
from scoop_core.network import own_names
from scoop_core.plan import Hosts, expand, from_file, from_names, plan
from scoop_core.pool import check_size
from scoop_jupyter.allowance import within_limits


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {' '.join(message.splitlines())}\n")


@dataclass(frozen=True)
class Options:
    """What the command line asks for; paths are absolute, except that of the program.

    Attributes:
        program: a path, or the name of a module.
        arguments: of the program.
        module: whether the program is a module.
        hosts: each with its workers.
        name: of the pool.
        nice: added to the niceness of the workers.
        path: the working directory.
        pythonpath: folders to look for modules in, before all others.
        interpreter: the Python to run everything with; empty for this one.
        prolog: a shell script to run first, in the shell that starts everything.
        level: of the log records that are told, as in `logging`.
        log: the file that they go to; empty for the standard error stream.
        progress: whether to show how far it is: "" for no, "auto" in a terminal, "always".
        profile: whether every worker is to be profiled.
        debug: whether all tasks are to be recorded.
        tunnel: whether other hosts shall reach this one through their ssh connections.
        external_hostname: under which other hosts reach this one; empty for its own.
        ssh: the program that starts workers on other hosts.
    """

    program: str
    arguments: list[str]
    module: bool
    hosts: Hosts
    name: str | None
    nice: int
    path: str
    pythonpath: list[str]
    interpreter: str
    prolog: str
    level: int
    log: str
    progress: str
    profile: bool
    debug: bool
    tunnel: bool
    external_hostname: str
    ssh: str


def program_parser() -> tuple[Parser, Collection[str]]:
    """The parser of all that stands before the program; and those of its options that take a value."""
    parser = Parser(
        prog="python -m scoop",
        usage="%(prog)s [options] program [arguments]",
        description="Run a Python program on a pool of workers, or manage pools.",
        epilog="Other uses: `python -m scoop pools` lists your pools, `stop [NAME]` ends one, `top [NAME]` shows "
        "its load.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("-m", dest="module", action="store_true", help="the program is the name of a module")
    add("--version", action="version", version=__version__)
    values = [
        add("-n", type=positive, metavar="N", help="workers, this program's own process being one of them"),
        add("--name", help="the pool's name, for `scoop.connect`"),
        add("--nice", type=int, default=0, metavar="L", help="added to the niceness of the workers"),
        add("-p", "--path", default=".", type=_folder, metavar="FOLDER", help="the working directory"),
        add("--pythonpath", default="", metavar="FOLDERS", help="where to look for modules, before all else"),
        add("--python-interpreter", default="", type=_executable, metavar="P", help="the Python to run it with"),
        add("--prolog", default="", type=_file, metavar="FILE", help="a shell script to run before everything else"),
    ]
    add = parser.add_argument_group("hosts").add_argument
    values += [
        add("--host", "--hosts", dest="names", action="append", default=[], type=_host, metavar="NAME",
            help="the hosts to run it on, by default those of the batch job that this is; one that is named again "
            "gets another worker"),
        add("--hostfile", type=_file, metavar="FILE", help="a file that names them, each with a number"),
        add("--external-hostname", "--broker-hostname", type=_host, metavar="NAME",
            help="the name under which the others reach this host"),
        add("--ssh-executable", default="ssh", metavar="P",
            help="what starts workers on other hosts: ssh, or in a batch job its srun or qrsh"),
    ]  # fmt: skip
    add("-e", "--tunnel", action="store_true", help="other hosts reach this one through their ssh connections")
    add = parser.add_argument_group("what to tell").add_argument
    add("-v", "--verbose", action="count", default=0, help="show more of the log: -v, or all of it: -vv")
    add("-q", "--quiet", action="count", default=0, help="show errors only")
    values.append(add("--log", default="", metavar="FILE", help="append the log to a file"))
    add(
        "--progress",
        nargs="?",
        const="auto",
        default="",
        choices=["auto", "always"],
        metavar="always",
        help="show how far it is, if standard error is a terminal, or with =always in any case",
    )
    add("--profile", action="store_true", help="profile all workers, into the folder `profile`")
    add("--debug", action="store_true", help="draw a timeline of all tasks, in the folder `debug`")
    values += [
        parser.add_argument("--backend", type=_backend, help=argparse.SUPPRESS),
        parser.add_argument("-b", type=_brokers, help=argparse.SUPPRESS),
    ]
    parser.add_argument("--rsh", action="store_true", help=argparse.SUPPRESS)
    return parser, {name for action in values for name in action.option_strings}


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line of a program.

    Raises:
        SystemExit: it can't be carried out, which was told; or it asks for help.
    """
    parser, with_values = program_parser()
    words, rest = split(arguments, with_values)
    given = parser.parse_args(words)
    if given.rsh:
        parser.error("--rsh was replaced by `--ssh-executable rsh`")
    if given.names and given.hostfile:
        parser.error("--host and --hostfile exclude each other")
    if given.nice < 0 and os.geteuid() != 0:
        parser.error("--nice: only root may give workers a higher priority")
    if not rest:
        hint = " (behind --host write -- before it)" if given.names else ""
        parser.error(f"the following arguments are required: program{hint}")
    hosts: Hosts = []
    try:
        if given.hostfile:
            hosts = from_file(Path(given.hostfile).read_text())
        elif given.names:
            hosts = from_names(given.names)
        elif (job := allocation(os.environ, lambda path: Path(path).read_text())) is not None:
            hosts = job.hosts
    except (OSError, ValueError) as error:
        source = f"--hostfile {given.hostfile}" if given.hostfile else "the batch system"
        parser.error(f"{source}: {error}")
    try:
        fit, _, cap = within_limits(None, None, allowed())
        hosts = plan(hosts, given.n, own_names(), fit)
        check_size(sum(count or 0 for _, count in hosts), cap)
    except ScoopError as error:
        parser.error(str(error))
    level = logging.WARNING + 10 * (given.quiet - given.verbose)
    return Options(
        program=rest[0],
        arguments=rest[1:],
        module=given.module,
        hosts=hosts,
        name=given.name,
        nice=given.nice,
        path=given.path,
        pythonpath=[os.path.abspath(folder) for folder in given.pythonpath.split(os.pathsep) if folder],
        interpreter=given.python_interpreter,
        prolog=given.prolog,
        level=min(max(level, logging.DEBUG), logging.CRITICAL),
        log=os.path.abspath(given.log) if given.log else "",
        progress=given.progress,
        profile=given.profile,
        debug=given.debug,
        tunnel=given.tunnel,
        external_hostname=given.external_hostname or "",
        ssh=given.ssh_executable,
    )


def launcher(options: Options) -> Ssh:
    """How workers get to the hosts that were named."""
    return Ssh(
        dict(options.hosts), options.tunnel, options.external_hostname, options.ssh, python=options.interpreter
    )


def split(arguments: Sequence[str], with_values: Collection[str]) -> tuple[list[str], list[str]]:
    """Part the options from the program and its arguments; each host becomes an option of its own.

    The program is the first word that is neither an option nor the value of one. Behind ``--host`` it is the first
    that looks like a program, or stands behind ``--``.

    Args:
        arguments: the command line.
        with_values: options that take a value.
    """
    options: list[str] = []
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        if word in ("--host", "--hosts"):
            names = list(takewhile(lambda name: not name.startswith("-") and not _is_program(name), rest))
            options += [f"{word}={name}" for name in names or [""]]
            del rest[: len(names)]
            continue
        options.append(word)
        # Of joined letters, as in -vn 4, the first that takes a value has what follows.
        letters = [] if word.startswith("--") else [i for i, a in enumerate(word) if i and f"-{a}" in with_values]
        if rest and (word in with_values or letters[:1] == [len(word) - 1]):
            options.append(rest.pop(0))
    return options, rest


def _is_program(word: str) -> bool:
    path = Path(word)
    return word.endswith(".py") or os.sep in word or path.is_file() or (path / "__main__.py").is_file()


def positive(text: str) -> int:
    """The type of an argument that is a number of workers."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


def _host(text: str) -> str:
    try:
        expand(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _file(text: str) -> str:
    if text and not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text!r}")
    return os.path.abspath(text) if text else ""


def _folder(text: str) -> str:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}")
    return os.path.abspath(text)


def _executable(text: str) -> str:
    found = shutil.which(text)
    if text and found is None:
        raise argparse.ArgumentTypeError(f"there is no program {text!r}")
    return os.path.abspath(found) if found else ""


def _backend(text: str) -> str:
    if text.upper() != "ZMQ":
        raise argparse.ArgumentTypeError(
            f"{text!r} was replaced by Unix sockets within a host, and by ZeroMQ between hosts; leave it out"
        )
    return text


def _brokers(text: str) -> int:
    raise argparse.ArgumentTypeError("several brokers were replaced by one, which serves 1,000 workers; leave it out")
