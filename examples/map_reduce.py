"""mapReduce: maps, and combines neighbouring results in a tree of tasks; only the last one comes back.

Run it with `python -m scoop -n 4 examples/map_reduce.py`.
"""

from collections import Counter
from operator import add

from scoop import futures

TEXT = """
the root starts the pool and the broker knows who has work
a worker that waits for the tasks of a task does not wait idly
the tree of tasks grows where the work is and the root has the sum
""".strip()


def words(line):
    return Counter(line.split())


if __name__ == "__main__":
    counts = futures.mapReduce(words, add, TEXT.splitlines())
    print(counts.most_common(3))

    # Neighbours stay neighbours: what is combined need not be commutative.
    print(futures.mapReduce(str, add, range(10)))
