"""The live panel below a cell: a widget that draws snapshots in the browser.

One trait carries the whole snapshot. ``labextension/src/widget.ts`` draws it; `make frontend` builds that to
``static/``. Taking snapshots, and not too many of them, is left to the caller: a notebook drops updates beyond
some hundred a second, so show ten, and the last one.
"""

from pathlib import Path
from typing import Any, cast

import anywidget
import traitlets

from scoop_jupyter.view import Snapshot, empty_snapshot, render_html, render_text


class Panel(anywidget.AnyWidget):
    """Tasks, workers and the task tree of one run, drawn live.

    The output that a notebook saves also holds the panel as HTML and as text, as they were when it was
    displayed, for readers that have no widgets.

    Args:
        snapshot: What to show at first; an empty pool that is starting if left out.
    """

    _esm = Path(__file__).parent / "static" / "panel.js"
    _css = Path(__file__).parent / "static" / "panel.css"

    snapshot = traitlets.Dict().tag(sync=True)

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        super().__init__(snapshot=empty_snapshot() if snapshot is None else snapshot)

    def show(self, snapshot: Snapshot) -> None:
        """Draw `snapshot` in place of the one before. Any thread may call this, also while a cell blocks."""
        self.snapshot = cast(dict[str, Any], snapshot)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return the widget's view with the HTML and the text of the same snapshot beside it."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        snapshot = cast(Snapshot, self.snapshot)
        return {**data, "text/plain": render_text(snapshot), "text/html": render_html(snapshot)}, metadata
