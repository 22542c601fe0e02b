"""Fails in the way that it is told.

Usage: failing.py here|task|nested
"""

import sys

from scoop import futures


def divide(x: int) -> float:
    return 1 / x  # the culprit


def in_a_task(x: int) -> float:
    return futures.submit(divide, x).result()


if __name__ == "__main__":
    if sys.argv[1] == "here":
        divide(0)
    elif sys.argv[1] == "task":
        print(list(futures.map(divide, [1, 0])))
    elif sys.argv[1] == "nested":
        futures.submit(in_a_task, 0).result()
