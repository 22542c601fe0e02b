"""What view.py makes of snapshots: numbers, estimates, the summary, text and HTML."""

from html.parser import HTMLParser

import pytest

from scoop_jupyter import view
from tests.scoop_jupyter import samples

SCRIPT = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Collects tags and text, and fails on a tag that closes nothing."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.000_000_4, "0 s"),
        (0.000_412, "412 µs"),
        (0.000_999_6, "1.0 ms"),
        (0.002_04, "2.0 ms"),
        (0.087_3, "87 ms"),
        (0.999_4, "999 ms"),
        (0.999_6, "1.0 s"),
        (2.149, "2.1 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (94, "1 min 34 s"),
        (3599.7, "1 h 00 min"),
        (7_620, "2 h 07 min"),
        (300_000, "3 d 11 h"),
    ],
)
def test_durations_in_the_unit_that_suits(seconds: float, words: str) -> None:
    assert view.duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "1 s"),
        (0.2, "1 s"),
        (6.7, "7 s"),
        (11, "15 s"),
        (90, "90 s"),
        (91, "2 min"),
        (7_000, "117 min"),
        (9_000, "2 h 30 min"),
    ],
)
def test_estimates_are_coarse(seconds: float, words: str) -> None:
    assert view.about(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 KiB"),
        (102 << 20, "102 MiB"),
        (3 << 30, "3.0 GiB"),
        (1_000_000 << 20, "977 GiB"),
        (5 << 40, "5.0 TiB"),
    ],
)
def test_sizes_in_binary_units(count: int, words: str) -> None:
    assert view.size(count) == words


def test_counts_and_nouns() -> None:
    assert view.number(1_234_567) == "1,234,567"
    assert [view.plural(count, "task") for count in (0, 1, 1_000)] == ["0 tasks", "1 task", "1,000 tasks"]


def test_a_hundred_per_cent_only_when_nothing_is_left() -> None:
    assert [view.percent(share) for share in (-1, 0.999_999, 1, 2)] == ["0 %", "99 %", "100 %", "100 %"]


def test_summary_of_a_good_run() -> None:
    run = samples.finished()
    assert (
        view.summary(run)
        == "1,000 tasks in 2.1 s (wall) · 3.9 s CPU · speed-up 1.9 on 2 workers · efficiency 92 % · longest 20 ms"
    )


def test_summary_names_what_failed_and_what_was_cancelled() -> None:
    assert view.summary(samples.failed()).startswith("995 of 1,000 tasks in 2.1 s")
    assert view.summary(samples.failed()).endswith(" · 3 failed · 5 cancelled")


def test_summary_says_that_the_pool_was_lost() -> None:
    assert view.summary(samples.lost()).endswith(" · pool lost")


def test_summary_without_tasks_or_workers() -> None:
    assert view.summary(view.empty_snapshot()) == "0 tasks"
    run = samples.finished()
    run["workers"] = []
    assert view.summary(run) == "1,000 tasks in 2.1 s (wall) · 3.9 s CPU · longest 20 ms"


def test_speed_up_is_time_in_tasks_over_wall_on_the_workers_that_are_there() -> None:
    run = samples.finished()
    run["workers"].append(samples.worker(2, state="lost"))
    run["busy"] = 2.1
    assert "speed-up 1.0 on 2 workers · efficiency 50 %" in view.summary(run)
    run["busy"] = 2.1 * 1234
    assert "speed-up 1,234 on 2 workers · efficiency 100 %" in view.summary(run)
    run["started"] = run["ended"]
    assert "speed-up" not in view.summary(run)


def test_one_task_on_one_worker_is_singular() -> None:
    run = samples.snapshot([samples.group(1, None, "f", [0, 0, 1], seconds=1.0)], [samples.worker(0)], ended=True)
    assert view.summary(run) == "1 task in 12 s (wall) · 1.0 s CPU · speed-up 0.1 on 1 worker · efficiency 8 %"


@pytest.mark.parametrize(
    ("run", "word"),
    [
        (view.empty_snapshot(), "starting"),
        (view.empty_snapshot(state="running"), "waiting"),
        (view.empty_snapshot(state="stopped"), "stopped"),
        (samples.small(), "running"),
        (samples.finished(), "done"),
        (samples.failed(), "failed"),
        (samples.snapshot([samples.group(1, None, "f", [0, 0, 1, 0, 2])], [], ended=True), "cancelled"),
        (samples.lost(), "lost"),
    ],
)
def test_status(run: view.Snapshot, word: str) -> None:
    assert view.status(run) == word


def test_elapsed_stops_at_the_end() -> None:
    run = samples.finished()
    run["time"] += 60
    assert view.elapsed(run) == pytest.approx(2.1)
    assert view.elapsed(samples.nothing()) is None


def test_remaining_weighs_each_group_by_its_own_mean() -> None:
    quick = samples.group(1, None, "quick", [0, 0, 900], seconds=1.0)
    slow = samples.group(2, None, "slow", [9, 0, 9], seconds=9.0)
    assert view.remaining(samples.snapshot([quick, slow], [], seconds=10.0)) == pytest.approx(9.0)


def test_remaining_counts_a_running_task_as_half_done() -> None:
    groups = [samples.group(1, None, "f", [0, 2, 9], seconds=9.0)]
    assert view.remaining(samples.snapshot(groups, [], seconds=10.0)) == pytest.approx(1.0)


def test_remaining_without_groups_or_times_goes_by_the_counts() -> None:
    run = samples.snapshot([samples.group(1, None, "f", [30, 0, 10])], [], seconds=10.0)
    assert view.remaining(run) == pytest.approx(30.0)
    run["groups"] = []
    assert view.remaining(run) == pytest.approx(30.0)


@pytest.mark.parametrize("run", [samples.finished(), samples.lost(), samples.nothing(), view.empty_snapshot()])
def test_no_estimate_where_nothing_supports_one(run: view.Snapshot) -> None:
    assert view.remaining(run) is None


def test_no_estimate_before_the_first_task_is_over() -> None:
    assert view.remaining(samples.snapshot([samples.group(1, None, "f", [9, 1])], [])) is None


def test_walk_puts_children_after_their_parent_and_strays_at_the_root() -> None:
    rows = [
        samples.group(*row, []) for row in [(1, None, "a"), (2, None, "b"), (3, 1, "c"), (4, 99, "d"), (5, 3, "e")]
    ]
    assert [(depth, row["name"]) for depth, row in view.walk(rows)] == [
        (0, "a"),
        (1, "c"),
        (2, "e"),
        (0, "b"),
        (0, "d"),
    ]


def test_walk_goes_deeper_than_python_recurses_and_ends_on_a_circle() -> None:
    deep = [samples.group(n, n - 1 if n else None, "f", []) for n in range(10_000)]
    assert [depth for depth, _ in view.walk(deep)] == list(range(10_000))
    assert list(view.walk([samples.group(1, 2, "f", []), samples.group(2, 1, "g", [])])) == []


def test_text_of_a_running_pool() -> None:
    lines = view.render_text(samples.small()).splitlines()
    assert lines[0] == "SCOOP scoop-4f2a: running · 12 s · about 7 s left"
    assert lines[1].endswith(" 85 %  3,110 done · 2 running · 537 queued")
    assert lines[2].startswith("w0 ") and lines[2].endswith("simulate")
    assert lines[4].split() == ["simulate", "622/1,000", "mean", "29", "ms,", "longest", "94", "ms"]
    assert lines[5].startswith("  step ")


def test_text_shows_one_failure_among_many() -> None:
    run = samples.snapshot([samples.group(1, None, "f", [0, 0, 10**6, 1], errors=[samples.TRACEBACK])], [])
    text = view.render_text(run)
    assert "█x]" in text
    assert text.endswith("1 failed: ZeroDivisionError: division by zero")


@pytest.mark.parametrize("done", [0, 1, 2, 31, 32, 33, 100, 10**6])
@pytest.mark.parametrize("failed", [0, 1, 7, 10**6])
def test_text_bar_keeps_its_width(done: int, failed: int) -> None:
    run = samples.snapshot([samples.group(1, None, "f", [3, 2, done, failed, 1])], [])
    bar = view.render_text(run).splitlines()[1].split("]")[0]
    assert len(bar) == 33
    assert ("x" in bar) == bool(failed)


def test_text_keeps_to_its_lines_and_leaves_the_terminal_alone() -> None:
    run = samples.small()
    run["groups"][0].update({"name": "a\nb\x1b[31m", "failed": 1, "failures": [samples.failure("x\x07y")]})
    text = view.render_text(run)
    assert "\x1b" not in text and "\x07" not in text
    assert len(text.splitlines()) == len(view.render_text(samples.small()).splitlines())


def test_text_and_html_of_nothing() -> None:
    for run in (view.empty_snapshot("p"), samples.nothing()):
        assert "starting" in view.render_text(run)
        assert "Starting" in Page(view.render_html(run)).text


def test_ten_thousand_groups_stay_small() -> None:
    run = samples.many(10_000)
    assert view.render_text(run).endswith("… and 9,980 more groups")
    page = view.render_html(run)
    assert "… and 9,900 more groups" in Page(page).text
    assert len(page) < 200_000


def test_html_escapes_whatever_comes_from_outside() -> None:
    run = samples.failed()
    run["groups"][0].update({"name": SCRIPT, "failures": [samples.failure(SCRIPT), samples.failure(f'">{SCRIPT}')]})
    run["workers"][0].update({"name": SCRIPT, "host": SCRIPT})
    run["pool"]["name"] = SCRIPT
    page = Page(view.render_html(run))
    assert "script" not in page.tags
    assert page.text.count(SCRIPT) == 7  # a group, two errors and their titles, a worker and its host


@pytest.mark.parametrize(
    "run", [samples.small(), samples.large(), samples.finished(), samples.failed(), samples.lost()]
)
def test_html_needs_nothing_from_outside_and_runs_nothing(run: view.Snapshot) -> None:
    source = view.render_html(run)
    Page(source)
    assert not any(word in source for word in ("<script", "<link", "<img", "http", "url(", "onclick"))


def test_html_folds_a_good_run_and_opens_a_bad_one() -> None:
    assert "<details><summary" in view.render_html(samples.finished())
    assert "<details open><summary" in view.render_html(samples.failed())
    assert "ZeroDivisionError: division by zero" in Page(view.render_html(samples.failed())).text


def test_the_latest_trees() -> None:
    groups = [samples.group(n, n - 1 if n % 2 else None, f"f{n}", [0, 0, 1]) for n in range(100)]
    assert view.latest(groups, 100) == groups
    assert view.latest(groups, 7) == groups[-6:]
    assert view.latest(groups, 1) == groups[-2:]
    assert view.latest([], 5) == []


MORE = "… and 1 more"


def test_everybody_is_there() -> None:
    run = samples.small()
    assert view.missing(run) is None
    run["pool"]["recruits"] = [samples.recruit("nodea"), samples.recruit("noded", "over", "it was let go", slots=0)]
    assert view.missing(run) is None


@pytest.mark.parametrize(
    ("rows", "says", "troubles"),
    [
        ("a", "0 of 1 other host is there; awaited: a", []),
        ("A b", "1 of 2 other hosts is there; awaited: b", []),
        ("A B c!", "2 of 3 other hosts are there", ["c: no route to host"]),
        ("a b c d e", "0 of 5 other hosts are there; awaited: a, b, c … and 2 more hosts", []),
        ("a! b! c! d!", "0 of 4 other hosts are there", [*(f"{n}: no route to host" for n in "abc"), f"{MORE} host"]),
        ("1 2 3", "0 of 3 jobs running, 3 pending", []),
        ("1 A 0", "1 of 2 jobs running, 1 pending, no job for 4 workers", []),
        ("0!", "no job for 4 workers", ["no route to host"]),
    ],
)  # fmt: skip
def test_who_is_missing_and_why(rows: str, says: str, troubles: list[str]) -> None:
    """A capital is there; a number is a job, 0 what no job was submitted for; ! is in trouble."""
    run = samples.small()
    run["pool"]["recruits"] = [
        samples.recruit(
            row[0] if row[0].isalpha() else "",
            "running" if row.isupper() else "over" if "!" in row else "pending",
            "no route\nto host" if "!" in row else "",
            job=row[0].strip("0") if row[0].isdecimal() else "",
            agent="" if row[0] == "0" else "agent",
        )
        for row in rows.split()
    ]
    assert view.missing(run) == {"says": says, "troubles": troubles}


def test_text_and_html_say_who_is_missing_until_it_is_over() -> None:
    run = samples.small()
    run["pool"]["recruits"] = [samples.recruit("nodea"), samples.recruit("nodeb", "over", "<b>\x1b[1m no route")]
    assert view.render_text(run).splitlines()[-5:-3] == ["1 of 2 other hosts is there", "nodeb: <b> [1m no route"]
    assert "1 of 2 other hosts is therenodeb: <b>" in Page(view.render_html(run)).text
    run["ended"] = run["time"]
    assert "nodeb" not in view.render_text(run) + view.render_html(run)
