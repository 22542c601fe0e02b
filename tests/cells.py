"""Cells of a notebook, without one: code whose functions and classes belong to `__main__` and have no file."""

from __future__ import annotations

import itertools
import linecache
import textwrap
from typing import Any

_numbers = itertools.count(1)


class Cells:
    """The namespace of a notebook; call it with a cell's source, ask it for what the cell defined."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}

    def __call__(self, source: str) -> None:
        source = textwrap.dedent(source).strip() + "\n"
        name = f"<cell {next(_numbers)}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        exec(compile(source, name, "exec"), self.namespace)

    def __getattr__(self, name: str) -> Any:
        return self.namespace[name]
