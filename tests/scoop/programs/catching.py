"""Catches an interrupt while it waits, in several ways, and goes on.

Usage: catching.py FOLDER
"""

import sys
from pathlib import Path

from scoop import futures
from tests.scoop import tasks


def family(folder: Path) -> None:
    futures.submit(tasks.sleep, folder).result()


WAYS = [
    lambda folder: list(futures.map(tasks.sleep, [folder] * 5)),
    lambda folder: futures.submit(family, folder).result(),
    lambda folder: futures.wait([futures.submit(tasks.spin, folder) for _ in range(2)]),
    lambda folder: list(futures.as_completed([futures.submit(family, folder)])),
    lambda folder: tasks.sleep(folder),
]

if __name__ == "__main__":
    for number, wait in enumerate(WAYS):
        folder = Path(sys.argv[1]) / str(number)
        folder.mkdir()
        try:
            wait(folder)
        except KeyboardInterrupt as error:
            print("caught", type(error).__name__)
    print(sum(futures.map(tasks.inc, range(100))))
