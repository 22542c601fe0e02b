"""The first process of a pool, from before it is known what pool that will be.

It imports for as long as whoever starts the pool does, so both do it at the same time: of all modules of the engine,
this one and those that it imports are loaded sooner.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase

#: Variables of the environment (as patterns) that the processes of a pool don't get: with these tokens one acts for
#: the user, in all of a JupyterHub or in a Jupyter server. Tasks need none of them, but they print and save their
#: environment, and start programs that do.
SECRETS = ("JUPYTERHUB_*TOKEN*", "JPY_*TOKEN*", "JUPYTER_TOKEN")
#: What was begun in vain gets so many seconds to end by itself.
END_SECONDS = 3.0

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Modules make next to no garbage: to look for it takes longer than the forks.
_CODE = f"import gc, sys; gc.disable(); sys.path.insert(0, {_HERE!r}); from scoop_core.forkserver import main; main()"


@contextmanager
def spawned(out: int = -1) -> Iterator[subprocess.Popen[bytes]]:
    """Begin the first process of a pool, which waits on its standard input for its `config.Launch`.

    It stays when the context is left, but for an exception, which ends it.

    Args:
        out: a descriptor that it gets, too, under the same number; -1 for none.

    Raises:
        OSError: there can be no more processes.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _CODE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[out] if out >= 0 else [],
        env=without_secrets(os.environ),
        start_new_session=True,
    )
    try:
        yield process
    except BaseException:
        end(process, END_SECONDS)
        raise


def end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Close the pipes to a pool's first process, which has it end all that it started, and then itself.

    Args:
        process: as from `spawned`.
        seconds: how long it may take; it is killed then.
    """
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """What of an environment the processes of a pool get.

    It has to be left out before they start: what a process deletes of its own remains to be seen in /proc.
    """
    return {
        name: value for name, value in environment.items() if not any(fnmatchcase(name, secret) for secret in SECRETS)
    }
