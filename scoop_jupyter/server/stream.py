"""The pools live, over one websocket a page: the list, and what each panel that is open asks for."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import msgspec
from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado import web
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from scoop_core import messages as m
from scoop_core.errors import NoSuchPool
from scoop_jupyter.server.origins import Origins
from scoop_jupyter.server.pools import Pools
from scoop_jupyter.server.visit import Visit
from scoop_jupyter.view import Snapshot, hint, missing

#: How often the list of pools is made anew, in seconds.
LIST_SECONDS = 1.0


class Watch(msgspec.Struct, tag="watch", tag_field="type", forbid_unknown_fields=True):
    """From the page: show me this pool from now on."""

    pool: str


class Unwatch(msgspec.Struct, tag="unwatch", tag_field="type", forbid_unknown_fields=True):
    """From the page: and now no longer."""

    pool: str


_decoder = msgspec.json.Decoder(Watch | Unwatch)


class StreamHandler(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """One page that is open somewhere. Who reads slowly gets fewer pictures, and nothing heaps up."""

    auth_resource = "scoop"

    def initialize(self, pools: Pools, origins: Origins) -> None:
        """Take what the extension gives to all."""
        self.pools = pools
        self.origins = origins
        self._watched: dict[str, tuple[Visit, int]] = {}  # by the pool's name
        self._news: dict[str, dict[str, Any]] = {}  # what is still to be sent; of each kind the last
        self._woken = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Open the websocket, for those who may see pools."""
        if not await ensure_async(self.authorizer.is_authorized(self, self.current_user, "read", "scoop")):
            raise web.HTTPError(403)
        await super().get(*args, **kwargs)

    def open(self, *args: str, **kwargs: str) -> None:
        """Begin to send."""
        super().open(*args, **kwargs)
        self._tasks = [asyncio.create_task(work()) for work in (self._list, self._send)]

    def on_close(self) -> None:
        """The page is gone."""
        super().on_close()
        for task in self._tasks:
            task.cancel()
        for name in list(self._watched):
            self._unwatch(name)

    async def on_message(self, message: str | bytes) -> None:
        """What the page wants."""
        try:
            wish = _decoder.decode(message)
        except msgspec.MsgspecError as error:
            self._tell("error", {"type": "error", "message": str(error)})
            return
        self._unwatch(wish.pool)
        if isinstance(wish, Watch):
            await self._watch(wish.pool)

    # ---- what is sent ------------------------------------------------------------------------------------------

    async def _list(self) -> None:
        """Send the list of pools whenever it has changed."""
        before = None
        async with self.pools.interest():
            while True:
                rows = await self.origins.tell(await self.pools.rows(), self.pools.kept)
                if rows != before:
                    self._tell("pools", {"type": "pools", "pools": rows})
                    before = rows
                for name in [name for name, (visit, _) in self._watched.items() if visit.over]:
                    self._unwatch(name)
                    self._tell(name, {"type": "gone", "pool": name})
                await asyncio.sleep(LIST_SECONDS)

    async def _watch(self, name: str) -> None:
        try:
            visit = await self.pools.visit(name)
        except NoSuchPool:
            self._tell(name, {"type": "gone", "pool": name})
            return

        def show(picture: dict[str, Any]) -> None:
            if picture["ended"] is not None:
                picture["hint"] = hint(cast(Snapshot, picture))
            picture["missing"] = missing(cast(Snapshot, picture))
            self._tell(name, {"type": "snapshot", "pool": name, "snapshot": picture})

        if self.ws_connection is not None and name not in self._watched:
            self._watched[name] = (visit, visit.watch(m.RECENT, show))

    def _unwatch(self, name: str) -> None:
        visit, number = self._watched.pop(name, (None, 0))
        if visit is not None:
            visit.unwatch(number)
            self._news.pop(name, None)

    def _tell(self, kind: str, news: dict[str, Any]) -> None:
        self._news[kind] = news
        self._woken.set()

    async def _send(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._news:
                news = self._news.pop(next(iter(self._news)))
                try:
                    await self.write_message(json.dumps(news))
                except WebSocketClosedError:
                    return
