"""What a process uses of CPU and memory."""

from __future__ import annotations

import psutil


class Process:
    """A process, running or over.

    Args:
        pid: its number.

    Raises:
        ProcessLookupError: there is none with this number.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._process = psutil.Process(pid)
        except psutil.NoSuchProcess:
            raise ProcessLookupError(f"no process {pid}") from None

    def private(self) -> int:
        """The memory that it has for itself, in bytes; 0 if it is gone.

        What it shares (libraries, arrays in shared memory) would be counted for every worker.
        """
        try:
            memory = self._process.memory_info()
        except psutil.Error:
            return 0
        return int(memory.rss - getattr(memory, "shared", 0))

    def used(self, proportional: bool) -> tuple[float, int] | None:
        """Seconds of CPU since its start, and bytes of memory; None if it is gone.

        Args:
            proportional: of memory that it shares with others count its part only. That is slow to find.
        """
        try:
            times = self._process.cpu_times()
            memory = self._process.memory_full_info().pss if proportional else self._process.memory_info().rss
        except (psutil.Error, AttributeError):
            return None
        return times.user + times.system, memory
