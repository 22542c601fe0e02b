"""What ``%scoop each`` runs on workers. It imports nothing of IPython, for workers then would."""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import linecache
import sys
from typing import Any


def execute_there(source: str, name: str) -> str:
    """Execute code on a worker, in its `__main__`; what it printed, and the value of a last expression. (Runs there.)

    Functions of the notebook don't run in that namespace: they come with what they need of the notebook's. What they
    find neither there nor among Python's own names they shall find here.
    """
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    namespace: dict[str, Any] = sys.modules["__main__"].__dict__
    before = dict(namespace)
    tree = ast.parse(source, name)
    last: ast.Expression | None = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body[-1].value)
        del tree.body[-1]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            exec(compile(tree, name, "exec", dont_inherit=True), namespace)
            if last is not None:
                value = eval(compile(last, name, "eval", dont_inherit=True), namespace)
                if value is not None:
                    print(repr(value))
        finally:
            shown: set[str] = namespace.setdefault("__scoop_each__", set())
            changed = [key for key, value in namespace.items() if before.get(key, shown) is not value]
            for key in shown - namespace.keys():
                shown.remove(key)
                delattr(builtins, key)
            for key in changed:
                if key in shown or not (hasattr(builtins, key) or key.startswith("__")):
                    shown.add(key)
                    setattr(builtins, key, namespace[key])
    return out.getvalue()
