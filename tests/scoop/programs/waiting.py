"""Waits for tasks that never end, until it is interrupted.

Usage: waiting.py elsewhere|map|result|wait|own FOLDER
"""

import sys
import time
from pathlib import Path

from scoop import futures
from tests.scoop import tasks
from tests.waiting import eventually

if __name__ == "__main__":
    folder = Path(sys.argv[2])
    (folder / "waits").touch()
    if sys.argv[1] == "elsewhere":
        future = futures.submit(tasks.sleep, folder)
        eventually(lambda: tasks.begun(folder), 20)  # on another worker, for this one is busy looking
        future.result()
    pending = [futures.submit(tasks.sleep, folder) for _ in range(5)]
    if sys.argv[1] == "map":
        list(futures.map(tasks.sleep, [folder] * 5))
    elif sys.argv[1] == "result":
        pending[0].result()
    elif sys.argv[1] == "wait":
        futures.wait(pending)
    else:
        for _ in range(3600):
            time.sleep(1)
