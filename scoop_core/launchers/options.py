"""What a user wants of the jobs of a batch system, and the script that a job is made of. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

import msgspec

from scoop_core.launchers import Order

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_WORDS = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_CLOCK = re.compile(r"(?:(\d+)-)?(\d+):([0-5]\d):([0-5]\d)")
#: What the shell means by braces stays, ``${HOME}``; doubled ones are meant as they are.
_PLACEHOLDER = re.compile(r"\$\{|\{\{|\}\}|\{([A-Za-z_]+)\}")


class BatchOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What jobs shall have; what is left out, the batch system decides."""

    time: int = 0  # how long a job may run, in seconds (see `parse_time`)
    memory: int = 0  # for all workers of a job together, in bytes
    queue: str = ""  # a queue; that of Slurm is called a partition
    account: str = ""  # who pays: an account, or a project
    directives: tuple[str, ...] = ()  # more of them, without "#SBATCH", "#PBS" or "#$"
    prolog: tuple[str, ...] = ()  # lines of the shell that come first, such as "module load python"
    python: str = ""  # the interpreter on those hosts, if it is not the path of this one
    parallel_environment: str = ""  # of Grid Engine: one that has all slots of a job on one host
    template: str = ""  # a whole script with placeholders, instead of the one that is made of all this

    def __post_init__(self) -> None:
        for text in (self.queue, self.account, self.parallel_environment, *self.directives):
            if "\n" in text:
                raise ValueError(f"{text!r} is more than a line")


class PsijOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What jobs shall have that PSI/J submits; what is left out, the batch system decides."""

    executor: str  # what it calls the batch system
    time: int  # how long a job may run, in seconds; PSI/J always says one
    memory: int = 0  # for all workers of a job together, in bytes
    queue: str = ""
    account: str = ""
    attributes: Mapping[str, str] = {}  # more for the executor, as "lsf.core_isolation"
    prolog: tuple[str, ...] = ()  # lines of the shell that come first
    python: str = ""  # the interpreter on those hosts, if it is not the path of this one


def parse_time(text: str | int) -> int:
    """Seconds, from a number of them or a text such as "90s", "45m", "1h30m", "2d", "01:30:00" or "1-12:00:00".

    Raises:
        ValueError: it is no time, or not above zero.
    """
    if isinstance(text, int):
        seconds = text
    else:
        found = _WORDS.fullmatch(text.strip()) or _CLOCK.fullmatch(text.strip())
        if not found:  # a bare number, or two with a colon, mean something else to each batch system
            raise ValueError(
                f"{text!r} is no time: write 90s, 45m, 1h30m, 2d, or 01:30:00 for hours, minutes, seconds"
            )
        seconds = sum(int(part or 0) * unit for part, unit in zip(found.groups(), _UNITS.values(), strict=True))
    if seconds < 1:
        raise ValueError(f"{text!r} is too short for a job")
    return seconds


def clock(seconds: int) -> str:
    """Hours, minutes and seconds, as batch systems write them."""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def safe_name(name: str, most: int = 64) -> str:
    """A name that every batch system takes for a job: it begins with a letter, and has no blanks."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", re.sub(r"\A(?![A-Za-z])", "j", name))[:most]


def log_path(path: str) -> str:
    """The path of a log file, for the batch systems to which it may be several, or that of another host.

    Raises:
        ValueError: it has a character that they would misread.
    """
    if found := set(path) & set(",:$"):
        raise ValueError(f"{path!r} can't be the path of its log, because of {' '.join(sorted(found))}")
    return shlex.quote(path)


def script(sign: str, directives: Sequence[str], options: BatchOptions, command: Sequence[str]) -> str:
    """The script of a job.

    Args:
        sign: how the batch system knows its lines.
        directives: what it shall know, a line each.
        options: they have more of them.
        command: what the job is; it takes the place of the shell, so that signals reach it.
    """
    known = [f"{sign} {line}" for line in (*directives, *options.directives)]
    return "\n".join(["#!/bin/sh", *known, *options.prolog, f"exec {shlex.join(command)}", ""])


def placeholders(order: Order, options: BatchOptions, command: Sequence[str], log: str) -> dict[str, str]:
    """What the names in a template stand for."""
    return {
        "command": shlex.join(command),
        "log": log,
        "name": safe_name(order.name),
        "slots": str(order.slots),
        "host": order.host,
        "time": str(options.time),
        "memory": str(options.memory),
        "queue": options.queue,
        "account": options.account,
        "parallel_environment": options.parallel_environment,
        "prolog": "\n".join(options.prolog),
    }


def fill(template: str, values: Mapping[str, str]) -> str:
    """A template with these values in the places of their names.

    Raises:
        ValueError: there is a placeholder of another name.
    """

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return found[0] if found[0] == "${" else found[0][0]
        if name not in values:
            known = ", ".join(f"{{{name}}}" for name in values)
            raise ValueError(f"the template has {{{name}}}, but there is only {known}; {{{{ is a brace")
        return values[name]

    return _PLACEHOLDER.sub(value, template)
