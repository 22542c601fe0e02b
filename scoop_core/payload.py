"""How functions, arguments, results and exceptions travel: the only module that knows cloudpickle.

What is defined in a notebook, or by a script's root alone, travels by value. Buffers of arrays (pickle protocol 5)
stay out of the pickle: large ones lie on the shelf, small ones follow the message as frames.

Arguments and results travel many at a time. Where all are of simple types they share one pickle; otherwise each has
its own, so that one which can't be pickled, or unpickled, fails alone. The *form* of a parcel says which:

=============  ==============================================================
``range``      a `range`; the arguments are its elements
``column``     a list of single arguments
``rows``       a list of tuples of arguments
``calls``      a list of (arguments, keyword arguments)
``values``     a list of results
``…+``         the same, each item as a pickle of its own
=============  ==============================================================
"""

from __future__ import annotations

import io
import linecache
import os
import pickle
import traceback
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from hashlib import blake2b
from pathlib import Path
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import cloudpickle

from scoop_core.errors import NotPicklable, RemoteTraceback, TaskFailed
from scoop_core.messages import Failure, Frames, Parcel, Segment
from scoop_core.program import Program
from scoop_core.proofs import Proof, is_importable, prove
from scoop_core.store import Shelf

#: Values of these types pickle and unpickle without fail, and can't change.
SIMPLE = frozenset({int, float, complex, bool, str, bytes, type(None)})
_HERE = str(Path(__file__).parent)


class PackedFunction:
    """A function, ready to travel."""

    __slots__ = ("digest", "frames", "name", "parcel", "proof", "segments")

    def __init__(self, digest: bytes, name: str, parcel: Parcel, frames: Frames, proof: Proof | None) -> None:
        self.digest = digest
        self.name = name
        self.parcel = parcel
        self.frames = frames
        self.proof = proof


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
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
        elif isinstance(obj, _Cached) and not is_importable(obj):  # cloudpickle knows it by name only
            return _cached, (obj.__wrapped__, obj.cache_parameters())
        return super().reducer_override(obj)


_Cached = type(lru_cache(lambda: None))


def _cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Callable[..., Any]:
    """A function with a cache of its own, as `functools.lru_cache` makes it."""
    cached: Callable[..., Any] = lru_cache(**parameters)(function)
    return cached


class Packer:
    """Packs and unpacks for one process of a pool.

    Args:
        shelf: where large buffers go.
        program: the script that workers import, if there is one.
    """

    def __init__(self, shelf: Shelf, program: Program | None = None) -> None:
        self._shelf = shelf
        self._program = program
        self._functions: WeakKeyDictionary[Any, PackedFunction] = WeakKeyDictionary()
        self._labels: dict[str, str] = {}  # of files that are none
        #: What people call a file that is none: a notebook's cell. Set by whoever knows.
        self.label: Callable[[str], str | None] = lambda file: None

    # ---- anything ----------------------------------------------------------------------------------------------

    def pack(self, value: Any) -> tuple[Parcel, Frames]:
        """Any value. Raises whatever pickling raises."""
        data, buffers, _ = self._dump(value)
        return self._parcel(data, buffers)

    def unpack(self, parcel: Parcel, frames: Frames, take: bool = False, writable: bool = True) -> Any:
        """The value of a parcel; `take` its segments off the shelf, if nobody else will need them."""
        return pickle.loads(parcel.data, buffers=self._buffers(parcel, frames, take, writable))

    def discard(self, parcel: Parcel) -> None:
        """Take a parcel's segments off the shelf."""
        for buffer in parcel.buffers:
            if buffer is not None:
                self._shelf.discard(buffer)

    def _dump(self, value: Any) -> tuple[bytes, list[memoryview], set[str]]:
        file = io.BytesIO()
        buffers: list[memoryview] = []

        def keep(buffer: pickle.PickleBuffer) -> bool:
            try:
                raw = buffer.raw()
            except BufferError:  # not contiguous
                return True
            if raw.nbytes < 1024:
                return True  # in the pickle
            buffers.append(raw)
            return False

        pickler = _Pickler(file, self._program, keep)
        pickler.dump(value)
        return file.getvalue(), buffers, pickler.files

    def _parcel(self, data: bytes, buffers: list[memoryview]) -> tuple[Parcel, Frames]:
        if not buffers:
            return Parcel(data), []
        places: list[Segment | None] = []
        frames: Frames = []
        laid: dict[tuple[int, int], Segment] = {}  # the same array in many calls is laid down once
        for buffer in buffers:
            whole = memoryview(buffer.obj).nbytes == buffer.nbytes  # else it is one part among others
            where = (id(buffer.obj if whole else buffer), buffer.nbytes)
            segment = laid.get(where) or self._shelf.put(buffer)
            if segment is None:
                # The sender may change its array once this call has returned, and the wire is slower than that.
                frames.append(bytes(buffer))
            else:
                laid[where] = segment
            places.append(segment)
        return Parcel(data, tuple(places)), frames

    def _buffers(self, parcel: Parcel, frames: Frames, take: bool, writable: bool) -> list[Any]:
        rest = iter(frames)
        mapped: dict[str, Any] = {}
        buffers: list[Any] = []
        for place in parcel.buffers:
            if place is None:
                raw = _raw(next(rest))
                buffers.append(bytearray(raw) if writable else raw)
            elif place.name not in mapped:
                buffers.append(self._shelf.get(place, take, writable))
                mapped[place.name] = buffers[-1]
            else:  # the same array in several results: each gets its own
                buffers.append(bytearray(mapped[place.name]) if writable else mapped[place.name])
        return buffers

    def _late_buffers(self, parcel: Parcel, frames: Frames) -> list[Callable[[], Any]]:
        """What makes the buffers, anew at each call: what a task does to its arguments is nobody else's business."""
        rest = iter(frames)
        return [
            partial(bytearray, _raw(next(rest))) if place is None else partial(self._shelf.get, place, False, True)
            for place in parcel.buffers
        ]

    # ---- functions ---------------------------------------------------------------------------------------------

    def pack_function(self, function: Callable[..., Any]) -> PackedFunction:
        """A function with the source of the cells that it was defined in; from memory, if it provably is the same.

        Raises:
            NotPicklable: it can't travel; the message names what in it is to blame.
        """
        try:
            packed = self._functions.get(function)
        except TypeError:  # it can't be hashed, or not be referenced weakly
            packed = None
        if packed is not None and packed.proof is not None and packed.proof.holds():
            return packed
        name = function_name(function)
        try:
            data, buffers, files = self._dump(function)
        except Exception as error:
            raise NotPicklable(
                f"The function {name!r} can't be sent to a worker: {_blame(function, error)}"
            ) from error
        sources = {
            file: (lines, self.label(file))
            for file in files
            if not os.path.exists(file) and (lines := linecache.getlines(file))
        }
        data = pickle.dumps((data, sources))
        parcel, frames = self._parcel(data, buffers)
        digest = blake2b(data, digest_size=16)
        for place in parcel.buffers:
            digest.update(place.name.encode() if place else b"frame")
        for frame in frames:
            digest.update(frame)
        packed = PackedFunction(digest.digest(), name, parcel, frames, None if buffers else prove(function))
        if packed.proof is not None:
            self._functions[function] = packed
        return packed

    def unpack_function(self, parcel: Parcel, frames: Frames) -> Callable[..., Any]:
        """The function of a parcel; the source of its cells will show in tracebacks."""
        data, sources = pickle.loads(parcel.data)
        for file, (lines, label) in sources.items():
            linecache.cache[file] = (sum(map(len, lines)), None, lines, file)
            if label:
                self._labels[file] = label
        function: Callable[..., Any] = pickle.loads(data, buffers=self._buffers(parcel, frames, False, False))
        return function

    # ---- arguments and results ---------------------------------------------------------------------------------

    def pack_items(
        self, items: Sequence[Any], form: str, explain: Callable[[int, Exception], Exception]
    ) -> tuple[str, Parcel, Frames, dict[int, Exception]]:
        """Arguments or results of many tasks.

        Args:
            items: one for each task.
            form: see the module; without the ``+``, which is added where it is needed.
            explain: makes the error of an item, from its position and what pickling raised.

        Returns:
            The form, the parcel, its frames, and the errors of items that can't travel, by position.
        """
        if form == "range" or _all_simple(items, form):
            return form, Parcel(pickle.dumps(items, 5)), [], {}
        pickles: list[tuple[bytes, int] | None] = []
        buffers: list[memoryview] = []
        errors: dict[int, Exception] = {}
        for position, item in enumerate(items):
            try:
                if type(item) is Packed:
                    data, mine = item.data, item.buffers
                else:
                    data, mine, _ = self._dump(item)
            except Exception as error:
                errors[position] = explain(position, error)
                pickles.append(None)
                continue
            pickles.append((data, len(mine)))
            buffers += mine
        parcel, frames = self._parcel(pickle.dumps(pickles, 5), buffers)
        return form + "+", parcel, frames, errors

    def freeze(self, call: tuple[tuple[Any, ...], dict[str, Any]]) -> Any:
        """A call as it is at this moment, whatever happens to its arguments before it is sent."""
        if _simple_call(call):
            return call
        data, buffers, _ = self._dump(call)
        return Packed(data, [memoryview(bytes(b)) for b in buffers])

    def unpack_items(self, form: str, parcel: Parcel, frames: Frames, take: bool = False) -> Sequence[Any]:
        """The items of a parcel; for forms with a ``+``, a `Packed` each, to be loaded one by one."""
        if not form.endswith("+"):
            items: Sequence[Any] = pickle.loads(parcel.data)
            return items
        buffers = self._buffers(parcel, frames, True, True) if take else self._late_buffers(parcel, frames)
        loaded: list[Packed] = []
        used = 0
        for entry in pickle.loads(parcel.data):
            data, count = entry or (b"", 0)
            loaded.append(Packed(data, buffers[used : used + count]))
            used += count
        return loaded

    # ---- exceptions --------------------------------------------------------------------------------------------

    def pack_error(self, index: int, error: BaseException, skip: int = 0) -> Failure:
        """What a task raised, with its traceback as this process sees it."""
        text = self.format_error(error)
        line = first_line(error)
        try:
            data, _, _ = self._dump_error(error)
            pickle.loads(data)  # some exceptions pickle, but do not unpickle
        except Exception as problem:
            told = TaskFailed(f"{line} (the exception itself can't be sent: {first_line(problem)})")
            data = pickle.dumps(told)
        return Failure(index, data, text, line)

    def format_error(self, error: BaseException) -> str:
        """The traceback of an exception, without the engine's own lines."""
        told = traceback.TracebackException.from_exception(error)
        chain: traceback.TracebackException | None = told
        while chain is not None:
            frames = [frame for frame in chain.stack if not frame.filename.startswith(_HERE)]
            chain.stack = traceback.StackSummary.from_list(frames)
            chain = chain.__cause__ or chain.__context__
        text = "".join(told.format()).rstrip() + "\n"
        for file, label in self._labels.items():
            text = text.replace(f'File "{file}", line', f"{label}, line")
        return text

    def _dump_error(self, error: BaseException) -> tuple[bytes, list[memoryview], set[str]]:
        file = io.BytesIO()
        pickler = _Pickler(file, self._program, lambda buffer: True)
        pickler.dump(error)
        return file.getvalue(), [], set()


def _raw(frame: Any) -> Any:
    """The bytes of a ZeroMQ frame, or bytes as they are."""
    return getattr(frame, "buffer", frame)


class Packed:
    """An item that is a pickle of its own; its buffers are there, or made when it is loaded."""

    __slots__ = ("buffers", "data")

    def __init__(self, data: bytes, buffers: Sequence[Any]) -> None:
        self.data = data
        self.buffers = buffers

    def load(self) -> Any:
        return pickle.loads(self.data, buffers=[b() if callable(b) else b for b in self.buffers])


def unpack_error(failure: Failure) -> BaseException:
    """The exception of a failed task, with the remote traceback as its cause."""
    try:
        loaded = pickle.loads(failure.error)
        if not isinstance(loaded, BaseException):
            raise TypeError(f"{loaded!r} is no exception")
        error = loaded
    except Exception as problem:
        error = TaskFailed(f"{failure.line} (the exception itself can't be received: {first_line(problem)})")
    error.__cause__ = RemoteTraceback(failure.traceback)
    return error


def function_name(function: Any) -> str:
    """What people call a function."""
    while isinstance(function, partial):
        function = function.func
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(name).rpartition("<locals>.")[2]


def first_line(error: BaseException) -> str:
    """An exception in one line of at most 300 characters."""
    return traceback.format_exception_only(type(error), error)[-1].strip().split("\n")[0][:300]


def _all_simple(items: Sequence[Any], form: str) -> bool:
    if form == "rows":
        return all(set(map(type, row)) <= SIMPLE for row in items)
    if form == "calls":
        return all(type(call) is not Packed and _simple_call(call) for call in items)
    return set(map(type, items)) <= SIMPLE


def _simple_call(call: tuple[tuple[Any, ...], dict[str, Any]]) -> bool:
    args, kwargs = call
    return SIMPLE.issuperset(map(type, args)) and (not kwargs or SIMPLE.issuperset(map(type, kwargs.values())))


def explain_argument(name: str, args: Iterable[Any], kwargs: dict[str, Any], error: Exception) -> Exception:
    """The error for a call whose arguments can't be pickled, with the argument that is to blame."""
    for label, value in [*((f"argument {i}", a) for i, a in enumerate(args)), *kwargs.items()]:
        try:
            cloudpickle.dumps(value)
        except Exception as problem:
            return NotPicklable(
                f"{label} of {name!r}, {_short(value)}, can't be sent to a worker: {first_line(problem)}. "
                "Create it inside the task, or pass what it is made from."
            )
    return NotPicklable(f"The arguments of {name!r} can't be sent to a worker: {first_line(error)}")


def explain_result(name: str, value: Any, error: Exception) -> Exception:
    """The error for a result that can't be pickled."""
    return NotPicklable(
        f"The result of {name!r}, {_short(value)}, can't be sent back: {first_line(error)}. "
        "Return plain data that it can be made from."
    )


def _blame(function: Any, error: Exception) -> str:
    """Which global or closure variable of a function can't be pickled."""
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__func__", function)
    if isinstance(function, FunctionType):
        names = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
        reached: list[tuple[str, Any]] = []
        for name, cell in names.items():
            try:
                reached.append((f"its variable {name!r}", cell.cell_contents))
            except ValueError:
                continue
        globals_ = function.__globals__
        reached += [(f"the global {n!r}", globals_[n]) for n in function.__code__.co_names if n in globals_]
        for label, value in reached:
            try:
                cloudpickle.dumps(value)
            except Exception as problem:
                return f"{label}, {_short(value)}, can't be pickled: {first_line(problem)}"
    return first_line(error)


def _short(value: Any) -> str:
    """A value for a message: its type, and its repr if that is short."""
    try:
        text = repr(value)
    except Exception:
        text = ""
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return f"{text} (a {kind})" if 0 < len(text) <= 60 and not text.startswith("<") else f"a {kind}"
