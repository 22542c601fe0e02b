"""``scoop.logger``: a logger whose records tell the time, the module and the worker."""

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


def _name_worker(record: logging.LogRecord) -> bool:
    """Let formats use ``%(worker)s``."""
    engine = current.engine or current.importing
    record.worker = engine.name if engine is not None else "no pool"
    return True


def make_logger() -> logging.Logger:
    """The logger of the package, set up once."""
    logger = logging.getLogger("scoop")
    if not logger.handlers:
        handler = _Console()
        handler.setFormatter(logging.Formatter(FORMAT))
        handler.addFilter(_name_worker)  # for records of child loggers
        logger.addHandler(handler)
        logger.addFilter(_name_worker)  # for handlers of others
    return logger
