"""The pools as a web service: what each address answers, to whoever may use this server."""

from __future__ import annotations

import json
import shutil
from http import HTTPStatus
from typing import Any

import msgspec
from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from scoop_core import messages as m
from scoop_core.errors import BadLimits, BrokerLost, NoSuchPool, NoSuchWorker, OverLimit, StartFailed
from scoop_jupyter.limits import read_limits
from scoop_jupyter.pool_profiles import entries
from scoop_jupyter.server.origins import Origins
from scoop_jupyter.server.pools import Pools
from scoop_jupyter.server.visit import WorkerAction

#: What may stand for a pool's name in an address.
NAME = r"([\w.-]+)"

#: By what means a pool can be started without options, where there is this command; for others there are profiles.
LAUNCHERS = {"local": "", "slurm": "sbatch"}

#: Errors that are no faults of the server, and what they are on the web.
EXPECTED: dict[type[BaseException], HTTPStatus] = {
    NoSuchPool: HTTPStatus.NOT_FOUND,
    BrokerLost: HTTPStatus.GONE,
    NoSuchWorker: HTTPStatus.NOT_FOUND,
    ValueError: HTTPStatus.CONFLICT,
    OverLimit: HTTPStatus.CONFLICT,
    BadLimits: HTTPStatus.CONFLICT,
    StartFailed: HTTPStatus.BAD_GATEWAY,
    TimeoutError: HTTPStatus.GATEWAY_TIMEOUT,
}


class Start(msgspec.Struct, forbid_unknown_fields=True):
    """What a request to start a pool may say."""

    n: int | None = None
    name: str | None = None
    memory_limit: str | None = None
    launcher: str = ""  # by default that of the profile, or "local"
    profile: str = ""
    kernel: str = ""  # kernelspec whose Python it runs; the server's own if left out
    folder: str = ""  # below the server's root


class Scale(msgspec.Struct, forbid_unknown_fields=True):
    """What a request to change a pool may say."""

    n: int


class Handler(APIHandler):
    """What all have in common: who may use them, and how they say what went wrong."""

    auth_resource = "scoop"

    def initialize(self, pools: Pools, origins: Origins) -> None:
        """Take what the extension gives to all."""
        self.pools = pools
        self.origins = origins

    def body(self, kind: type[Any]) -> Any:
        """The request's body.

        Raises:
            HTTPError: it is none of this kind.
        """
        try:
            return msgspec.json.decode(self.request.body or b"{}", type=kind)
        except msgspec.MsgspecError as error:
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, str(error)) from None

    def reply(self, value: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        """Answer with JSON."""
        self.set_status(status)
        self.finish(json.dumps(value))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with what the error says, and with the status that suits it."""
        error = kwargs.get("exc_info", (None, None))[1]
        if type(error) in EXPECTED:
            self.reply({"message": str(error)}, EXPECTED[type(error)])
        else:
            super().write_error(status_code, **kwargs)

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        """What the user hears of is one line in the log."""
        if kind in EXPECTED:
            self.log.warning("%s %s: %s", self.request.method, self.request.path, error)
        else:
            super().log_exception(kind, error, trace)


class PoolsHandler(Handler):
    """All pools of the user on this host."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List them."""
        self.reply(await self.origins.tell(await self.pools.rows(), self.pools.kept))

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Start one; it ends with this server."""
        wish = self.body(Start)
        if wish.n is not None and wish.n < 0:
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, f"a pool can't have {wish.n} workers")
        order = {
            "n": wish.n, "name": wish.name, "memory_limit": wish.memory_limit, "launcher": wish.launcher or None,
            "profile": wish.profile,
        }  # fmt: skip
        python, folder = await self.origins.python(wish.kernel), self.origins.folder(wish.folder)
        self.reply({"name": await self.pools.start(python, folder, order)}, HTTPStatus.CREATED)


class PoolHandler(Handler):
    """One pool."""

    @web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """What it does now."""
        async with self.pools.interest():
            self.reply(await (await self.pools.visit(name)).picture())

    @web.authenticated
    @authorized
    async def patch(self, name: str) -> None:
        """Change the number of its workers."""
        wish = self.body(Scale)
        if wish.n < 0:
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, f"a pool can't have {wish.n} workers")
        await self.pools.scale(name, wish.n)
        self.reply({"wanted": wish.n}, HTTPStatus.ACCEPTED)

    @web.authenticated
    @authorized
    async def delete(self, name: str) -> None:
        """End it."""
        await self.pools.stop(name)
        self.set_status(HTTPStatus.NO_CONTENT)
        self.finish()


class TimelineHandler(Handler):
    """What ran where and when, in one pool."""

    @web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Of what goes on now, or went on last."""
        async with self.pools.interest():
            self.reply(await (await self.pools.visit(name)).timeline())


class ActionHandler(Handler):
    """What can be done to one pool."""

    @web.authenticated
    @authorized
    async def post(self, name: str, action: str) -> None:
        """Cancel all that it runs, or replace its workers too."""
        await self.pools.tell(name, m.Halt() if action == "cancel" else m.Restart())
        self.reply({}, HTTPStatus.ACCEPTED)


class WorkerHandler(Handler):
    """What can be done to one worker."""

    @web.authenticated
    @authorized
    async def post(self, name: str, worker: str, action: WorkerAction) -> None:
        """Cancel the task that it runs, or replace it."""
        async with self.pools.interest():
            await (await self.pools.visit(name)).act(action, worker)
        self.reply({}, HTTPStatus.ACCEPTED)


class OptionsHandler(Handler):
    """What a dialog needs in order to offer a new pool."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """How many workers it has if nobody says so, how many it may have, and by what means it can be started.

        Profiles are told as they stand in the files, also those that make no sense: who starts them is told why.
        """
        allowed = read_limits()
        kernels = await ensure_async(self.kernel_spec_manager.get_all_specs())
        self.reply(
            {
                "workers": allowed.fitting(allowed.memory.most if allowed.memory else None),
                "most": allowed.workers.most if allowed.workers else None,
                "launchers": [name for name, command in LAUNCHERS.items() if not command or shutil.which(command)],
                "profiles": {name: entry.sketch() for name, entry in entries().items()},
                "kernels": {
                    name: found["spec"]["display_name"]
                    for name, found in kernels.items()
                    if found["spec"]["language"] == "python"
                },
            }
        )
