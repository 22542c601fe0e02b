"""What a worker tells people of tasks that failed: where, with which arguments, and what they had printed.

All this is found out when a task has failed, and for the first ones of each function only: who fails a million times
says it some twenty times. Others pay nothing.
"""

from __future__ import annotations

import itertools
import math
import reprlib
import threading
from collections.abc import Callable
from typing import Any

from scoop_core import messages as m
from scoop_core.errors import RemoteTraceback
from scoop_core.output import Outputs
from scoop_core.payload import SIMPLE, Packer, TooLarge, first_line
from scoop_core.worker_state import GroupCount

#: Failures of one node that are told by one worker, and different ones that are told in any case.
NOTED = 20
LINES = 5
#: What is told of each, in characters.
ARGUMENTS = 500
OUTPUT = 2000
TRACEBACK = 8000
#: A `repr` that takes longer than this is not waited for, in seconds.
REPR_SECONDS = 0.2

Call = tuple[tuple[Any, ...], dict[str, Any]]


class Mishaps:
    """Tells the broker of failures.

    Args:
        worker: its name.
        packer: packs calls, so that they can be made again.
        post: sends a message with the next flush.
        outputs: what tasks have printed; None if it does not travel.
    """

    def __init__(
        self, worker: str, packer: Packer, post: Callable[[m.Header, m.Frames], None], outputs: Outputs | None
    ) -> None:
        self._worker = worker
        self._packer = packer
        self._post = post
        self._outputs = outputs
        self._numbers = itertools.count(1)

    def note(
        self,
        group: GroupCount,
        error: BaseException,
        function: Callable[..., Any],
        call: Callable[[], Call],
        began: float = math.inf,
    ) -> str:
        """A task has failed; to be called where it was, so that its prints are found.

        Args:
            group: its account.
            error: what it raised.
            function: it called this ...
            call: ... with these arguments; as it got them, if that is still known.
            began: when it, or the first of its neighbours, began, by `time.perf_counter`.

        Returns:
            By what it can be asked for; empty if it was not told.
        """
        if group.noted >= NOTED and len(group.lines) >= LINES:
            return ""
        line = first_line(error)
        if group.noted >= NOTED and line in group.lines:
            return ""
        group.noted += 1
        group.lines.add(line)
        mishap = m.Mishap(
            f"{self._worker}-{next(self._numbers)}", group.root, group.run, group.place.group, group.place.parent,
            group.name, line, _shortened(self._packer.format_error(error), TRACEBACK), "", "",
        )  # fmt: skip
        if isinstance(error.__cause__, RemoteTraceback):
            mishap.source = error.__cause__.id
        if self._outputs is not None:
            mishap.output = self._outputs.tail(began, OUTPUT)
        try:
            arguments = call()
            mishap.arguments = shown(*arguments)
            mishap.call = self._packer.pack_call(function, arguments)
        except TooLarge as problem:
            mishap.why = f"its function and arguments were not kept, for {problem}"
        except BaseException as problem:  # of whatever they do when they are pickled
            mishap.why = f"its function and arguments can't be pickled: {first_line(problem)}"
        self._post(mishap, [])
        return mishap.id


def _shortened(text: str, size: int) -> str:
    """A text without its middle, if it is longer than that: how a traceback begins and ends matters most."""
    return text if len(text) <= size else f"{text[: size // 4]}\n…\n{text[-size * 3 // 4 :]}"


# ---- arguments -----------------------------------------------------------------------------------------------------


class _Repr(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxtuple = self.maxlist = self.maxset = self.maxfrozenset = self.maxdeque = self.maxarray = 20
        self.maxdict = 10
        self.maxstring = self.maxother = self.maxlong = 200


_short = _Repr().repr


def shown(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The arguments of a call as people write them, cut. What they do when asked for their `repr` can't hurt."""
    if all(type(value) in SIMPLE for value in (*args, *kwargs.values())):
        text = _listed(args, kwargs)
    else:
        text = _in_time(lambda: _listed(args, kwargs)) or "(their repr takes too long)"
    return text if len(text) <= ARGUMENTS else text[: ARGUMENTS - 1] + "…"


def _listed(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    return ", ".join([*map(_told, args), *(f"{name}={_told(value)}" for name, value in kwargs.items())])


def _told(value: Any) -> str:
    try:
        return _short(value)
    except BaseException as error:
        return f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"


def _in_time(work: Callable[[], str]) -> str | None:
    """What it returns, unless that takes too long; a thread that nobody waits for is left with it then."""
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(work()), name="scoop-repr", daemon=True)
    thread.start()
    thread.join(REPR_SECONDS)
    return found[0] if found else None
