"""Divide and conquer: quicksort, with a task for one half of what is long enough to be worth it.

Run it with `python -m scoop -n 4 examples/sorting.py [length]`.
"""

import random
import sys

from scoop import futures

#: Shorter lists are sorted in one go.
WORTH = 2000


def quicksort(values):
    if len(values) <= WORTH:
        return sorted(values)
    pivot = values[len(values) // 2]
    lower = futures.submit(quicksort, [v for v in values if v < pivot])
    upper = quicksort([v for v in values if v > pivot])
    return lower.result() + [v for v in values if v == pivot] + upper


if __name__ == "__main__":
    length = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    values = [random.random() for _ in range(length)]
    print(f"{length} numbers are in order: {quicksort(values) == sorted(values)}")
