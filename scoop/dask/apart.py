"""Preloaded by the workers of a cluster of our own: interrupts of the notebook's process group must not end them."""

from __future__ import annotations

import os


def dask_setup(worker: object) -> None:
    """Leave the group; Dask calls this."""
    os.setpgid(0, 0)
