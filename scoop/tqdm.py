"""Maps with a progress bar, in notebooks and terminals: ``from scoop.tqdm import tmap``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from functools import update_wrapper
from itertools import count
from operator import itemgetter
from typing import Any

from tqdm.auto import tqdm

from scoop.engine import check_map, engine

__all__ = ["tmap"]


def tmap(func: Callable[..., Any], *iterables: Iterable[Any], **options: Any) -> list[Any]:
    """As ``list(futures.map(...))``, with a bar that counts tasks as they end.

    Args:
        func: called with one argument from each iterable.
        iterables: up to the end of the shortest.
        options: of `tqdm.tqdm`, such as `desc`, `unit` and `disable`; `total` where no iterable has a length.

    Raises:
        NotStarted: there is no pool.
        Exception: what the first task that failed raised; what is left is cancelled.
    """
    check_map(func, iterables)
    lengths = [len(iterable) for iterable in iterables if isinstance(iterable, Sized)]
    options.setdefault("total", min(lengths, default=None))
    results = engine("tmap").map(_Numbered(func), (count(), *iterables), as_completed=True)
    with tqdm(**options) as bar:
        found = []
        try:
            for pair in results:
                found.append(pair)
                bar.update()
        except BaseException:
            results.job.drop()
            raise
    return [result for _, result in sorted(found, key=itemgetter(0))]


class _Numbered:
    """A function whose results say which task they are of."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        update_wrapper(self, function, updated=())

    def __call__(self, number: int, *args: Any) -> tuple[int, Any]:
        return number, self._function(*args)
