"""What `display` and matplotlib do in tasks: it appears below the cell that the task belongs to.

The first process of a notebook's pool imports this module, so that all workers have it. It imports nothing large:
IPython, which tasks may import themselves, takes longer than most of them.
"""

from __future__ import annotations

import base64
import builtins
import importlib.util
import io
import json
import os
import sys
import traceback
import uuid
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, cast

from scoop_core.current import current

#: A display may have so many bytes; of a larger one there is only the text.
LARGEST = 10_000_000
#: The methods by which objects say how they look.
_METHODS = {
    "_repr_html_": "text/html",
    "_repr_markdown_": "text/markdown",
    "_repr_svg_": "image/svg+xml",
    "_repr_png_": "image/png",
    "_repr_jpeg_": "image/jpeg",
    "_repr_pdf_": "application/pdf",
    "_repr_latex_": "text/latex",
    "_repr_json_": "application/json",
    "_repr_javascript_": "application/javascript",
}
_INLINE = "module://matplotlib_inline.backend_inline"
_DISPLAY = "IPython.core.display_functions"


def display(
    *objs: Any,
    include: Any = None,
    exclude: Any = None,
    metadata: dict[str, Any] | None = None,
    transient: dict[str, Any] | None = None,
    display_id: str | bool | None = None,
    raw: bool = False,
    clear: bool = False,
    update: bool = False,
    **others: Any,
) -> Any:
    """Show objects below the cell that this task belongs to; IPython's function of this name says more."""
    transient = dict(transient or {})
    if display_id:
        transient["display_id"] = uuid.uuid4().hex if display_id is True else display_id
    if not objs and display_id:  # something to be updated later
        objs, raw = ({},), True
    for obj in objs:
        data, about = (dict(obj), {}) if raw else look(obj)
        data = {
            mime: value for mime, value in data.items() if mime in (include or data) and mime not in (exclude or ())
        }
        if data or raw:
            publish_display_data(data, {**about, **(metadata or {})}, transient=transient, update=update)
    if display_id and _DISPLAY in sys.modules:
        return sys.modules[_DISPLAY].DisplayHandle(transient["display_id"])
    return None


def publish_display_data(
    data: dict[str, Any],
    metadata: dict[str, Any] | None = None,
    *,
    transient: dict[str, Any] | None = None,
    update: bool = False,
    **others: Any,
) -> None:
    """Show what has its MIME types already."""
    if _size(data) > LARGEST:
        told = f"{str(data.get('text/plain', ''))[:1000]} (too large to be shown: {_size(data) / 1e6:.0f} MB)"
        data, metadata = {"text/plain": told.strip()}, {}
    content = {
        "data": {mime: _text(value) for mime, value in data.items()},
        "metadata": metadata or {},
        "transient": transient or {},
    }
    text = json.dumps({"update" if update else "display": content}, default=repr)
    show = getattr(current.engine, "show", None)
    if show is None or not show(text):  # no task of a notebook runs here
        print(data.get("text/plain", data))


def look(obj: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """How an object looks: by MIME type, and metadata. Nothing, if it has shown itself."""
    if isinstance(obj, type):
        return {"text/plain": repr(obj)}, {}
    if (shows := getattr(obj, "_ipython_display_", None)) is not None:
        shows()
        return {}, {}
    data: dict[str, Any] = {}
    about: dict[str, Any] = {}
    if (png := _figure(obj)) is not None:
        data["image/png"] = png
    for name, mime in _METHODS.items():
        _take(obj, name, lambda found, mime=mime: {mime: found}, data, about)
    _take(obj, "_repr_mimebundle_", lambda found: found, data, about)
    data.setdefault("text/plain", repr(obj))
    return data, about


def _take(obj: Any, name: str, bundle: Any, data: dict[str, Any], about: dict[str, Any]) -> None:
    method = getattr(obj, name, None)
    if not callable(method):
        return
    try:
        found = method(include=None, exclude=None) if name == "_repr_mimebundle_" else method()
    except NotImplementedError:
        return
    except Exception:  # as in a notebook: the rest is shown all the same
        traceback.print_exc()
        return
    if found is None:
        return
    if isinstance(found, tuple):
        found, more = found
        about.update(bundle(more))
    data.update(bundle(found))


def _figure(obj: Any) -> bytes | None:
    """A figure of matplotlib as it is shown in notebooks."""
    module = sys.modules.get("matplotlib.figure")
    if module is None or not isinstance(obj, module.Figure):
        return None
    file = io.BytesIO()
    obj.savefig(file, format="png", dpi=obj.dpi, bbox_inches="tight", facecolor=obj.get_facecolor())
    return file.getvalue()


def _text(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _size(data: dict[str, Any]) -> int:
    return sum(len(value) for value in data.values() if isinstance(value, (bytes, str)))


class _Hook(MetaPathFinder, Loader):
    """Has IPython's functions do what those here do, once a task imports them."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != _DISPLAY:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            self._loader = spec.loader
            spec.loader = self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        own = cast(Any, module)
        own.display, own.publish_display_data = display, publish_display_data


def install() -> None:
    """Have this process, and those that it forks, show things in notebooks."""
    cast(Any, builtins).display = display
    sys.meta_path.insert(0, _Hook())
    if os.environ.get("MPLBACKEND", _INLINE) == _INLINE:  # unless somebody wants another one
        os.environ["MPLBACKEND"] = "module://scoop_jupyter.figures"


install()
