"""Recursion over a structure that is not known beforehand: whoever finds two children makes tasks of them.

Run it with `python -m scoop -n 4 examples/tree_traversal.py [nodes]`.
"""

import random
import sys
from dataclasses import dataclass

from scoop import futures


@dataclass
class Node:
    """One of a binary search tree."""

    value: int
    left: "Node | None" = None
    right: "Node | None" = None


def grow(values):
    """A tree of these values, as unbalanced as their order makes it."""
    root = None
    for value in values:
        node, place = Node(value), root
        if place is None:
            root = node
        while place is not None:
            side = "left" if value < place.value else "right"
            if getattr(place, side) is None:
                setattr(place, side, node)
                break
            place = getattr(place, side)
    return root


def measure(node):
    """How many nodes there are from here down, their height and their sum."""
    children = [child for child in (node.left, node.right) if child is not None]
    below = list((futures.map if len(children) == 2 else map)(measure, children))
    counts, heights, sums = zip(*below, strict=True) if below else ((), (), ())
    return 1 + sum(counts), 1 + max(heights, default=0), node.value + sum(sums)


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    values = random.Random(1).sample(range(10 * size), size)
    count, height, total = measure(grow(values))
    print(f"{count} nodes, {height} levels; the sum is right: {total == sum(values)}")
