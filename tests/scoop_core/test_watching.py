"""What follows the tasks of a worker: spans of time, and the profile."""

from __future__ import annotations

import pstats
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from scoop_core import watching
from scoop_core.config import NO_REPORTS, Reports
from scoop_core.task_tree import top
from scoop_core.watching import Profiler, Recorder, Span, Watch, new_watch
from scoop_core.worker_state import GroupCount


def group(name: str, above: GroupCount | None = None) -> GroupCount:
    place = above.place if above else top("w0", 0)
    return GroupCount(place.child(name), name, "w0", 0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the time that spans are taken with, in milliseconds."""
    now = [0.0]
    monkeypatch.setattr(watching, "_now", lambda: now[0] / 1000)

    def set_to(milliseconds: float) -> None:
        now[0] = milliseconds

    return set_to


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "w0.spans")


def written(recorder: Recorder) -> list[tuple[str, int, float, float, int]]:
    """Name, depth, begin and end in milliseconds, and tasks of all spans."""
    recorder.close()
    lines = recorder._file.read_bytes().splitlines()
    spans = [msgspec.json.decode(line, type=Span) for line in lines]
    return [(s.name, s.depth, round(s.began * 1000, 3), round(s.ended * 1000, 3), s.tasks) for s in spans]


PARENT = group("parent")
CHILD = group("child", PARENT)


def test_tasks_within_tasks(recorder: Recorder, clock: Callable[[float], None]) -> None:
    recorder.begin(PARENT)
    clock(2)
    recorder.begin(CHILD)
    clock(5)
    recorder.end()
    clock(9)
    recorder.end()
    assert written(recorder) == [("child", 1, 2, 5, 1), ("parent", 0, 0, 9, 1)]


def test_a_task_that_makes_way_is_several_spans(recorder: Recorder, clock: Callable[[float], None]) -> None:
    recorder.begin(PARENT)
    recorder.begin(CHILD)
    clock(3)
    kept = recorder.pause()
    recorder.begin(PARENT)
    clock(6)
    recorder.end()
    clock(7)
    recorder.resume(kept)
    clock(8)
    recorder.end()
    recorder.end()
    assert written(recorder) == [
        ("child", 1, 0, 3, 0),
        ("parent", 0, 0, 3, 0),
        ("parent", 0, 3, 6, 1),
        ("child", 1, 7, 8, 1),
        ("parent", 0, 7, 8, 1),
    ]


def test_tiny_neighbours_are_one_span(recorder: Recorder, clock: Callable[[float], None]) -> None:
    for step in range(24):
        clock(step * 0.1)
        recorder.begin(CHILD)
        clock(step * 0.1 + 0.05)
        recorder.end()
    clock(2.6)
    recorder.begin(PARENT)
    recorder.end()
    *spans, last = written(recorder)
    assert last == ("parent", 0, 2.6, 2.6, 1)
    assert sum(tasks for *_, tasks in spans) == 24 and len(spans) == 3
    assert all(0.8 < end - begin <= 1 for _, _, begin, end, _ in spans[:2])


def test_spans_never_reach_beyond_what_they_lie_in(recorder: Recorder, clock: Callable[[float], None]) -> None:
    other = group("other")
    for number, outer in enumerate([PARENT, other, PARENT]):
        clock(number / 4)
        recorder.begin(outer)
        recorder.begin(CHILD)
        clock(number / 4 + 0.125)
        recorder.end()
        recorder.end()
    assert written(recorder) == [
        (name, depth, start, start + 0.125, 1)
        for outer, start in (("parent", 0), ("other", 0.25), ("parent", 0.5))
        for name, depth in (("child", 1), (outer, 0))
    ]


def test_a_tiny_task_that_grows_is_written_once(
    recorder: Recorder, clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "HELD", 3)
    recorder.begin(PARENT)
    recorder.end()
    recorder.begin(PARENT)  # joins the one before, which is held back
    for number in range(5):
        clock(10 * number)
        recorder.begin(CHILD)
        clock(10 * number + 5)
        recorder.end()
    clock(60)
    recorder.end()
    spans = written(recorder)
    assert sorted(s[2:] for s in spans if s[0] == "child") == [(10 * n, 10 * n + 5, 1) for n in range(5)]
    assert [s for s in spans if s[0] == "parent"] == [("parent", 0, 0, 60, 2)]


def test_what_still_runs_at_the_end(recorder: Recorder, clock: Callable[[float], None]) -> None:
    recorder.begin(PARENT)
    clock(4)
    assert written(recorder) == [("parent", 0, 0, 4, 0)]


def test_threads_of_the_users_own_are_left_out(tmp_path: Path) -> None:
    recorder, profiler = Recorder(tmp_path / "w0.spans"), Profiler(tmp_path / "w0.prof")
    watch = Watch([recorder, profiler])
    thread = threading.Thread(target=watch.wrap(lambda: None, PARENT))
    thread.start()
    thread.join()
    watch.close()
    assert (tmp_path / "w0.spans").read_bytes() == b""


def slow_sum(count: int) -> int:
    return sum(range(count))


def test_a_profile_of_tasks_that_take_turns(tmp_path: Path) -> None:
    profiler = Profiler(tmp_path / "w0.prof")
    watch = Watch([profiler])
    inner = watch.wrap(slow_sum, CHILD)

    def waiting() -> int:
        before = inner(10)
        kept = watch.pause()
        assert watch.wrap(slow_sum, CHILD)(20) == 190
        watch.resume(kept)
        return before + slow_sum(30)

    assert watch.wrap(waiting, PARENT)() == 45 + 435
    slow_sum(5)  # not in a task
    watch.close()
    stats = pstats.Stats(str(tmp_path / "w0.prof")).stats  # type: ignore[attr-defined]
    calls = {name: times[0] for (_, _, name), times in stats.items()}
    assert calls["slow_sum"] == 3 and calls["waiting"] == 1


def test_exceptions_pass(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "w0.spans")

    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        Watch([recorder]).wrap(fail, PARENT)()
    assert [s[-1] for s in written(recorder)] == [1]


def test_what_reports_need(tmp_path: Path) -> None:
    assert new_watch(NO_REPORTS, "w0") is None
    folder = str(tmp_path)
    watch = new_watch(Reports(profile=folder, timeline=folder), "w3")
    assert watch is not None
    watch.close()
    assert [file.name for file in tmp_path.iterdir()] == ["w3.spans"], "there is no profile of nothing"
    watch.wrap(slow_sum, PARENT)(3)
    watch.close()  # the first one counts
    assert (tmp_path / "w3.spans").read_bytes() == b""
