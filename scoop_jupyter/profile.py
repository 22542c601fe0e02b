"""``%%scoop --profile``: in which functions the tasks of a cell spent their time, on all workers together."""

from __future__ import annotations

import html
import marshal
from collections.abc import Callable
from typing import Any

from scoop import futures
from scoop.profiles import Branch, Function, Tasks, merge, name_of, place_of
from scoop_core import profiling
from scoop_core.contract import Root, unable
from scoop_core.future import Future
from scoop_core.owner import Options
from scoop_jupyter.view import duration, number, plural

#: Functions in the table.
ROWS = 15
#: How long to wait for workers that are busy with tasks of others, in seconds.
PATIENCE = 2.0
#: Before all that the notebook submits.
FIRST = 1_000_000


class PoolProfiler:
    """Profiles what is submitted from now on, until `finish`.

    Args:
        client: of the pool; the current run is used to ask the workers.

    Raises:
        NotSupported: the engine can't do that.
    """

    def __init__(self, client: Root) -> None:
        if not client.abilities.profiles:
            raise unable(
                "A Dask cluster", "its workers can't be profiled. Dask's own dashboard has a profile of them"
            )
        self._client = client
        self._asked = self._ask(profiling.begin, client.name, client.run)
        futures.wait(list(self._asked.values()), PATIENCE)

    def _ask(self, function: Callable[..., Any], *args: Any) -> dict[str, Future]:
        rows = self._client.picture()["workers"]
        names = [row["name"] for row in rows if row["state"] not in ("starting", "stopped", "lost")]
        return {
            name: self._client.submit(function, args, {}, Options(0, FIRST, name, name="profile")) for name in names
        }

    def finish(self, label: Callable[[str], str | None] = lambda file: None) -> Report:
        """Stop, and tell what was seen.

        Args:
            label: what people call a file that is none.
        """
        begun = [name for name, future in self._asked.items() if future.done() and future.exception() is None]
        asked = {name: future for name, future in self._ask(profiling.end).items() if name in begun}
        done, _ = futures.wait(list(asked.values()), PATIENCE)
        for future in (*self._asked.values(), *asked.values()):
            future.cancel()
        seen = {name: marshal.loads(f.result()) for name, f in asked.items() if f in done and f.exception() is None}
        missing = [name for name in self._asked if name not in seen]
        return Report(Tasks(merge(seen.values())), len(seen), missing, label)


class Report:
    """A profile to look at: as text, and in a notebook as a table and a view of who called whom.

    Args:
        tasks: of all workers together.
        workers: how many they are.
        missing: the names of those that could not be asked.
        label: what people call a file that is none.
    """

    def __init__(self, tasks: Tasks, workers: int, missing: list[str], label: Callable[[str], str | None]) -> None:
        self._label = label
        self._rows = tasks.functions
        self._tops = tasks.tree
        self._all = max(tasks.seconds, sum(top.seconds for top in tasks.tree))
        self._title = f"Profile: {duration(tasks.seconds)} in tasks on {plural(workers, 'worker')}"
        if missing:
            self._title += f" (not of {', '.join(missing)}, which had other things to do)"

    def __str__(self) -> str:
        lines = [self._title, f"{'own':>10} {'cumulative':>12} {'calls':>10}  function"]
        for row in self._rows[:ROWS]:
            own, cumulative, calls = _figures(row)
            lines.append(
                f"{own:>10} {cumulative:>12} {calls:>10}  {name_of(row.where)} ({place_of(row.where, self._label)})"
            )
        if len(self._rows) > ROWS:
            lines.append(f"… and {plural(len(self._rows) - ROWS, 'function')} more")
        return "\n".join(lines)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.html()}

    def html(self) -> str:
        """A table, and bars that lie below those that called them. It needs no script, and nothing from elsewhere."""
        rows = "".join(
            "<tr>"
            + "".join(f'<td style="{_CELL};text-align:right">{figure}</td>' for figure in _figures(row))
            + f'<td style="{_CELL};text-align:left"><code>{html.escape(name_of(row.where))}</code> '
            f'<span style="opacity:0.7">{html.escape(place_of(row.where, self._label))}</span></td></tr>'
            for row in self._rows[:ROWS]
        )
        head = "".join(
            f'<th style="{_CELL};font-weight:normal;opacity:0.7;text-align:{side}">{text}</th>'
            for text, side in (("own", "right"), ("cumulative", "right"), ("calls", "right"), ("function", "left"))
        )
        bars: list[str] = []
        deepest = self._draw(self._tops, 0.0, 0, bars)
        return (
            '<details open class="scoop-profile" style="max-width:960px;margin:4px 0;padding:6px 12px;font-size:13px;'
            'border:1px solid rgba(128,128,128,0.3);border-radius:4px">'
            f'<summary style="cursor:pointer">{html.escape(self._title)}</summary>'
            f'<div style="position:relative;height:{deepest * HEIGHT}px;margin:8px 0;overflow:hidden">'
            f"{''.join(bars)}</div>"
            '<div style="overflow-x:auto">'
            '<table style="margin:0;border-collapse:collapse;font-size:12px;color:inherit">'
            f"<tr>{head}</tr>{rows}</table></div></details>"
        )

    def _draw(self, branches: list[Branch], left: float, level: int, bars: list[str]) -> int:
        """Add the bars of these branches, side by side, and of all below them; how many levels there are then."""
        deepest = level
        for branch in branches:
            share = branch.seconds / self._all
            name, place = html.escape(name_of(branch.where)), html.escape(place_of(branch.where, self._label))
            says = f"{name} ({place}): {duration(branch.seconds)}, {share:.1%}, {plural(branch.calls, 'call')}"
            bars.append(
                f'<div title="{says}" style="position:absolute;left:{left:.3%};width:{share:.3%};'
                f"top:{level * HEIGHT}px;height:{HEIGHT - 1}px;line-height:{HEIGHT - 1}px;"
                f"background:{_colour(branch, self._label)};box-shadow:inset 0 0 0 0.5px rgba(128,128,128,0.5);"
                "box-sizing:border-box;overflow:hidden;white-space:nowrap;font-size:11px;"
                f'text-indent:3px">{name if share > 0.02 else ""}</div>'
            )
            deepest = max(deepest, self._draw(branch.kids, left, level + 1, bars), level + 1)
            left += share
        return deepest


#: Of a bar, in pixels.
HEIGHT = 18
_CELL = "padding:2px 8px;white-space:nowrap"


def _colour(branch: Branch, label: Callable[[str], str | None]) -> str:
    """Half transparent, to be read on light and on dark: the notebook's own code, modules, and what is built in."""
    file = branch.where[0]
    if file == "~":
        return "rgba(128,128,128,0.3)"
    return "rgba(243,119,38,0.4)" if label(file) else "rgba(55,118,171,0.4)"


def _figures(row: Function) -> tuple[str, str, str]:
    return duration(row.own), duration(row.cumulative), number(row.calls)
