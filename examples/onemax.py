"""Evolution with DEAP: which row of bits has the most ones? `futures.map` evaluates each generation.

Run it with `python -m scoop -n 4 examples/onemax.py [generations]`.

What `creator` makes at the top level is there on each worker, for that has imported the program too.
"""

import random
import sys

from deap import algorithms, base, creator, tools

from scoop import futures

BITS = 50

creator.create("Fitness", base.Fitness, weights=(1.0,))
creator.create("Bits", list, fitness=creator.Fitness)


def ones(bits):
    return (sum(bits),)


toolbox = base.Toolbox()
toolbox.register("bit", random.randint, 0, 1)
toolbox.register("individual", tools.initRepeat, creator.Bits, toolbox.bit, n=BITS)
toolbox.register("population", tools.initRepeat, list, toolbox.individual)
toolbox.register("evaluate", ones)
toolbox.register("mate", tools.cxTwoPoint)
toolbox.register("mutate", tools.mutFlipBit, indpb=0.02)
toolbox.register("select", tools.selTournament, tournsize=3)
toolbox.register("map", futures.map)

if __name__ == "__main__":
    random.seed(1)
    generations = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    population, best = toolbox.population(n=100), tools.HallOfFame(1)
    algorithms.eaSimple(population, toolbox, cxpb=0.5, mutpb=0.4, ngen=generations, halloffame=best, verbose=False)
    print(f"{sum(best[0])} of {BITS} bits are ones after {generations} generations")
