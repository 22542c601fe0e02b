"""The user's script: how it runs as `__main__` in the root, and how workers import it under another name.

Functions and classes that the script defines when a worker imports it travel by reference; so the data that it loads
is there without being sent. What the root alone has (defined under `if __name__ == "__main__"`, or in a function)
travels by value.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

#: What `__name__` is in the script when a worker imports it.
WORKER_NAME = "__scoop_main__"


class Program:
    """A script, or a module that is run as one.

    Args:
        target: a path, or with `module` a dotted name, found as by `python -m`.
        module: whether target is a module's name.

    Raises:
        FileNotFoundError: there is no such script or module.
        SyntaxError: it does not parse.
    """

    def __init__(self, target: str, module: bool = False) -> None:
        self.target = target
        self.module = module
        self.package: str | None = None
        if module:
            try:
                spec = importlib.util.find_spec(target)
            except ModuleNotFoundError:  # of the package that it would be in
                spec = None
            if spec is not None and spec.submodule_search_locations is not None:
                spec = importlib.util.find_spec(f"{target}.__main__")
            if spec is None or spec.origin is None:
                raise FileNotFoundError(f"No module named {target}")
            self.path = spec.origin
            self.package = spec.parent
        else:
            path = Path(target)
            self.path = str(path / "__main__.py" if path.is_dir() else path)
        source = Path(self.path).read_bytes()
        tree = ast.parse(source, self.path)
        self._code = compile(tree, self.path, "exec", dont_inherit=True)
        self._names = frozenset(_defined(tree.body))

    def run(self) -> None:
        """Run it as `__main__`, in this process."""
        module = self._module("__main__")
        sys.modules["__main__"] = module
        # What a worker defined comes back under the worker's name of this module.
        sys.modules[WORKER_NAME] = module
        exec(self._code, module.__dict__)

    def load(self) -> None:
        """Import it as workers do: the guarded part does not run."""
        module = self._module(WORKER_NAME)
        sys.modules["__main__"] = sys.modules[WORKER_NAME] = module
        exec(self._code, module.__dict__)

    def _module(self, name: str) -> ModuleType:
        module = ModuleType(name)
        module.__file__ = self.path
        module.__package__ = self.package
        module.__builtins__ = __builtins__  # type: ignore[attr-defined]
        return module

    def prepare(self) -> None:
        """Let it import its neighbours, as Python does for a script."""
        if self.package is None:
            folder = str(Path(self.path).resolve().parent)
            if sys.path[:1] != [folder]:
                sys.path.insert(0, folder)

    def defines(self, obj: Any) -> bool:
        """Whether workers that imported the script have this function or class too."""
        name = getattr(obj, "__qualname__", "")
        found: Any = sys.modules.get("__main__")
        for part in name.split("."):
            found = getattr(found, part, None)
        return found is obj and name.split(".")[0] in self._names


def _defined(body: list[ast.stmt]) -> set[str]:
    """The functions and classes that these statements define when `__name__` is not `__main__`."""
    names: set[str] = set()
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.If):
            if _is_guard(node.test):
                names |= _defined(node.orelse)
            else:
                names |= _defined(node.body) | _defined(node.orelse)
        elif isinstance(node, ast.Try):
            for part in (node.body, node.orelse, node.finalbody, *(h.body for h in node.handlers)):
                names |= _defined(part)
        elif isinstance(node, ast.With):
            names |= _defined(node.body)
        elif isinstance(node, ast.Assign):  # Individual = make_class(...)
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return names


def _is_guard(test: ast.expr) -> bool:
    """Whether this is `__name__ == "__main__"`, either way round."""
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)):
        return False
    sides = (test.left, test.comparators[0])
    return any(isinstance(s, ast.Name) and s.id == "__name__" for s in sides) and any(
        isinstance(s, ast.Constant) and s.value == "__main__" for s in sides
    )
