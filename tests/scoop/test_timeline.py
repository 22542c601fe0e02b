"""What spans of tasks add up to: trace events, the tree of tasks, the page."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from scoop.debug_page import COLOURS, page
from scoop.timeline import Node, coarser, own_seconds, task_tree, trace_events
from scoop_core.watching import Span

#: Two workers: a program that waits for two tasks of `outer`, each of which runs `inner` within itself.
SPANS = {
    "w0": [
        Span("program", 1, 0, 0, 10.0, 11.0, 0),
        Span("inner", 3, 2, 1, 11.5, 12.5, 1),
        Span("outer", 2, 1, 0, 11.0, 13.0, 1),
        Span("program", 1, 0, 0, 14.0, 14.5, 1),
    ],
    "w1": [
        Span("inner", 3, 2, 1, 12.0, 13.0, 2),
        Span("outer", 2, 1, 0, 11.0, 14.0, 1),
    ],
}


def test_trace_events() -> None:
    events = json.loads(trace_events(SPANS))["traceEvents"]
    assert [(e["tid"], e["args"]["name"]) for e in events if e["name"] == "thread_name"] == [(0, "w0"), (1, "w1")]
    drawn = [e for e in events if e["ph"] == "X"]
    assert len(drawn) == 6 and all(
        {"name", "cat", "ts", "dur", "pid", "tid", "args"} == e.keys() - {"ph"} for e in drawn
    )
    inner = drawn[1]
    assert (inner["ts"], inner["dur"], inner["tid"]) == (1_500_000, 1_000_000, 0)
    assert inner["args"] == {"parent": "outer", "tasks": 1}


def lines(nodes: list[Node]) -> list[tuple[int, str, int, float]]:
    return [(depth, n.name, n.tasks, round(n.seconds, 6)) for top in nodes for depth, n in top.walk()]


def test_the_tree_of_tasks() -> None:
    assert lines(task_tree(SPANS)) == [(0, "program", 1, 1.5), (1, "outer", 2, 3.0), (2, "inner", 3, 2.0)]


def test_recursion_and_missing_parents() -> None:
    spans = [
        Span("walk", 2, 0, 2, 0.2, 0.3, 1),  # tasks of a recursive function share a node
        Span("walk", 2, 0, 1, 0.1, 0.5, 1),
        Span("walk", 2, 1, 0, 0.0, 1.0, 1),
        Span("orphan", 9, 8, 0, 2.0, 3.0, 1),  # its parent was on a worker that was killed
        Span("self", 7, 7, 0, 3.0, 3.5, 1),
    ]
    assert lines(task_tree({"w0": spans})) == [(0, "walk", 3, 1.0), (0, "orphan", 1, 1.0), (0, "self", 1, 0.5)]


def test_the_own_time_of_tasks() -> None:
    own = {(span.name, span.began): seconds for span, seconds in own_seconds(SPANS["w0"])}
    assert own == {("program", 10.0): 1.0, ("inner", 11.5): 1.0, ("outer", 11.0): 1.0, ("program", 14.0): 0.5}


def test_details_that_nobody_could_see_are_left_out() -> None:
    tiny = [Span("f", 1, 0, 0, k * 0.001, k * 0.001 + 0.0009, 1) for k in range(10_000)]
    (one,) = coarser(tiny, 0.01)
    assert (one.began, round(one.ended, 4), one.tasks) == (0.0, 9.9999, 10_000)
    assert tiny[0].tasks == 1, "the spans themselves stay as they were"
    assert coarser(SPANS["w0"], 0.01) == sorted(SPANS["w0"], key=lambda span: span.began)
    assert len(coarser([Span("f", 1, 0, 0, k, k + 0.5, 1) for k in range(5)], 0.1)) == 5


class Page(HTMLParser):
    """The page as a browser sees it: checks that tags match, and collects what matters."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.bars: list[dict[str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not {"src", "href"} & {name for name, _ in attrs}, "it needs nothing else"
        if tag != "meta":
            self.open.append(tag)
        if tag == "rect":
            self.bars.append(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and self.open[-1] != "style":
            self.words.append(data.strip())


def test_the_page() -> None:
    text = page("prog.py <b> & 'c'", SPANS)
    seen = Page(text)
    assert seen.words[:2] == ["prog.py <b> & 'c'"] * 2  # in the title bar, and on the page
    assert seen.words[2] == "6 tasks on 2 workers in 4.50 s"
    assert "url(" not in text and "@import" not in text and "prefers-color-scheme: dark" in text
    colours = {bar["fill"] for bar in seen.bars}
    assert len(seen.bars) == 6 and colours == set(COLOURS[:3])
    assert [float(bar["x"] or 0) for bar in seen.bars[:2]] == pytest.approx([0, 444.4], abs=0.1)
    assert "inner: 1.00 s, 2 tasks, from 2.00 s on" in seen.words
    assert re.search(r"outer</td><td>2</td><td>3\.000</td><td>46%</td>", text)


def test_the_page_stays_small_and_has_all_functions() -> None:
    spans = [Span(f"f{k % 30}", k % 30, 0, 0, k * 0.01, k * 0.01 + 0.01, 1) for k in range(3000)]
    spans += [Span("tiny", 99, 0, 0, 100 + k * 1e-4, 100 + k * 1e-4 + 1e-5, 1) for k in range(50_000)]
    seen = Page(page("prog.py", {"w0": spans}))
    assert len(seen.bars) < 3200
    assert "other functions" in seen.words and all(f"f{k}" in seen.words for k in range(30))


def test_the_page_of_nothing() -> None:
    assert "0 tasks on 1 worker in 0 s" in Page(page("prog.py", {"w0": []})).words
