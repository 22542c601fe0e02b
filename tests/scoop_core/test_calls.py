"""Maps that a worker keeps for itself until others are idle."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any, cast

import pytest

from scoop_core import messages as m
from scoop_core.calls import KeptMap
from scoop_core.future import Batch
from scoop_core.owner import Options, Owner
from scoop_core.payload import Packer
from scoop_core.worker_state import GroupCount


class Home:
    """An owner that notes which jobs are closed."""

    packer = cast(Packer, None)

    def __init__(self) -> None:
        self.closed: list[Any] = []

    def post(self, header: m.Header, frames: m.Frames, /) -> None:
        pass

    def over(self, job: Any, count: int) -> None:
        pass

    def close(self, job: Any) -> None:
        self.closed.append(job)


@pytest.mark.parametrize("seed", range(20))
def test_a_map_is_closed_when_all_is_over_and_not_before(seed: int) -> None:
    """Until then tasks may leave for the broker, which would not take them for a job that is closed and over."""
    rng = random.Random(seed)
    home = Home()
    job = KeptMap(cast(Owner, home), abs, GroupCount(None, "abs", "r0", 1), Options())
    job.sent = 20
    cuts = [0, *sorted(rng.sample(range(1, 20), 5)), 20]
    parts = list(pairwise(cuts))
    rng.shuffle(parts)
    complete = rng.randrange(len(parts) + 1)
    for number, (lo, hi) in enumerate(parts):
        if number == complete:
            job.complete()
        assert home.closed == []
        how = rng.choice(("here", "elsewhere", "cancelled"))
        if how == "here":
            job.put(Batch.local(lo, [0] * (hi - lo), {}))
        elif how == "elsewhere":
            job.deliver(Batch.local(lo, [0] * (hi - lo), {}))
        else:
            job.cancelled(lo, hi)
    if complete == len(parts):
        assert home.closed == []
        job.complete()
    assert home.closed == [job]


def test_a_lot_that_was_cut_off_whole_takes_nobodys_place() -> None:
    """Its only task may have come back from elsewhere before this worker says that it has done nothing."""
    job = KeptMap(cast(Owner, Home()), abs, GroupCount(None, "abs", "r0", 1), Options())
    job.sent = 2
    woken: list[int] = []
    job.waker = lambda: woken.append(len(job.batches))
    job.put(Batch.local(0, [7], {}))
    job.deliver(Batch.local(1, [8], {}))
    job.put(Batch.local(1, [], {}))
    assert {lo: list(batch) for lo, batch in job.batches.items()} == {0: [7], 1: [8]}
    assert list(job.arrived) == [0, 1] and woken == [1, 2, 2]
