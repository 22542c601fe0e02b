"""The timeline and the tree of tasks as one HTML page, which needs nothing else to be shown. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from scoop.timeline import Node, Spans, coarser, limits, task_tree
from scoop_core.watching import Span

#: Colours of functions, those that took longest first; all others are grey. They are to be seen on white and black.
COLOURS = ["#4c8dd6", "#e08a3c", "#4fa868", "#c95d63", "#9a79c7", "#8c7161", "#d27fb0", "#a8a23a", "#3fa9b0"]
OTHER = "#8a8a8a"
#: The picture is so many units wide, and shows nothing that is smaller than one.
WIDTH = 2000
#: Tasks that run one within the other are drawn in so many rows; deeper ones are left out.
ROWS = 8
ROW = 14

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --page: #fff; --text: #1c1c1c; --soft: #666; --line: #ddd; --lane: #f4f4f4; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --page: #16181b; --text: #e6e6e6; --soft: #a0a0a0; --line: #3a3d42; --lane: #1f2226; }}
}}
body {{ margin: 2rem; background: var(--page); color: var(--text); font: 14px/1.5 system-ui, sans-serif; }}
h1 {{ font-size: 1.4rem; margin: 0; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.1rem; margin: 2rem 0 .5rem; }}
p {{ color: var(--soft); margin: .2rem 0; }}
.lanes {{ display: grid; grid-template-columns: max-content 1fr; gap: 4px 12px; align-items: center; }}
.lanes span, .axis, td.soft {{ color: var(--soft); }}
.lanes svg {{ width: 100%; background: var(--lane); display: block; }}
.axis {{ display: flex; justify-content: space-between; font-size: 12px; }}
.legend {{ display: flex; flex-wrap: wrap; gap: 4px 18px; margin: .8rem 0; padding: 0; list-style: none; }}
i {{ display: inline-block; width: .8em; height: .8em; margin-right: .45em; border-radius: 2px; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: .2rem 1rem .2rem 0; border-bottom: 1px solid var(--line); text-align: right; }}
th:first-child, td:first-child {{ text-align: left; }}
th {{ font-weight: 600; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{summary}</p>
<h2>Workers</h2>
<ul class="legend">{legend}</ul>
<div class="lanes">{lanes}<span></span><div class="axis">{axis}</div></div>
<h2>Tasks</h2>
<table>
<tr><th>function</th><th>tasks</th><th>seconds</th><th>share</th><th>each</th></tr>
{rows}
</table>
<p>Below each function stand those that its tasks have submitted. The seconds of a task are without those of
other tasks that ran while it waited for them.</p>
</body>
</html>
"""


def page(title: str, spans: Spans) -> str:
    """The page of one run of a program.

    Args:
        title: the program, with its arguments.
        spans: what its workers have done.
    """
    start, end = limits(spans)
    seconds = end - start
    tree = [line for top in task_tree(spans) for line in top.walk()]
    total: dict[str, float] = {}
    for _, node in tree:
        total[node.name] = total.get(node.name, 0.0) + node.seconds
    names = sorted(total, key=lambda name: -total[name])
    colours = dict(zip(names, COLOURS, strict=False))
    tasks = sum(node.tasks for _, node in tree)
    legend = [(name, colours[name]) for name in names[: len(COLOURS)]] + [("other functions", OTHER)] * (
        len(names) > len(COLOURS)
    )
    return _PAGE.format(
        title=escape(title),
        summary=f"{_number(tasks, 'task')} on {_number(len(spans), 'worker')} in {_time(seconds)}",
        legend="".join(f'<li><i style="background:{colour}"></i>{escape(name)}</li>' for name, colour in legend),
        lanes="".join(_lane(worker, of_worker, start, seconds, colours) for worker, of_worker in spans.items()),
        axis="".join(f"<span>{_time(seconds * part / 4)}</span>" for part in range(5)),
        rows="\n".join(_row(depth, node, sum(total.values()), colours) for depth, node in tree),
    )


def _lane(worker: str, spans: Sequence[Span], start: float, seconds: float, colours: dict[str, str]) -> str:
    """The label of a worker, and what it did, from left to right."""
    scale = WIDTH / seconds if seconds else 0.0
    drawn = [span for span in coarser(spans, seconds / WIDTH) if span.depth < ROWS]
    rows = max((span.depth for span in drawn), default=0) + 1
    busy = sum(span.ended - span.began for span in spans if span.depth == 0) / seconds if seconds else 0.0
    bars = "".join(
        f'<rect x="{(span.began - start) * scale:.1f}" y="{span.depth * ROW}" height="{ROW - 1}" '
        f'width="{max(1.0, (span.ended - span.began) * scale - 1):.1f}" fill="{colours.get(span.name, OTHER)}">'
        f"<title>{escape(span.name)}: {_time(span.ended - span.began)}{_several(span)}, "
        f"from {_time(span.began - start)} on</title></rect>"
        for span in drawn
    )  # (a unit narrower, so that neighbours can be told apart)
    return (
        f"<div>{escape(worker)} <span>{busy:.0%}</span></div>"
        f'<svg viewBox="0 0 {WIDTH} {rows * ROW}" height="{rows * ROW}" preserveAspectRatio="none">{bars}</svg>\n'
    )


def _row(depth: int, node: Node, total: float, colours: dict[str, str]) -> str:
    """A line of the tree."""
    return (
        f'<tr><td style="padding-left:{1.5 * depth:g}em"><i style="background:{colours.get(node.name, OTHER)}"></i>'
        f"{escape(node.name)}</td><td>{node.tasks:,}</td><td>{node.seconds:.3f}</td>"
        f"<td>{node.seconds / total if total else 0:.0%}</td>"
        f'<td class="soft">{_time(node.seconds / node.tasks) if node.tasks else ""}</td></tr>'
    )


def _several(span: Span) -> str:
    return f", {span.tasks:,} tasks" if span.tasks > 1 else ""


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _time(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds >= 1 or seconds == 0:
        return f"{seconds:,.2f} s" if seconds else "0 s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"
