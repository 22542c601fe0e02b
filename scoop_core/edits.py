"""Modules that were edited while programs had them imported: the new code takes the place of the old.

Functions of modules travel by name. So whoever sends one sends the sources of the edited modules with it, and
whoever gets it reloads what has changed, before it looks the name up. A process that has not imported such a module
yet gets it from the source that came, too: all processes have the same version, whatever the file says by then.
"""

from __future__ import annotations

import gc
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple


class Edit(NamedTuple):
    """A module as it shall be from now on."""

    stamp: int  # when it was first seen so, in nanoseconds since 1970: the newest is right
    path: str
    source: bytes


class Edits:
    """The edited modules that this process knows of, by name, in the order of the edits."""

    def __init__(self) -> None:
        self.known: dict[str, Edit] = {}  # replaced, never changed: another thread may be pickling it

    def take(self, others: dict[str, Edit]) -> bool:
        """Have those that are newer, and reload what of them is imported here; whether there were any.

        Raises:
            BaseException: what a module's code raised; that module stays as it was.
        """
        newer = {n: e for n, e in others.items() if n not in self.known or e.stamp > self.known[n].stamp}
        for name, edit in newer.items():
            before = self.known.get(name)
            module = sys.modules.get(name)
            if module is not None and (before is None or before.source != edit.source):
                reload(module, edit)
            self.known = {**{n: e for n, e in self.known.items() if n != name}, name: edit}
        if newer and self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        return bool(newer)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """How the import system asks for a module that is not imported yet."""
        edit = self.known.get(name)
        if edit is None:
            return None
        return spec_from_file_location(name, edit.path, loader=_Loader(name, edit))


class _Loader(SourceFileLoader):
    """Loads a module from the source that came, not from its file."""

    def __init__(self, name: str, edit: Edit) -> None:
        super().__init__(name, edit.path)
        self._edit = edit

    def get_code(self, fullname: str) -> CodeType:
        return compiled(self._edit)


def compiled(edit: Edit) -> CodeType:
    """The code of a module.

    Raises:
        SyntaxError, ValueError: it is no Python.
    """
    code: CodeType = compile(edit.source, edit.path, "exec", dont_inherit=True)
    return code


def reload(module: ModuleType, edit: Edit, namespace: dict[str, Any] | None = None) -> None:
    """Run a module's new code in its namespace; whoever has functions or classes of it has the new ones.

    A function remains the object that it was, and does what the new one does; so it does not matter who holds it. A
    class is a new one: names that other modules and the notebook have imported are set anew, and its instances and
    subclasses become those of the new class.

    Args:
        module: that was edited.
        edit: what it shall be.
        namespace: of somebody who is no module, and may have imported names from it.

    Raises:
        BaseException: what the code raised; the module then is as it was.
    """
    code = compiled(edit)
    names = module.__dict__
    before = dict(names)
    try:
        exec(code, names)
    except BaseException:
        names.clear()
        names.update(before)
        raise
    successors: dict[int, Any] = {}
    classes: dict[type, type] = {}
    for name, old in before.items():
        if getattr(old, "__module__", None) != module.__name__ or not callable(old):
            continue
        new = names[name]
        if new is old:
            if isinstance(old, (FunctionType, type)):  # the new code has it no more
                del names[name]
        elif _renew(old, new):
            names[name] = old
        else:
            successors[id(old)] = new
            if isinstance(old, type) and isinstance(new, type):
                classes[old] = new
    holders = [vars(holder) for holder in list(sys.modules.values()) if isinstance(holder, ModuleType)]
    for holder in holders if namespace is None else [*holders, namespace]:
        for name, value in list(holder.items()):
            if id(value) in successors:
                holder[name] = successors[id(value)]
    _replace(classes)


def _replace(classes: dict[type, type]) -> None:
    """Let instances and subclasses of old classes be those of the new ones."""
    for old, new in classes.items():
        for name, value in list(vars(new).items()):
            method = vars(old).get(name)
            if _renew(method, value):
                _set(new, name, method)
        kids: list[type] = old.__subclasses__()
        for kid in kids:
            if kid not in classes:
                _set(kid, "__bases__", tuple(classes.get(base, base) for base in kid.__bases__))
    for instance in gc.get_referrers(*classes) if classes else ():
        if (kind := type(instance)) in classes:
            _set(instance, "__class__", classes[kind])


def _renew(old: Any, new: Any) -> bool:
    """Let a function do what another does; whether that could be done."""
    if not isinstance(old, FunctionType) or not isinstance(new, FunctionType):
        return False
    try:
        old.__code__ = new.__code__
    except ValueError:  # they differ in what they close over
        return False
    old.__defaults__, old.__kwdefaults__, old.__doc__ = new.__defaults__, new.__kwdefaults__, new.__doc__
    old.__dict__.update(new.__dict__)
    for mine, other in zip(old.__closure__ or (), new.__closure__ or (), strict=True):
        try:
            mine.cell_contents = other.cell_contents
        except ValueError:  # it is empty
            continue
    return True


def _set(holder: Any, name: str, value: Any) -> None:
    try:
        setattr(holder, name, value)
    except (AttributeError, TypeError):  # they differ in what they are made of: it stays as it was
        pass
