"""What the operating system offers: to those who must not outlive each other, and to who is waited for."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
#: The system call `sched_setattr`, for which C libraries have no function as a rule, by the kind of machine.
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
#: struct sched_attr: its size, policy, flags, nice value, priority, runtime, deadline, period.
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")
#: The shortest turn that Linux grants, in nanoseconds.
_TURN = 100_000


def die_with_parent() -> None:
    """Be killed when the parent dies, even in C code that holds the GIL (Linux; elsewhere nothing happens).

    The parent must start its children in its main thread: the signal comes when the *thread* that did it ends.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def take_short_turns() -> None:
    """Let this process run as soon as it has something to do, though others keep all processors busy.

    Else it would wait for the end of another one's turn, which lasts some milliseconds. In exchange its own turns are
    short; so it gets no larger share of the time than before. (Linux 6.12 and newer; elsewhere nothing happens.)
    """
    number = _SCHED_SETATTR.get(os.uname().machine)
    if sys.platform == "linux" and number and os.sched_getscheduler(0) == os.SCHED_OTHER:
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, _TURN, 0, 0)
        ctypes.CDLL(None).syscall(number, 0, attributes, 0)


def end_group(status: int) -> None:
    """End this process at once, with whatever it has started (if it leads its group)."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(status)


def kill_group(pid: int) -> None:
    """Kill a process and whatever it has started, as far as that stayed in its group."""
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def is_alive(pid: int) -> bool:
    """Whether there is a process of this id that is not a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return True


def open_pid(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; None where there is no such thing."""
    try:
        return os.pidfd_open(pid)
    except (OSError, AttributeError):
        return None


def detach_input() -> None:
    """Read from nowhere."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
