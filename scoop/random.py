"""Random numbers that don't depend on how many workers there are, nor on who runs which task when."""

from __future__ import annotations

from collections.abc import Iterator

from numpy.random import Generator, SeedSequence, default_rng

__all__ = ["spawn"]


def spawn(seed: int | SeedSequence | Generator | None = None) -> Iterator[Generator]:
    """A generator of random numbers for each task, independent of all others: ``futures.map(f, xs, spawn(42))``.

    The streams are children of one `numpy.random.SeedSequence`, made in the order of the tasks; so equal seeds give
    equal results.

    Args:
        seed: a number for results that can be repeated, or None; in a task that has tasks of its own, the generator
            that it was given.

    Returns:
        An endless iterator: give it to `map` behind the arguments that decide how many tasks there are.
    """
    if isinstance(seed, Generator):
        sequence = seed.bit_generator.seed_seq
        assert isinstance(sequence, SeedSequence)
    else:
        sequence = seed if isinstance(seed, SeedSequence) else SeedSequence(seed)
    return _streams(sequence)


def _streams(sequence: SeedSequence) -> Iterator[Generator]:
    while True:
        yield default_rng(sequence.spawn(1)[0])
