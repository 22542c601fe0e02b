"""How tasks get to Dask: a call alone, those of a map in lots, each of which is one task of Dask."""

from __future__ import annotations

import re
import uuid
from bisect import bisect
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from math import ceil
from typing import Any

from scoop.dask.cluster import Cluster
from scoop.dask.news import Cargo, Dropped, Lot, Outcome, Queued
from scoop.dask.pending import Pending, Tell
from scoop.dask.sent import DaskMap, Sent
from scoop_core import messages as m
from scoop_core.future import Future
from scoop_core.payload import PackedFunction, Packer, explain_item

#: Maps are cut in so many lots for each task that the cluster runs at once.
SHARES = 4

Runner = Callable[[Lot, Cargo], Outcome]


class Sending:
    """Packs tasks and hands them to Dask.

    Args:
        name: of this process.
        runner: runs a lot on a worker.
        cluster: where they go.
        packer: of this process.
        pending: keeps what was sent.
        tell: has the root know something.
    """

    def __init__(
        self, name: str, runner: Runner, cluster: Cluster, packer: Packer, pending: Pending, tell: Tell
    ) -> None:
        self._name = name
        self._runner = runner
        self._cluster = cluster
        self._packer = packer
        self._pending = pending
        self._tell = tell

    def call(self, future: Future, packed: PackedFunction, spec: m.Spec, frozen: Any) -> None:
        """Hand out one call.

        Args:
            future: for its outcome.
            packed: the function.
            spec: of the task.
            frozen: the call, from `Packer.freeze`.
        """
        future._index = 0
        self._send(future, packed, spec, 0, [frozen], "calls")

    def extend_map(self, job: DaskMap, items: Sequence[Any], form: str, fewest: int = 1) -> None:
        """Hand out further tasks of a map.

        Args:
            job: the map.
            items: their arguments.
            form: as of `columns`.
            fewest: so many lots there should be, if there are so many tasks.
        """
        size = max(1, ceil(len(items) / max(fewest, SHARES * self._cluster.size)))
        for start in range(0, len(items), size):
            part = items[start : start + size]
            lo, job.sent, job.left = job.sent, job.sent + len(part), job.left + len(part)
            self._send(job, job.packed, job.spec, lo, part, form)

    def _send(
        self, whose: DaskMap | Future, packed: PackedFunction, spec: m.Spec, lo: int, items: Sequence[Any], form: str
    ) -> None:
        """Hand tasks [lo, lo + len(items)) to Dask, as one lot."""
        explain = partial(explain_item, spec.name, items, form)
        packing, parcel, frames, errors = self._packer.pack_items(items, form, explain)
        if errors:  # the others go without those that can't
            assert isinstance(whose, DaskMap)
            for position, error in errors.items():
                whose.lose(lo + position, error)
            good = (position for position in range(len(items)) if position not in errors)
            for _, neighbours in groupby(good, partial(bisect, sorted(errors))):
                first, *rest = neighbours
                self._send(whose, packed, spec, lo + first, items[first : first + 1 + len(rest)], form)
            return
        # Its beginning is what Dask's own dashboard shows.
        key = f"{re.sub(r'[^A-Za-z0-9_]+', '_', spec.name)}-{uuid.uuid4().hex}"
        lot = Lot(key, spec, lo, len(items), packing, Cargo(parcel, frames), self._cluster.size)
        where: dict[str, Any] = {}
        if spec.worker:
            where = {"workers": [self._cluster.address_of(spec.worker)], "allow_other_workers": False}
        self._tell(spec.root, Queued(key, self._name, spec, lot.count))
        try:
            cargo = self._cluster.cargo(packed)
            remote = self._cluster.submit(self._runner, lot, cargo, key=key, priority=spec.priority, **where)
            sent = self._pending.sents[key] = Sent(lot, whose, remote)
        except BaseException:  # an interrupt, or the cluster is gone
            self._tell(spec.root, Dropped(key))
            raise
        if isinstance(whose, Future):
            whose._job = sent
        self._pending.follow(sent)
