"""Whatever can be called can be a task: partials, methods of all kinds, lambdas, closures, classes.

Run it with `python -m scoop -n 4 examples/partials_and_methods.py`.
"""

from functools import partial

from scoop import futures


class Line:
    """A straight line."""

    def __init__(self, slope, offset=0):
        self.slope = slope
        self.offset = offset

    def at(self, x):
        return self.slope * x + self.offset

    def __call__(self, x):
        return self.at(x)

    @classmethod
    def through_origin(cls, slope):
        return cls(slope).at(1)

    @staticmethod
    def square(x):
        return x * x


def shifted_by(offset):
    def shifted(x):
        return x + offset

    return shifted


if __name__ == "__main__":
    line = Line(slope=2, offset=1)
    callables = {
        "partial": partial(pow, 2),
        "method": line.at,
        "instance": line,
        "class method": Line.through_origin,
        "static method": Line.square,
        "method of a type": str,
        "lambda": lambda x: -x,
        "closure": shifted_by(10),
    }
    for name, function in callables.items():
        print(f"{name:17}", *futures.map(function, range(4)))
    print("class            ", *(line.slope for line in futures.map(Line, range(4))))
    print("keywords         ", futures.submit(Line, slope=3, offset=4).result().at(1))
