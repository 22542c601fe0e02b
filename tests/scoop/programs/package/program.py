"""A program in a package: `python -m scoop -m package.program`."""

import sys

from scoop import futures

from .neighbour import quarter


def half(x: int) -> float:
    return 2 * quarter(x)


if __name__ == "__main__":
    print(sys.argv[1:], list(futures.map(half, range(3))), list(futures.map(quarter, range(3))))
