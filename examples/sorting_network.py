"""Evolution with DEAP, of two things at once: sorting networks that sort as much as possible with few comparators.

Run it with `python -m scoop -n 4 examples/sorting_network.py [generations]`.

A network is a list of pairs of wires; each comparator puts the smaller of its two values first. One that sorts all
rows of zeros and ones sorts everything.
"""

import random
import sys
from itertools import product

from deap import algorithms, base, creator, tools

from scoop import futures

WIRES = 5
ROWS = list(product((0, 1), repeat=WIRES))

creator.create("Errors", base.Fitness, weights=(-1.0, -0.01))
creator.create("Network", list, fitness=creator.Errors)


def comparator():
    return tuple(sorted(random.sample(range(WIRES), 2)))


def unsorted_rows(network):
    """How many rows the network leaves unsorted, and how many comparators it has."""
    wrong = 0
    for row in map(list, ROWS):
        for low, high in network:
            if row[low] > row[high]:
                row[low], row[high] = row[high], row[low]
        wrong += row != sorted(row)
    return wrong, len(network)


def mutate(network):
    """Change, insert or remove a comparator."""
    place = random.randrange(len(network))
    kind = random.choice(("change", "insert", "remove"))
    if kind == "insert":
        network.insert(place, comparator())
    elif kind == "change":
        network[place] = comparator()
    elif len(network) > 2:
        del network[place]
    return (network,)


toolbox = base.Toolbox()
toolbox.register("individual", tools.initRepeat, creator.Network, comparator, n=10)
toolbox.register("population", tools.initRepeat, list, toolbox.individual)
toolbox.register("evaluate", unsorted_rows)
toolbox.register("mate", tools.cxOnePoint)
toolbox.register("mutate", mutate)
toolbox.register("select", tools.selNSGA2)
toolbox.register("map", futures.map)

if __name__ == "__main__":
    random.seed(3)
    generations = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    population, best = toolbox.population(n=30), tools.HallOfFame(1)
    algorithms.eaMuPlusLambda(
        population, toolbox, mu=30, lambda_=60, cxpb=0.4, mutpb=0.6, ngen=generations, halloffame=best, verbose=False
    )
    wrong, size = best[0].fitness.values
    print(f"{size:.0f} comparators leave {wrong:.0f} of {len(ROWS)} rows unsorted:", *best[0])
