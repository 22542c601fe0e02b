"""Callbacks: what is to be done as soon as a task is over, here or where it ran.

Run it with `python -m scoop -n 4 examples/callbacks.py`.
"""

import scoop
from scoop import futures

known = []


def cube(number):
    return number**3


def tell(future):
    """A standard callback: runs in the program that submitted the task."""
    print(f"{future.result()} is ready, says {'the program' if scoop.IS_ORIGIN else 'a worker'}")


def remember(future):
    """A universal one: runs in the process that ran the task, so that each has its own results at hand."""
    known.append(future.result())


if __name__ == "__main__":
    pending = [futures.submit(cube, number) for number in range(4)]
    for future in pending:
        future.add_done_callback(tell)
        future.add_done_callback(remember, inCallbackType="universal")
    futures.wait(pending)
    print("the sum is", sum(future.result() for future in pending))
