"""The hosts that a batch system has given to the job which this process is a part of. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from scoop_core.plan import Hosts, expand, from_file, from_names

_NAMES = re.compile(r"(?:[^,\[\]]|\[[^\[\]]*\])+")
_COUNT = re.compile(r"(\d+)(?:\(x(\d+)\))?")


class Allocation(NamedTuple):
    """Hosts, and how many workers each shall have.

    Attributes:
        system: who gave them, in the words of people.
        hosts: in its order, so this one is usually the first.
    """

    system: str
    hosts: Hosts


def allocation(environment: Mapping[str, str], read: Callable[[str], str]) -> Allocation | None:
    """What the job around this process has; None if there is none.

    A job is either made for many processes, with a CPU each: then a host has as many workers as it should have of
    those. Or for one a host, with several CPUs: then it has a worker for each of these.

    Args:
        environment: of this process.
        read: gives the text of a file.

    Raises:
        ValueError: there is one, but what is said of it can't be understood.
        OSError: the file with its hosts can't be read.
    """
    if nodes := environment.get("SLURM_JOB_NODELIST") or environment.get("SLURM_NODELIST"):
        return Allocation("Slurm", _slurm(nodes, environment))
    if path := environment.get("PBS_NODEFILE"):
        return Allocation("PBS", _pbs(read(path), environment))
    if path := environment.get("PE_HOSTFILE"):
        return Allocation("Grid Engine", from_file(read(path)))
    return None


def _slurm(nodes: str, environment: Mapping[str, str]) -> Hosts:
    names = [host for text in _NAMES.findall(nodes) for host in expand(text)]
    tasks = _counts(environment, "SLURM_TASKS_PER_NODE")
    if not tasks or set(tasks) == {1}:
        if each := environment.get("SLURM_CPUS_PER_TASK"):
            tasks = [int(each)] * len(names)
        else:
            tasks = _counts(environment, "SLURM_JOB_CPUS_PER_NODE") or tasks
    if not tasks:
        return [(name, None) for name in names]
    if len(tasks) != len(names):
        raise ValueError(f"Slurm names {len(names)} hosts ({nodes}), but has numbers for {len(tasks)}")
    return list(zip(names, tasks, strict=True))


def _counts(environment: Mapping[str, str], variable: str) -> list[int]:
    """The numbers that stand for hosts, in their order: ``2(x3),1`` is 2, 2, 2, 1."""
    counts: list[int] = []
    for text in filter(None, environment.get(variable, "").split(",")):
        found = _COUNT.fullmatch(text)
        if not found:
            raise ValueError(f"{variable} is {environment[variable]!r}: {text!r} is no number of something on a host")
        counts += [int(found[1])] * int(found[2] or 1)
    return counts


def _pbs(text: str, environment: Mapping[str, str]) -> Hosts:
    hosts = from_names(line.strip() for line in text.splitlines() if line.strip())
    if not hosts:
        raise ValueError("the file PBS_NODEFILE names no host")
    cpus = environment.get("NCPUS", "")
    if cpus.isdecimal() and {count for _, count in hosts} == {1}:
        return [(host, max(1, int(cpus))) for host, _ in hosts]
    return hosts
