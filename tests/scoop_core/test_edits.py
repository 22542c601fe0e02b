"""Modules that were edited: the newest version counts, new code that fails changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from scoop_core.edits import Edit, Edits


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """One that is imported."""
    made = ModuleType("edited_module")
    exec("def f(): return 1\ndef gone(): pass\nkept = 5\n", made.__dict__)
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


@pytest.fixture
def edits() -> Iterator[Edits]:
    made = Edits()
    yield made
    if made in sys.meta_path:
        sys.meta_path.remove(made)
    sys.modules.pop("edited_later", None)


def edit(stamp: int, source: str) -> Edit:
    return Edit(stamp, "/nowhere/edited.py", source.encode())


def test_the_newest_counts(module: ModuleType, edits: Edits) -> None:
    f: Callable[[], int] = module.f
    assert edits.take({module.__name__: edit(2, "def f(): return 2\n")})
    assert not edits.take({module.__name__: edit(1, "def f(): return 1\n")})
    assert module.f() == f() == 2
    assert not hasattr(module, "gone") and module.kept == 5
    assert edits.take({module.__name__: edit(3, "def f(): return 3\n")})
    assert module.f() == f() == 3


def test_code_that_fails_changes_nothing(module: ModuleType, edits: Edits) -> None:
    before = dict(vars(module))
    with pytest.raises(ZeroDivisionError):
        edits.take({module.__name__: edit(1, "def f(): return 2\nkept = 6\n1 / 0\n")})
    assert vars(module) == before and not edits.known
    assert edits.take({module.__name__: edit(1, "def f(): return 2\n")})  # it comes again, and is tried again
    assert module.f() == 2


def test_what_is_imported_later_comes_from_the_source(edits: Edits) -> None:
    edits.take({"edited_later": edit(1, "def f(): return __file__\n")})
    import edited_later  # type: ignore[import-not-found]

    assert edited_later.f() == "/nowhere/edited.py"


def test_functions_that_differ_in_what_they_close_over(module: ModuleType, edits: Edits) -> None:
    """The old one can't do what the new one does; the name has the new one all the same."""
    edits.take(
        {module.__name__: edit(1, "def make(a, b):\n    def f(): return a + b\n    return f\nf = make(1, 2)\n")}
    )
    held = module.f
    edits.take({module.__name__: edit(2, "def make(a):\n    def f(): return a\n    return f\nf = make(7)\n")})
    assert (held(), module.f()) == (3, 7)


def test_what_is_held_stays_the_same_function(module: ModuleType, edits: Edits) -> None:
    source = "class C:\n    def m(self): return super().__repr__()[:0] or {}\ndef f(): return {}\nalso = f\n"
    edits.take({module.__name__: edit(1, source.format(1, 1))})
    held, method, kind = module.f, module.C().m, module.C
    for stamp in (2, 3, 4):
        edits.take({module.__name__: edit(stamp, source.format(stamp, stamp))})
        assert held is module.f is sys.modules[module.__name__].f
        assert held() == method() == module.also() == module.C().m() == stamp
    assert isinstance(method.__self__, module.C) and kind is not module.C
