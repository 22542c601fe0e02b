"""A proof holds exactly as long as a function, with all that it reaches, is what it was."""

from __future__ import annotations

import builtins
import functools
import math
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from scoop_core.proofs import is_importable, prove


class Notebook:
    """Cells that are executed one after the other in one namespace, as in a kernel."""

    def __init__(self, *cells: str) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
        for cell in cells:
            self.run(cell)

    def run(self, cell: str) -> None:
        exec(compile(textwrap.dedent(cell), "<cell>", "exec"), self.names)

    def __getitem__(self, name: str) -> Any:
        return self.names[name]


PROVABLE = {
    "nothing but arguments": "def f(x): return x + 1",
    "a number": "k = 3\ndef f(x): return x + k",
    "a tuple of constants": "k = (1, 'a', (2.5, None))\ndef f(x): return k",
    "a frozen set": "k = frozenset({1, 2})\ndef f(x): return x in k",
    "a module": "import math\ndef f(x): return math.sqrt(x)",
    "a built-in function": "def f(x): return len(x)",
    "a function of a module": "from textwrap import dedent\ndef f(x): return dedent(x)",
    "a class of a module": "from fractions import Fraction\ndef f(x): return Fraction(x)",
    "a function of the notebook": "def g(x): return x\ndef f(x): return g(x)",
    "itself": "def f(x): return f(x - 1) if x else 0",
    "each other": "def f(x): return g(x)\ndef g(x): return f(x)",
    "a default": "def f(x, k=3): return x + k",
    "a closure": "def make(k):\n    return lambda x: x + k\nf = make(2)",
    "a global that does not exist yet": "def f(x): return later(x)",
    "an attribute that has a name of a global": "data = []\ndef f(x): return x.real",
}


@pytest.mark.parametrize("cell", PROVABLE.values(), ids=PROVABLE)
def test_what_reaches_only_what_cannot_change_has_a_proof(cell: str) -> None:
    proof = prove(Notebook(cell)["f"])
    assert proof is not None
    assert proof.holds()


UNPROVABLE = {
    "a list": "k = [1]\ndef f(x): return k",
    "a dictionary": "k = {}\ndef f(x): return k",
    "a set": "k = {1}\ndef f(x): return k",
    "a tuple with a list in it": "k = (1, [2])\ndef f(x): return k",
    "an instance": "class C: pass\nk = C()\ndef f(x): return k",
    "a class of the notebook": "class C: pass\ndef f(x): return C()",
    "a partial": "from functools import partial\nk = partial(int, base=2)\ndef f(x): return k(x)",
    "a generator": "k = (i for i in range(3))\ndef f(x): return next(k)",
    "a list in a default": "def f(x, k=[]): return k",
    "defaults of keyword-only arguments": "def f(x, *, k=1): return k",
    "an attribute of the function": "def f(x): return f.calls\nf.calls = 1",
    "a list in a closure": "def make(k):\n    return lambda x: k\nf = make([1])",
    "a closure that is empty yet": "def make():\n    f = lambda: k\n    return f\n    k = 1\nf = make()",
    "a list that a helper reaches": "k = [1]\ndef g(x): return k\ndef f(x): return g(x)",
    "a list that a nested function reaches": "k = [1]\ndef f(x):\n    return [(lambda: k)() for _ in range(x)]",
    "a list that a helper in a closure reaches": (
        "k = [1]\ndef g(): return k\ndef make(h):\n    return lambda x: h()\nf = make(g)"
    ),
    "a method of a built-in object": "k = {}.get\ndef f(x): return k(x)",
    "a module that was made by hand": "import types\nk = types.ModuleType('k')\ndef f(x): return k.x",
    "a bound method": "class C:\n    def m(self): return 1\nf = C().m",
}


@pytest.mark.parametrize("cell", UNPROVABLE.values(), ids=UNPROVABLE)
def test_what_reaches_something_that_can_change_has_no_proof(cell: str) -> None:
    assert prove(Notebook(cell)["f"]) is None


CHANGES = {
    "a helper is redefined": ("def g(): return 1\ndef f(x): return g()", "def g(): return 2"),
    "a helper of a helper is redefined": (
        "def h(): return 1\ndef g(): return h()\ndef f(x): return g()",
        "def h(): return 2",
    ),
    "a global is bound anew": ("k = 1\ndef f(x): return k", "k = 2"),
    "a global is bound to an equal value of another type": ("k = 1\ndef f(x): return k", "k = 1.0"),
    "a global becomes a list": ("k = 1\ndef f(x): return k", "k = [1]"),
    "a global is deleted": ("k = 1\ndef f(x): return k", "del k"),
    "a global that was absent appears": ("def f(x): return later", "later = 1"),
    "a built-in function is hidden": ("def f(x): return len(x)", "len = sum"),
    "a global of a nested function changes": ("k = 1\ndef f(x): return [(lambda: k)() for _ in range(x)]", "k = 2"),
    "a global of a class in the function changes": (
        "k = 1\ndef f(x):\n    class C:\n        def m(self): return k\n    return C().m()",
        "k = 2",
    ),
    "a default changes": ("def f(x, k=1): return k", "f.__defaults__ = (2,)"),
    "a default of a helper changes": ("def g(k=1): return k\ndef f(x): return g()", "g.__defaults__ = (2,)"),
    "keyword-only defaults appear": ("def f(x, *, k): return k", "f.__kwdefaults__ = {'k': 1}"),
    "the code changes": ("def f(x): return 1\ndef g(x): return 2", "f.__code__ = g.__code__"),
    "an attribute appears": ("def f(x): return 1", "f.cache = {}"),
    "a cell of the closure changes": (
        "def make():\n    k = 1\n    def f(x): return k\n    def change(to):\n        nonlocal k\n        k = to\n"
        "    return f, change\nf, change = make()",
        "change(2)",
    ),
    "a cell of the closure is emptied": (
        "def make():\n    k = 1\n    def f(x): return k\n    def clear():\n        nonlocal k\n        del k\n"
        "    return f, clear\nf, clear = make()",
        "clear()",
    ),
    "a module is bound anew": ("import math\ndef f(x): return math.pi", "import cmath as math"),
}


@pytest.mark.parametrize(("cell", "change"), CHANGES.values(), ids=CHANGES)
def test_a_proof_ends_when(cell: str, change: str) -> None:
    notebook = Notebook(cell)
    proof = prove(notebook["f"])
    assert proof is not None
    assert proof.holds()
    notebook.run(change)
    assert not proof.holds()


def test_what_the_function_does_not_use_may_change() -> None:
    notebook = Notebook("k, other = 1, 1\ndef f(x): return k")
    proof = prove(notebook["f"])
    notebook.run("other = 2\ndef g(): pass")
    assert proof is not None
    assert proof.holds()


def test_a_change_that_is_taken_back_does_no_harm() -> None:
    notebook = Notebook("k = 1\ndef f(x): return k")
    proof = prove(notebook["f"])
    notebook.run("saved, k = k, 2")
    notebook.run("k = saved")
    assert proof is not None
    assert proof.holds()


@pytest.mark.parametrize("thing", [textwrap.dedent, textwrap.TextWrapper, textwrap.TextWrapper.fill, Notebook.run])
def test_what_a_module_has_under_its_name_is_importable(thing: Callable[..., Any]) -> None:
    assert is_importable(thing)


@pytest.mark.parametrize("name", ["a function of the notebook", "a lambda", "a nested function", "a replaced one"])
def test_what_no_module_has_is_not_importable(name: str) -> None:
    def nested() -> None: ...

    def replaced(x: float) -> float:
        return x

    replaced.__module__, replaced.__qualname__ = "math", "sqrt"
    things = {
        "a function of the notebook": Notebook("def f(): pass")["f"],
        "a lambda": lambda: None,
        "a nested function": nested,
        "a replaced one": functools.wraps(math.sqrt)(replaced),
    }
    assert not is_importable(things[name])
