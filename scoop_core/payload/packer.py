"""Packing and unpacking for one process."""

from __future__ import annotations

import io
import linecache
import os
import pickle
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from scoop_core.edits import Edit, Edits
from scoop_core.errors import NotPicklable, TaskFailed
from scoop_core.messages import Failure, Frames, Parcel, Segment
from scoop_core.payload.explain import blame, first_line, function_name
from scoop_core.payload.layer import Dumped, Lay, Layer, parcel_of
from scoop_core.payload.pickler import Packed, Pickler, all_simple, dump_numbers, simple_call
from scoop_core.payload.raised import dump_error
from scoop_core.program import Program
from scoop_core.proofs import Proof, prove
from scoop_core.store import Shelf

#: What function and arguments of a failed task may have, to be kept for running it again.
CALL_BYTES = 4 << 20

_HERE = str(Path(__file__).parent.parent)


class PackedFunction:
    """A function, ready to travel."""

    __slots__ = ("digest", "frames", "name", "parcel", "proof", "segments")

    def __init__(self, digest: bytes, name: str, parcel: Parcel, frames: Frames, proof: Proof | None) -> None:
        self.digest = digest
        self.name = name
        self.parcel = parcel
        self.frames = frames
        self.proof = proof


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
        self._edits = Edits()
        self._labels: dict[str, str] = {}  # of files that are none
        #: What people call a file that is none: a notebook's cell. Set by whoever knows.
        self.label: Callable[[str], str | None] = lambda file: None

    # ---- anything ----------------------------------------------------------------------------------------------

    def pack(self, value: Any) -> tuple[Parcel, Frames]:
        """Any value. Raises whatever pickling raises."""
        data, buffers, _ = self._dump(value)
        return parcel_of(data, buffers, self._shelf.share)

    def unpack(self, parcel: Parcel, frames: Frames, take: bool = False, writable: bool = True) -> Any:
        """The value of a parcel; `take` its segments off the shelf, if nobody else will need them."""
        data, buffers = self._open(parcel, frames, take, writable)
        return pickle.loads(data, buffers=buffers)

    def fetch(self, parcel: Parcel, frames: Frames) -> Frames:
        """The buffers of a parcel as frames; its segments are taken off the shelf."""
        return self._buffers(parcel, frames, True, False)

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

        pickler = Pickler(file, self._program, keep)
        pickler.dump(value)
        return file.getvalue(), buffers, pickler.files

    def _open(self, parcel: Parcel, frames: Frames, take: bool, writable: bool) -> tuple[Any, list[Any]]:
        """The pickle of a parcel, and its buffers."""
        if not parcel.buffers:
            return parcel.data, []
        buffers = self._buffers(parcel, frames, take, writable)
        return parcel.data or buffers.pop(), buffers

    def _buffers(self, parcel: Parcel, frames: Frames, take: bool, writable: bool) -> list[Any]:
        rest = iter(frames)
        mapped: dict[str, Any] = {}
        buffers: list[Any] = []
        for place in parcel.buffers:
            if place is None:
                raw = next(rest)
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
            partial(bytearray, next(rest)) if place is None else partial(self._shelf.get, place, False, True)
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
                f"The function {name!r} can't be sent to a worker: {blame(function, error)}"
            ) from error
        sources = {
            file: (lines, self.label(file))
            for file in files
            if not os.path.exists(file) and (lines := linecache.getlines(file))
        }
        data = pickle.dumps((data, sources, self._edits.known))
        parcel, frames = parcel_of(data, buffers, self._shelf.share)
        digest = blake2b(data, digest_size=16)
        for place in parcel.buffers:
            digest.update(place.name.encode() if place else b"frame")
        for frame in frames:
            digest.update(frame)
        packed = PackedFunction(digest.digest(), name, parcel, frames, None if parcel.buffers else prove(function))
        if packed.proof is not None:
            self._functions[function] = packed
        return packed

    def edit(self, edited: dict[str, Edit]) -> None:
        """Have these modules, which are as they should be here, edited wherever functions go from now on."""
        if edited is not self._edits.known:
            self._edits.known = edited
            self._functions.clear()

    def unpack_function(self, parcel: Parcel, frames: Frames) -> Callable[..., Any]:
        """The function of a parcel; the source of its cells will show in tracebacks. Edited modules are reloaded."""
        data, buffers = self._open(parcel, frames, False, False)
        function, sources, edited = pickle.loads(data)
        if edited and self._edits.take(edited):
            self._functions.clear()  # what this process sends from now on has the edits with it
        for file, (lines, label) in sources.items():
            linecache.cache[file] = (sum(map(len, lines)), None, lines, file)
            if label:
                self._labels[file] = label
        unpacked: Callable[..., Any] = pickle.loads(function, buffers=buffers)
        return unpacked

    # ---- arguments and results ---------------------------------------------------------------------------------

    def pack_items(
        self, items: Sequence[Any], form: str, explain: Callable[[int, Exception], Exception], lay: Lay | None = None
    ) -> tuple[str, Parcel, Frames, dict[int, Exception]]:
        """Arguments or results of many tasks.

        Args:
            items: one for each task.
            form: see the module; without the ``+``, which is added where it is needed.
            explain: makes the error of an item, from its position and what pickling raised.
            lay: how large buffers get to the shelf; by default for the one who receives this parcel.

        Returns:
            The form, the parcel, its frames, and the errors of items that can't travel, by position.
        """
        dumped = self.dump_items(items, form, explain)
        shelf = Layer(self._shelf) if len(dumped.buffers) > 1 else self._shelf
        parcel, frames = parcel_of(dumped.data, dumped.buffers, lay or shelf.put)
        return dumped.form, parcel, frames, dumped.errors

    def parcel(self, dumped: Dumped) -> tuple[Parcel, Frames]:
        """A parcel of its own; see `layer` for several in one call."""
        return parcel_of(dumped.data, dumped.buffers, self._shelf.share)

    def dump_items(self, items: Sequence[Any], form: str, explain: Callable[[int, Exception], Exception]) -> Dumped:
        """As `pack_items`, up to where a parcel is made of it."""
        if form in ("column", "values") and (data := dump_numbers(items)) is not None:
            return Dumped(form, len(items), data)
        if form == "range" or all_simple(items, form):
            return Dumped(form, len(items), pickle.dumps(items, 5))
        return self._dump_each(items, form, explain)

    def dump_frozen(self, calls: Sequence[Any]) -> Dumped:
        """As `dump_items`, for calls as `freeze` has returned them."""
        if Packed not in map(type, calls):
            return Dumped("calls", len(calls), pickle.dumps(calls, 5))
        return self._dump_each(calls, "calls", lambda _, error: error)

    def _dump_each(self, items: Sequence[Any], form: str, explain: Callable[[int, Exception], Exception]) -> Dumped:
        pickles: list[tuple[bytes, int] | None] = []
        buffers: list[memoryview | Segment] = []
        errors: dict[int, Exception] = {}
        for position, item in enumerate(items):
            try:
                data, mine = (item.data, item.buffers) if type(item) is Packed else self._dump(item)[:2]
            except Exception as error:
                errors[position] = explain(position, error)
                pickles.append(None)
                continue
            pickles.append((data, len(mine)))
            buffers += mine
        return Dumped(form + "+", len(items), pickle.dumps(pickles, 5), buffers, errors)

    def freeze(self, call: tuple[tuple[Any, ...], dict[str, Any]]) -> Any:
        """A call as it is at this moment, whatever happens to its arguments before it is sent."""
        if simple_call(call):
            return call
        data, buffers, _ = self._dump(call)
        return Packed(data, [self._shelf.share(b) or memoryview(bytes(b)) for b in buffers])

    def melt(self, frozen: Any) -> None:
        """Forget a frozen call that will not be sent."""
        if type(frozen) is Packed:
            for buffer in frozen.buffers:
                if isinstance(buffer, Segment):
                    self._shelf.discard(buffer)

    def layer(self) -> Layer:
        """For packing several parcels in one call."""
        return Layer(self._shelf)

    def unpack_items(self, form: str, parcel: Parcel, frames: Frames, take: bool = False) -> Sequence[Any]:
        """The items of a parcel; for forms with a ``+``, a `Packed` each, to be loaded one by one."""
        if not form.endswith("+"):
            data = self._open(parcel, frames, take, False)[0] if parcel.buffers else parcel.data
            items: Sequence[Any] = pickle.loads(data)
            return items
        if take:
            pickles, buffers = self._open(parcel, frames, True, True)
        else:
            buffers = self._late_buffers(parcel, frames)
            pickles = parcel.data or buffers.pop()()
        loaded: list[Packed] = []
        used = 0
        for entry in pickle.loads(pickles):
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
            data = dump_error(error, self._program)
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

    # ---- failed calls ------------------------------------------------------------------------------------------

    def pack_call(self, function: Callable[..., Any], call: tuple[tuple[Any, ...], dict[str, Any]]) -> bytes:
        """A function and its arguments in one pickle, arrays included.

        Raises:
            TooLarge: it has more than `CALL_BYTES`; found out before it is copied.
            Exception: whatever else pickling raises.
        """
        file = _Bounded()
        Pickler(file, self._program, lambda buffer: True).dump((function, *call))
        return file.getvalue()

    @staticmethod
    def unpack_call(data: bytes) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        """The function and its arguments, positional and by keyword."""
        function, args, kwargs = pickle.loads(data)
        return function, args, kwargs


class TooLarge(ValueError):
    """A pickle grows larger than it may."""


class _Bounded(io.BytesIO):
    """Takes no more than a failed call may have."""

    def write(self, data: Any) -> int:
        if self.tell() + memoryview(data).nbytes > CALL_BYTES:
            raise TooLarge(f"they have more than {CALL_BYTES >> 20} MiB")
        return super().write(data)
