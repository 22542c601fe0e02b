"""Monte Carlo: how many points of a square lie in the circle? Each task throws its own, from its own seed.

Run it with `python -m scoop -n 4 examples/pi.py [tasks [points]]`.
"""

import random
import sys

from scoop import futures


def hits(seed, points):
    """How many of so many random points of the unit square are less than 1 away from its corner."""
    rng = random.Random(seed)
    return sum(rng.random() ** 2 + rng.random() ** 2 < 1 for _ in range(points))


def estimate(tasks, points):
    return 4 * sum(futures.map(hits, range(tasks), [points] * tasks)) / (tasks * points)


if __name__ == "__main__":
    tasks, points = (int(word) for word in (*sys.argv[1:], 100, 2000)[:2])
    print(f"π is about {estimate(tasks, points):.3f}")
