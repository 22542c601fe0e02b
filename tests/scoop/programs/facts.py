"""Tells what each of two workers sees of its surroundings: one line of JSON for each, the program's own first."""

import importlib.util
import json
import logging
import os
import sys
import time
from pathlib import Path

from scoop import futures

FOUND = importlib.util.find_spec("only_there") is not None  # as workers see it when they import this


def facts(folder):
    """Facts of this process; there must be two of them at this moment."""
    Path(folder, f"here-{os.getpid()}").touch()
    until = time.monotonic() + 20
    while len(list(Path(folder).glob("here-*"))) < 2:
        assert time.monotonic() < until, "no second worker came"
        time.sleep(0.005)
    log = logging.getLogger("scoop")
    log.debug("a detail")
    log.info("a fact")
    log.warning("a warning")
    return {
        "pid": os.getpid(),
        "nice": os.nice(0),
        "cwd": os.getcwd(),
        "found": FOUND,
        "said": os.environ.get("SAID"),
        "wrapped": os.environ.get("WRAPPED"),
    }


if __name__ == "__main__":
    seen = list(futures.map(facts, [sys.argv[1]] * 2))
    for one in sorted(seen, key=lambda one: one["pid"] != os.getpid()):
        print(json.dumps(one))
    print(sys.argv[2:], sys.stdin.read())
