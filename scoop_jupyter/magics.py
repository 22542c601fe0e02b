"""``%scoop`` and ``%%scoop``."""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import nullcontext
from typing import cast

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from IPython.display import display

import scoop
from scoop import futures, shared
from scoop_core.attach import all_pools
from scoop_core.errors import ScoopError
from scoop_core.files import is_here
from scoop_core.owner import Options
from scoop_jupyter.cell import CellTimeout, cell_number, run_code
from scoop_jupyter.commands import parse_cell, parse_line
from scoop_jupyter.debug import debug
from scoop_jupyter.each import execute_there
from scoop_jupyter.live import LivePanel
from scoop_jupyter.notebook import Notebook
from scoop_jupyter.pool_profiles import entries, table
from scoop_jupyter.profile import PoolProfiler
from scoop_jupyter.progress import ProgressLine
from scoop_jupyter.start_options import preview, wish_of
from scoop_jupyter.view import Snapshot, latest, render_text, summary, workforce


@magics_class
class ScoopMagics(Magics):
    """The magics of one shell.

    Args:
        shell: IPython's.
        notebook: its use of pools.
    """

    def __init__(self, shell: InteractiveShell, notebook: Notebook) -> None:
        super().__init__(shell=shell)
        self.notebook = notebook

    @no_var_expand
    @line_cell_magic
    def scoop(self, line: str, cell: str | None = None) -> None:
        """Manage this notebook's pool of workers (%scoop), or run a cell with it (%%scoop).

        ``%scoop help`` lists what there is; ``%scoop start --help`` and so on explain it.
        """
        __tracebackhide__ = True
        assert self.shell is not None
        if not line.lstrip().startswith("each"):  # which has a statement: its braces are Python's
            line = self.shell.var_expand(line)
        if cell is not None:
            options = parse_cell(line)
            if options is not None:
                self._each("\n" + cell) if options.each else self._cell(options, line, cell)
            return
        options = parse_line(line)
        if options is not None:
            try:
                getattr(self, f"_{options.command}")(options)
            except (ScoopError, ValueError, TimeoutError) as error:
                raise UsageError(f"%scoop {options.command}: {error}") from error

    # ---- %scoop ------------------------------------------------------------------------------------------------

    def _start(self, options: Namespace) -> None:
        wish = wish_of(options)
        if options.dry_run:
            print(preview(wish, options.name), end="")
            return
        if self.notebook.client is not None and self.notebook.pool is not None:
            raise UsageError(
                f"%scoop start: the pool {self.notebook.pool.name!r} runs already. "
                "`%scoop scale N` changes its size, `%scoop stop` ends it."
            )
        pool = scoop.start(
            wish.n, options.name, preload=wish.preload, memory_limit=wish.memory_limit, launcher=wish.launcher,
            engine=options.engine, address=options.address,
        )  # fmt: skip
        self.notebook.use(pool)
        print(f"Pool {pool.name!r}: {self._workers()}")

    def _workers(self) -> str:
        """How many there are, and how many are in the queue of a batch system."""
        assert self.notebook.client is not None
        return workforce(cast(Snapshot, self.notebook.client.picture()))

    def _stop(self, options: Namespace) -> None:
        if self.notebook.pool is None:
            print("There is no pool.")
            return
        name, owned = self.notebook.pool.name, self.notebook.pool.owned
        self.notebook.end_panels()
        self.notebook.stop()
        print(f"Pool {name!r} {'stopped' if owned else 'left; it goes on'}.")

    def _status(self, options: Namespace) -> None:
        client = self.notebook.client
        if client is None:
            print("There is no pool. `%scoop start` starts one; so does the first use of `futures`.")
        else:
            snapshot = cast(Snapshot, client.picture())
            snapshot["groups"] = latest(snapshot["groups"])
            print(render_text(snapshot))

    def _scale(self, options: Namespace) -> None:
        self.notebook.ensure(options.n)
        print(self._workers())

    def _wait(self, options: Namespace) -> None:
        self.notebook.ensure()
        assert self.notebook.pool is not None
        self.notebook.pool.wait(options.n, options.timeout)
        print(self._workers())

    def _restart(self, options: Namespace) -> None:
        self.notebook.ensure()
        assert self.notebook.pool is not None
        self.notebook.pool.restart()
        print(f"{len(self.notebook.pool.workers)} new workers")

    def _connect(self, options: Namespace) -> None:
        self.notebook.use(scoop.connect(options.name, command=options.ssh_executable, python=options.python))
        assert self.notebook.pool is not None
        print(f"Connected to pool {self.notebook.pool.name!r}: {self._workers()}")

    def _profiles(self, options: Namespace) -> None:
        print(table(entries().values()))

    def _pools(self, options: Namespace) -> None:
        mine = self.notebook.pool.name if self.notebook.pool is not None else None
        found = all_pools()
        for connection in found:
            place = "" if is_here(connection) else f"  on {connection.host}"
            print(f"{connection.name}{place}{'  (in use here)' if connection.name == mine else ''}")
        if not found:
            print("None of your pools runs here.")

    def _sync(self, options: Namespace) -> None:
        if options.switch is not None:
            self.notebook.reloads = options.switch == "on"
            print(f"Edited modules are {'reloaded before each cell' if self.notebook.reloads else 'left alone'}.")
        elif not self.notebook.sync():
            print(f"Nothing was edited. Modules of your own: {', '.join(self.notebook.modules.names) or 'none'}")

    def _debug(self, options: Namespace) -> None:
        if self.notebook.client is None:
            raise UsageError("%scoop debug: there is no pool, and so no task that has failed")
        assert self.shell is not None
        debug(self.shell, self.notebook.client, options.failure or "")

    def _output(self, options: Namespace) -> None:
        pieces = self.notebook.outputs.held(options.cell)
        if pieces:
            self.notebook.outputs.print(pieces)
        else:
            print("Nothing is held back" + (f" of cell {options.cell}." if options.cell else "."))

    def _panel(self, options: Namespace) -> None:
        self.notebook.show(LivePanel(self.notebook.ensure(), -1))

    # ---- on every worker ---------------------------------------------------------------------------------------

    def _each(self, options: Namespace | str) -> None:
        __tracebackhide__ = True
        source = options if isinstance(options, str) else options.statement
        if not source.strip():
            raise UsageError("%scoop each: which statement?")
        assert self.shell is not None
        client = self.notebook.ensure()
        name = f"Cell In[{cell_number(self.shell)}]"
        workers = [row["name"] for row in client.picture()["workers"] if row["state"] not in ("starting", "stopped")]
        asked = [
            (worker, client.submit(execute_there, (source, name), {}, Options(retries=0, worker=worker)))
            for worker in workers
        ]
        said: dict[str, list[str]] = {}
        failed: BaseException | None = None
        for worker, future in asked:
            try:
                said.setdefault(future.result().rstrip("\n"), []).append(worker)
            except Exception as error:
                failed = failed or error
        for text, names in said.items():
            if text:
                print(f"[{', '.join(names)}]\n{text}")
        if failed is not None:
            raise failed

    # ---- %%scoop -----------------------------------------------------------------------------------------------

    def _cell(self, options: Namespace, line: str, cell: str) -> None:
        shell = self.shell
        assert shell is not None
        client = self.notebook.ensure(options.n)
        shell.user_ns.setdefault("futures", futures)
        shell.user_ns.setdefault("shared", shared)
        in_kernel = hasattr(shell, "kernel")
        profiler = None
        if options.profile:
            profiler = PoolProfiler(client)
            self.notebook.open_cell(client)  # what asks for the profile is none of the cell's tasks
        panel = LivePanel(client, client.run, shown=in_kernel and not options.quiet)
        cancelled = False
        self.notebook.show(panel)
        in_terminal = not in_kernel and not options.quiet
        progress = ProgressLine(client, client.run, sys.stdout).shown() if in_terminal else nullcontext()
        try:
            with progress:
                run_code(shell, f"%%scoop {line}", cell, options.timeout)
        except (KeyboardInterrupt, CellTimeout):
            cancelled = True
            if client.lost is None:
                client.cancel_run(client.run)
            raise
        finally:
            snapshot = panel.finish(cancelled)
            if snapshot is not None and in_terminal:
                print(summary(snapshot))
            if profiler is not None and client.lost is None:
                self.notebook.open_cell(client)
                report = profiler.finish(self.notebook.cell_name)
                display(report) if in_kernel else print(report)
