"""What the configuration files say of pools: a quick look whether anybody has written any at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scoop_jupyter.allowance import FILES, Allowance

if TYPE_CHECKING:
    from scoop_jupyter.pool_profiles import Profile


def allowed() -> Allowance:
    """What the configuration files of this machine allow.

    Raises:
        BadLimits: one of them can't be used.
    """
    if not any((folder / name).is_file() for folder in places() for name in FILES):
        return Allowance()
    # Here, as it is seldom needed: what reads these files takes a tenth of a second to import, a third of the time in
    # which a pool starts.
    from scoop_jupyter.limits import read_limits

    return read_limits()


def profile(name: str) -> Profile:
    """The pool that they describe under this name.

    Raises:
        BadProfile: there is none, or it makes no sense.
        BadLimits: one of the files can't be used.
    """
    from scoop_jupyter.pool_profiles import read_profile  # here, as above

    return read_profile(name)


def places() -> Iterator[Path]:
    """All folders that Jupyter may take configuration files from, and perhaps some more."""
    home = Path.home()
    for name in ("JUPYTER_CONFIG_PATH", "JUPYTER_CONFIG_DIR"):
        yield from map(Path, filter(None, os.environ.get(name, "").split(os.pathsep)))
    yield from (home / ".jupyter", home / "Library" / "Jupyter", home / ".local" / "etc" / "jupyter")
    yield Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "jupyter"
    yield from (Path(sys.prefix) / "etc" / "jupyter", Path("/usr/local/etc/jupyter"), Path("/etc/jupyter"))
    yield from (Path(os.environ.get(name, "/nowhere")) / "jupyter" for name in ("PROGRAMDATA", "APPDATA"))
