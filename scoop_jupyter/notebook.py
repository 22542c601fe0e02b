"""The notebook and its pool: which pool it uses, and which cell a task belongs to."""

from __future__ import annotations

import sys
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

import scoop
from scoop_core.contract import AnyPool, Root
from scoop_core.current import current
from scoop_jupyter.cell import cell_number
from scoop_jupyter.live import LivePanel
from scoop_jupyter.modules import Modules
from scoop_jupyter.outputs import Outputs

#: How many panels that are over stay open, for pages that were loaded anew while their cell ran.
KEPT_PANELS = 10


class Notebook:
    """One shell's use of pools.

    Args:
        shell: of the kernel, or of a terminal.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.pool: AnyPool | None = None
        self.modules = Modules(shell.user_ns)
        self.reloads = True  # whether edited modules are reloaded before each cell
        self.outputs = Outputs(shell)
        self._panels: list[LivePanel] = []  # in the order of their cells

    # ---- the pool ----------------------------------------------------------------------------------------------

    @property
    def client(self) -> Root | None:
        """Of the pool that is in use; None if there is none, or it is lost."""
        engine: Root | None = current.engine
        return engine if engine is not None and engine.lost is None else None

    def ensure(self, n: int | None = None) -> Root:
        """The client of a pool that runs; one is started if there is none.

        Args:
            n: have this many workers; None takes them as they are.

        Raises:
            StartFailed: it could not be started.
        """
        client = self.client
        if client is None:
            return self.use(scoop.start(n))
        if self.pool is None or self.pool.client is not client:  # started by the notebook's own code
            assert client.pool is not None
            self.use(client.pool)
        if n is not None and self.pool is not None and len(self.pool.workers) != n:
            self.pool.scale(n)
        return client

    def use(self, pool: AnyPool) -> Root:
        """Use this pool from now on; the one before, if this notebook started it, is stopped."""
        if self.pool is not None and self.pool.client is not pool.client:
            self.pool.stop() if self.pool.owned else self.pool.close()
        self.pool = pool
        client = pool.client
        current.engine = client
        client.packer.edit(self.modules.edited)
        self.outputs.clear()
        self.open_cell(client)
        self._sync_before_cell(client)
        return client

    def stop(self) -> None:
        """End the pool; one that was only connected to goes on."""
        pool, self.pool = self.pool, None
        if pool is not None:
            pool.stop() if pool.owned else pool.close()

    # ---- panels ------------------------------------------------------------------------------------------------

    def show(self, panel: LivePanel) -> None:
        """Show a panel below the cell; of those that are over, only the last few stay open."""
        over = [panel for panel in self._panels if not panel.live]
        for old in over[:-KEPT_PANELS]:
            old.close()
            self._panels.remove(old)
        panel.start(any(known.drawn for known in self._panels))
        if panel.live:
            self._panels.append(panel)

    def end_panels(self) -> None:
        """Have those that still follow a run show its end: nothing more of it is wanted."""
        for panel in self._panels:
            if panel.live:
                panel.finish(cancelled=True)

    def close(self) -> None:
        """Stop the pool, and leave nothing open."""
        self.end_panels()
        self.stop()
        for panel in self._panels:
            panel.close()
        self._panels.clear()

    # ---- cells -------------------------------------------------------------------------------------------------

    def before_cell(self, info: Any = None) -> None:
        """What a cell submits is a run of its own."""
        client = self.client
        self.modules.look()
        if client is not None:
            self.open_cell(client)
            self._sync_before_cell(client)
        elif current.engine is not None:  # it is lost; the next use starts a new pool
            current.engine = None

    def after_cell(self, result: Any) -> None:
        """Look after what the cell has imported and what its tasks have said; if it was interrupted, they end."""
        self.modules.look()
        self.outputs.tell()
        client = self.client
        if client is not None and isinstance(getattr(result, "error_in_exec", None), KeyboardInterrupt):
            client.cancel_run(client.run)

    def open_cell(self, client: Root) -> None:
        """What is submitted from now on is a run of its own; what it prints belongs to the cell that runs now."""
        client.sink = self.outputs.show  # also where the notebook's own code has started the pool
        client.packer.label = self.cell_name
        self.outputs.open(client.new_run(), cell_number(self.shell))

    def sync(self) -> bool:
        """Reload the modules that were edited, here and, with the next call, on the workers, and say what came of it.

        Returns:
            Whether there were any.
        """
        autoreload = self.shell.magics_manager.registry.get("AutoreloadMagics")  # of IPython
        reloader = getattr(autoreload, "_reloader", None)
        news = self.modules.sync(already=bool(reloader is not None and reloader.enabled and reloader.check_all))
        for name, error in news.refused.items():
            print(f"scoop: {name} stays as it was, its new code fails: {error}", file=sys.stderr)
        if news.reloaded:
            print(f"Reloaded: {', '.join(news.reloaded)}")
        if self.client is not None:
            self.client.packer.edit(self.modules.edited)
        return bool(news.reloaded or news.refused)

    def _sync_before_cell(self, client: Root) -> None:
        if self.reloads:
            self.sync()
        else:
            self.modules.keep()
            client.packer.edit(self.modules.edited)

    def cell_name(self, file: str) -> str | None:
        """What tracebacks call the cell of this file: "Cell In[3]"; None for others."""
        found = self.shell.compile.format_code_name(file)
        return f"{found[0]} {found[1]}" if found else None
