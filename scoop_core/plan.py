"""On which hosts how many workers: from the command line, a host file and ``-n``. Pure; nothing is looked up."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

#: Hosts in the order in which they were named, each with its workers; None stands for as many as it has cores.
Hosts = list[tuple[str, int | None]]

_NAME = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9_.@:%-]*")
_BRACKETS = re.compile(r"([^\[\]]*)\[([^\[\]]*)\](.*)")
#: More hosts than this in one pair of brackets are taken for a slip of the pen.
_MOST = 10_000


def expand(text: str) -> list[str]:
    """The hosts that a name with ranges in brackets stands for: ``n[1-3,7]`` is n1, n2, n3 and n7.

    Args:
        text: a name; ranges keep their leading zeros, and there may be several pairs of brackets.

    Raises:
        ValueError: it can't be the name of a host, or a range is none.
    """
    found = _BRACKETS.fullmatch(text)
    if found is None:
        if not _NAME.fullmatch(text):
            raise ValueError(f"{text!r} is no name of a host")
        return [text]
    before, inside, behind = found.groups()
    names: list[str] = []
    for part in inside.split(","):
        first, dash, last = part.partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and 0 <= int(last) - int(first) < _MOST):
            raise ValueError(f"{part!r} in {text!r} is no range of numbers")
        for number in range(int(first), int(last) + 1):
            names += expand(f"{before}{number:0{len(first)}}{behind}")
    return names


def from_names(names: Iterable[str]) -> Hosts:
    """Hosts that were named one by one; one that is named again gets another worker.

    Raises:
        ValueError: see `expand`.
    """
    counts: dict[str, int] = {}
    for name in names:
        for host in expand(name):
            counts[host] = counts.get(host, 0) + 1
    return list(counts.items())


def from_file(text: str) -> Hosts:
    """Hosts of a host file: in each line a name, and perhaps the number of workers there.

    The number is the first one behind the name, alone or behind an equals sign (``slots=4``). Behind a ``#`` anything
    may stand. A host that has several lines gets the workers of all of them.

    Raises:
        ValueError: a line is malformed, or there is none; the message has the line's number.
    """
    hosts: dict[str, int | None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, *words = line.partition("#")[0].split() or [""]
        if not name:
            continue
        try:
            count = _count(words)
            for host in expand(name):
                before = hosts.get(host, 0)
                hosts[host] = None if before is None or count is None else before + count
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    if not hosts:
        raise ValueError("it names no host")
    return list(hosts.items())


def _count(words: Iterable[str]) -> int | None:
    """The number of workers that these words of a line give; None if there is no number among them."""
    for word in words:
        value = word.rpartition("=")[2]
        if value.isdecimal():
            if int(value) < 1:
                raise ValueError(f"{word!r} is no number of workers: it must be at least 1")
            return int(value)
        if "=" not in word:
            raise ValueError(f"{word!r} is no number of workers")
    return None


def deal(hosts: Hosts, n: int) -> list[tuple[str, int]]:
    """Have n workers on these hosts.

    If the hosts have more, the last ones lose theirs; if they have fewer, one after the other gets one more, from the
    first on. A host without a number counts as one worker.

    Args:
        hosts: at least one.
        n: how many workers, 1 at the least.
    """
    counts = [1 if count is None else count for _, count in hosts]
    for index in reversed(range(len(counts))):
        counts[index] -= min(counts[index], max(0, sum(counts) - n))
    rounds, rest = divmod(n - sum(counts), len(counts))
    counts = [count + rounds + (index < rest) for index, count in enumerate(counts)]
    return [(host, count) for (host, _), count in zip(hosts, counts, strict=True) if count]


def rooms(hosts: Hosts, n: int) -> dict[str, int]:
    """How many workers each of these hosts has, if there are n: some may have none."""
    return {**{host: 0 for host, _ in hosts}, **(dict(deal(hosts, n)) if n and hosts else {})}


def plan(hosts: Hosts, n: int | None, here: Collection[str], cores: int) -> Hosts:
    """How many workers each host shall have.

    Args:
        hosts: as they were named; without any it is this one alone.
        n: how many workers altogether; by default as many as the hosts have.
        here: the names of this host.
        cores: how many workers this host has by default.
    """
    if not hosts:
        return [("localhost", n or cores)]
    if n is not None:
        return list(deal(hosts, n))
    return [(host, cores if count is None and host in here else count) for host, count in hosts]
