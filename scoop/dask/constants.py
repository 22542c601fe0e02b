"""Shared constants on a Dask cluster: each is the result of a task, which Dask keeps as long as its name is
published, and makes again if it is lost."""

from __future__ import annotations

import time
import uuid
from typing import Any

from scoop.dask.cluster import Cluster
from scoop.dask.news import Cargo, keep
from scoop.dask.task import resting
from scoop_core.payload import Packer

#: How often to ask for a constant that is not there yet, in seconds.
ASK_SECONDS = 0.02


class Constants:
    """The constants of all roots, as this process knows them.

    Args:
        cluster: that keeps them.
        packer: of this process.
    """

    def __init__(self, cluster: Cluster, packer: Packer) -> None:
        self._cluster = cluster
        self._packer = packer
        self._known: dict[tuple[str, str], Any] = {}

    def set(self, root: str, name: str, value: Any) -> None:
        """Share one with all tasks of a root.

        Raises:
            TypeError: there is one of that name already.
        """
        parcel, frames = self._packer.pack(value)
        with resting():
            remote = self._cluster.submit(keep, Cargo(parcel, frames), key=f"constant-{uuid.uuid4().hex}")
            try:
                self._cluster.client.publish_dataset(remote, name=_published(root, name))
            except KeyError:
                raise TypeError(f"This constant already exists: {name}.") from None
        self._known[root, name] = value

    def get(self, root: str, name: str, timeout: float | None) -> Any:
        """One, waiting up to `timeout` seconds for it; None if it is not there then."""
        if (root, name) in self._known:
            return self._known[root, name]
        end = None if timeout is None else time.monotonic() + timeout
        with resting() as task:
            while True:
                try:
                    cargo = self._cluster.client.get_dataset(_published(root, name)).result()
                    break
                except KeyError:
                    if end is not None and time.monotonic() > end:
                        return None
                    if task is not None:
                        task.check()
                    time.sleep(ASK_SECONDS)
        # Read-only: all tasks of this process see the same object.
        value = self._packer.unpack(cargo.parcel, cargo.frames, writable=False)
        return self._known.setdefault((root, name), value)

    def withdraw(self, root: str) -> None:
        """The root leaves: nobody needs its constants any more."""
        for name in self._cluster.client.list_datasets():
            if str(name).startswith(_published(root)):
                self._cluster.client.unpublish_dataset(name)


def _published(root: str, name: str = "") -> str:
    """Under which name Dask knows a constant."""
    return f"scoop/{root}/{name}"
