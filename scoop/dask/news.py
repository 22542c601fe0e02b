"""What travels between a program and the workers of a Dask cluster, beside what Dask itself sends."""

from __future__ import annotations

from typing import Any

import msgspec

from scoop_core import messages as m


class Queued(m.Header, tag="dask_queued"):
    """A lot of `count` tasks was handed to Dask by `owner`: the program, or the worker of the task that submits."""

    key: str
    owner: str
    spec: m.Spec
    count: int


class Begun(m.Header, tag="dask_begun"):
    """A worker has begun a lot."""

    key: str
    worker: str
    pid: int
    since: float  # seconds since 1970


class Ended(m.Header, tag="dask_ended"):
    """A lot is over: of its tasks so many were run, and so many of these failed."""

    key: str
    worker: str
    count: int
    failed: int
    seconds: float
    cpu: float  # seconds
    began: float  # seconds since 1970
    ended: float


class Dropped(m.Header, tag="dask_dropped"):
    """The owner does not want a lot any more; or, if there is a reason, has lost it."""

    key: str
    why: str = ""


News = Queued | Begun | Ended | Dropped | m.Output | m.Mishap

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(News)

encode = _encoder.encode
decode = _decoder.decode


def topic(root: str) -> str:
    """Under which workers log what concerns a root."""
    return f"scoop-{root}"


class Cargo:
    """Something packed, on its way. A class of its own, so that Dask doesn't look for futures in it."""

    def __init__(self, parcel: m.Parcel, frames: m.Frames, digest: bytes = b"") -> None:
        self.parcel = parcel
        self.frames = frames
        self.digest = digest  # of a function


class Lot:
    """Neighbouring tasks of one function, which are one task of Dask.

    Args:
        key: by which Dask knows it.
        spec: what the tasks have in common.
        lo: the index of the first one in its map.
        count: how many there are.
        form: how the arguments are packed (see `payload`).
        arguments: of all of them.
        size: how many tasks the cluster runs at once.
    """

    def __init__(self, key: str, spec: m.Spec, lo: int, count: int, form: str, arguments: Cargo, size: int) -> None:
        self.key = key
        self.spec = spec
        self.lo = lo
        self.count = count
        self.form = form
        self.arguments = arguments
        self.size = size


class Outcome:
    """What became of a lot."""

    def __init__(self, form: str, results: Cargo, failures: list[m.Failure], ended: Ended) -> None:
        self.form = form
        self.results = results
        self.failures = failures
        self.ended = ended


def keep(value: Any) -> Any:
    """As a task of Dask: a value that several tasks need. If it is lost with its worker, Dask makes it again."""
    return value
