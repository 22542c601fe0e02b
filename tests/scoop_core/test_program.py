"""The user's script: as `__main__` in the root, under another name in workers."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from scoop_core.program import WORKER_NAME, Program

Write = Callable[[str], Program]


@pytest.fixture(autouse=True)
def modules() -> Iterator[None]:
    """Give this process its own `__main__` back."""
    main, path = sys.modules["__main__"], list(sys.path)
    known = set(sys.modules)
    yield
    sys.modules["__main__"] = main
    for name in set(sys.modules) - known:
        del sys.modules[name]
    sys.path[:] = path


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def program(source: str) -> Program:
        path = tmp_path / "script.py"
        path.write_text(textwrap.dedent(source))
        return Program(str(path))

    return program


def main() -> ModuleType:
    return sys.modules["__main__"]


# ---- running ---------------------------------------------------------------------------------------------------


def test_the_root_runs_it_as_main_and_workers_import_it_without_the_guarded_part(write: Write) -> None:
    program = write(
        """
        names = [__name__]
        if __name__ == "__main__":
            names.append("guarded")
        """
    )
    program.run()
    assert vars(main())["names"] == ["__main__", "guarded"]
    assert main().__file__ == program.path
    program.load()
    assert vars(main())["names"] == [WORKER_NAME]
    assert sys.modules[WORKER_NAME] is main()


def test_an_error_in_it_shows_its_own_lines(write: Write) -> None:
    program = write("x = 1\nraise ValueError('here')\n")
    with pytest.raises(ValueError, match="here") as caught:
        program.run()
    assert caught.traceback[-1].lineno == 1
    assert str(caught.traceback[-1].path) == program.path


def test_what_this_module_has_switched_on_is_not_on_in_it(write: Write) -> None:
    program = write("def f(x: int) -> int: return x\n")
    program.run()
    assert vars(main())["f"].__annotations__ == {"x": int, "return": int}, "annotations of the future are ours only"


def test_a_folder_runs_its_main_file(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__main__.py").write_text("value = 5")
    Program(str(tmp_path / "app")).run()
    assert vars(main())["value"] == 5


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package on the path, whose modules import each other relatively."""
    folder = tmp_path / "some_package"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "near.py").write_text("value = 7")
    (folder / "tool.py").write_text("from . import near\nfound = near.value")
    (folder / "__main__.py").write_text("from .near import value")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def test_a_module_runs_with_its_package_around_it(package: Path) -> None:
    program = Program("some_package.tool", module=True)
    program.run()
    assert vars(main())["found"] == 7
    assert program.path == str(package / "tool.py")


def test_a_package_runs_its_main_module(package: Path) -> None:
    program = Program("some_package", module=True)
    program.run()
    assert vars(main())["value"] == 7
    assert program.path == str(package / "__main__.py")


def test_a_script_may_import_its_neighbours(write: Write, tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_script.py").write_text("value = 3")
    program = write("import neighbour_of_script\nvalue = neighbour_of_script.value")
    program.prepare()
    program.prepare()
    assert sys.path.count(str(tmp_path)) == 1
    program.run()
    assert vars(main())["value"] == 3


def test_a_module_does_not_change_the_path(package: Path) -> None:
    before = list(sys.path)
    Program("some_package.tool", module=True).prepare()
    assert sys.path == before


def test_what_is_not_there_or_does_not_parse_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Program(str(tmp_path / "none.py"))
    with pytest.raises(FileNotFoundError, match="No module named no_such_module"):
        Program("no_such_module", module=True)
    (tmp_path / "bad.py").write_text("def f(:\n")
    with pytest.raises(SyntaxError) as caught:
        Program(str(tmp_path / "bad.py"))
    assert caught.value.filename == str(tmp_path / "bad.py")


def test_its_encoding_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "latin.py"
    path.write_bytes("# -*- coding: latin-1 -*-\nname = 'é'\n".encode("latin-1"))
    Program(str(path)).run()
    assert vars(main())["name"] == "é"


# ---- what workers have too -------------------------------------------------------------------------------------


EVERYWHERE = """
    import functools
    from collections import namedtuple

    def f(): pass
    async def g(): pass
    class C:
        def method(self): pass
        class Inner: pass
    Point = namedtuple("Point", "x y")
    try:
        def h(): pass
    except ImportError:
        def i(): pass
    if functools:
        def j(): pass
    with open(__file__):
        def k(): pass
    if __name__ == "__main__":
        pass
    else:
        def worker_only(): pass
    """


@pytest.mark.parametrize("name", ["f", "g", "C", "C.method", "C.Inner", "Point", "h", "j", "k"])
def test_workers_have_what_is_defined_outside_of_the_guard(name: str, write: Write) -> None:
    program = write(EVERYWHERE)
    program.run()
    thing = main()
    for part in name.split("."):
        thing = getattr(thing, part)
    assert program.defines(thing)


ROOT_ONLY = """
    def make():
        def inner(): pass
        return inner

    inner = make()
    nameless = lambda: None

    def shared(): return "first"

    for _ in range(1):
        def looped(): pass

    if __name__ == "__main__":
        def guarded(): pass
        class Guarded: pass
        def nested():
            def deep(): pass
            return deep
        deep = nested()

    if "__main__" == __name__:
        def other_way_round(): pass
    """


@pytest.mark.parametrize("name", ["inner", "nameless", "guarded", "Guarded", "deep", "other_way_round", "looped"])
def test_workers_may_not_have_what_the_root_alone_defines(name: str, write: Write) -> None:
    program = write(ROOT_ONLY)
    program.run()
    assert not program.defines(getattr(main(), name))


def test_what_was_defined_anew_since_is_not_what_workers_have(write: Write) -> None:
    program = write(ROOT_ONLY)
    program.run()
    first = vars(main())["shared"]
    assert program.defines(first)
    exec("def shared(): return 'second'", vars(main()))
    assert not program.defines(first)


def test_nothing_of_another_module_is_the_programs(write: Write) -> None:
    program = write("from textwrap import dedent as f")
    program.run()
    assert not program.defines(textwrap.dedent)
