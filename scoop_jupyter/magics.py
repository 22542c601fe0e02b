"""``%scoop`` and ``%%scoop``."""

from __future__ import annotations

from argparse import Namespace

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class

import scoop
from scoop import futures, shared
from scoop_core.client import Client
from scoop_core.errors import ScoopError
from scoop_core.owner import Options
from scoop_jupyter.cell import execute_there, run_code, time_limit
from scoop_jupyter.commands import parse_cell, parse_line
from scoop_jupyter.live import LivePanel
from scoop_jupyter.notebook import Notebook
from scoop_jupyter.view import render_text, summary


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
        self._panels: list[LivePanel] = []

    @line_cell_magic
    def scoop(self, line: str, cell: str | None = None) -> None:
        """Manage this notebook's pool of workers (%scoop), or run a cell with it (%%scoop).

        ``%scoop help`` lists what there is; ``%scoop start --help`` and so on explain it.
        """
        if cell is not None:
            options = parse_cell(line)
            if options is not None:
                self._each(cell) if options.each else self._cell(options, cell)
            return
        options = parse_line(line)
        if options is not None:
            try:
                getattr(self, f"_{options.command}")(options)
            except (ScoopError, ValueError, TimeoutError) as error:
                raise UsageError(f"%scoop {options.command}: {error}") from error

    # ---- %scoop ------------------------------------------------------------------------------------------------

    def _start(self, options: Namespace) -> None:
        if self.notebook.client is not None and self.notebook.pool is not None:
            raise UsageError(
                f"%scoop start: the pool {self.notebook.pool.name!r} runs already. "
                "`%scoop scale N` changes its size, `%scoop stop` ends it."
            )
        pool = scoop.start(options.n, options.name)
        self.notebook.use(pool)
        count = len(pool.workers)
        print(f"Pool {pool.name!r}: {count} worker{'s' * (count != 1)}")

    def _stop(self, options: Namespace) -> None:
        if self.notebook.pool is None:
            print("There is no pool.")
            return
        name, owned = self.notebook.pool.name, self.notebook.pool.owned
        self.notebook.stop()
        print(f"Pool {name!r} {'stopped' if owned else 'left; it goes on'}.")

    def _status(self, options: Namespace) -> None:
        client = self.notebook.client
        if client is None:
            print("There is no pool. `%scoop start` starts one; so does the first use of `futures`.")
        else:
            print(render_text(client.picture()))  # type: ignore[arg-type]

    def _scale(self, options: Namespace) -> None:
        self.notebook.ensure(options.n)
        print(f"{options.n} worker{'s' * (options.n != 1)}")

    def _restart(self, options: Namespace) -> None:
        self.notebook.ensure()
        assert self.notebook.pool is not None
        self.notebook.pool.restart()
        print(f"{len(self.notebook.pool.workers)} new workers")

    def _connect(self, options: Namespace) -> None:
        self.notebook.use(scoop.connect(options.name))
        assert self.notebook.pool is not None
        print(f"Connected to pool {self.notebook.pool.name!r}: {len(self.notebook.pool.workers)} workers")

    def _pools(self, options: Namespace) -> None:
        mine = self.notebook.pool.name if self.notebook.pool is not None else None
        names = scoop.pools()
        for name in names:
            print(f"{name}{'  (in use here)' if name == mine else ''}")
        if not names:
            print("None of your pools runs on this host.")

    def _panel(self, options: Namespace) -> None:
        LivePanel(self.notebook.ensure(), -1).start()

    # ---- on every worker ---------------------------------------------------------------------------------------

    def _each(self, options: Namespace | str) -> None:
        source = options if isinstance(options, str) else options.statement
        if not source.strip():
            raise UsageError("%scoop each: which statement?")
        assert self.shell is not None
        client = self.notebook.ensure()
        name = self.shell.compile.cache(source, self.shell.execution_count)
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

    def _cell(self, options: Namespace, cell: str) -> None:
        shell = self.shell
        assert shell is not None
        client = self.notebook.ensure(options.n)
        shell.user_ns.setdefault("futures", futures)
        shell.user_ns.setdefault("shared", shared)
        in_kernel = hasattr(shell, "kernel")
        panel = LivePanel(client, client.run, shown=in_kernel and not options.quiet)
        panel.start()
        try:
            with time_limit(options.timeout):
                run_code(shell, cell)
        except (KeyboardInterrupt, TimeoutError) as error:
            self._cancel(client, error)
            raise
        finally:
            snapshot = panel.finish()
            if snapshot is not None and not in_kernel and not options.quiet:
                print(summary(snapshot))

    def _cancel(self, client: Client, error: BaseException) -> None:
        if client.lost is None:
            client.cancel_run(client.run)
