"""mapScan: all the results on the way to the last one, each combined with everything before it.

Run it with `python -m scoop -n 4 examples/map_scan.py`.
"""

from itertools import accumulate
from operator import add

from scoop import futures


def square(number):
    return number * number


if __name__ == "__main__":
    sums = futures.mapScan(square, add, range(8))
    print(*sums)
    assert sums == list(accumulate(map(square, range(8))))

    print("the highest so far:", *futures.mapScan(int, max, "31415926"))
