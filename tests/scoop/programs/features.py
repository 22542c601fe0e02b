"""A program as people write them; prints a line for each thing that works."""

import functools
import operator
import os
import sys
from dataclasses import dataclass
from typing import Any

import neighbour

from scoop import futures, shared

LOADED_BY = os.getpid()  # as large data would be: loaded by each process, never sent
TABLE = {x: x * x for x in range(10)}


@dataclass(frozen=True)
class Point:
    x: int

    def shifted(self, by: int) -> "Point":
        return Point(self.x + by)

    @classmethod
    def origin(cls, _: object) -> "Point":
        return cls(0)


def has_its_own_data(_: object) -> bool:
    return os.getpid() == LOADED_BY


def look_up(x: int) -> int:
    return TABLE[x]


def tree(depth: int) -> int:
    return 1 if depth == 0 else sum(futures.map(tree, [depth - 1] * 2))


def descend(depth: int) -> int:
    return 0 if depth == 0 else 1 + futures.submit(descend, depth - 1).result()


def process(_: object) -> int:
    return os.getpid()


@functools.lru_cache
def cached(x: int) -> int:
    return -x


def name_of_module(_: object) -> str:
    return __name__


def main() -> None:
    def closure(x: int) -> int:
        return x + len(sys.argv)

    print("by reference", all(futures.map(has_its_own_data, range(50))))
    print("data", list(futures.map(look_up, range(4))))
    print("nested", list(futures.map(tree, range(6))))
    print("deep", futures.submit(descend, 300).result())
    print("lambda", list(futures.map(lambda x: x + 1, range(4))))
    print("closure", list(futures.map(closure, range(4))))
    print("guarded", list(futures.map(guarded, range(4))), futures.submit(Guarded(5).get).result())
    print("class", list(futures.map(Point, range(2))) == [Point(0), Point(1)], list(futures.map(Point.origin, [1])))
    print("method", futures.submit(Point(1).shifted, 2).result() == Point(3))
    print("cached", list(futures.map(cached, range(3))))
    print("neighbour", list(futures.map(neighbour.triple, range(3))))
    print("reduce", futures.mapReduce(str, operator.add, range(5)), futures.mapScan(abs, operator.add, range(5)))
    shared.setConst(answer=42, function=lambda x: -x)
    print("shared", futures.submit(shared.getConst, "answer").result(), futures.submit(use_constant, 1).result())
    pids = set(futures.map(process, range(200)))
    print("processes", len(pids) <= int(sys.argv[1]), "named", set(futures.map(name_of_module, range(50))) & {"main"})


def use_constant(x: int) -> Any:
    return shared.getConst("function")(x)


if __name__ == "__main__":

    def guarded(x: int) -> int:
        return 10 * helper(x)

    def helper(x: int) -> int:
        return x + 1

    class Guarded:
        def __init__(self, value: int) -> None:
            self.value = value

        def get(self) -> int:
            return self.value

    main()
