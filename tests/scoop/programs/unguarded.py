"""Has no guard: workers run all of it when they import it, serially."""

import warnings

from scoop import futures

warnings.simplefilter("ignore")


def square(x: int) -> int:
    return x * x


print(sum(futures.map(square, range(100))))
