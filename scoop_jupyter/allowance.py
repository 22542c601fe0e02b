"""How large a user's pools may be, and what that makes of a wish for a pool. (`limits` reads where it is written.)"""

from __future__ import annotations

from typing import NamedTuple

from scoop_core.config import Cap
from scoop_core.errors import OverLimit
from scoop_core.files import running_pools
from scoop_core.hosts import WORKER_MEMORY, default_workers
from scoop_core.memory import parse_size

#: Configuration files that say so. The longer name is what Jupyter calls that of an extension of its server.
FILES = (
    *("scoop_config.py", "scoop_config.json", "scoop_config.toml"),
    *("jupyter_scoop_config.py", "jupyter_scoop_config.json", "jupyter_scoop_config.toml"),
)


class Allowance(NamedTuple):
    """What all files together allow one user; None where none of them says anything.

    Attributes:
        workers: how many a pool may have.
        pools: how many the user may have on this host at the same time.
        memory: how much a worker may use, in bytes.
        default: how many workers a pool has if nobody says it.
    """

    workers: Cap | None = None
    pools: Cap | None = None
    memory: Cap | None = None
    default: int | None = None

    def fitting(self, memory: int | None) -> int:
        """How many workers a pool has if nobody says it.

        Args:
            memory: that each of them may use, in bytes; None for no limit.
        """
        fit = default_workers(memory=memory or WORKER_MEMORY)
        return min(fit, self.default or fit, self.workers.most if self.workers else fit)


def within_limits(
    n: int | None, memory_limit: int | str | None, allowed: Allowance
) -> tuple[int, int | None, Cap | None]:
    """What to start a pool with: its number of workers, their limit of memory, and how many it may ever have.

    Args:
        n: how many workers are wanted; None for as many as fit.
        memory_limit: what each of them may use, in bytes or as text; None for no limit.
        allowed: by the files.

    Raises:
        ValueError: the limit is no size.
        OverLimit: that is more than the user is allowed.
    """
    memory = None if memory_limit is None else parse_size(memory_limit)
    if allowed.memory is not None:
        most, source = allowed.memory.most, allowed.memory.source
        if memory is not None and memory > most:
            raise OverLimit(
                f"{memory / 2**20:.0f} MiB are too much memory for a worker: {source} allows {most / 2**20:.0f} MiB."
            )
        memory = memory or most
    if allowed.pools is not None and len(running := running_pools()) >= allowed.pools.most:
        names = ", ".join(repr(pool.name) for pool in running)
        raise OverLimit(
            f"You have {len(running)} pools already ({names}), and {allowed.pools.source} allows "
            f"{allowed.pools.most} at a time: connect to one, or stop it."
        )
    return allowed.fitting(memory) if n is None else n, memory, allowed.workers
