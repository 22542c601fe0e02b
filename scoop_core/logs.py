"""Where the records of the `scoop` logger go, in each process of a program under ``python -m scoop``."""

from __future__ import annotations

import logging
import sys


def set_up(worker: str, level: int, file: str = "") -> None:
    """Have the `scoop` logger say what it is told.

    Args:
        worker: the name of this process in its pool.
        level: of the records that are worth telling, as in `logging`.
        file: the path of a file that they are appended to, line by line; by default they go to the standard error
            stream.

    Raises:
        OSError: the file can't be written to.
    """
    handler = logging.FileHandler(file, encoding="utf-8") if file else logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"[%(asctime)s] %(module)s ({worker}) %(levelname)s %(message)s"))
    logger = logging.getLogger("scoop")
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False  # a handler of the program's own would say everything twice
