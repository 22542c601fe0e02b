"""Waits for tasks that never end, until it is interrupted.

Usage: waiting.py map|result|wait|own FOLDER
"""

import sys
import time
from pathlib import Path

from scoop import futures
from tests.scoop import tasks

if __name__ == "__main__":
    folder = Path(sys.argv[2])
    (folder / "waits").touch()
    pending = [futures.submit(tasks.sleep, folder) for _ in range(5)]
    if sys.argv[1] == "elsewhere":
        while not tasks.begun(folder):
            time.sleep(0.005)
        futures.wait(pending, timeout=3600)
    if sys.argv[1] == "map":
        list(futures.map(tasks.sleep, [folder] * 5))
    elif sys.argv[1] == "result":
        pending[0].result()
    elif sys.argv[1] == "wait":
        futures.wait(pending)
    else:
        time.sleep(3600)
