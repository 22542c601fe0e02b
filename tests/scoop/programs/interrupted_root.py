"""A root that is interrupted while it waits, twice, and uses its pool afterwards.

Usage: interrupted_root.py map|map_as_completed|loop|result|wait|as_completed|mapReduce sleep|spin FOLDER
"""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import scoop
from scoop import futures
from tests.conftest import at_rest
from tests.scoop import tasks
from tests.waiting import eventually

how, task_name, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
task = getattr(tasks, task_name)


def wait_for_tasks() -> None:
    """Wait for tasks that never end, in one of several ways."""
    if how in ("map", "map_as_completed"):
        list(getattr(futures, how)(task, [folder] * 50))
    elif how == "loop":
        for _ in futures.map(task, [folder] * 50):
            pass
    elif how == "mapReduce":
        futures.mapReduce(task, tasks.add, [folder] * 50)
    else:
        pending: list[futures.Future] = []
        ways: dict[str, Callable[[], Any]] = {
            "result": lambda: pending[20].result(),
            "wait": lambda: futures.wait(pending),
            "as_completed": lambda: list(futures.as_completed(pending)),
        }
        try:
            for _ in range(50):
                pending.append(futures.submit(task, folder))
            ways[how]()
        finally:
            for future in pending:
                future.cancel()


def tell_when_begun() -> None:
    eventually(lambda: len(tasks.begun(folder)) == 2)
    print("begun")


pool = scoop.start(2)
before = {row["pid"] for row in pool.workers}
for _ in range(2):
    for path in folder.iterdir():
        path.unlink()
    teller = threading.Thread(target=tell_when_begun)
    teller.start()
    try:
        wait_for_tasks()
    except KeyboardInterrupt:
        print("KeyboardInterrupt")
    teller.join()
    eventually(lambda: at_rest(pool, 2))
    assert sum(futures.map(tasks.inc, range(100))) == 5050
    same = {row["pid"] for row in pool.workers} == before
    print(f"at rest, {'the same' if same else 'other'} workers")
print("done")
pool.stop()
