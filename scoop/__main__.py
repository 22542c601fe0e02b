"""``python -m scoop``: run a program on a pool; list, watch and stop pools."""

from __future__ import annotations

import sys

from scoop.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
