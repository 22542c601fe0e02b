"""The Jupyter server's part: the user's pools as JSON, live, and to be started and stopped, under its own address.

It needs no kernel, so it also answers while a cell runs, and after the page was loaded anew.
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    # Not at the top of the module: whoever keeps a pool imports this package without a server.
    from scoop_jupyter.server.extension import ScoopExtension

    return [{"module": "scoop_jupyter.server", "app": ScoopExtension}]
