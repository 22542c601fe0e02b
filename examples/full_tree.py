"""A tree of tasks: each level submits, maps or reduces on the one below, and none of them occupies a worker.

Run it with `python -m scoop -n 4 examples/full_tree.py`.
"""

from operator import add

from scoop import futures


def leaf(number):
    return number


def twig(number):
    """Two tasks, one by one."""
    left, right = futures.submit(leaf, number), futures.submit(leaf, number + 1)
    return left.result() + right.result()


def branch(number):
    """Some tasks, in whatever order they are ready."""
    return sum(futures.map_as_completed(twig, range(number, number + 4)))


def bough(number):
    """A reduction in the middle of the tree."""
    return futures.mapReduce(branch, add, range(number, number + 4))


def trunk(height):
    pending = [futures.submit(bough, number) for number in range(height)]
    return sum(future.result() for future in futures.as_completed(pending))


if __name__ == "__main__":
    print("the sum of", 8 * 4 * 4 * 2, "leaves:", futures.submit(trunk, 8).result())
