"""Exceptions: they are raised where the result is asked for, with the worker's traceback; all other tasks go on.

Run it with `python -m scoop -n 4 examples/exceptions.py`.
"""

import sys

from scoop import futures


def inverse(number):
    return 1 / number


def give_up(reason):
    sys.exit(reason)


if __name__ == "__main__":
    future = futures.submit(inverse, 0)
    try:
        future.result()
    except ZeroDivisionError as error:
        print("result():", error)
        print("it knows the line:", "return 1 / number" in str(error.__cause__))

    results = futures.map(inverse, [1, 0, 4])
    print("map:", next(results))
    try:
        next(results)
    except ZeroDivisionError as error:
        print("map:", error)
    print("map goes on:", next(results))

    pending = [futures.submit(inverse, number) for number in (0, 2)]
    done, _ = futures.wait(pending)
    print("wait() doesn't raise:", sorted(type(future.exception()).__name__ for future in done))

    try:
        futures.submit(give_up, "enough").result()
    except SystemExit as end:
        print("sys.exit in a task:", end)
