"""A panel that follows a run while it goes, and then stays as it was."""

from __future__ import annotations

import contextlib
import time
from typing import Any, cast

from IPython.display import DisplayHandle, display

from scoop_core.client import Client
from scoop_core.errors import BrokerLost
from scoop_jupyter.panel import Panel
from scoop_jupyter.view import Snapshot, empty_snapshot, render_html, render_text

#: How long the last picture may wait for tasks that were interrupted, in seconds.
SETTLE_SECONDS = 0.1


class LivePanel:
    """Shows a panel below the cell, and keeps it up to date from the threads that serve the client.

    Args:
        client: of the pool.
        run: which run to show; -1 for all of the pool.
        shown: whether there is anything that could show a panel.
    """

    def __init__(self, client: Client, run: int, shown: bool = True) -> None:
        self._client = client
        self._run = run
        self._panel = Panel(empty_snapshot(client.connection.name, "running")) if shown else None
        self._handle: DisplayHandle | None = None
        self._watch = -1

    def start(self) -> None:
        """Show it, and follow the run."""
        if self._panel is None:
            return
        self._handle = display(self._panel, display_id=True)
        self._watch = self._client.watch(self._run, self._show)

    def _show(self, picture: dict[str, Any]) -> None:
        if self._panel is not None:
            try:
                self._panel.show(cast(Snapshot, picture))
            except Exception:  # the browser is gone, or the kernel is about to be: the run matters more
                self._client.unwatch(self._watch)

    def finish(self) -> Snapshot | None:
        """The run is over: leave its last state in the notebook, as HTML that needs no kernel.

        Returns:
            That state; None if the pool is gone.
        """
        self._client.unwatch(self._watch)
        snapshot: Snapshot | None = None
        with contextlib.suppress(BrokerLost):
            until = time.monotonic() + SETTLE_SECONDS
            while True:
                snapshot = cast(Snapshot, self._client.picture(self._run))
                if not snapshot["tasks"]["running"] or time.monotonic() > until:
                    break
                time.sleep(0.01)
            snapshot["ended"] = snapshot["time"]
        if self._panel is not None and self._handle is not None:
            if snapshot is None:
                snapshot = cast(Snapshot, dict(self._panel.snapshot))
                snapshot["pool"] = {**snapshot["pool"], "state": "lost"}
            self._handle.update({"text/html": render_html(snapshot), "text/plain": render_text(snapshot)}, raw=True)
            self._panel.close()
        return snapshot
