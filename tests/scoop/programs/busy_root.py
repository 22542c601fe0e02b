"""A root with two busy workers, one of which has started a process; tells when its pool is gone.

Usage: busy_root.py FOLDER
"""

import subprocess
import sys
from pathlib import Path

import scoop
from scoop import futures
from tests.scoop import tasks
from tests.waiting import eventually


def start_child(folder: Path) -> None:
    child = subprocess.Popen(["sleep", "3600"])
    (folder / "child").write_text(str(child.pid))
    tasks.spin(folder)


folder = Path(sys.argv[1])
scoop.start(2, "busy")
pending = [futures.submit(start_child, folder), *(futures.submit(tasks.sleep, folder) for _ in range(10))]
eventually(lambda: len(tasks.begun(folder)) == 2)
print("begun")
print(type(pending[5].exception()).__name__)
input()
