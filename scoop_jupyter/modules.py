"""The modules of the user's own that a notebook has imported, and which of them were edited since.

Such a module lies in a file that is neither of the standard library nor installed. It is looked after between cells:
a cell sees one version of it.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import time
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from scoop_core.edits import Edit, compiled, reload

_INSTALLED = tuple(
    os.path.join(sysconfig.get_path(kind), "") for kind in ("stdlib", "platstdlib", "purelib", "platlib")
)
_PARTS = {"site-packages", "dist-packages"}
_OURS = {"__main__", "scoop", "scoop_core", "scoop_jupyter"}


@dataclass
class News:
    """What a look at the modules has led to.

    Attributes:
        reloaded: modules that have new code now.
        refused: modules whose new code fails, and how; they have the old one.
    """

    reloaded: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


@dataclass
class _Local:
    """A module of the user's own; as of which state of its file it was looked at, and what it was loaded from."""

    module: ModuleType
    path: str
    state: tuple[int, int]
    source: bytes | None  # None: the file was edited before anybody looked


class Modules:
    """Those of one notebook.

    Args:
        namespace: of the notebook.

    Attributes:
        edited: what workers must know: all modules that are not as their files were when somebody first looked.
    """

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self.edited: dict[str, Edit] = {}
        self._locals: dict[str, _Local] = {}
        self._others: set[str] = set()
        self._imported: dict[str, int] = {}  # when the import began, in nanoseconds since 1970
        self._refused: dict[str, _Local] = {}  # tried again when something else was edited

    @property
    def names(self) -> list[str]:
        """All modules that are looked after."""
        return sorted(self._locals)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Note that a module is about to be imported (as one of `sys.meta_path`); others find it."""
        self._imported[name] = time.time_ns()

    def look(self) -> None:
        """Get to know the modules that were imported since the last look."""
        for name, module in list(sys.modules.items()):
            if name in self._others:
                continue
            local = self._locals.get(name)
            if local is not None and local.module is module:
                continue
            path = _local_path(name, module)
            state = _state(path) if path else None
            source = _read(path) if state else None
            if state is None or source is None:
                self._others.add(name)
            elif state[0] > self._imported.get(name, state[0]):  # edited since
                self._locals[name] = _Local(module, path, (0, 0), None)
            else:
                self._locals[name] = _Local(module, path, state, source)
                if name in self.edited:  # it was imported anew
                    self._tell(name, Edit(time.time_ns(), path, source))

    def sync(self, already: bool = False) -> News:
        """Reload what was edited since it was looked at.

        Args:
            already: somebody else sees to it that the notebook itself has the new code.
        """
        self.look()
        news = News()
        changed = self._changed()
        if changed:
            changed |= {name: local for name, local in self._refused.items() if self._locals[name] is local}
            self._refused = {}
        # In the order in which their imports were over: what a module needs stands before it.
        for name in sorted(changed, key=list(sys.modules).index):
            self._renew(name, changed[name], already, news)
        return news

    def keep(self) -> None:
        """Have workers that import an edited module from now on get it as it is here."""
        self.look()
        for name, local in self._changed().items():
            self._keep(name, local)

    def _changed(self) -> dict[str, _Local]:
        here = {name: local for name, local in self._locals.items() if sys.modules.get(name) is local.module}
        return {name: local for name, local in here.items() if _state(local.path) not in (None, local.state)}

    def _keep(self, name: str, local: _Local) -> None:
        if local.source and name not in self.edited:
            self._tell(name, Edit(time.time_ns(), local.path, local.source))

    def _renew(self, name: str, local: _Local, already: bool, news: News) -> None:
        local.state = _state(local.path) or local.state
        source = _read(local.path)
        if source == local.source or not source:  # it was only touched, or is being written
            return
        edit = Edit(time.time_ns(), local.path, source)
        try:
            compiled(edit) if already else reload(local.module, edit, self._namespace)
        except Exception as error:
            news.refused[name] = f"{type(error).__name__}: {error}"
            self._refused[name] = local
            self._keep(name, local)
        else:
            local.source = source
            news.reloaded.append(name)
            self._tell(name, edit)

    def _tell(self, name: str, edit: Edit) -> None:
        self.edited = {**{n: e for n, e in self.edited.items() if n != name}, name: edit}


def _local_path(name: str, module: ModuleType) -> str:
    """The source file of a module of the user's own; empty for all others."""
    spec = getattr(module, "__spec__", None)
    if name.partition(".")[0] in _OURS or spec is None or type(spec.loader) is not SourceFileLoader:
        return ""
    path = os.path.abspath(spec.origin or "")
    return "" if path.startswith(_INSTALLED) or _PARTS & set(Path(path).parts) else path


def _state(path: str) -> tuple[int, int] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def _read(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except OSError:
        return None
