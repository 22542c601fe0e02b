"""What was measured, in one file: each benchmark adds its part, `benchmarks.plots` draws them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def add(file: str | None, **parts: Any) -> None:
    """Put parts into the file, in the place of older ones of the same name; nothing happens without a file."""
    if file:
        path = Path(file)
        found = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(found | parts, indent=1) + "\n")


def quantiles(values: list[float], count: int = 200) -> list[float]:
    """So many of the values, evenly spread over the sorted ones: their distribution."""
    ordered = sorted(values)
    return [ordered[(2 * place + 1) * len(ordered) // (2 * count)] for place in range(count)]
