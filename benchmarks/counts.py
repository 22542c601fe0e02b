"""What the engine does for 1,000 tasks, in counts that are the same on every machine and in every mood of it:
messages, their bytes, calls of Python functions, and blocks of memory that are taken meanwhile.

    python -m benchmarks.counts [--json]
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.model import Model
from scoop_core import messages as m
from scoop_core.future import Future
from scoop_core.owner import Options, Owner
from scoop_core.payload import Packer
from scoop_core.store import Shelf
from scoop_core.task_tree import top

Counts = dict[str, float]


class Counter:
    """Counts the calls of Python functions in a block."""

    def __init__(self) -> None:
        self.calls = 0

    def __enter__(self) -> Counter:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _note(self, frame: Any, event: str, argument: Any) -> None:
        self.calls += event == "call"


def broker(workers: int, tasks: int, seconds: float) -> Counts:
    """What the broker does for a map."""
    with Counter() as counter:
        model = Model(workers, tasks, seconds, service=20e-6)
    # The model's own functions, one for each event and message, are called as often as messages are counted.
    return {
        "messages": model.messages / tasks * 1e3,
        "bytes": model.bytes / tasks * 1e3,
        "calls": counter.calls / tasks * 1e3,
    }


def task(x: int) -> int:
    return x


class Engine:
    """Nobody waits here."""

    def wait_for(self, future: Future, timeout: float | None) -> bool:
        return False

    def cancel(self, future: Future) -> bool:
        return False

    def is_running(self, future: Future) -> bool:
        return False


def owner(work: Callable[[Owner, Any, m.Spec], list[Future]]) -> Counts:
    """What a root does to hand out tasks."""
    posted: list[m.Header] = []
    packer = Packer(Shelf("/nowhere", "r"))
    own = Owner("r", lambda header, frames: posted.append(header), packer)
    packed = packer.pack_function(task)
    spec = own.spec(packed, "r", 1, top("r", 1).child("task"), Options())
    with Counter() as counter:
        tasks = len(work(own, packed, spec))
    size = sum(len(m.encode(header)) for header in posted)
    counts = {
        "messages": len(posted) / tasks * 1e3,
        "bytes": size / tasks * 1e3,
        "calls": counter.calls / tasks * 1e3,
    }
    before = blocks()
    pending = work(own, packed, spec)
    counts["blocks"] = (blocks() - before) / len(pending) * 1e3
    return counts


def blocks() -> int:
    """How many blocks of memory Python objects have."""
    gc.collect()
    return sys.getallocatedblocks()


def submits(own: Owner, packed: Any, spec: m.Spec) -> list[Future]:
    engine: Any = Engine()
    pending = [Future() for _ in range(10_000)]
    for i, future in enumerate(pending):
        future._engine = engine
        own.call(future, packed, spec, own.packer.freeze(((i,), {})))
    own.flush()
    return pending


WORK: dict[str, Callable[[], Counts]] = {
    "broker: map of 100,000 tasks of 10 µs, 2 workers": lambda: broker(2, 100_000, 10e-6),
    "broker: map of 10,000 tasks of 10 ms, 100 workers": lambda: broker(100, 10_000, 0.01),
    "root: 10,000 submits": lambda: owner(submits),
}


def count() -> dict[str, Counts]:
    return {name: {what: round(number, 2) for what, number in work().items()} for name, work in WORK.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.counts", description=__doc__)
    parser.add_argument("--json", action="store_true", help="for `benchmarks.regress`")
    options = parser.parse_args()
    found = count()
    if options.json:
        print(json.dumps(found, indent=1))
        return
    columns = ("messages", "bytes", "calls", "blocks")
    print(f"{'for 1,000 tasks':50}" + "".join(f"{what:>12}" for what in columns))
    for name, counts in found.items():
        print(f"{name:50}" + "".join(f"{counts[what]:>12,.1f}" if what in counts else "" for what in columns))


if __name__ == "__main__":
    main()
