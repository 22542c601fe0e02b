"""Who a pool belongs to, in words that its user knows; and what a new one starts from."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_core.utils import ensure_async
from tornado import web

from scoop_jupyter.server.visit import PoolRow


class Origins:
    """Knows the kernels and the notebooks of a Jupyter server.

    Args:
        server: the `ServerApp`.
    """

    def __init__(self, server: Any) -> None:
        self._server = server

    async def tell(self, rows: list[PoolRow], kept: Callable[[str], bool]) -> list[dict[str, Any]]:
        """The rows, each with its `notebook`, the `program` that it belongs to, and whether the server keeps it."""
        notebooks = {}
        for session in await ensure_async(self._server.session_manager.list_sessions()):
            pid = self._pid(session["kernel"]["id"])
            if pid is not None:
                notebooks[pid] = session["path"]
        return [
            {
                **row,
                "notebook": notebooks.get(row["pid"]),
                "program": _program(row["pid"]),
                "kept": kept(row["name"]),
            }
            for row in rows
        ]

    def kernels(self, pids: set[int]) -> list[Any]:
        """The kernels of this server that have one of these process numbers."""
        manager = self._server.kernel_manager
        return [manager.get_kernel(name) for name in manager.list_kernel_ids() if self._pid(name) in pids]

    def _pid(self, kernel: str) -> int | None:
        try:
            provisioner = self._server.kernel_manager.get_kernel(kernel).provisioner
        except KeyError:  # it has just ended
            return None
        return getattr(provisioner, "pid", None)

    async def python(self, kernel: str) -> str:
        """The interpreter of a kernelspec.

        Raises:
            HTTPError: there is no such kernelspec, or it is none of Python.
        """
        if not kernel:
            return sys.executable
        try:
            spec = await ensure_async(self._server.kernel_spec_manager.get_kernel_spec(kernel))
        except NoSuchKernel:
            raise web.HTTPError(400, f"There is no kernel {kernel!r}.") from None
        if spec.language != "python":
            raise web.HTTPError(400, f"The kernel {kernel!r} is not one of Python.")
        command: str = spec.argv[0]
        # Kernelspecs that came with a package say just "python", and mean the one of the server.
        return command if os.path.isabs(command) else sys.executable

    def folder(self, path: str) -> str:
        """A folder below the server's root.

        Raises:
            HTTPError: there is none.
        """
        root = os.path.realpath(self._server.root_dir)
        folder = os.path.realpath(os.path.join(root, *path.split("/")))
        if os.path.commonpath([root, folder]) != root or not os.path.isdir(folder):
            raise web.HTTPError(400, f"There is no folder {path!r} here.")
        return folder


def _program(pid: int) -> str:
    """What a process is, in a few words."""
    try:
        command = psutil.Process(pid).cmdline()
    except psutil.Error:
        return ""
    words = [Path(command[0]).name, *command[1:]] if command else []
    return " ".join(words)[:200]
