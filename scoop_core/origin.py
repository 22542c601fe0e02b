"""A script as the root of a pool: ``python -m scoop``. Its process is one of the workers."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scoop_core import messages as m
from scoop_core.current import current
from scoop_core.launch import launch, reap
from scoop_core.program import Program
from scoop_core.worker import Worker


def run_program(
    program: Program,
    arguments: Sequence[str],
    n: int,
    name: str | None = None,
    *,
    preload: Sequence[str] = (),
    nice: int = 0,
) -> None:
    """Run a script as the root of a pool of n workers, of which this process is one; then end the pool.

    Args:
        program: the script.
        arguments: what it finds in `sys.argv` behind its own name.
        n: how many workers; with 1 all runs in this process.
        name: of the pool.
        preload: modules to import once, before the workers are forked.
        nice: added to the workers' niceness.

    Raises:
        BaseException: what the script raised.
    """
    sys.argv = [program.path if program.module else program.target, *arguments]
    program.prepare()
    connection, process = launch(
        n - 1, name, path=sys.path, program=program.target, module=program.module, forward=False, preload=preload,
        first=1, nice=nice,
    )  # fmt: skip
    origin = Worker(connection, 0, program=program, forward=False, origin=True)
    origin.size = n
    current.engine = origin
    try:
        origin.run_program(program.run)
    finally:
        current.engine = None
        if origin.lost is None:
            origin.link.send(m.Stop())
        origin.link.close()
        reap(process)
