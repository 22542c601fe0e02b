"""Starting this command line anew, in the environment that it asks for: behind a prolog, or in another Python."""

from __future__ import annotations

import os
import shutil
import sys

#: Is in the environment of a process that was started anew, until it has seen it.
_MARK = "SCOOP_RESTARTED"
#: The prolog sees no arguments: some scripts would take them for their own.
_SCRIPT = """\
_scoop=("$@")
set --
. "$0" || { echo "python -m scoop: --prolog $0 failed with exit code $?" >&2; exit 2; }
exec "${_scoop[@]}"
"""


def restart(prolog: str, interpreter: str) -> None:
    """Become a process that runs the same command line behind the prolog, in this interpreter; once.

    So the program's own process has what all others have, as they are its children.

    Args:
        prolog: the path of a shell script, or empty.
        interpreter: the path of a Python, or empty for this one.

    Raises:
        OSError: there is no such program, or no bash.
    """
    if os.environ.pop(_MARK, "") or not (prolog or interpreter):
        return
    command = [interpreter or sys.executable, *sys.orig_argv[1:]]
    if prolog:
        shell = shutil.which("bash")
        if shell is None:
            raise FileNotFoundError("--prolog needs bash, which is not to be found")
        command = [shell, "-c", _SCRIPT, prolog, *command]
    os.environ[_MARK] = "1"
    os.execv(command[0], command)
