"""The files that a program under ``python -m scoop`` leaves on demand: log, profiles, timeline."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec

from scoop.arguments import Options
from scoop.profiles import without_engine
from scoop_core import logs
from scoop_core.config import Reports
from scoop_core.watching import Span

#: So many functions are in the printed profile, and none of the engine's own.
LINES = 20


def prepare(here: Path, options: Options) -> Reports:
    """Set up the log of this process, and make the folders; what earlier programs have left in them goes.

    Args:
        here: where the folders shall be.
        options: of the command line.

    Raises:
        OSError: a folder or the log can't be written to.
    """
    logs.set_up("w0", options.level, options.log)
    profile = _folder(here / "profile", ["*.prof", "report.txt"]) if options.profile else ""
    timeline = _folder(here / "debug", ["*.spans", "timeline.json", "report.html"]) if options.debug else ""
    return Reports(options.level, options.log, profile, timeline)


def finish(reports: Reports) -> None:
    """Put together what all workers have written; they have ended."""
    if reports.profile:
        _merge_profiles(Path(reports.profile))
    if reports.timeline:
        _draw(Path(reports.timeline))


def _folder(folder: Path, old: Iterable[str]) -> str:
    folder.mkdir(exist_ok=True)
    for pattern in old:
        for file in folder.glob(pattern):
            file.unlink()
    return str(folder)


def _merge_profiles(folder: Path) -> None:
    """Write what all workers did together, and say it on the standard error stream."""
    import pstats  # here and below: most programs leave no reports, and should start without what these need

    files = _of_workers(folder, ".prof")
    if not files:
        return
    text = StringIO()
    merged: Any = pstats.Stats(*map(str, files), stream=text)  # its `stats` are in no stub
    merged.dump_stats(folder / "all.prof")
    merged.stats = without_engine(merged.stats)
    merged.sort_stats("cumulative").print_stats(LINES)
    (folder / "report.txt").write_text(text.getvalue())
    print(text.getvalue().strip(), file=sys.stderr)


def _draw(folder: Path) -> None:
    """Turn the spans of all workers into the timeline and its page."""
    from scoop.debug_page import page
    from scoop.timeline import trace_events

    spans: dict[str, list[Span]] = {}
    for file in _of_workers(folder, ".spans"):
        spans[file.stem] = found = []
        with contextlib.suppress(msgspec.DecodeError):  # a worker that was killed may have left half a line
            for line in file.read_bytes().splitlines():
                found.append(msgspec.json.decode(line, type=Span))
        file.unlink()
    if spans:
        (folder / "timeline.json").write_bytes(trace_events(spans))
        (folder / "report.html").write_text(page(shlex.join(sys.argv), spans), encoding="utf-8")


def _of_workers(folder: Path, suffix: str) -> list[Path]:
    """Files that workers have written, in the order of their numbers."""
    return sorted(folder.glob(f"w*{suffix}"), key=lambda file: (len(file.name), file.name))
