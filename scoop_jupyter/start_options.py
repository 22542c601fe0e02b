"""``%scoop start``: its options, and what they ask for. Those of launchers are what their classes take, see there."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

from scoop.allowed import allowed
from scoop.arguments import positive
from scoop.launchers import Launcher, Ssh
from scoop.launchers.batch import SGE
from scoop.launchers.names import find
from scoop.launchers.options import Option, from_words, options_of
from scoop_core.memory import parse_size
from scoop_core.pool import check_size
from scoop_jupyter.pool_profiles import Profile, read_profile
from scoop_jupyter.view import plural


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _text(path: str) -> str:
    try:
        return Path(path).expanduser().read_text()
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{path} can't be read: {error}") from None


def _assignment(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name.replace("-", "_"), value


#: So options of launchers begin in what the parser gives.
PREFIX = "launcher's "
#: What options of launchers are called on the line, if it is not just their name ...
FLAGS = {"hosts": "--host", "command": "--ssh-executable", "directives": "--directive"}
#: ... and what stands for their values in the help.
SSH = {"hosts": "HOST", "tunnel": "", "command": "P"}
BATCH = {
    "per_job": "N", "time": "TIME", "memory": "SIZE", "queue": "NAME", "account": "NAME", "directives": "LINE",
    "prolog": "LINE", "parallel_environment": "NAME", "template": "FILE", "folder": "DIR",
}  # fmt: skip
BOTH = {"python": "P", "external_hostname": "NAME"}
#: How some are read, and what is said of them, where the line differs from Python code.
READ: dict[str, dict[str, Any]] = {
    "per_job": {"type": positive},
    "hosts": {"nargs": "+", "action": "extend", "help": "one that is named again gets another worker"},
    "tunnel": {"action": "store_true"},
    "directives": {"action": "append"},
    "prolog": {"action": "append"},
    "template": {"type": _text, "help": "of a whole script; --dry-run shows one to begin with"},
}


class Wish(NamedTuple):
    """What `scoop.start` is to be called with."""

    n: int | None
    launcher: Launcher | None
    memory_limit: int | str | None
    preload: tuple[str, ...]


def add_start(start: argparse.ArgumentParser) -> None:
    """Tell a parser the options of ``%scoop start``."""
    add = start.add_argument
    add("-n", type=positive, help="how many (default: one for each CPU that the kernel may use, or for one job)")
    add("--name", help="by which other notebooks connect to it (default: made up)")
    add("--profile", metavar="NAME", default="", help="one of `%%scoop profiles`; what the line says comes before it")
    add("--launcher", metavar="NAME", default="", help="where workers are: local, slurm, pbs, torque, sge, ssh, ...")
    add("--dry-run", action="store_true", help="show what would be submitted, and start nothing")
    add("--memory-limit", type=_size, metavar="SIZE", help="for each worker, as 500MB or 2GiB")
    add("--engine", choices=["scoop", "dask"], default="scoop", help="what runs the tasks")
    add("--address", help="of a Dask cluster that runs, as tcp://host:8786 (default: one is started)")
    ssh, batch = options_of(Ssh), options_of(SGE)
    _add_group(start, "on hosts that ssh reaches (--host means --launcher ssh)", SSH, ssh)
    _add_group(start, "in jobs of a batch system (--launcher slurm, pbs, torque, sge)", BATCH, batch)
    _add_group(start, "on other hosts, by either", BOTH, batch)
    start.add_argument_group("by other launchers").add_argument(
        "--option", type=_assignment, action="append", default=[], metavar="NAME=VALUE", help="one of its options"
    )


def _add_group(start: argparse.ArgumentParser, title: str, names: dict[str, str], options: dict[str, Option]) -> None:
    group = start.add_argument_group(title)
    for name, metavar in names.items():
        how = {"help": options[name].help.replace("%", "%%"), **READ.get(name, {})}
        if metavar:
            how["metavar"] = metavar
        group.add_argument(_flag(name), dest=PREFIX + name, default=argparse.SUPPRESS, **how)


def _flag(name: str) -> str:
    return FLAGS.get(name) or f"--{name.replace('_', '-')}"


def wish_of(line: argparse.Namespace) -> Wish:
    """What a line asks for, with the profile that it names.

    Raises:
        ValueError: that makes no sense.
        StartFailed: the launcher needs what is not installed.
    """
    profile = read_profile(line.profile) if line.profile else Profile()
    said = {name.removeprefix(PREFIX): value for name, value in vars(line).items() if name.startswith(PREFIX)}
    name = line.launcher or ("ssh" if "hosts" in said else profile.launcher)
    profile = profile.on(name)
    launcher = None
    if line.profile or line.launcher or said or line.option:
        options = options_of(find(name))
        for option in said:
            if option not in options:
                hint = "" if line.launcher or line.profile else ": --launcher names another"
                raise ValueError(f"{_flag(option)} is no option of the launcher {name!r}{hint}")
        said |= _others(line.option, options)
        for option, facts in options.items():
            if facts.required and option not in said | profile.options:
                how = _flag(option) if option in SSH | BATCH | BOTH else f"--option {option}=..."
                raise ValueError(f"the launcher {name!r} needs {how}")
        launcher = profile.make(**said)
    memory = profile.memory_limit if line.memory_limit is None else line.memory_limit
    return Wish(line.n or profile.n, launcher, memory, profile.preload)


def _others(assignments: list[tuple[str, str]], options: dict[str, Option]) -> dict[str, Any]:
    """The values of options that are given as NAME=VALUE."""
    words: dict[str, list[str]] = {}
    for name, word in assignments:
        words.setdefault(name, []).append(word)
    return {n: from_words(n, said, options[n].type) if n in options else said for n, said in words.items()}


def preview(wish: Wish, name: str | None) -> str:
    """What would be submitted for a pool.

    Raises:
        ValueError: nothing would be; or there may be no such pool.
        LaunchFailed: there can be no such job.
    """
    show = getattr(wish.launcher, "show", None)
    if wish.launcher is None or show is None:
        raise ValueError("--dry-run is for launchers that can show what they submit: slurm, pbs, torque and sge")
    n, recruiting = wish.launcher.recruiting(wish.n)
    assert n is not None and recruiting is not None
    check_size(n, allowed().workers)
    count, rest = divmod(n, recruiting.slots)
    jobs = [f"{plural(count, 'job')} of {plural(recruiting.slots, 'worker')}{' each' * (count > 1)}"] if count else []
    jobs += [f"{'a' if count else '1'} job of {plural(rest, 'worker')}"] if rest else []
    first = "its script" if count + bool(rest) == 1 else "the script of the first"
    return f"{' and '.join(jobs)}; {first}:\n{show(n, name or 'pool')}"
