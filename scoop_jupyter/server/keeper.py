"""The process that keeps a pool for the Jupyter server: it runs the Python that tasks want, and ends with the server.

It reads one line of JSON with what `scoop.start` wants, and writes one with the name of the pool, or with why not.
The end of its standard input ends the pool, however the server came to its own end.
"""

from __future__ import annotations

import json
import os
import select
import sys

import scoop

#: How often it looks whether the pool was stopped by somebody else, in seconds.
LOOK_SECONDS = 1.0


def main() -> int:
    """Start a pool, say so, and stop it when nobody holds the other end of the standard input any more."""
    order = json.loads(sys.stdin.buffer.readline())
    # What workers print of their own is for the server's log, and must not look like an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        pool = scoop.start(**order, preload=["scoop_jupyter.rich"])  # notebooks will use it
    except (scoop.ScoopError, ValueError) as error:
        said = "refused" if isinstance(error, ValueError) else "failed"
        print(json.dumps({said: str(error)}), file=answers, flush=True)
        return 1
    with pool:
        print(json.dumps({"name": pool.name}), file=answers, flush=True)
        while pool.alive:
            if select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
                break
    return 0


if __name__ == "__main__":
    sys.exit(main())
