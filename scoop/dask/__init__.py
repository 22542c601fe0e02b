"""A Dask cluster as the engine: ``scoop.start(engine="dask", address="tcp://…")``. Only this package imports Dask."""

from scoop.dask.pool import DaskPool, start

__all__ = ["DaskPool", "start"]
