"""A program as people wrote them for the original, with its names only; each function tells what it has seen."""

import itertools
import operator
import os
import time
from functools import partial, reduce
from types import SimpleNamespace

from deap import base, creator

import scoop
from scoop import futures, shared
from scoop.fallbacks import NotStartedProperly

creator.create("Fitness", base.Fitness, weights=(1.0,))
creator.create("Individual", list, fitness=creator.Fitness)

KIND = creator.Individual
AT_IMPORT = SimpleNamespace(worker=scoop.worker, origin=scoop.IS_ORIGIN, size=scoop.SIZE)


def square(x):
    return x * x


def keywords(a, b=2, *, c=3):
    return a, b, c


def recurse(depth):
    return 0 if depth == 0 else 1 + futures.submit(recurse, depth - 1).result()


def fail(error):
    raise error


def one_more(individual):
    """As DEAP's operators do: made anew from the name in `creator`, and from the class of the argument."""
    time.sleep(0.005)
    known = type(individual) is KIND is creator.Individual
    return type(individual)(individual), creator.Individual([*individual, 1]), known, scoop.worker


def places(_):
    same = SimpleNamespace(worker=scoop.worker, origin=scoop.IS_ORIGIN, size=scoop.SIZE) == AT_IMPORT
    return __name__, same, scoop.IS_RUNNING, scoop.SIZE


def call_constant(x):
    return [shared.getConst(name)(x) for name in ("function", "method", "lambda_", "type_")]


def maps():
    yield list(futures.map(pow, itertools.count(), itertools.repeat(2), range(3, 8))) == list(
        map(pow, itertools.count(), itertools.repeat(2), range(3, 8))
    )
    yield list(futures.map(square, (x for x in range(5))))
    yield sorted(futures.map_as_completed(square, range(5)))
    yield list(futures.map(partial(operator.mul, 3), range(3)))


def submits():
    yield futures.submit(keywords, 1, c=9).result()
    yield futures.submit(recurse, 250).result()
    future = futures.submit(square, 3)
    yield future.result(), future.exception(), future.done(), future.running(), future.cancelled()


def errors():
    for error in (ValueError("v"), SystemExit(3), KeyboardInterrupt(), MemoryError("m"), GeneratorExit()):
        try:
            futures.submit(fail, error).result()
        except BaseException as caught:
            yield repr(caught)
    results = futures.map(fail, [KeyError(1)])
    try:
        next(results)
    except KeyError as caught:
        yield repr(caught)


def waits():
    ends = [futures.submit(square, 2), futures.submit(fail, ValueError())]
    for limits in ((), (-1,), (None,), (60,)):
        done, not_done = futures.wait(ends, *limits)
        yield len(done), len(not_done)
    yield len(futures.wait(ends, timeout=0, return_when=futures.FIRST_COMPLETED).done)
    yield sorted(type(future.exception()).__name__ for future in futures.as_completed(ends))


def reductions():
    yield futures.mapReduce(str, operator.add, range(9)), futures.mapReduce(str, operator.add, "a")
    yield futures.mapReduce(max, operator.add, (x for x in range(4)), [2, 2, 2, 2])
    try:
        futures.mapReduce(str, operator.add, [])
    except TypeError as error:
        yield str(error)
    yield futures.mapScan(square, operator.add, range(8))


def constants():
    shared.setConst(function=square, method="{}!".format, lambda_=lambda x: -x, type_=str)
    yield futures.submit(call_constant, 4).result()
    yield shared.getConst("nowhere", timeout=0.05)
    try:
        shared.setConst(function=abs)
    except TypeError as error:
        yield str(error)


def surroundings():
    """Which are the same everywhere."""
    yield set(futures.map(places, range(200)))
    yield scoop.IS_ORIGIN, scoop.DEBUG, os.path.basename(scoop.MAIN_MODULE), scoop.CONFIGURATION["headless"]
    yield bool(scoop.BROKER.hostname), issubclass(NotStartedProperly, Exception)


def classes():
    """Those of `creator` are the same here and there."""
    first = creator.Individual
    workers = set()
    for copy, made, known, worker in futures.map(one_more, [first([0])] * 60):
        assert type(copy) is type(made) is first is creator.Individual and known
        workers.add(worker)
    yield len(workers)


if __name__ == "__main__":
    for part in (maps, submits, errors, waits, reductions, constants, surroundings, classes):
        print(part.__name__, *part(), sep="; ")
    assert reduce(operator.add, map(square, range(4))) == 14  # the built-in ones are as ever
