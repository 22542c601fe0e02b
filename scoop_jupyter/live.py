"""A panel that follows a run while it goes, and then stays as it was."""

from __future__ import annotations

import contextlib
import contextvars
import signal
import threading
import time
from typing import Any, cast

from IPython.display import DisplayHandle, display

from scoop_core.contract import Root
from scoop_core.errors import BrokerLost, ScoopError
from scoop_jupyter.panel import Panel, in_vscode
from scoop_jupyter.view import (
    RUN_MIME,
    Snapshot,
    Timeline,
    empty_snapshot,
    finished,
    missing,
    render_html,
    render_text,
    saved,
)

#: How long the last picture may wait for tasks that were interrupted, in seconds.
SETTLE_SECONDS = 0.1
#: How long another thread may take to show the end, in seconds: as long as a pool that does not answer.
END_SECONDS = 5.0
#: How long the last spans of the timeline may take, in seconds; workers tell ten times a second, if they can.
COMPLETE_SECONDS = 2.0


class LivePanel:
    """Shows a panel below the cell, and keeps it up to date from the threads that serve the client.

    Args:
        client: of the pool.
        run: which run to show; -1 for all of the pool.
        shown: whether there is anything that could show a panel.
    """

    def __init__(self, client: Root, run: int, shown: bool = True) -> None:
        self._client = client
        self._run = run
        first = empty_snapshot(client.pool_name, "running")
        self._panel = Panel(first, run, self._asked) if shown else None
        self._handle: DisplayHandle | None = None
        self._cell = contextvars.Context()
        self.drawn = False  # a page that can't draw what the notebook keeps has said that it draws panels
        self._kept: dict[str, Any] = {}  # what the notebook keeps
        self._watch = -1
        self._leaving = False  # the cell is over: what is left to show is the end
        self._once = threading.Lock()  # taken by the thread that shows the end
        self._ended = threading.Event()  # it is shown
        self._drawing = threading.Lock()  # so that nothing is drawn over the end, nor an earlier end over a later one

    @property
    def live(self) -> bool:
        """Whether it is shown, and the end is not."""
        return self._handle is not None and not self._once.locked()

    def start(self, drawn: bool = False) -> None:
        """Show it, and follow the run.

        Args:
            drawn: the panels before were.
        """
        if self._panel is None:
            return
        self.drawn = drawn
        self._handle = display(self._panel, display_id=True)
        self._cell = contextvars.copy_context()
        if in_vscode():
            # Where a cell runs again, it hears a little later that the old outputs are gone, and then forgets the id
            # of the newest one. Be that an empty one, which nobody sees: the panel has to be replaced in the end.
            display({}, raw=True, display_id=True)
        self._watch = self._client.watch(self._run, self._show)

    def _show(self, picture: dict[str, Any]) -> None:
        snapshot = cast(Snapshot, picture)
        snapshot["missing"] = missing(snapshot)
        if self._panel is not None:
            try:
                with self._drawing:
                    if not self._once.locked():
                        self._panel.show(snapshot)
                if self._leaving and not _pending(snapshot):
                    # The end asks the pool once more, which this thread may be serving.
                    threading.Thread(target=self._end, args=(snapshot,), daemon=True).start()
            except Exception:  # the browser is gone, or the kernel is about to be: the run matters more
                self._client.unwatch(self._watch)

    # ---- what the user asks for --------------------------------------------------------------------------------

    def _asked(self, action: dict[str, Any]) -> None:
        """Do what a button of the panel asks for; called by the kernel, in the main thread or a subshell's."""
        if action.get("action") == "drawn":
            if not self.drawn:
                self.drawn = True
                self._replace()
            return
        if self._once.locked() and action.get("action") != "timeline":
            return  # a page that does not know yet that it is over; its workers do something else by now
        if action.get("action") == "stop":
            self._stop()
        else:  # these wait for the pool's answer
            threading.Thread(target=self._act, args=(action,), daemon=True).start()

    def _act(self, action: dict[str, Any]) -> None:
        # A worker or a pool may be gone by the time that its button is pressed.
        with contextlib.suppress(ScoopError, TimeoutError):
            match action:
                case {"action": "cancel-task", "worker": str(worker)}:
                    self._client.cancel_task(worker)
                case {"action": "restart-worker", "worker": str(worker)}:
                    self._client.restart_worker(worker)
                case {"action": "timeline"}:
                    timeline = self._timeline()
                    if timeline is not None and self._panel is not None:
                        self._panel.show_timeline(timeline)

    def _stop(self) -> None:
        """Cancel all tasks of the run; a cell that waits for them is interrupted, as by the stop button."""
        main = threading.main_thread()
        if self._run < 0:
            self._client.halt()
        elif self._leaving or threading.current_thread() is main:
            self._client.cancel_run(self._run)
        elif main.ident is not None:
            signal.pthread_kill(main.ident, signal.SIGINT)

    def _timeline(self) -> Timeline | None:
        with contextlib.suppress(ScoopError, TimeoutError):
            return cast(Timeline, self._client.timeline(self._run))
        return None

    # ---- the end -----------------------------------------------------------------------------------------------

    def finish(self, cancelled: bool = False) -> Snapshot | None:
        """The cell is over: leave its last state in the notebook, as HTML that needs no kernel.

        Where futures of the cell are still pending, the panel goes on until they are over.

        Args:
            cancelled: nothing more of it is wanted.

        Returns:
            The state as the cell ended; None if the pool is gone.
        """
        snapshot: Snapshot | None = None
        with contextlib.suppress(BrokerLost):
            until = time.monotonic() + SETTLE_SECONDS
            while True:
                snapshot = cast(Snapshot, self._client.picture(self._run))
                if not snapshot["tasks"]["running"] or time.monotonic() > until:
                    break
                time.sleep(0.01)
            if _pending(snapshot) and not cancelled:
                # Pictures that come from now on are newer than this one. Was the last of them here before?
                self._leaving = True
                snapshot = cast(Snapshot, self._client.picture(self._run))
        if cancelled or snapshot is None or not _pending(snapshot):
            self._end(snapshot)
        return snapshot

    def close(self) -> None:
        """Let go of it: from now on it is known only to pages that show it, and to the notebook."""
        if self._panel is not None:
            if self.drawn:
                self.drawn = False
                self._replace()
            self._panel.close()

    def _end(self, snapshot: Snapshot | None) -> None:
        """Put the last state in the panel's place, or wait until another thread has: the cell ends with it."""
        if self._once.acquire(blocking=False):
            try:
                self._show_end(snapshot)
            finally:
                self._ended.set()
        else:
            self._ended.wait(END_SECONDS)

    def _show_end(self, snapshot: Snapshot | None) -> None:
        self._client.unwatch(self._watch)
        if self._panel is None or self._handle is None:
            return
        timeline: Timeline | None = None
        if snapshot is None:
            snapshot = cast(Snapshot, dict(self._panel.snapshot))
            snapshot["pool"] = {**snapshot["pool"], "state": "lost"}
        else:
            snapshot = cast(Snapshot, {**snapshot, "ended": snapshot["time"]})  # the panel may have this one already
            timeline = self._timeline() if self._run >= 0 and snapshot["groups"] else None
        whole = timeline is None or _whole(timeline, snapshot)
        self._leave(snapshot, timeline, whole)
        if not whole:
            threading.Thread(target=self._complete, args=(snapshot, timeline), daemon=True).start()

    def _complete(self, snapshot: Snapshot, first: Timeline) -> None:
        """Workers tell a little later what they have run last: put it in, too. The cell does not wait for that."""
        until = time.monotonic() + COMPLETE_SECONDS
        timeline = self._timeline()
        while timeline is not None and not _whole(timeline, snapshot) and time.monotonic() < until:
            time.sleep(0.05)
            timeline = self._timeline()
        self._leave(snapshot, timeline or first, True)

    def _leave(self, snapshot: Snapshot, timeline: Timeline | None, last: bool) -> None:
        """Show what the notebook keeps.

        A page that was loaded anew while the cell ran no longer knows which output that belongs to, and asks for the
        panel when the kernel is free: that shows the same, and in the end has the page make it the output.
        """
        assert self._panel is not None
        self._kept = {
            RUN_MIME: saved(snapshot, timeline),
            "text/html": render_html(snapshot),
            "text/plain": render_text(snapshot),
        }
        self._replace()
        with self._drawing:
            self._panel.leave(self._kept, last)

    def _replace(self) -> None:
        """Put what the notebook keeps in the panel's place, if it is over; VS Code goes on drawing the panel."""
        with self._drawing:
            if self._handle is not None and self._panel is not None and self._kept:
                view = self._panel.view if self.drawn else {}
                # As from the cell: VS Code hears it from no other after that.
                self._cell.copy().run(self._handle.update, {**view, **self._kept}, raw=True)


def _whole(timeline: Timeline, snapshot: Snapshot) -> bool:
    told = sum(span[3] for lane in timeline["lanes"] for span in lane["spans"])
    return told >= finished(snapshot["tasks"])


def _pending(snapshot: Snapshot) -> int:
    return snapshot["tasks"]["queued"] + snapshot["tasks"]["running"]
