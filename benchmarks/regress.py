"""Compare what two commits do for 1,000 tasks (see `benchmarks.counts`), by ratio.

    python -m benchmarks.regress [BEFORE] [AFTER]

BEFORE is a commit (default: the one before the last); AFTER too, or the working tree if it is left out. The exit code
is 1 if anything got worse by more than a tenth.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: What may be lost without a word.
TOLERANCE = 1.1

Found = dict[str, dict[str, float]]


@contextmanager
def checked_out(commit: str | None) -> Iterator[Path]:
    """The folder of a commit, for a while; None: the working tree."""
    here = Path(__file__).resolve().parent.parent
    if commit is None:
        yield here
        return
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(tree), commit], cwd=here, check=True)
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=here, check=True)


def counts(commit: str | None) -> Found:
    with checked_out(commit) as folder:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.counts", "--json"], cwd=folder, check=True, capture_output=True
        )
        found: Found = json.loads(done.stdout)
        return found


def compare(before: Found, after: Found) -> list[tuple[str, float, float, float]]:
    """What is counted on both sides: (name, before, after, ratio)."""
    return [
        (f"{work}: {what}", old, after[work][what], after[work][what] / old if old else 1.0)
        for work, numbers in before.items()
        for what, old in numbers.items()
        if what in after.get(work, {})
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.regress", description=__doc__)
    parser.add_argument("before", nargs="?", default="HEAD~1")
    parser.add_argument("after", nargs="?")
    options = parser.parse_args()
    rows = compare(counts(options.before), counts(options.after))
    for name, old, new, ratio in rows:
        print(f"{name:64}{old:>12,.1f}{new:>12,.1f}{ratio:>8.2f}{'  worse' if ratio > TOLERANCE else ''}")
    return any(ratio > TOLERANCE for *_, ratio in rows)


if __name__ == "__main__":
    sys.exit(main())
