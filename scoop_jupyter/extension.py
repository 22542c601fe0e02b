"""What ``%load_ext scoop`` does, and undoes."""

from __future__ import annotations

import atexit
import sys

from IPython.core.interactiveshell import InteractiveShell

from scoop_core.current import current
from scoop_jupyter.completion import complete
from scoop_jupyter.magics import ScoopMagics
from scoop_jupyter.notebook import Notebook


def load(shell: InteractiveShell) -> None:
    """Register the magics and the events; nothing is started yet."""
    known = shell.magics_manager.registry.get("ScoopMagics")
    if known is not None:  # loaded a second time: the pool, if there is one, goes on
        return
    notebook = Notebook(shell)
    shell.register_magics(ScoopMagics(shell, notebook))
    shell.events.register("pre_run_cell", notebook.before_cell)
    shell.events.register("post_run_cell", notebook.after_cell)
    if shell.Completer is not None:
        shell.Completer.custom_matchers.append(complete)
    sys.meta_path.insert(0, notebook.modules)
    current.starter = notebook.ensure
    atexit.register(notebook.stop)


def unload(shell: InteractiveShell) -> None:
    """Stop the notebook's pool, and take everything back."""
    magics = shell.magics_manager.registry.pop("ScoopMagics", None)
    if not isinstance(magics, ScoopMagics):
        return
    notebook = magics.notebook
    notebook.close()
    atexit.unregister(notebook.stop)
    current.starter = None
    sys.meta_path.remove(notebook.modules)
    shell.events.unregister("pre_run_cell", notebook.before_cell)
    shell.events.unregister("post_run_cell", notebook.after_cell)
    if shell.Completer is not None and complete in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.remove(complete)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("scoop", None)
