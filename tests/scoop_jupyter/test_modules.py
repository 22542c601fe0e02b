"""Modules of the user's own that are edited while a notebook uses them: one version, in the kernel and on workers."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scoop_jupyter.kernel import Kernel

_numbers = itertools.count()


@pytest.fixture
def folder(shared_kernel: Kernel, tmp_path: Path) -> Path:
    """Where the shared kernel's notebook lies, as it were: it and its workers find modules there."""
    path = Path(shared_kernel.run("import os\nos.getcwd()").check().result.strip("'"))  # type: ignore[union-attr]
    return path


@pytest.fixture
def name() -> str:
    """Of a module that no test has had."""
    return f"own_{next(_numbers)}"


def write(file: Path, source: str) -> None:
    """Write a module, some time after whatever was there before: but within the same second."""
    before = file.stat().st_mtime_ns if file.exists() else 0
    file.parent.mkdir(exist_ok=True)
    file.write_text(source)
    if before:
        os.utime(file, ns=(before + 1000, before + 1000))


def test_the_next_call_has_the_new_code(kernel: Kernel, folder: Path, name: str) -> None:
    write(folder / f"{name}.py", "def f(x):\n    return x + 1\n")
    kernel.run(f"import {name}").check()
    assert kernel.run(f"list(futures.map({name}.f, [1, 2]))").check().result == "[2, 3]"
    write(folder / f"{name}.py", "def f(x):\n    return x + 2\n")  # as long as it was
    cell = kernel.run(f"{name}.f(1), list(futures.map({name}.f, [1, 2]))").check()
    assert cell.text() == f"Reloaded: {name}\n"
    assert cell.result == "(3, [3, 4])"
    again = kernel.run(f"%%scoop --quiet\nfutures.submit(lambda: {name}.f(1)).result()").check()
    assert (again.result, again.text()) == ("3", "")


def test_nested_tasks_and_new_workers_have_it(kernel: Kernel, folder: Path, name: str) -> None:
    write(folder / f"{name}.py", "def f(x):\n    return 'old'\n")
    kernel.run(f"import {name}\ndef outer(x):\n    return set(futures.map({name}.f, range(20)))").check()
    assert kernel.run("futures.submit(outer, 1).result()").check().result == "{'old'}"
    write(folder / f"{name}.py", "def f(x):\n    return 'new'\n")
    assert kernel.run("set.union(*futures.map(outer, range(8)))").check().result == "{'new'}"
    kernel.run("%scoop restart").check()
    assert kernel.run("set.union(*futures.map(outer, range(8)))").check().result == "{'new'}"


def test_edited_while_a_cell_runs(kernel: Kernel, folder: Path, name: str) -> None:
    """A cell that runs keeps the version that it began with, on workers that come later as well."""
    gate = folder / f"{name}.gate"
    write(folder / f"{name}.py", "def f(x):\n    return 'old'\n")
    kernel.run(f"import {name}\nfutures.submit({name}.f, 0).result()").check()
    write(folder / f"{name}.py", "def f(x):\n    return 'new'\n")
    kernel.run(f"futures.submit({name}.f, 0).result()").check()
    wait = f"while not os.path.exists({str(gate)!r}): time.sleep(0.01)"
    cell = kernel.begin(f"import time\nprint('begun')\n{wait}\nset(futures.map({name}.f, range(9)))")
    kernel.until(lambda: "begun" in cell.text())
    write(folder / f"{name}.py", "def f(x):\n    return 'newest'\n")
    gate.touch()
    assert kernel.finish(cell).check().result == "{'new'}"
    assert kernel.run(f"set(futures.map({name}.f, range(9)))").check().result == "{'newest'}"


def test_edited_while_the_cell_runs_that_imports_it(kernel: Kernel, folder: Path, name: str) -> None:
    source = f"import pathlib\npathlib.Path('{name}.py').write_text('def f(x):\\n    return \"a new one\"\\n')"
    write(folder / f"{name}.py", "def f(x):\n    return 'old'\n")
    kernel.run(f"import {name}\n{source};").check()
    cell = kernel.run(f"{name}.f(0), futures.submit({name}.f, 0).result()").check()
    assert cell.result == "('a new one', 'a new one')" and cell.text() == f"Reloaded: {name}\n"


@pytest.mark.parametrize("broken", ["def f(x:\n", "1 / 0\ndef f(x):\n    return 'new'\n"], ids=["syntax", "raises"])
def test_new_code_that_fails(kernel: Kernel, folder: Path, name: str, broken: str) -> None:
    write(folder / f"{name}.py", "def f(x):\n    return 'old'\n")
    kernel.run(f"import {name}").check()
    assert kernel.run(f"futures.submit({name}.f, 0).result()").check().result == "'old'"
    write(folder / f"{name}.py", broken)
    cell = kernel.run(f"{name}.f(0), futures.submit({name}.f, 0).result()").check()
    assert cell.result == "('old', 'old')" and cell.text() == ""
    error = "SyntaxError: '(' was never closed" if "1 / 0" not in broken else "ZeroDivisionError: division by zero"
    assert cell.text("stderr").startswith(f"scoop: {name} stays as it was, its new code fails: {error}")
    assert len(cell.text("stderr").splitlines()) == 1
    # It is told once; and workers that start now have the old version, too.
    kernel.run("%scoop restart").check()
    cell = kernel.run(f"set(futures.map({name}.f, range(9)))").check()
    assert (cell.result, cell.text("stderr")) == ("{'old'}", "")
    write(folder / f"{name}.py", "def f(x):\n    return 'mended'\n")
    assert kernel.run(f"set(futures.map({name}.f, range(9)))").check().result == "{'mended'}"


def test_new_code_that_needs_another_edit(kernel: Kernel, folder: Path, name: str) -> None:
    write(folder / f"{name}.py", "def f(x):\n    return 'old'\n")
    write(folder / f"{name}_needs.py", f"from {name} import f\ndef g(x):\n    return f(x)\n")
    kernel.run(f"import {name}_needs").check()
    write(folder / f"{name}_needs.py", f"from {name} import h\ndef g(x):\n    return h(x)\n")
    assert "cannot import name 'h'" in kernel.run(f"{name}_needs.g(0)").check().text("stderr")
    write(folder / f"{name}.py", "def h(x):\n    return 'new'\n")
    cell = kernel.run(f"set(futures.map({name}_needs.g, range(9)))").check()
    assert cell.result == "{'new'}" and cell.text() == f"Reloaded: {name}, {name}_needs\n"
    assert kernel.run(f"import {name}\nhasattr({name}, 'f')").check().result == "False"


def test_a_package_with_submodules(kernel: Kernel, folder: Path, name: str) -> None:
    write(folder / name / "__init__.py", "from .inner import f\n")
    write(folder / name / "inner.py", "from . import data\ndef f(x):\n    return data.VALUE\n")
    write(folder / name / "data.py", "VALUE = 'old'\n")
    kernel.run(f"import {name}\nfrom {name} import f").check()
    use = f"f(0), {name}.inner.f(0), futures.submit(f, 0).result(), futures.submit({name}.f, 0).result()"
    assert kernel.run(use).check().result == "('old', 'old', 'old', 'old')"
    write(folder / name / "data.py", "VALUE = 'new'\n")
    cell = kernel.run(use).check()
    assert cell.result == "('new', 'new', 'new', 'new')" and cell.text() == f"Reloaded: {name}.data\n"
    write(folder / name / "inner.py", "from . import data\ndef f(x):\n    return data.VALUE * 2\n")
    assert kernel.run(use).check().result == "('newnew', 'newnew', 'newnew', 'newnew')"


def test_names_that_were_imported_from_it(kernel: Kernel, folder: Path, name: str) -> None:
    """Functions, classes, instances and subclasses of the notebook, and names in other modules, go with the time."""
    module, user = folder / f"{name}.py", folder / f"{name}_user.py"
    source = """
def deco(function):
    def wrapper(x):
        return function(x)
    return wrapper
@deco
def decorated(x):
    return 'old'
def f(x):
    return 'old'
class Base:
    def who(self):
        return 'old'
class Shape(Base):
    def who(self):
        return 'Shape ' + super().who()
"""
    write(module, source)
    write(user, f"from {name} import f, Shape\ndef use(x):\n    return f(x), Shape().who()\n")
    kernel.run(
        f"from {name} import f, decorated, Shape\nimport {name}_user\nheld = [f]\nshape = Shape()\n"
        "class Mine(Shape):\n    def who(self):\n        return 'Mine ' + super().who()\nmine = Mine()\n"
        f"def everything(shape, mine):\n    return [f(0), decorated(0), held[0](0), shape.who(), mine.who(), "
        f"isinstance(shape, Shape), isinstance(mine, Shape), *{name}_user.use(0)]"
    ).check()
    both = "print(everything(shape, mine), futures.submit(everything, shape, mine).result())"

    def expected(word: str) -> str:
        says = [word, word, word, f"Shape {word}", f"Mine Shape {word}", True, True, word, f"Shape {word}"]
        return f"{says} {says}\n"

    assert kernel.run(both).check().text() == expected("old")
    write(module, source.replace("'old'", "'new'"))
    assert kernel.run(both).check().text() == f"Reloaded: {name}\n" + expected("new")


def test_sync(kernel: Kernel, folder: Path, name: str) -> None:
    write(folder / f"{name}.py", "def f(x):\n    return 'old'\n")
    kernel.run(f"import {name}\nfutures.submit({name}.f, 0).result()").check()
    said = kernel.run("%scoop sync").check().text()
    assert said.startswith("Nothing was edited. Modules of your own: ") and name in said and "scoop_" not in said
    assert kernel.run("%scoop sync off").check().text() == "Edited modules are left alone.\n"
    write(folder / f"{name}.py", "def f(x):\n    return 'new'\n")
    use = f"futures.submit({name}.f, 0).result(), {name}.f(0)"
    cell = kernel.run(use).check()
    assert (cell.result, cell.text()) == ("('old', 'old')", "")
    assert kernel.run("%scoop sync").check().text() == f"Reloaded: {name}\n"
    assert kernel.run(use).check().result == "('new', 'new')"
    write(folder / f"{name}.py", "def f(x:\n")
    cell = kernel.run("%scoop sync").check()
    assert cell.text() == "" and "its new code fails" in cell.text("stderr")
    assert kernel.run("%scoop sync on").check().text() == "Edited modules are reloaded before each cell.\n"
    write(folder / f"{name}.py", "def f(x):\n    return 'newer'\n")
    assert kernel.run(use).check().result == "('newer', 'newer')"


def test_before_there_is_a_pool(new_kernel: Callable[..., Kernel]) -> None:
    """Without a pool modules are left alone; when one starts, it and the notebook have the same version."""
    kernel = new_kernel()
    folder = Path(kernel.run("import os\nos.getcwd()").check().result.strip("'"))  # type: ignore[union-attr]
    write(folder / "early.py", "def f(x):\n    return 'old'\n")
    kernel.run("import early").check()
    write(folder / "early.py", "def f(x):\n    return 'new'\n")
    assert kernel.run("early.f(0)").check().result == "'old'"
    assert kernel.run("%scoop start -n 1").check().text().startswith("Reloaded: early\nPool 'pool-")
    assert kernel.run(
        "from scoop import futures\nearly.f(0), futures.submit(early.f, 0).result()"
    ).check().result == ("('new', 'new')")


@pytest.mark.parametrize("mode", [1, 2])
def test_together_with_autoreload(new_kernel: Callable[..., Kernel], mode: int) -> None:
    """Which does nothing for a module that it was not told of, in mode 1."""
    kernel = new_kernel()
    folder = Path(kernel.run("import os\nos.getcwd()").check().result.strip("'"))  # type: ignore[union-attr]
    write(folder / "auto.py", "def f(x):\n    return 'old'\n")
    kernel.run(
        f"%load_ext autoreload\n%autoreload {mode}\n%scoop start -n 1\nfrom scoop import futures\nimport auto"
    ).check()
    use = "auto.f(0), futures.submit(auto.f, 0).result()"
    assert kernel.run(use).check().result == "('old', 'old')"
    (folder / "auto.py").write_text("def f(x):\n    return 'the new one'\n")
    os.utime(folder / "auto.py", (2_000_000_000, 2_000_000_000))  # it looks at whole seconds
    assert kernel.run(use).check().result == "('the new one', 'the new one')"
