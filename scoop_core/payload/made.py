"""Classes that a library makes at run time and says, with `copyreg`, how to make again: deap's `creator.create`.

Pickled its way, such a class would be made anew with every instance that arrives. So each has a key, and a process
makes it once. What a worker has made itself, by importing the program, it recognises.
"""

from __future__ import annotations

import copyreg
import os
import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

_keys: WeakKeyDictionary[type, str] = WeakKeyDictionary()
_classes: WeakValueDictionary[str, type] = WeakValueDictionary()


def reduce_class(cls: type) -> Any:
    """How to pickle such a class; NotImplemented if its library finds it by name."""
    recipe = _recipe(cls)
    if type(recipe) is not tuple or len(recipe) != 2:
        return NotImplemented
    key = _keys.setdefault(cls, os.urandom(16).hex())
    _classes[key] = cls
    return _make, (key, cls.__module__, cls.__name__, *recipe)


def reduce_module(module: ModuleType, metaclasses: tuple[type, ...]) -> Any:
    """How to pickle a module that has such classes: it is imported, and gets them."""
    found = [value for value in list(vars(module).values()) if isinstance(value, metaclasses)]
    return _equipped, (module.__name__, [cls for cls in found if cls.__module__ == module.__name__])


def _recipe(cls: Any) -> Any:
    reduce = copyreg.dispatch_table.get(type(cls))
    return reduce(cls) if reduce else None


def _make(key: str, module: str, name: str, make: Callable[..., type], arguments: tuple[Any, ...]) -> type:
    cls: Any = _classes.get(key)
    if cls is None:
        own = getattr(sys.modules.get(module), name, None)
        cls = own if _same(_recipe(own), (make, arguments)) else make(*arguments)
        _classes[key] = cls
    _keys[cls] = key  # by which it goes back to where it came from
    made: type = cls
    return made


def _same(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # arrays, for one, are not simply equal or not
        return False


def _equipped(name: str, classes: list[type]) -> ModuleType:
    return import_module(name)  # the classes are in it: whoever makes one puts it there
