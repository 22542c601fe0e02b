"""The live panel below a cell: a widget that draws snapshots in the browser.

One trait carries the whole snapshot, another the timeline, and a third what the notebook keeps in the end.
``labextension/src/widget.ts`` draws them, which `make frontend` builds to ``static/``. Taking snapshots, and not too
many of them, is left to the caller: a notebook drops updates beyond some hundred a second, so show ten, and the last
one. So is doing what the user asks for.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import anywidget
import traitlets
from IPython import get_ipython

from scoop_jupyter.view import RUN_MIME, SavedRun, Snapshot, Timeline, empty_snapshot, render_html, render_text

_STATIC = Path(__file__).parent / "static"


class Panel(anywidget.AnyWidget):
    """Tasks, workers and the task tree of one run, drawn live.

    The output that a notebook saves also holds the panel as HTML and as text, as they were when it was
    displayed, for readers that have no widgets.

    Args:
        snapshot: What to show at first; an empty pool that is starting if left out.
        run: Number of the run; -1 for all of the pool.
        on_action: Is called with what the user asks for, such as ``{"action": "stop"}``, in a thread of the kernel's.
    """

    _esm = _STATIC / "panel.js"
    _css = _STATIC / "panel.css"

    snapshot = traitlets.Dict().tag(sync=True)
    timeline = traitlets.Dict().tag(sync=True)
    end = traitlets.Dict().tag(sync=True)
    run = traitlets.Int(-1).tag(sync=True)

    def __init__(
        self,
        snapshot: Snapshot | None = None,
        run: int = -1,
        on_action: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        super().__init__(snapshot=empty_snapshot() if snapshot is None else snapshot, run=run)
        if on_action is not None:
            self.on_msg(lambda _panel, action, _buffers: on_action(action))

    def show(self, snapshot: Snapshot) -> None:
        """Draw `snapshot` in place of the one before. Any thread may call this, also while a cell blocks."""
        self.snapshot = cast(dict[str, Any], snapshot)

    def show_timeline(self, timeline: Timeline) -> None:
        """Draw `timeline` in place of the one before. Any thread may call this, also while a cell blocks."""
        self.timeline = cast(dict[str, Any], timeline)

    def leave(self, data: dict[str, Any], last: bool) -> None:
        """Draw the end of the run, and then have it put in the place of the panel.

        Args:
            data: what a notebook keeps of the run, by media type.
            last: nothing of it will change: a page on which the panel is the output of a cell makes this the output.
        """
        kept = cast(SavedRun, data[RUN_MIME])
        with self.hold_sync():
            self.show(kept["snapshot"])
            if kept["timeline"] is not None:
                self.show_timeline(kept["timeline"])
            if last:
                self.end = {"model_id": self.model_id, "data": data}

    @property
    def view(self) -> dict[str, Any]:
        """What shows the widget alone, by media type."""
        bundle = super()._repr_mimebundle_()
        return {} if bundle is None else {mime: data for mime, data in bundle[0].items() if mime != "text/plain"}

    def close(self) -> None:
        """Take it off all pages. Its layout, a widget of its own, goes with it."""
        self.layout.close()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return the widget's view with the HTML and the text of the same snapshot beside it."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        snapshot = cast(Snapshot, self.snapshot)
        return {**data, "text/plain": render_text(snapshot), "text/html": render_html(snapshot)}, metadata


def in_vscode() -> bool:
    """Whether the cell that runs is one of VS Code's, which tells of each where it is."""
    kernel = getattr(get_ipython(), "kernel", None)
    cell = {} if kernel is None else kernel.get_parent("shell").get("metadata", {})
    return str(cell.get("cellId")).startswith("vscode-")
