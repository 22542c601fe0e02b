"""The wire: the only package that knows sockets between peers and the broker.

`Hub` is the broker's end, `Link` everybody else's. Both send and receive (header, frames).
"""

from scoop_core.link.hub import Hub
from scoop_core.link.link import Handler, Link
from scoop_core.link.wires import new_secrets, open_hub

__all__ = ["Handler", "Hub", "Link", "new_secrets", "open_hub"]
