"""Executes a notebook in a real kernel, from top to bottom, and prints what its cells print.

For `make run`, and for anyone who wants a notebook's output in a terminal. The notebook file is not changed.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from traitlets.config import Config

ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class PrintingClient(NotebookClient):
    """Executes like its parent, and shows each output at the moment when it arrives."""

    def output(
        self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> NotebookNode | None:
        """Shows an output that the kernel sent; the parent keeps it in the cell.

        Returns:
            The output, or None where it is none of the notebook's (a widget has captured it).
        """
        shown = super().output(outs, msg, display_id, cell_index)
        if shown is not None:
            show(shown)
        return shown


def show(output: NotebookNode) -> None:
    """Prints one output of a cell: text as it is, an image as `[image]`, a traceback to stderr."""
    match output.output_type:
        case "stream":
            stream = sys.stderr if output.name == "stderr" else sys.stdout
            stream.write(output.text)
            stream.flush()
        case "error":
            traceback = "\n".join(output.traceback)
            print(
                traceback if sys.stderr.isatty() else ANSI_COLOUR.sub("", traceback),
                file=sys.stderr,
                flush=True,
            )
        case _:
            image = any(kind.startswith("image/") for kind in output.data)
            print("[image]" if image else output.data.get("text/plain", ""), flush=True)


def execute(path: Path, timeout: int) -> None:
    """Executes the notebook in its own folder, so that its relative paths and imports hold.

    Args:
        path: the notebook.
        timeout: seconds that one cell may take.

    Raises:
        CellExecutionError: If a cell raised; its traceback is then already on stderr.
        CellTimeoutError: If a cell took longer than `timeout`.
        DeadKernelError: If the kernel died.
    """
    notebook = nbformat.read(path, as_version=4)
    folder = {"metadata": {"path": str(path.resolve().parent)}}
    # Without keys, other users of the host could read the kernel's sockets, and ipykernel warns so on stderr.
    encrypted = Config({"KernelManager": {"transport_encryption": "auto"}})
    PrintingClient(notebook, timeout=timeout, resources=folder, config=encrypted).execute()


def main() -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Execute a notebook and print what its cells print.")
    parser.add_argument("notebook", type=Path, help="the .ipynb file")
    parser.add_argument(
        "--timeout",
        type=int,
        default=600,
        metavar="SECONDS",
        help="limit for each cell (default: %(default)s)",
    )
    options = parser.parse_args()
    if not options.notebook.is_file():
        parser.error(f"there is no notebook {options.notebook}")
    try:
        execute(options.notebook, options.timeout)
    except CellExecutionError as error:
        reason = f"a cell raised {error.ename}"
    except CellTimeoutError:
        reason = f"a cell took longer than {options.timeout} seconds; --timeout raises the limit"
    except DeadKernelError:
        reason = "the kernel died"
    else:
        return 0
    print(f"{options.notebook}: stopped, {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
