"""How one value is pickled, and what is simple enough not to need it."""

from __future__ import annotations

import copyreg
import io
import pickle
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import FunctionType, ModuleType
from typing import Any

import cloudpickle

from scoop_core.payload.made import reduce_class, reduce_module
from scoop_core.program import Program
from scoop_core.proofs import is_importable, metaclasses

#: Values of these types pickle and unpickle without fail, and can't change.
SIMPLE = frozenset({int, float, complex, bool, str, bytes, type(None)})
#: Those of these are in the pickle, and nowhere else.
NUMBERS = frozenset({int, float, bool, type(None)})
#: Of fewer values it takes no time to look at the types.
FEW = 50


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Cloudpickle, but what workers have by importing the program goes by reference; and it notes whose source
    somebody will want to see in a traceback."""

    def __init__(self, file: io.BytesIO, program: Program | None, callback: Callable[[Any], Any]) -> None:
        super().__init__(file, protocol=5, buffer_callback=callback)
        self._program = program
        self.files: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, (FunctionType, type)):
            if self._program is not None and obj.__module__ == "__main__" and self._program.defines(obj):
                return obj.__qualname__
            if isinstance(obj, FunctionType):
                self.files.add(obj.__code__.co_filename)
            elif type(obj) in copyreg.dispatch_table:
                return reduce_class(obj)
        elif isinstance(obj, ModuleType) and sys.modules.get(obj.__name__) is obj and (kinds := metaclasses(obj)):
            return reduce_module(obj, kinds)
        elif isinstance(obj, BaseException) and _by_tblib(obj):
            return obj.__reduce_ex__(5)
        elif isinstance(obj, _Cached) and not is_importable(obj):  # cloudpickle knows it by name only
            return _cached, (obj.__wrapped__, obj.cache_parameters())
        return super().reducer_override(obj)


def _by_tblib(error: BaseException) -> bool:
    """Whether tblib, which Dask installs for all exceptions, would pickle this one: with its traceback and causes,
    which travel as text here, but without what its constructor has set, such as the code of a `SystemExit`."""
    return getattr(copyreg.dispatch_table.get(type(error)), "__module__", "").startswith("tblib")


_Cached = type(lru_cache(lambda: None))


def _cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Callable[..., Any]:
    """A function with a cache of its own, as `functools.lru_cache` makes it."""
    cached: Callable[..., Any] = lru_cache(**parameters)(function)
    return cached


class Packed:
    """An item that is a pickle of its own; its buffers are there, or made when it is loaded."""

    __slots__ = ("buffers", "data")

    def __init__(self, data: bytes, buffers: Sequence[Any]) -> None:
        self.data = data
        self.buffers = buffers

    def load(self) -> Any:
        return pickle.loads(self.data, buffers=[b() if callable(b) else b for b in self.buffers])


class _NumberPickler(pickle.Pickler):
    """For numbers. It is asked about all that is neither of these types nor a string or a container."""

    def reducer_override(self, obj: Any) -> Any:
        raise pickle.PicklingError("no number")


def dump_numbers(items: Sequence[Any]) -> bytes | None:
    """The pickle of many values of the types in `NUMBERS`; None if there are few, or others among them.

    To look at the types takes longer than to pickle. So the pickle shows what was in it: strings and containers leave
    a trace in the memo, beside that of `items`.
    """
    if len(items) < FEW or type(items[0]) not in NUMBERS or type(items[-1]) not in NUMBERS:
        return None
    file = io.BytesIO()
    pickler = _NumberPickler(file, 5)
    try:
        pickler.dump(items)
    except Exception:
        return None
    return file.getvalue() if len(pickler.memo.copy()) == 1 else None


def all_simple(items: Sequence[Any], form: str) -> bool:
    if form == "rows":
        return all(set(map(type, row)) <= SIMPLE for row in items)
    if form == "calls":
        return Packed not in map(type, items) and all(map(simple_call, items))
    # As a rule all are of one type, and to see that takes less than to collect the types.
    types = list(map(type, items))
    return not types or (types[0] in SIMPLE and types.count(types[0]) == len(types)) or set(types) <= SIMPLE


def simple_call(call: tuple[tuple[Any, ...], dict[str, Any]]) -> bool:
    args, kwargs = call
    return SIMPLE.issuperset(map(type, args)) and (not kwargs or SIMPLE.issuperset(map(type, kwargs.values())))
