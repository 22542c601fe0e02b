"""``scoop.logger``: a logger whose records tell the time, the module and the worker; and where they go."""

from __future__ import annotations

import logging
import sys

from scoop_core.current import current

FORMAT = "[%(asctime)s] %(module)s (%(worker)s) %(levelname)s %(message)s"


class _Console(logging.Handler):
    """Writes to what is the standard error stream now: a task's goes to its root.

    Where the program has set up logging by itself, its own handlers show the records.
    """

    def emit(self, record: logging.LogRecord) -> None:
        if not logging.getLogger().handlers:
            try:
                print(self.format(record), file=sys.stderr)
            except Exception:
                self.handleError(record)


class _Namer(logging.Filter):
    """Lets formats use ``%(worker)s``."""

    def __init__(self) -> None:
        super().__init__()
        self.process = ""  # of this process in its pool, where it is no worker, or none yet

    def filter(self, record: logging.LogRecord) -> bool:
        engine = current.engine or current.importing
        record.worker = self.process or (engine.name if engine is not None else "no pool")
        return True


_namer = _Namer()


def _ready(handler: logging.Handler) -> logging.Handler:
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(_namer)  # for records of child loggers
    return handler


def _make_logger() -> logging.Logger:
    """The logger of the package, set up once."""
    logger = logging.getLogger("scoop")
    if not logger.handlers:
        logger.addHandler(_ready(_Console()))
        logger.addFilter(_namer)  # for handlers of others
    return logger


logger = _make_logger()


def set_up(process: str, level: int, file: str = "") -> None:
    """Have the logger of the package say what it is told, under ``python -m scoop``.

    Args:
        process: the name of this process in its pool.
        level: of the records that are worth telling, as in `logging`.
        file: the path of a file that they are appended to, line by line; by default they go to the standard error
            stream.

    Raises:
        OSError: the file can't be written to.
    """
    _namer.process = process
    logger.setLevel(level)
    if file:
        logger.handlers[:] = [_ready(logging.FileHandler(file, encoding="utf-8"))]
        logger.propagate = False  # they go there, and nowhere else
