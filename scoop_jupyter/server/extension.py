"""The Jupyter server extension: its addresses, and how it counts pools that work as activity."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

from jupyter_server.extension.application import ExtensionApp
from tornado.web import RequestHandler
from traitlets import Float

from scoop_jupyter.server.handlers import (
    NAME,
    ActionHandler,
    OptionsHandler,
    PoolHandler,
    PoolsHandler,
    TimelineHandler,
    WorkerHandler,
)
from scoop_jupyter.server.origins import Origins
from scoop_jupyter.server.pools import Pools
from scoop_jupyter.server.stream import StreamHandler


def addresses() -> list[tuple[str, type[RequestHandler]]]:
    """Everything that can be asked, below the server's address."""
    return [
        (r"/scoop/pools", PoolsHandler),
        (rf"/scoop/pools/{NAME}", PoolHandler),
        (rf"/scoop/pools/{NAME}/timeline", TimelineHandler),
        (rf"/scoop/pools/{NAME}/(cancel|restart)", ActionHandler),
        (rf"/scoop/pools/{NAME}/workers/{NAME}/(cancel-task|restart-worker)", WorkerHandler),
        (r"/scoop/options", OptionsHandler),
        (r"/scoop/stream", StreamHandler),
    ]


class ScoopExtension(ExtensionApp):
    """SCOOP in a Jupyter server; its options are set as ``c.ScoopExtension.… = …``."""

    name = "scoop"

    activity_seconds = Float(
        60.0, help="How often to look whether a pool has work, which counts as activity of its user; in seconds."
    ).tag(config=True)

    def initialize_handlers(self) -> None:
        """Bring the pools under the server's address, and begin to look after them."""
        server = self.serverapp
        assert server is not None
        self._active = False
        self._pools, self._origins = Pools(), Origins(server)
        parts = {"pools": self._pools, "origins": self._origins}
        self.handlers += [(path, handler, parts) for path, handler in addresses()]
        server.io_loop.add_callback(self._begin)

    def _begin(self) -> None:
        self._following = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self.activity_seconds)
            await self.note_activity()

    async def note_activity(self) -> None:
        """Where a pool has tasks to run, its user is active, and so are the kernels that it belongs to.

        Else those who end idle servers and kernels would end those of a user who waits for results.
        """
        assert self.serverapp is not None
        rows = [row for row in await self._pools.rows() if row["tasks"]["running"] or row["tasks"]["queued"]]
        self._active = bool(rows)
        if rows:
            now = datetime.now(UTC)
            self.serverapp.web_app.settings["last_activity_times"]["scoop"] = now
            for kernel in self._origins.kernels({row["pid"] for row in rows}):
                kernel.last_activity = now

    def current_activity(self) -> bool:
        """Whether a pool had work when it was looked at last (for ``shutdown_no_activity_timeout``)."""
        return self._active

    async def stop_extension(self) -> None:
        """The server ends, and with it the pools that it has started."""
        self._following.cancel()
        with suppress(asyncio.CancelledError):
            await self._following
        await self._pools.close()
