"""Which worker gets which tasks, by example (see also `test_broker_state`)."""

from __future__ import annotations

from collections import Counter
from math import ceil

import pytest

from scoop_core import messages as m
from scoop_core.config import (
    BROKER_SECONDS,
    LEAST_SHARE,
    LONG_PIECE_SECONDS,
    PIECE_BYTES,
    PIECE_SECONDS,
    PIECE_TASKS,
    PREFETCH,
)
from scoop_core.dealer import WORTH_SHARING
from tests.scoop_core.stage import Stage, sent, spans


def test_the_first_piece_of_an_unknown_function_is_one_task() -> None:
    stage = Stage(workers=2)
    sends = stage.submit(1000)
    assert (spans(sends, "w0"), spans(sends, "w1")) == ([(0, 1)], [(1, 2)])


def test_of_idle_workers_the_one_that_has_rested_last_goes_first() -> None:
    stage = Stage(workers=3)
    stage.submit(3)
    for worker in ("w1", "w0", "w2"):
        stage.done(worker, 1)
    sends = stage.submit(3, job=2)
    assert [s.to for s in sends if isinstance(s.header, m.Assign)] == ["w2", "w0", "w1"]


def test_nobody_gets_a_second_piece_while_others_are_idle() -> None:
    stage = Stage(workers=3)
    stage.learn(each=0.001)
    sends = stage.submit(4)
    assert [s.to for s in sends if isinstance(s.header, m.Assign)] == ["w0", "w1", "w2", "w0"]


def test_pieces_grow_with_the_measured_time() -> None:
    stage = Stage(workers=1)
    stage.submit(10_000)
    [second, third] = spans(stage.done("w0", 1, each=0.001))
    assert second == (1, 1 + round(LONG_PIECE_SECONDS / 0.001))
    assert third[1] - third[0] == second[1] - second[0]


def test_pieces_are_longer_where_one_broker_has_many_workers() -> None:
    stage = Stage(workers=4000)
    stage.learn(each=0.001)
    sizes = {hi - lo for lo, hi in spans(stage.submit(20_000_000))}
    assert sizes == {round(4000 * BROKER_SECONDS / 0.001)}


@pytest.mark.parametrize(
    ("tasks", "seconds"), [(100_000, LONG_PIECE_SECONDS), (1600, 1.6 / 2 / 2), (100, 0.1 / 2 / 2)]
)
def test_pieces_are_longer_while_much_waits(tasks: int, seconds: float) -> None:
    stage = Stage(workers=2)
    stage.learn(each=0.001)
    sends = stage.submit(tasks)
    lo, hi = spans(sends, "w0")[0]
    assert hi - lo == pytest.approx(seconds / 0.001, abs=1)
    [first, *_] = sent(sends, m.Assign, "w0")
    stint = max(seconds, PIECE_SECONDS)
    assert first.stint == pytest.approx(stint), "so the worker knows when it takes longer than it should"


def test_tasks_that_are_pieces_by_themselves_are_not_bundled_however_many_wait() -> None:
    stage = Stage(workers=1)
    stage.learn(each=PIECE_SECONDS)
    assert {hi - lo for lo, hi in spans(stage.submit(1000))} == {1}


def test_pieces_shrink_when_tasks_prove_long() -> None:
    stage = Stage(workers=1)
    stage.submit(1000)
    stage.done("w0", 1, each=0.001)
    stage.done("w0", 2, each=1.0, idle=False)
    assert [hi - lo for lo, hi in spans(stage.done("w0", 3, each=1.0))] == [1]


def test_pieces_get_small_towards_the_end() -> None:
    stage = Stage(workers=2)
    stage.learn(each=WORTH_SHARING / 2)
    sizes = [hi - lo for lo, hi in spans(stage.submit(40))]
    assert sizes[0] == 10, "no worker gets more than its part of half of what is left"
    assert sizes == sorted(sizes, reverse=True)


def test_pieces_do_not_get_smaller_than_what_is_worth_sending() -> None:
    stage = Stage(workers=2)
    stage.learn(each=WORTH_SHARING / 100)
    assert [hi - lo for lo, hi in spans(stage.submit(250))] == [100, 100, 50]


@pytest.mark.parametrize("seconds", [0.4, 1.6])
def test_the_end_of_a_long_job_is_not_cut_up_as_small_as_that_of_a_short_one(seconds: float) -> None:
    stage = Stage(workers=1)
    stage.learn(each=0.001)
    stage.submit(round(seconds / 0.001))
    sizes = []
    while held := stage.state.ledger.workers["w0"].held:
        piece = stage.held["w0", min(held)]
        sizes.append(piece.hi - piece.lo)
        stage.done("w0", piece.seq)
    for number, size in enumerate(sizes):
        had, left = sum(sizes[:number]), sum(sizes[number:])
        assert size == min(left, max(ceil(left / 2), int(had * LEAST_SHARE)), LONG_PIECE_SECONDS / 0.001)


def test_where_only_the_first_task_was_slow_nobody_gets_all_that_is_left() -> None:
    stage = Stage(workers=2)
    stage.submit(100_000)
    for worker in ("w0", "w1"):
        stage.done(worker, 1, each=300e-6)  # it imported something
    first = stage.held["w0", 2]
    assert first.hi - first.lo > 1000
    [(lo, hi), *_] = spans(stage.done("w0", 2, each=30e-9, idle=False))
    waited = stage.state.ledger.jobs["r0", 1].queued + hi - lo
    assert 10_000 < hi - lo <= waited / 2


def test_pieces_have_no_more_tasks_than_a_worker_can_report_at_once() -> None:
    stage = Stage(workers=1)
    stage.learn(each=1e-8)
    assert spans(stage.submit(10 * PIECE_TASKS))[0] == (0, PIECE_TASKS)


def chunked(*chunks: m.Extend) -> Stage:
    """A worker that is busy with something else until its first piece is over, and a job that has come meanwhile."""
    stage = Stage(workers=1)
    stage.learn("before", each=10.0)
    stage.submit(1, job=9, function="before")
    stage.learn(each=0.001)
    stage.say("r0", m.Open(1, m.Spec(b"f", "f", "r0", 1, 1, 0), m.Parcel(b"")), *chunks)
    return stage


def chunk(lo: int, hi: int, form: str = "column", parcel: m.Parcel | None = None) -> m.Extend:
    return m.Extend(1, lo, hi, form, m.Parcel(f"{lo}".encode()) if parcel is None else parcel)


def test_a_piece_reaches_over_as_many_chunks_as_it_needs() -> None:
    stage = chunked(*[chunk(lo, lo + 10) for lo in range(0, 400, 10)])
    [one] = stage.state.ledger.jobs["r0", 1].waiting
    assert (one.lo, one.hi) == (0, 400), "neighbours wait as one"
    stage.done("w0", 1)
    [first, second] = [stage.held["w0", seq] for seq in (2, 3)]
    assert (first.lo, first.hi, first.base, first.parcel) == (0, 200, 0, m.Parcel(b"0"))
    assert [p.data for p in first.more] == [str(lo).encode() for lo in range(10, 200, 10)]
    assert (second.lo, second.base, second.parcel) == (200, 200, m.Parcel(b"200")), "it begins with a new one"
    held = stage.state.ledger.workers["w0"].held
    while held:
        piece = stage.held["w0", min(held)]
        middle = (piece.lo + piece.hi) // 2
        if middle > piece.lo:  # outcomes end within a chunk, or reach over several
            stage.done("w0", piece.seq, lo=piece.lo, hi=middle, idle=False)
        stage.done("w0", piece.seq, lo=middle)
    job = stage.state.ledger.jobs["r0", 1]
    assert (job.left, job.chunks) == (0, [])


def test_what_is_left_of_the_last_chunk_of_a_piece_does_not_travel_again() -> None:
    stage = chunked(*[chunk(lo, lo + 30) for lo in range(0, 90, 30)])
    stage.done("w0", 1)
    [first, second] = [stage.held["w0", seq] for seq in (2, 3)]
    assert (first.lo, first.hi, [p.data for p in first.more]) == (0, 45, [b"30"])
    assert (second.lo, second.base, second.parcel, [p.data for p in second.more]) == (45, 30, None, [b"60"])


@pytest.mark.parametrize(
    ("form", "parcel", "reach"),
    [
        ("column+", m.Parcel(b"10"), 10),
        ("column", m.Parcel(b"10", (m.Segment("array", 4000),)), 10),
        ("column", m.Parcel(b"x" * PIECE_BYTES), 10),
        ("column", m.Parcel(b"x" * (PIECE_BYTES - 2)), 20),
    ],
    ids=["form", "buffers", "too much", "not too much"],
)
def test_a_piece_ends_where_the_next_chunk_is_of_another_kind_or_too_much(
    form: str, parcel: m.Parcel, reach: int
) -> None:
    stage = chunked(chunk(0, 10), chunk(10, 20, form, parcel), chunk(20, 100))
    assert spans(stage.done("w0", 1))[0] == (0, reach)


def test_a_piece_that_comes_back_waits_as_one_with_its_neighbours() -> None:
    stage = Stage(workers=1)
    stage.learn(each=0.001)
    stage.submit(1000)
    first, second = stage.held["w0", 1], stage.held["w0", 2]
    assert [(s.lo, s.hi) for s in stage.state.ledger.jobs["r0", 1].waiting] == [(second.hi, 1000)]
    stage.state.ledger.workers["w0"].retiring = True  # so it is not given again
    stage.say("w0", m.Shared(((2, second.lo, second.hi), (1, 3, first.hi)), 0, False))
    assert [(s.lo, s.hi) for s in stage.state.ledger.jobs["r0", 1].waiting] == [(3, 1000)]


def test_a_function_travels_to_each_worker_once() -> None:
    stage = Stage(workers=2)
    stage.submit(50)
    stage.submit(50, job=2)
    for seq in range(1, 4):
        stage.done("w0", seq)
        stage.done("w1", seq)
    assert sorted(s.to for s in stage.sent if isinstance(s.header, m.Define)) == ["w0", "w1"]


def test_only_short_pieces_are_sent_ahead() -> None:
    stage = Stage(workers=1)
    stage.learn("short", PREFETCH * PIECE_SECONDS / 100)
    assert len(spans(stage.submit(1000, function="short"))) == 2
    stage = Stage(workers=1)
    stage.learn("long", PREFETCH * PIECE_SECONDS * 2)
    assert len(spans(stage.submit(1000, function="long"))) == 1


@pytest.mark.parametrize("roots", [1, 2, 4, 20])
def test_pieces_are_shorter_where_several_roots_want_something(roots: int) -> None:
    stage = Stage(workers=1, roots=roots)
    stage.learn(each=0.001)
    for number in range(roots):
        stage.submit(10_000, owner=f"r{number}")
    stage.done("w0", 1)
    stage.done("w0", 2)
    lo, hi = spans(stage.sent, "w0")[-1]
    assert hi - lo == pytest.approx(max(LONG_PIECE_SECONDS / roots, PIECE_SECONDS) / 0.001, abs=1)


def test_two_roots_get_fair_shares_of_time() -> None:
    stage = Stage(workers=1, roots=2)
    stage.learn("long", 0.004)
    stage.learn("short", 0.001)
    stage.submit(100_000, "r0", function="long")
    stage.submit(100_000, "r1", function="short")
    time: Counter[str] = Counter()
    for _ in range(120):  # two pieces went to one while the other was not there
        seq = min(piece.seq for piece in stage.state.ledger.workers["w0"].held.values())
        piece = stage.held["w0", seq]
        each = 0.004 if piece.owner == "r0" else 0.001
        time[piece.owner] += each * (piece.hi - piece.lo)
        stage.done("w0", seq, each=each)
    assert time["r0"] == pytest.approx(time["r1"], rel=0.1)


def test_two_roots_get_fair_shares_of_time_also_if_their_tasks_are_of_one_function() -> None:
    """What tasks of this function take is taken for the same; what they have taken is not."""
    stage = Stage(workers=1, roots=2)
    stage.submit(100_000, "r0")
    stage.submit(100_000, "r1")
    time: Counter[str] = Counter()
    for _ in range(120):  # two pieces went to one while the other was not there
        seq = min(stage.state.ledger.workers["w0"].held)
        piece = stage.held["w0", seq]
        each = 0.004 if piece.owner == "r0" else 0.001
        time[piece.owner] += each * (piece.hi - piece.lo)
        stage.done("w0", seq, each=each)
    assert time["r0"] == pytest.approx(time["r1"], rel=0.1)


@pytest.mark.parametrize("owner", ["r1", "r0"])
def test_a_small_map_behind_a_huge_one_begins_at_once(owner: str) -> None:
    stage = Stage(workers=1, roots=2)
    stage.learn("f")
    stage.submit(1_000_000, "r0")
    pressed = sent(stage.submit(5, owner, job=2), m.Share, "w0")
    assert pressed == [m.Share(everything=True)]
    first, second = stage.held["w0", 1], stage.held["w0", 2]
    [assign, *_] = sent(stage.say("w0", m.Shared(((2, second.lo, second.hi), (1, 3, first.hi)), 0, False)), m.Assign)
    assert (assign.owner, assign.job) == (owner, 2)


def test_only_as_many_are_pressed_as_there_are_tasks_and_only_once() -> None:
    stage = Stage(workers=4)
    stage.learn("f")
    stage.submit(1_000_000)
    assert len(sent(stage.submit(2, job=2), m.Share)) == 2
    assert len(sent(stage.submit(1, job=3), m.Share)) == 1
    assert len(sent(stage.submit(9, job=4), m.Share)) == 1, "the others were asked already"


def test_nobody_is_pressed_who_has_only_what_runs_or_while_somebody_is_idle() -> None:
    stage = Stage(workers=2)
    stage.learn("long", 1.0)
    stage.submit(1, function="long")
    assert sent(stage.submit(1, job=2, function="long"), m.Share) == [], "w1 takes it"
    assert sent(stage.submit(1, job=3, function="long"), m.Share) == []


def test_who_has_had_more_than_others_presses_nobody() -> None:
    stage = Stage(workers=1, roots=2)
    stage.learn("f")
    stage.submit(1_000_000, "r0")
    stage.submit(1_000_000, "r1")
    stage.state.ledger.roots["r1"].used += 1.0
    assert sent(stage.submit(5, "r1", job=2), m.Share) == []


def test_nor_does_who_comes_behind_a_higher_priority() -> None:
    stage = Stage(workers=1)
    stage.learn("f")
    stage.submit(1_000_000, priority=5)
    assert sent(stage.submit(5, job=2), m.Share) == []


def test_of_the_jobs_of_one_root_the_oldest_goes_first_but_all_go_on() -> None:
    stage = Stage(workers=1)
    stage.learn("f")
    for job in (1, 2, 3):
        stage.submit(1_000_000, job=job)
    stage.say("w0", m.Shared((), 0, False))
    for seq in range(1, 101):
        stage.done("w0", seq)
    shares = Counter(stage.held["w0", seq].job for seq in range(1, 101))
    assert shares[1] > 60
    assert shares[2] > 8 < shares[3]


def test_no_root_is_charged_for_what_a_worker_gives_back() -> None:
    stage = Stage(workers=1, roots=2)
    stage.learn("f")
    stage.submit(1_000_000, "r0")
    root = stage.state.ledger.roots["r0"]
    first, second = stage.held["w0", 1], stage.held["w0", 2]
    assert root.used == pytest.approx((second.hi - first.lo) * 0.001)
    stage.submit(5, "r1")
    stage.say("w0", m.Shared(((2, second.lo, second.hi), (1, 3, first.hi)), 0, False))
    assert root.used == pytest.approx(3 * 0.001)


def test_who_was_away_has_no_credit() -> None:
    stage = Stage(workers=1, roots=2)
    stage.learn("f")
    stage.submit(1_000_000, "r0")
    for seq in range(1, 40):
        stage.done("w0", seq)
    stage.submit(1_000_000, "r1")
    for seq in range(40, 60):
        stage.done("w0", seq)
    owners = Counter(stage.held["w0", seq].owner for seq in range(42, 60))
    assert owners["r0"] == owners["r1"]


def test_jobs_of_one_root_go_in_the_order_of_their_submission() -> None:
    stage = Stage()
    stage.submit(2, job=1)
    stage.submit(2, job=2)
    stage.say("r0", m.Scale(4))
    for number in range(4):
        stage.greet(number)
    assert [(a.job, a.lo) for a in sent(stage.sent, m.Assign)] == [(1, 0), (1, 1), (2, 0), (2, 1)]


def test_priority_comes_before_the_order_of_submission() -> None:
    stage = Stage()
    stage.submit(1, job=1)
    stage.submit(1, job=2, priority=1)
    stage.say("r0", m.Scale(1))
    stage.greet(0)
    assert [a.job for a in sent(stage.sent, m.Assign)] == [2]


def test_tasks_of_tasks_go_first() -> None:
    stage = Stage(workers=2)
    stage.submit(10)
    stage.submit(1, owner="w0", root="r0", function="child")
    [assign] = sent(stage.done("w1", 1), m.Assign)
    assert (assign.owner, assign.spec.name) == ("w0", "child")


def test_a_worker_may_give_away_the_end_of_its_map_first() -> None:
    stage = Stage(workers=2)
    stage.submit(1)
    stage.submit(30, owner="w0", root="r0", lo=20, function="child", close=False)
    stage.say("w0", m.Extend(1, 10, 20, "column", m.Parcel(b"")), m.Extend(1, 0, 10, "column", m.Parcel(b"")))
    stage.learn("child", 1e-6)
    while sends := [stage.done("w1", seq, each=1e-6) for seq in list(stage.state.ledger.workers["w1"].held)]:
        assert sends
    pieces = [a for a in sent(stage.sent, m.Assign, "w1") if a.spec.name == "child"]
    assert sorted(i for a in pieces for i in range(a.lo, a.hi)) == list(range(30))
    assert {a.base for a in pieces} == {0, 10, 20}
    assert all(a.base <= a.lo < a.hi <= a.base + 10 for a in pieces)


# ---- sharing ---------------------------------------------------------------------------------------------------


def test_the_idle_get_what_others_have_not_begun() -> None:
    stage = Stage(workers=2)
    stage.learn(each=0.002)
    stage.submit(4)
    stage.done("w1", 1)
    assert [s.to for s in stage.sent if isinstance(s.header, m.Share)] == []
    sends = stage.done("w1", 2)
    assert [s.to for s in sends if isinstance(s.header, m.Share)] == ["w0"]
    assert spans(stage.say("w0", m.Shared(((2, 2, 3),), 0, False)), "w1") == [(2, 3)]


def test_who_had_nothing_to_share_is_asked_again_only_when_that_may_have_changed() -> None:
    stage = Stage(workers=2)
    stage.learn(each=0.002)
    stage.submit(3)
    for seq in list(stage.state.ledger.workers["w1"].held):
        stage.done("w1", seq)
    assert len(sent(stage.sent, m.Share, "w0")) == 1
    stage.say("w0", m.Shared((), 0, False))
    stage.say("w1", m.Idle(9))
    assert len(sent(stage.sent, m.Share, "w0")) == 1
    stage.say("w0", m.Tally((), "f", 0.0, 0.0))
    assert len(sent(stage.sent, m.Share, "w0")) == 2


def test_what_must_run_on_one_worker_is_not_asked_for() -> None:
    stage = Stage(workers=2)
    stage.submit(1)
    stage.say("w0", m.Rich())
    assert len(sent(stage.sent, m.Share, "w0")) == 1
    stage.submit(1, job=2, worker="w0")
    assert [a.job for a in sent(stage.sent, m.Assign, "w0")] == [1, 2]
    stage.say("w0", m.Shared((), 0, False))
    assert len(sent(stage.sent, m.Share, "w0")) == 1


def test_a_piece_that_waits_behind_a_task_that_goes_on_is_asked_back() -> None:
    stage = Stage(workers=2)
    stage.submit(1, function="parent")
    stage.submit(1, owner="w0", root="r0", function="child")
    stage.say("w0", m.Idle(1))
    stage.done("w1", 1)  # the parent goes on now, but to the broker its worker is idle
    assert spans(stage.submit(2, job=2), "w0") == [(1, 2)]
    assert [s.to for s in stage.done("w1", 2) if isinstance(s.header, m.Share)] == ["w0"]
    assert spans(stage.say("w0", m.Shared(((2, 1, 2),), 0, False)), "w1") == [(1, 2)]


def test_who_says_that_it_has_nothing_to_do_before_it_says_what_it_gave_away_is_idle() -> None:
    """One thread gives away, the other one comes to the end of what is left, and is faster."""
    stage = Stage(workers=1)
    stage.learn(each=0.02)
    stage.submit(9)  # five, and then two of the other four
    assert spans(stage.sent, "w0") == [(0, 5), (5, 7)]
    stage.submit(1, job=2)
    assert len(sent(stage.sent, m.Share, "w0")) == 1
    stage.sent.clear()
    stage.say("w0", m.Done(1, 0, 2, "values", m.Parcel(b""), (), 0.04, 0.02, 2))
    stage.say("w0", m.Shared(((2, 5, 7), (1, 2, 5)), 0, False))
    assert spans(stage.sent, "w0"), "it says no more that it has nothing to do"


def test_a_program_that_gives_tasks_away_gets_none_until_it_is_idle() -> None:
    stage = Stage()
    stage.say("r0", m.Scale(1))
    stage.say("w9", m.Hello("worker", 1, "here", 9))
    stage.say("w9", m.Rich())
    stage.greet(0)
    assert len(sent(stage.sent, m.Share, "w9")) == 1
    stage.submit(2, owner="w9")
    stage.say("w9", m.Shared((), 2, True))
    assert spans(stage.sent, "w0") == [(0, 1)] and not spans(stage.sent, "w9")
    stage.say("w9", m.Idle(0))
    assert spans(stage.sent, "w9") == [(1, 2)]


@pytest.mark.parametrize("told", ["before", "with it"])
def test_who_has_become_rich_since_it_had_nothing_to_do_is_not_idle(told: str) -> None:
    stage = Stage(workers=1)
    stage.learn(each=0.02)
    stage.submit(9)
    assert spans(stage.sent, "w0") == [(0, 5), (5, 7)]
    stage.submit(1, job=2)
    stage.say("w0", m.Done(1, 0, 2, "values", m.Parcel(b""), (), 0.04, 0.02, 2))
    if told == "before":
        stage.say("w0", m.Rich())
    assert not spans(stage.say("w0", m.Shared(((2, 5, 7), (1, 2, 5)), 0, told == "with it")), "w0")


def test_a_piece_behind_a_task_that_went_on_by_itself_is_asked_back() -> None:
    stage = Stage(workers=2)
    stage.submit(1, function="parent")
    stage.say("w0", m.Idle(1))
    stage.say("w0", m.Tally((), "parent", 0.0, 0.0))  # nobody's result has woken it, but its clock
    assert spans(stage.submit(2, job=2), "w0") == [(0, 1)]
    assert [s.to for s in stage.done("w1", 1) if isinstance(s.header, m.Share)] == ["w0"]


def test_a_piece_that_waits_behind_a_workers_own_tasks_is_asked_back() -> None:
    stage = Stage(workers=2)
    stage.submit(3)
    stage.done("w0", 1, each=1.0, idle=False)  # it goes on with tasks of its own
    assert spans(stage.sent, "w0") == [(0, 1), (2, 3)]
    assert [s.to for s in stage.done("w1", 1, each=1.0) if isinstance(s.header, m.Share)] == ["w0"]


def test_the_rich_are_asked_while_somebody_is_idle() -> None:
    stage = Stage(workers=2)
    stage.submit(1)
    sends = stage.say("w0", m.Rich())
    assert [s.to for s in sends if isinstance(s.header, m.Share)] == ["w0"]
    sends = stage.submit(2, owner="w0", root="r0", function="child")
    assert spans(sends, "w1") == [(0, 1)]
    assert sent(stage.say("w0", m.Shared((), 2, True)), m.Share) == [], "nobody is idle now"


# ---- tasks for one worker only ---------------------------------------------------------------------------------


def test_a_task_for_one_worker_runs_there_and_nowhere_else() -> None:
    stage = Stage(workers=2)
    sends = stage.submit(3, worker="w1")
    assert spans(sends, "w1") == [(0, 1), (1, 2), (2, 3)]
    assert spans(sends, "w0") == []


def test_tasks_for_one_worker_are_not_asked_back() -> None:
    stage = Stage(workers=2)
    stage.learn(each=0.02)
    stage.submit(1, worker="w1")
    stage.say("w0", m.Idle(0))
    assert sent(stage.sent, m.Share) == []


# ---- what is sent ------------------------------------------------------------------------------------------------


def test_the_tree_tells_how_much_was_sent_and_what_lies_in_shared_memory_counts_for_each_use() -> None:
    stage = Stage(workers=2)
    stage.learn(each=10.0)  # a task a piece
    header = m.Spec(b"f", "f", "r0", 1, 1, 0)
    chunk = m.Parcel(b"x" * 100, (m.Segment("array", 4000), None))
    stage.state.handle("r0", m.Open(1, header, m.Parcel(b"function")), [], 0.0)
    stage.state.handle("r0", m.Extend(1, 0, 4, "column", chunk), [b"y" * 50], 0.0)
    first = 8 + 100 + 50 + 1000
    assert stage.state.picture(0.0)["groups"][0]["sent"] == 2 * first
    stage.done("w0", 1, each=10.0)
    assert stage.state.picture(0.0)["groups"][0]["sent"] == 3 * first - 8, "it has the function"


@pytest.mark.parametrize(
    ("data", "buffers", "bare"),
    [(b"x" * 100, (), True), (b"x" * 100, (None,), False), (b"", (None,), True), (b"", (None, None), False)],
    ids=["a pickle", "with a buffer", "a large pickle", "a large one with a buffer"],
)
def test_arguments_that_a_worker_has_from_the_piece_before_do_not_travel_again(
    data: bytes, buffers: tuple[None, ...], bare: bool
) -> None:
    stage = Stage(workers=2)
    stage.learn(each=10.0)  # a task a piece
    ours, others = m.Parcel(data, buffers), m.Parcel(b"y" * 10)
    frames = [b"z" for _ in buffers]
    stage.state.handle("r0", m.Open(1, m.Spec(b"f", "f", "r0", 1, 1, 0), m.Parcel(b"")), [], 0.0)
    stage.state.handle("r0", m.Extend(1, 0, 4, "column", ours), frames, 0.0)
    stage.state.handle("r0", m.Extend(1, 4, 6, "column", others), [], 0.0)
    for seq in (1, 2, 3):
        stage.done("w0", seq, each=10.0)
    first = [a.parcel for a in sent(stage.sent, m.Assign, "w0")]
    assert first == [ours, None if bare else ours, None if bare else ours, others]
    assert [a.parcel for a in sent(stage.sent, m.Assign, "w1")] == [ours], "the other one has its own"
    stage.done("w1", 1, each=10.0)
    assert [a.parcel for a in sent(stage.sent, m.Assign, "w1")] == [ours, others]
    travelled = sum(len(a.parcel.data) for a in sent(stage.sent, m.Assign) if a.parcel is not None)
    in_frames = [s.frames for s in stage.sent if isinstance(s.header, m.Assign) and s.header.parcel is ours]
    assert in_frames == [frames] * len(in_frames), "they come with each that names them"
    assert not any(s.frames for s in stage.sent if isinstance(s.header, m.Assign) and s.header.parcel is None)
    assert stage.state.picture(0.0)["groups"][0]["sent"] == travelled + len(frames) * len(in_frames)
