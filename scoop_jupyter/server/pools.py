"""The user's pools as the server sees them: found by their connection files, whoever has started them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from scoop_core import files
from scoop_core import messages as m
from scoop_core.errors import NoSuchPool, ScoopError, StartFailed
from scoop_core.pool import check_size
from scoop_jupyter.server.visit import PoolRow, Visit

#: How long a pool may take to end, in seconds, before whoever stops it is answered.
STOP_SECONDS = 10.0


class Pools:
    """Finds pools, visits them while somebody is interested, and keeps those that it has started itself."""

    def __init__(self) -> None:
        self._visits: dict[str, Visit] = {}  # by the pool's id
        self._keepers: dict[str, asyncio.subprocess.Process] = {}  # by the pool's name
        self._looking = asyncio.Lock()
        self._interested = 0

    # ---- looking -----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def interest(self) -> AsyncIterator[None]:
        """As long as this is open, pools stay visited: a new look at them is quick then."""
        self._interested += 1
        try:
            yield
        finally:
            self._interested -= 1
            if not self._interested:  # a pool that is visited has more to do than one that is not
                visits, self._visits = self._visits, {}
                for visit in visits.values():
                    await visit.end()

    async def rows(self) -> list[PoolRow]:
        """All pools that run, by name."""
        async with self.interest():
            return sorted((visit.row() for visit in await self._look()), key=lambda row: row["name"])

    async def visit(self, name: str) -> Visit:
        """The visit to the pool of this name; whoever asks must be interested as long as he uses it.

        Raises:
            NoSuchPool: there is none.
        """
        for visit in await self._look():
            if visit.connection.name == name:
                return visit
        raise NoSuchPool(f"No pool {name!r} runs here.")

    def kept(self, name: str) -> bool:
        """Whether this server has started it, so that it ends with the server."""
        return name in self._keepers

    async def _look(self) -> list[Visit]:
        """Visit pools that are new, and forget those that have ended."""
        async with self._looking:
            for identity, visit in list(self._visits.items()):
                if visit.over:
                    del self._visits[identity]
                    await visit.end()
            for connection in await asyncio.to_thread(files.running_pools, set(self._visits)):
                visit = Visit(connection)
                try:
                    await visit.begin()
                except ScoopError:  # it has just ended
                    await visit.end()
                else:
                    self._visits[connection.id] = visit
            return list(self._visits.values())

    # ---- changing ----------------------------------------------------------------------------------------------

    async def start(self, python: str, folder: str, order: dict[str, Any]) -> str:
        """Start a pool that ends with this server; its name.

        Args:
            python: interpreter that its tasks run in.
            folder: where its workers start, and from which they import.
            order: keyword arguments of `scoop.start`.

        Raises:
            ValueError: the order makes no sense, or the name is taken.
            StartFailed: it could not be started; the message says why.
        """
        try:
            keeper = await asyncio.create_subprocess_exec(
                *[python, "-m", "scoop_jupyter.server.keeper"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=folder,
                start_new_session=True,
            )
        except OSError as error:
            raise StartFailed(f"Can't start {python} in {folder}: {error.strerror}.") from None
        assert keeper.stdin is not None and keeper.stdout is not None
        keeper.stdin.write(json.dumps(order).encode() + b"\n")
        try:
            answer = json.loads(await keeper.stdout.readline() or b"{}")
        except ValueError:
            answer = {}
        if "name" not in answer:
            await _dismiss(keeper)
            if "refused" in answer:
                raise ValueError(answer["refused"])
            raise StartFailed(
                answer.get("failed") or f"{python} could not do it. Is SCOOP installed there? The server's log tells."
            )
        name: str = answer["name"]
        self._keepers[name] = keeper
        return name

    async def stop(self, name: str) -> None:
        """End a pool, and wait for that.

        Raises:
            NoSuchPool: there is none of this name.
            TimeoutError: it is still there.
        """
        async with self.interest():
            visit = await self.visit(name)
            keeper = self._keepers.pop(name, None)
            if keeper is not None:
                await _dismiss(keeper)
            else:
                visit.tell(m.Stop())
            async with asyncio.timeout(STOP_SECONDS):
                while not visit.over:
                    await asyncio.sleep(0.01)

    async def scale(self, name: str, n: int) -> None:
        """Have n workers.

        Raises:
            NoSuchPool: there is no pool of this name.
            OverLimit: it may not have so many.
            BrokerLost: it ended meanwhile.
        """
        async with self.interest():
            visit = await self.visit(name)
            check_size(n, visit.connection.cap)
            visit.tell(m.Scale(n))

    async def tell(self, name: str, message: m.Header) -> None:
        """Send a message to a pool's broker.

        Raises:
            NoSuchPool: there is none of this name.
            BrokerLost: it ended meanwhile.
        """
        async with self.interest():
            (await self.visit(name)).tell(message)

    async def close(self) -> None:
        """End what this server has started."""
        keepers, self._keepers = self._keepers, {}
        await asyncio.gather(*map(_dismiss, keepers.values()))


async def _dismiss(keeper: asyncio.subprocess.Process) -> None:
    """Let a keeper end its pool, and wait until it has."""
    assert keeper.stdin is not None
    keeper.stdin.close()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await keeper.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.kill(keeper.pid, 9)
        await keeper.wait()
