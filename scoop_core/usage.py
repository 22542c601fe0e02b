"""What a process uses of CPU and memory."""

from __future__ import annotations

import time

import psutil

#: A look is not compared with one that was longer ago than this, in seconds.
RECENT = 5.0


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
        self._last = (0.0, -RECENT)  # CPU and time at the last look

    def private(self) -> int:
        """The memory that it has for itself, in bytes; 0 if it is gone.

        What it shares (libraries, arrays in shared memory) would be counted for every worker.
        """
        try:
            memory = self._process.memory_info()
        except psutil.Error:
            return 0
        return int(memory.rss - getattr(memory, "shared", 0))

    def used(self, proportional: bool) -> tuple[float, int, float] | None:
        """What it uses; None if it is gone.

        Args:
            proportional: of memory that it shares with others count its part only, if the system tells that. To find
                it takes about a millisecond.

        Returns:
            Seconds of CPU since its start; bytes of memory; the share of one core, 0 to 1, that it has used since the
            last look, if that was not long ago.
        """
        try:
            times = self._process.cpu_times()
            memory = self._proportional() if proportional else 0
            memory = memory or self._process.memory_info().rss
        except psutil.Error:
            return None
        cpu, now = times.user + times.system, time.monotonic()
        (cpu_then, then), self._last = self._last, (cpu, now)
        share = (cpu - cpu_then) / max(now - then, 0.01) if now - then < RECENT else 0.0
        return cpu, memory, min(1.0, max(0.0, share))

    def _proportional(self) -> int:
        """0 if the system does not tell it."""
        try:
            return int(self._process.memory_full_info().pss)
        except (psutil.AccessDenied, AttributeError):
            return 0
