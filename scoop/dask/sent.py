"""What was handed to Dask: maps, and their lots."""

from __future__ import annotations

from typing import Any

from scoop.dask.cluster import Remote
from scoop.dask.news import Lot
from scoop_core import messages as m
from scoop_core.future import Batch, Future
from scoop_core.jobs import MapJob
from scoop_core.payload import PackedFunction, Packer


class Home:
    """Who owns maps (see `jobs.Home`): there is no broker that would have to know of them.

    Args:
        packer: of this process.
    """

    def __init__(self, packer: Packer) -> None:
        self.packer = packer

    def post(self, header: m.Header, frames: m.Frames, /) -> None:
        """Nothing."""

    def over(self, job: Any, count: int) -> None:
        """`count` tasks of a job are over."""
        job.left -= count

    def close(self, job: Any) -> None:
        """The job will not be extended."""


class DaskMap(MapJob):
    """A map on a Dask cluster.

    Args:
        home: whose it is.
        packed: its function.
        spec: what its tasks have in common.
    """

    def __init__(self, home: Home, packed: PackedFunction, spec: m.Spec) -> None:
        super().__init__(home)
        self.packed = packed
        self.spec = spec


class Sent:
    """A lot that was handed to Dask.

    Args:
        lot: what was sent.
        whose: the job that it belongs to, or the future of the only task in it.
        remote: Dask's future of it.
    """

    def __init__(self, lot: Lot, whose: MapJob | Future, remote: Remote) -> None:
        self.lot = lot
        self.whose = whose
        self.remote = remote
        self.worker = ""  # who has run it

    def deliver(self, batch: Batch) -> None:
        """The outcomes are here. A lot may have been cut off, if it was cancelled from outside."""
        if isinstance(self.whose, Future):
            self.whose._settle_from(batch) if batch.lo < batch.hi else self.whose._drop()
        else:
            self.whose.deliver(batch)
            if batch.hi < self.lot.lo + self.lot.count:
                self.whose.cancelled(batch.hi, self.lot.lo + self.lot.count)

    def cancel(self) -> None:
        """None of its tasks is wanted any more."""
        if isinstance(self.whose, Future):
            self.whose._drop()
        else:
            self.whose.cancelled(self.lot.lo, self.lot.lo + self.lot.count)

    def fail(self, error: BaseException) -> None:
        """None of its tasks has an outcome of its own."""
        if isinstance(self.whose, Future):
            self.whose._fail(error)
        else:
            failures = dict.fromkeys(range(self.lot.lo, self.lot.lo + self.lot.count), error)
            self.whose.deliver(Batch.local(self.lot.lo, [None] * self.lot.count, failures))
