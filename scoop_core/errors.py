"""Every error that SCOOP raises by itself, in one tree.

::

    ScoopError
    ├── NotStarted           futures were used, but there is no pool (also a RuntimeError)
    ├── StartFailed          a pool could not be started
    │   └── LaunchFailed     a batch system, or another way to other hosts, refused or did not answer
    ├── OverLimit            more was asked for than the configuration files allow (also a ValueError)
    ├── BadLimits            such a file can't be used (also a ValueError)
    ├── BadProfile           a profile of these files can't be used, or there is none of that name (also a ValueError)
    ├── NoSuchPool           there is no pool of that name to connect to (also a LookupError)
    ├── NoSuchWorker         a pool has no worker of that name (also a LookupError)
    ├── BrokerLost           the pool is gone, and with it what was pending (also a BrokenExecutor)
    ├── NotSupported         this engine can't do what was asked for (also a NotImplementedError)
    ├── NothingToReplay      a task can't be run again: it has not failed, or is not kept (also a LookupError)
    └── TaskFailed           one task could not be run, or its outcome could not be brought back
        ├── TaskTimeout      the task ran longer than its time limit, and was ended (also a TimeoutError)
        ├── NotPicklable     a function, an argument, a result or an exception does not travel (also a TypeError)
        └── WorkerLost       the task was on board when several workers died, one after the other

What a task itself raises comes back as it is, with a `RemoteTraceback` as its cause.
"""

from __future__ import annotations

import signal
from concurrent.futures import BrokenExecutor


class ScoopError(Exception):
    """The root of all errors that SCOOP raises by itself."""


class NotStarted(ScoopError, RuntimeError):
    """Futures were used outside of a running pool."""


class StartFailed(ScoopError, RuntimeError):
    """A pool could not be started; the message holds what its first process had to say."""


class LaunchFailed(StartFailed):
    """Workers on other hosts could not be started, asked for or ended; the message has what was said about that."""


class OverLimit(ScoopError, ValueError):
    """A configuration file allows less than what was asked for; the message says how much, and which file."""


class BadLimits(ScoopError, ValueError):
    """A configuration file can't be read, or says what makes no sense; the message names it."""


class BadProfile(ScoopError, ValueError):
    """There is no profile of this name, or what a configuration file says of it makes no sense."""


class NoSuchPool(ScoopError, LookupError):
    """No running pool has this name, or its connection file leads nowhere."""


class NoSuchWorker(ScoopError, LookupError):
    """No worker of the pool has this name, or it is not one that can be replaced."""


class BrokerLost(ScoopError, BrokenExecutor):
    """The pool ended or died while something was pending, or before it was asked."""


class NotSupported(ScoopError, NotImplementedError):
    """The engine in use, such as a Dask cluster, can't do what was asked for."""


class NothingToReplay(ScoopError, LookupError):
    """There is no failed task to run again, or not what it takes; the message says why."""


class TaskFailed(ScoopError):
    """One task could not be run, or its outcome could not be brought back."""


class NotPicklable(TaskFailed, TypeError):
    """A function, an argument, a result or an exception can't be sent to another process."""


class TaskTimeout(TaskFailed, TimeoutError):
    """A task ran for longer than it may, and was ended.

    Attributes:
        task: the name of the task's function.
        limit: how long it may run, in seconds.
    """

    def __init__(self, task: str, limit: float) -> None:
        super().__init__(task, limit)
        self.task = task
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.task!r} was ended, for it ran longer than its limit of {self.limit:g} s."


class WorkerLost(TaskFailed):
    """A task was running on several workers in a row when they died.

    Attributes:
        task: the name of the task's function.
        exitcode: the last worker's exit status, or None where a signal ended it, or nobody knows.
        signal: the name of the signal that ended it ("SIGKILL"), or None.
        peak: the most memory that this worker had used, in bytes.
        deaths: how many workers died with this task on board.
        limit: the memory in bytes that a worker may use, if the last one was ended for using more; else 0.
    """

    def __init__(self, task: str, status: int | None, peak: int, deaths: int, limit: int = 0) -> None:
        # All go to Exception's args, so that the error survives pickling.
        super().__init__(task, status, peak, deaths, limit)
        self.task = task
        self.signal = _signal_name(-status) if status is not None and status < 0 else None
        self.exitcode = status if status is not None and status >= 0 else None
        self.peak = peak
        self.deaths = deaths
        self.limit = limit

    def __str__(self) -> str:
        if not self.deaths:
            return f"{self.task!r} was to run on one worker only, and that worker is gone."
        how = f"killed by {self.signal}" if self.signal else f"exit status {self.exitcode}"
        hint = " Out of memory is a usual reason." if self.signal == "SIGKILL" else ""
        if self.limit:
            how, hint = f"out of memory, for a worker may use {self.limit / 2**20:.0f} MiB", ""
        workers = "its worker died" if self.deaths == 1 else f"{self.deaths} workers died, one after the other,"
        last = f" (the last one: {how}, peak memory {self.peak / 2**20:.0f} MiB).{hint}"
        if self.signal is None and self.exitcode is None:
            last = "."
        return f"{workers} while running {self.task!r}{last} The task was given up; all others go on."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most of the real-time signals have none
        return f"signal {number}"


class RemoteTraceback(Exception):
    """Where a task failed, in the words of the worker that ran it; the cause of what `result()` raises.

    Attributes:
        text: the traceback.
        id: by which the task can be run again (see `replay`); empty if it can't.
    """

    def __init__(self, text: str, id: str = "") -> None:
        super().__init__(text, id)
        self.text = text
        self.id = id

    def __str__(self) -> str:
        return f"\n{self.text}"
