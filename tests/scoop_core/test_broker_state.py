"""The broker's decisions: a few by example, all of them under random interleavings (see `simulation`)."""

from __future__ import annotations

from collections import Counter
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoop_core import messages as m
from scoop_core.broker_state import BrokerState
from scoop_core.config import CANCEL_GRACE, PARKED_SUSPICION, PIECE_SECONDS, PREFETCH_SECONDS
from scoop_core.endings import SPARE_FUNCTIONS
from scoop_core.ledger import Send
from scoop_core.watchers import PICTURE_SECONDS, QUIET_SECONDS
from tests.scoop_core.simulation import simulate

H = TypeVar("H", bound=m.Header)

BLOCKS = 20
SEEDS = 100  # a block


@pytest.mark.parametrize("block", range(BLOCKS))
def test_whatever_happens_every_task_ends_once_and_nothing_is_left(block: int) -> None:
    for seed in range(block * SEEDS, (block + 1) * SEEDS):
        simulate(seed)


def test_the_simulations_reach_all_that_they_are_meant_to() -> None:
    said: Counter[str] = Counter()
    died = 0
    for seed in range(10_000, 10_100):
        simulation = simulate(seed)
        said += simulation.said
        died += simulation.died
    everything = (
        "Open Extend Result Lost Cancel CancelRun Close Assign Define Done Dropped Idle Rich Share Shared Drop"
    )
    everything += " DropRun Tally Scale Restart Retire Spawn Kill Exited"
    assert not set(everything.split()) - set(said)
    assert died > 50


# ---- by example ------------------------------------------------------------------------------------------------


class Stage:
    """A broker with one agent, and short words for what its peers say; keeps what the broker sends."""

    def __init__(self, workers: int = 0, roots: int = 1) -> None:
        self.state = BrokerState("stage")
        self.now = 0.0
        self.sent: list[Send] = []
        self.held: dict[tuple[str, int], m.Assign] = {}
        self.say("agent", m.Hello("agent", 1, "here"))
        for number in range(roots):
            self.say(f"r{number}", m.Hello("root", 1, "here"))
        self.say("r0", m.Scale(workers))
        for number in range(workers):
            self.greet(number)
        self.sent.clear()

    def say(self, peer: str, *messages: m.Header) -> list[Send]:
        """Messages of a peer; what the broker sends for them."""
        sends: list[Send] = []
        for message in messages:
            sends += self.state.handle(peer, message, [], self.now)
        return self._keep(sends)

    def wait(self, seconds: float) -> list[Send]:
        self.now += seconds
        return self._keep(self.state.tick(self.now))

    def _keep(self, sends: list[Send]) -> list[Send]:
        for send in sends:
            if isinstance(send.header, m.Assign):
                self.held[send.to, send.header.seq] = send.header
        self.sent += sends
        return sends

    def greet(self, number: int) -> None:
        self.say(f"w{number}", m.Hello("worker", 10 + number, "here", number))

    def submit(
        self,
        n: int,
        owner: str = "r0",
        job: int = 1,
        function: str = "f",
        root: str = "",
        run: int = 1,
        lo: int = 0,
        close: bool = True,
        **spec: Any,
    ) -> list[Send]:
        """A job with tasks [lo, n)."""
        header = m.Spec(function.encode(), function, root or owner, run, 1, 0, **spec)
        sends = self.say(owner, m.Open(job, header, m.Parcel(b"")), m.Extend(job, lo, n, "column", m.Parcel(b"")))
        return sends + (self.say(owner, m.Close(job)) if close else [])

    def done(
        self,
        worker: str,
        seq: int,
        each: float = 0.001,
        lo: int | None = None,
        hi: int | None = None,
        idle: bool = True,
    ) -> list[Send]:
        """The outcomes of a piece, or of a part of it."""
        piece = self.held[worker, seq]
        lo, hi = piece.lo if lo is None else lo, piece.hi if hi is None else hi
        time = (hi - lo) * each
        return self.say(worker, m.Done(seq, lo, hi, "values", m.Parcel(b""), (), time, each, idle))

    def learn(self, function: str = "f", each: float = 0.001) -> None:
        """Have the broker know how long tasks of a function take."""
        self.state.ledger.means[function.encode()] = each

    def exit(self, worker: int, begun: int, status: int = -11) -> list[Send]:
        return self.say("agent", m.Exited(worker, 10 + worker, status, begun, 5))


def sent(sends: list[Send], kind: type[H], to: str = "") -> list[H]:
    """The messages of one kind among these."""
    return [s.header for s in sends if isinstance(s.header, kind) and s.to.startswith(to)]


def spans(sends: list[Send], to: str = "") -> list[tuple[int, int]]:
    return [(a.lo, a.hi) for a in sent(sends, m.Assign, to)]


def test_the_first_piece_of_an_unknown_function_is_one_task() -> None:
    stage = Stage(workers=2)
    sends = stage.submit(1000)
    assert (spans(sends, "w0"), spans(sends, "w1")) == ([(0, 1)], [(1, 2)])


def test_pieces_grow_with_the_measured_time() -> None:
    stage = Stage(workers=1)
    stage.submit(1000)
    [second, third] = spans(stage.done("w0", 1, each=0.001))
    assert second == (1, 1 + round(PIECE_SECONDS / 0.001))
    assert third[1] - third[0] == second[1] - second[0]


def test_pieces_shrink_when_tasks_prove_long() -> None:
    stage = Stage(workers=1)
    stage.submit(1000)
    stage.done("w0", 1, each=0.001)
    stage.done("w0", 2, each=1.0, idle=False)
    assert [hi - lo for lo, hi in spans(stage.done("w0", 3, each=1.0))] == [1]


def test_pieces_get_small_towards_the_end() -> None:
    stage = Stage(workers=2)
    stage.learn(each=1e-6)
    sizes = [hi - lo for lo, hi in spans(stage.submit(40))]
    assert sizes[0] == 10, "no worker gets more than its part of half of what is left"
    assert sizes == sorted(sizes, reverse=True)


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
    stage.learn("short", PREFETCH_SECONDS / 100)
    stage.learn("long", PREFETCH_SECONDS * 2)
    assert len(spans(stage.submit(1000, function="short"))) == 2
    stage = Stage(workers=1)
    stage.learn("long", PREFETCH_SECONDS * 2)
    assert len(spans(stage.submit(1000, function="long"))) == 1


def test_two_roots_get_fair_shares_of_time() -> None:
    stage = Stage(workers=1, roots=2)
    stage.learn("long", 0.004)
    stage.learn("short", 0.001)
    stage.submit(10_000, "r0", function="long")
    stage.submit(10_000, "r1", function="short")
    time: Counter[str] = Counter()
    for _ in range(200):
        seq = min(piece.seq for piece in stage.state.ledger.workers["w0"].held.values())
        piece = stage.held["w0", seq]
        each = 0.004 if piece.owner == "r0" else 0.001
        time[piece.owner] += each * (piece.hi - piece.lo)
        stage.done("w0", seq, each=each)
    assert time["r0"] == pytest.approx(time["r1"], rel=0.1)


def test_a_small_map_behind_another_roots_huge_one_starts_soon() -> None:
    stage = Stage(workers=1, roots=2)
    stage.learn("f")
    stage.submit(1_000_000, "r0")
    stage.submit(5, "r1")
    stage.done("w0", 1)
    stage.done("w0", 2)
    assert [a.owner for a in stage.held.values()] == ["r0", "r0", "r0", "r1"]


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


# ---- deaths ----------------------------------------------------------------------------------------------------


def test_after_some_deaths_a_poison_task_is_lost_and_its_neighbours_go_on() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(8, retries=2)
    assert spans(stage.sent)[0] == (0, 4)
    done: set[int] = set()
    for number in range(20):  # task 2 kills whoever runs it
        name = f"w{number}"
        while name in stage.state.ledger.workers and stage.state.ledger.workers[name].held:
            piece = next(iter(stage.state.ledger.workers[name].held.values()))
            if piece.lo <= 2 < piece.hi:
                stage.exit(number, begun=piece.seq)
            else:
                done.update(range(piece.lo, piece.hi))
                stage.done(name, piece.seq)
        if not stage.state.ledger.jobs:
            break
        stage.greet(number + 1)
    assert done == {0, 1, 3, 4, 5, 6, 7}
    [lost] = sent(stage.sent, m.Lost)
    assert (lost.index, lost.status, lost.deaths, lost.peak) == (2, -11, 3, 5)
    assert stage.state.staff.lost == 3
    assert not stage.state.ledger.jobs


def test_after_a_death_tasks_run_one_by_one_so_that_the_next_one_points_at_one() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(8)
    stage.exit(0, begun=2)
    stage.greet(1)
    assert [hi - lo for lo, hi in spans(stage.sent, "w1")] == [1, 1]


def test_without_retries_the_first_death_is_the_last() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(5, retries=0)
    assert spans(stage.sent) == [(0, 1), (1, 2)], "one by one: of a larger piece all would be lost"
    assert [lost.index for lost in sent(stage.exit(0, begun=1), m.Lost)] == [0]


def test_what_had_not_begun_is_not_to_blame() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(2, retries=0)
    for number in range(5):
        assert sent(stage.exit(number, begun=0), m.Lost) == []
        stage.greet(number + 1)
    stage.done("w5", 1)
    stage.done("w5", 2)
    assert not stage.state.ledger.jobs


def test_a_task_that_waits_for_others_is_blamed_little() -> None:
    stage = Stage(workers=1)
    stage.submit(1, retries=2)
    deaths = 0
    while not sent(stage.sent, m.Lost):
        stage.say(f"w{deaths}", m.Idle(1))
        stage.exit(deaths, begun=1)
        deaths += 1
        stage.greet(deaths)
    assert deaths == 9


@pytest.mark.parametrize("again", [False, True])
def test_a_task_that_was_about_to_go_on_is_blamed_in_full(again: bool) -> None:
    stage = Stage(workers=2)
    stage.submit(1, retries=1)
    stage.submit(1, owner="w0", root="r0", function="child")
    stage.say("w0", m.Idle(1))
    stage.done("w1", 1)
    if again:  # it waits again
        stage.say("w0", m.Idle(1))
    stage.exit(0, begun=1)
    [piece] = stage.state.ledger.workers["w1"].held.values()
    assert piece.deaths == (PARKED_SUSPICION if again else 1)


def test_what_a_dead_worker_had_finished_is_not_run_again() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(8)
    stage.done("w0", 1, hi=3, idle=False)
    stage.exit(0, begun=1)
    stage.greet(1)
    assert min(spans(stage.sent, "w1")) == (3, 4)


def test_the_children_of_a_dead_worker_are_dropped() -> None:
    stage = Stage(workers=2)
    stage.submit(1)
    stage.submit(10, owner="w0", root="r0", function="child")
    sends = stage.exit(0, begun=1)
    assert [(d.lo, d.hi) for d in sent(sends, m.Drop, "w1")] == [(0, 1)]
    assert [job.owner for job in stage.state.ledger.jobs.values()] == ["r0", "w0"], "the one that runs is waited for"
    stage.say("w1", m.Dropped(1, 0, 1))
    assert [job.owner for job in stage.state.ledger.jobs.values()] == ["r0"]


def test_a_dead_worker_is_replaced() -> None:
    stage = Stage(workers=2)
    assert [s.number for s in sent(stage.exit(0, begun=0), m.Spawn)] == [2]


def test_a_worker_may_die_before_its_first_word() -> None:
    stage = Stage()
    stage.say("r0", m.Scale(1))
    stage.exit(0, begun=0, status=1)
    assert [s.number for s in sent(stage.sent, m.Spawn)] == [0, 1]


def test_if_no_worker_comes_up_it_is_not_tried_for_ever() -> None:
    stage = Stage()
    stage.say("r0", m.Scale(1))
    for number in range(50):
        if f"w{number}" in stage.state.ledger.workers:
            stage.exit(number, begun=0, status=1)
    tries = len(sent(stage.sent, m.Spawn))
    assert 1 < tries < 50
    stage.say("r0", m.Scale(1))
    assert len(sent(stage.sent, m.Spawn)) == tries + 1, "until somebody asks again"
    stage.greet(tries)
    stage.exit(tries, begun=0)
    assert len(sent(stage.sent, m.Spawn)) == tries + 2


def test_the_first_word_of_a_worker_that_is_dead_already_gets_no_work() -> None:
    stage = Stage()
    stage.submit(1)
    stage.say("r0", m.Scale(1))
    stage.exit(0, begun=0)
    stage.greet(0)
    assert sent(stage.sent, m.Assign) == []
    assert "w0" not in stage.state.ledger.workers


# ---- cancelling ------------------------------------------------------------------------------------------------


def test_what_waits_is_cancelled_at_once_and_what_runs_is_interrupted() -> None:
    stage = Stage(workers=1)
    stage.submit(10)
    assert [(d.seq, d.lo, d.hi) for d in sent(stage.say("r0", m.Cancel(1, 0, 10)), m.Drop)] == [(1, 0, 1)]
    stage.say("w0", m.Dropped(1, 0, 1))
    assert not stage.state.ledger.jobs
    assert sent(stage.sent, m.Cancel) == [], "the owner knows"


def test_a_worker_that_does_not_heed_a_cancel_is_killed_after_the_grace() -> None:
    stage = Stage(workers=1)
    stage.submit(1)
    stage.say("r0", m.Cancel(1, 0, 1))
    assert stage.state.deadline() == CANCEL_GRACE
    assert stage.wait(CANCEL_GRACE * 0.99) == []
    assert [k.number for k in sent(stage.wait(CANCEL_GRACE * 0.02), m.Kill, "agent")] == [0]
    assert stage.state.deadline() is None
    stage.exit(0, begun=1, status=-9)
    assert not stage.state.ledger.jobs


@pytest.mark.parametrize("heeded", ["dropped", "done"])
def test_a_worker_that_heeds_a_cancel_lives(heeded: str) -> None:
    stage = Stage(workers=1)
    stage.submit(1)
    stage.say("r0", m.Cancel(1, 0, 1))
    if heeded == "done":
        stage.done("w0", 1)
    else:
        stage.say("w0", m.Dropped(1, 0, 1))
    assert stage.state.deadline() is None


def test_a_worker_is_not_killed_for_a_cancelled_task_that_it_has_left_behind() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(8)
    assert spans(stage.sent)[0] == (0, 4)
    stage.say("r0", m.Cancel(1, 0, 1))  # which is over there, but this is not known yet
    stage.say("w0", m.Dropped(1, 2, 4))
    stage.done("w0", 1, hi=1, idle=False)
    assert stage.state.deadline() is None, "task 1 still runs, and nobody has cancelled it"


def test_what_came_back_with_a_cancelled_task_runs_elsewhere() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(4)
    stage.say("r0", m.Cancel(1, 1, 2))
    held = [(p.seq, p.lo, p.hi) for p in stage.state.ledger.workers["w0"].held.values()]
    assert held == [(1, 0, 2), (2, 2, 3)]
    stage.say("w0", m.Dropped(1, 0, 2))
    assert stage.state.ledger.jobs["r0", 1].queued == 2 - len(sent(stage.sent[-1:], m.Assign))
    assert stage.state.ledger.jobs["r0", 1].left == 3


def test_what_came_back_with_a_cancelled_task_goes_to_the_idle_at_once() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(4)
    stage.say("r0", m.Scale(2))
    stage.greet(1)
    stage.done("w1", 1)
    stage.say("r0", m.Cancel(1, 1, 2))
    assert spans(stage.say("w0", m.Dropped(1, 0, 2)), "w1") == [(0, 1)]


def test_a_cancelled_run_takes_all_that_its_tasks_had_submitted() -> None:
    stage = Stage(workers=2)
    stage.submit(1, run=7, close=False)
    stage.submit(5, owner="w0", root="r0", run=7, function="child")
    stage.submit(5, job=2, run=8)
    sends = stage.say("r0", m.CancelRun(7))
    assert sorted((s.to, s.header.lo, s.header.hi) for s in sends if isinstance(s.header, m.Cancel)) == [
        ("w0", 0, 1),
        ("w0", 1, 5),
    ]
    assert {s.to for s in sends if isinstance(s.header, m.DropRun)} == {"w0", "w1"}
    stage.say("w0", m.Dropped(1, 0, 1))
    stage.say("w1", m.Dropped(1, 0, 1))
    assert list(stage.state.ledger.jobs) == [("r0", 2)], "its owner has forgotten the others without a word"


def test_what_a_task_of_a_cancelled_run_submits_afterwards_is_cancelled_too() -> None:
    stage = Stage(workers=2)
    stage.submit(1, run=7)
    stage.say("r0", m.CancelRun(7))
    stage.sent.clear()
    stage.submit(5, owner="w0", root="r0", run=7, function="child")
    assert [(s.to, span(s.header)) for s in stage.sent if isinstance(s.header, m.Cancel)] == [("w0", (0, 5))]
    assert not [s for s in stage.sent if isinstance(s.header, m.Assign)]
    stage.submit(1, job=2, run=8)
    assert [s for s in stage.sent if isinstance(s.header, m.Assign)], "the next run is not meant"


def test_the_owner_hears_of_each_cancelled_task_once() -> None:
    stage = Stage(workers=2)
    stage.submit(1, run=7)
    stage.submit(5, owner="w0", root="r0", run=7, function="child")
    stage.say("w0", m.Cancel(1, 0, 1))
    stage.say("r0", m.CancelRun(7))
    stage.say("r0", m.Restart())
    told = [i for s in stage.sent if isinstance(s.header, m.Cancel) and s.to == "w0" for i in range(*span(s.header))]
    assert sorted(told) == [1, 2, 3, 4], "of task 0 it knows"


def span(cancel: m.Cancel) -> tuple[int, int]:
    return cancel.lo, cancel.hi


def test_the_owner_does_not_hear_of_what_it_has_cancelled_or_heard_of_before() -> None:
    stage = Stage(workers=2)
    stage.submit(1, run=7)
    stage.learn("child", 0.002)
    stage.submit(20, owner="w0", root="r0", run=7, function="child")
    assert spans(stage.sent, "w1")[0] == (0, 5)
    stage.say("w0", m.Cancel(1, 0, 2))
    stage.say("r0", m.CancelRun(7))
    stage.done("w1", 1, hi=3, idle=False)
    stage.say("r0", m.Restart())
    told = [i for s in stage.sent if isinstance(s.header, m.Cancel) and s.to == "w0" for i in range(*span(s.header))]
    assert sorted(told) == list(range(2, 20))
    drops = [i for d in sent(stage.sent, m.Drop, "w1") if d.seq == 1 for i in range(d.lo, d.hi)]
    assert sorted(drops) == list(range(5))


def test_nothing_is_done_for_a_root_that_left() -> None:
    stage = Stage(workers=2)
    stage.submit(10)
    stage.submit(10, owner="w0", root="r0", function="child")
    stage._keep(stage.state.leave("r0", 0.0))
    assert {s.to for s in stage.sent if isinstance(s.header, m.Drop)} == {"w0", "w1"}
    assert {s.to for s in stage.sent if s.header == m.DropRun("r0", -1)} == {"w0", "w1"}
    stage.say("w0", m.Dropped(1, 0, 1))
    stage.say("w1", m.Dropped(1, 1, 2))
    stage.sent.clear()
    # What was on its way: the owner hears that it is cancelled.
    stage.submit(5, owner="w0", root="r0", job=2, function="late")
    assert [(c.lo, c.hi) for c in sent(stage.sent, m.Cancel, "w0")] == [(0, 5)]
    assert not stage.state.ledger.jobs
    assert "r0" not in stage.state.ledger.roots
    assert stage.state.picture(0.0)["groups"] == []


# ---- sharing ---------------------------------------------------------------------------------------------------


def test_the_idle_get_what_others_have_not_begun() -> None:
    stage = Stage(workers=2)
    stage.learn(each=0.002)
    stage.submit(4)
    stage.done("w1", 1)
    assert [s.to for s in stage.sent if isinstance(s.header, m.Share)] == []
    sends = stage.done("w1", 2)
    assert [s.to for s in sends if isinstance(s.header, m.Share)] == ["w0"]
    assert spans(stage.say("w0", m.Shared(((2, 1, 2),), 0, False)), "w1") == [(1, 2)]


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
    stage.say("w0", m.Tally((), "f", 0.0, 0.0, 0))
    assert len(sent(stage.sent, m.Share, "w0")) == 2


def test_who_got_work_since_it_was_asked_is_asked_again() -> None:
    stage = Stage(workers=2)
    stage.submit(1)
    stage.say("w0", m.Rich())
    assert len(sent(stage.sent, m.Share, "w0")) == 1
    stage.submit(1, job=2, worker="w0")
    assert [a.job for a in sent(stage.sent, m.Assign, "w0")] == [1, 2], "this is on its way while it answers"
    stage.say("w0", m.Shared((), 0, False))
    assert len(sent(stage.sent, m.Share, "w0")) == 2


def test_a_piece_that_waits_behind_a_task_that_goes_on_is_asked_back() -> None:
    stage = Stage(workers=2)
    stage.submit(1, function="parent")
    stage.submit(1, owner="w0", root="r0", function="child")
    stage.say("w0", m.Idle(1))
    stage.done("w1", 1)  # the parent goes on now, but to the broker its worker is idle
    sends = stage.submit(1, job=2)
    assert spans(sends, "w0") == [(0, 1)]
    assert [s.to for s in sends if isinstance(s.header, m.Share)] == ["w0"]
    assert spans(stage.say("w0", m.Shared(((2, 0, 1),), 0, False)), "w1") == [(0, 1)]


def test_a_piece_that_waits_behind_a_workers_own_tasks_is_asked_back() -> None:
    stage = Stage(workers=2)
    stage.submit(3)
    stage.done("w0", 1, each=1.0, idle=False)  # it goes on with tasks of its own
    assert spans(stage.sent, "w0") == [(0, 1), (2, 3)]
    assert [s.to for s in stage.done("w1", 1, each=1.0) if isinstance(s.header, m.Share)] == ["w0"]


def test_that_a_worker_runs_tasks_of_its_own_is_known_by_its_tally_too() -> None:
    stage = Stage(workers=2)
    stage.submit(2)
    assert [s.to for s in stage.done("w1", 1) if isinstance(s.header, m.Share)] == []
    sends = stage.say("w0", m.Tally((), "child", 0.0, 0.0, 1))
    assert [s.to for s in sends if isinstance(s.header, m.Share)] == ["w0"]


def test_the_rich_are_asked_while_somebody_is_idle() -> None:
    stage = Stage(workers=2)
    stage.submit(1)
    sends = stage.say("w0", m.Rich())
    assert [s.to for s in sends if isinstance(s.header, m.Share)] == ["w0"]
    sends = stage.submit(2, owner="w0", root="r0", function="child")
    assert spans(sends, "w1") == [(0, 1)]
    assert sent(stage.say("w0", m.Shared((), 2, True)), m.Share) == [], "nobody is idle now"


def test_a_waiting_task_gives_back_what_stands_behind_it_even_late() -> None:
    stage = Stage(workers=1)
    stage.learn()
    stage.submit(8)
    stage.say("w0", m.Idle(2))
    stage.say("w0", m.Shared(((1, 1, 4),), 0, False))
    job = stage.state.ledger.jobs["r0", 1]
    assert sum(p.hi - p.lo for p in stage.state.ledger.workers["w0"].pieces()) + job.queued == job.left == 8
    assert stage.state.ledger.strange == 0


# ---- the pool's size -------------------------------------------------------------------------------------------


def test_those_with_the_least_to_do_retire_and_get_no_work_any_more() -> None:
    stage = Stage(workers=2)
    stage.submit(1)
    assert [s.to for s in stage.say("r0", m.Scale(1)) if isinstance(s.header, m.Retire)] == ["w1"]
    assert spans(stage.submit(5, job=2), "w1") == []
    stage.exit(1, begun=0, status=0)
    assert stage.state.staff.lost == 0
    assert len(sent(stage.sent, m.Spawn)) == 0


def test_a_retiring_worker_that_greets_late_is_not_taken_for_idle() -> None:
    stage = Stage()
    stage.say("r0", m.Scale(1), m.Scale(0))
    assert [k.number for k in sent(stage.sent, m.Kill)] == [0]
    stage.greet(0)
    assert spans(stage.submit(1)) == []
    assert sent(stage.sent, m.Share) == []


def test_a_restart_cancels_all_and_replaces_every_worker() -> None:
    stage = Stage(workers=2)
    stage.submit(10)
    sends = stage.say("r0", m.Restart())
    assert {k.number for k in sent(sends, m.Kill)} == {0, 1}
    assert sorted(i for c in sent(sends, m.Cancel, "r0") for i in range(c.lo, c.hi)) == list(range(10))
    assert spans(stage.submit(1, job=2, retries=0)) == [], "not on a worker that is about to die"
    stage.exit(0, begun=1, status=-9)
    stage.exit(1, begun=1, status=-9)
    assert {s.number for s in sent(stage.sent, m.Spawn)} == {2, 3}
    stage.greet(2)
    assert spans(stage.sent, "w2") == [(0, 1)]
    assert stage.state.staff.lost == 0


def test_a_program_that_is_a_worker_itself_needs_no_agent() -> None:
    stage = Stage()
    stage.say("w0", m.Hello("worker", 5, "here", 0))
    assert spans(stage.submit(1), "w0") == [], "it runs the program"
    assert spans(stage.say("w0", m.Idle(0)), "w0") == [(0, 1)]
    stage.say("r0", m.Scale(1))
    assert [s.number for s in sent(stage.sent, m.Spawn)] == [1]
    stage._keep(stage.state.leave("w0", 0.0))
    stage.greet(1)
    assert spans(stage.sent, "w1") == [(0, 1)]


# ---- tasks for one worker only ---------------------------------------------------------------------------------


def test_a_task_for_one_worker_runs_there_and_nowhere_else() -> None:
    stage = Stage(workers=2)
    sends = stage.submit(3, worker="w1")
    assert spans(sends, "w1") == [(0, 1), (1, 2), (2, 3)]
    assert spans(sends, "w0") == []


def test_a_task_for_one_worker_is_lost_with_it() -> None:
    stage = Stage(workers=2)
    stage.submit(1, worker="w1")
    [lost] = sent(stage.exit(1, begun=1), m.Lost, "r0")
    assert (lost.status, lost.deaths) == (-11, 1)
    [lost] = sent(stage.submit(1, job=2, worker="w1"), m.Lost, "r0")
    assert lost.deaths == 0, "this one has never begun"
    assert not stage.state.ledger.jobs


def test_of_tasks_for_a_worker_that_is_not_there_each_is_lost_once() -> None:
    stage = Stage(workers=1)
    spec = m.Spec(b"f", "f", "r0", 1, 1, 0, worker="w7")
    stage.say("r0", m.Open(1, spec, m.Parcel(b"")), m.Extend(1, 0, 5, "column+", m.Parcel(b""), skip=(1, 3)))
    assert [lost.index for lost in sent(stage.sent, m.Lost)] == [0, 2, 4]
    stage.say("r0", m.Cancel(1, 0, 5), m.Close(1))
    assert not stage.state.ledger.jobs


def test_a_task_for_one_worker_does_not_wait_for_one_that_retires() -> None:
    stage = Stage(workers=2)
    stage.say("r0", m.Scale(1))
    assert [lost.index for lost in sent(stage.submit(2, worker="w1"), m.Lost)] == [0, 1]


def test_tasks_for_one_worker_are_not_asked_back() -> None:
    stage = Stage(workers=2)
    stage.learn(each=0.02)
    stage.submit(1, worker="w1")
    stage.say("w0", m.Idle(0))
    assert sent(stage.sent, m.Share) == []


# ---- who is who ------------------------------------------------------------------------------------------------


def test_messages_of_strangers_only_count() -> None:
    stage = Stage(workers=1)
    stage.submit(5)
    before = stage.state.picture(0.0)
    sends = stage.say("nobody", m.Cancel(1, 0, 5), m.Stop(), m.Done(1, 0, 1, "values", m.Parcel(b""), (), 1, 1, True))
    assert sends == []
    after = stage.state.picture(0.0)
    assert after["pool"].pop("strange") == before["pool"].pop("strange") + 3
    assert after == before
    assert not stage.state.stopping


def test_messages_that_make_no_sense_only_count() -> None:
    stage = Stage(workers=1)
    stage.submit(5)
    nothing = m.Parcel(b"")
    sends = stage.say("w0", m.Done(7, 0, 1, "values", nothing, (), 1, 1, True), m.Dropped(1, 3, 4))
    sends += stage.say("w0", m.Done(1, 0, 0, "values", nothing, (), 1, 1, True))
    sends += stage.say("r0", m.Extend(9, 0, 5, "column", nothing), m.Extend(1, 5, 5, "column", nothing))
    sends += stage.say("r0", m.Hello("root", 1, "here"), m.Exited(0, 10, 0, 0, 0))
    assert sends == []
    assert stage.state.ledger.strange == 7
    assert stage.state.ledger.jobs["r0", 1].left == 5


def test_a_name_is_given_once() -> None:
    stage = Stage(workers=1)
    assert stage.say("w0", m.Hello("worker", 99, "elsewhere", 0)) == []
    assert stage.state.ledger.workers["w0"].pid == 10


def test_what_a_task_prints_goes_to_its_root() -> None:
    stage = Stage(workers=1, roots=2)
    output = m.Output("r1", 3, "w0", "stdout", "hello\n")
    assert [(s.to, s.header) for s in stage.say("w0", output)] == [("r1", output)]


def test_functions_that_nobody_uses_are_kept_for_a_while() -> None:
    stage = Stage(workers=1)
    for number in range(SPARE_FUNCTIONS + 2):
        stage.submit(1, job=number, function=f"f{number}")
        stage.done("w0", number + 1)
    assert len(stage.state.ledger.functions) == SPARE_FUNCTIONS
    assert [f.digest for f in sent(stage.sent, m.Forget, "w0")] == [b"f0", b"f1"]
    stage.submit(1, job=100, function="f0")
    stage.submit(1, job=101, function="f5")
    assert [d.digest for d in sent(stage.sent, m.Define)].count(b"f0") == 2
    assert [d.digest for d in sent(stage.sent, m.Define)].count(b"f5") == 1


def test_constants_reach_everybody_whenever_they_come() -> None:
    stage = Stage(workers=1)
    sends = stage.say("r0", m.Constant("c", m.Parcel(b"1")))
    assert {s.to for s in sends if isinstance(s.header, m.Constant)} == {"r0", "w0"}
    assert sent(sends, m.Settled, "r0") == [m.Settled("c", True)]
    assert stage.say("w0", m.Constant("c", m.Parcel(b"2"))) == [Send("w0", m.Settled("c", False))]
    sends = stage.say("r1", m.Hello("root", 2, "here"))
    assert sent(sends, m.Constant, "r1") == [m.Constant("c", m.Parcel(b"1"))]


def test_a_task_runs_from_the_time_that_a_worker_has_it() -> None:
    stage = Stage(workers=1)
    stage.submit(2)

    def running(index: int) -> Any:
        return sent(stage.say("r0", m.Ask(1, "running", 1, index)), m.Answer)[0].value

    assert running(0) is True
    assert running(1) is False
    stage.done("w0", 1)
    assert running(0) is False


# ---- pictures --------------------------------------------------------------------------------------------------


def test_a_picture_comes_at_most_every_tenth_of_a_second_and_seldom_without_news() -> None:
    stage = Stage(workers=1)
    stage.now = 10.0
    stage.say("r0", m.Watch(1, -1))
    assert len(sent(stage.wait(0.0), m.Answer)) == 1
    stage.say("r0", m.Watch(1, -1))
    assert stage.state.deadline() == pytest.approx(stage.now + QUIET_SECONDS), "nothing has happened"
    assert stage.wait(QUIET_SECONDS / 2) == []
    stage.submit(1)
    assert len(sent(stage.wait(0.0), m.Answer)) == 1
    stage.say("r0", m.Watch(1, -1))
    stage.done("w0", 1)
    assert stage.state.deadline() == pytest.approx(stage.now + PICTURE_SECONDS)
    assert sent(stage.wait(PICTURE_SECONDS / 2), m.Answer) == []
    [answer] = sent(stage.wait(PICTURE_SECONDS), m.Answer)
    assert answer.value["tasks"]["done"] == 1


def test_while_somebody_watches_agents_look_at_their_workers() -> None:
    stage = Stage(workers=1)
    stage.now = 10.0
    stage.say("r0", m.Watch(1, -1))
    assert [o.seconds for o in sent(stage.wait(0.0), m.Observe, "agent")] == [4.0]
    stage.say("agent", m.Usage(((0, 1.5, 2**20), (7, 1.0, 1))))
    [row] = stage.state.picture(0.0)["workers"]
    assert (row["cpu"], row["memory"]) == (1.5, 2**20)


def test_a_picture_shows_each_worker_and_what_its_tasks_are() -> None:
    stage = Stage(workers=2)
    stage.submit(3)
    picture = stage.state.picture(0.0)
    assert picture["tasks"] == {"queued": 1, "running": 2, "done": 0, "failed": 0, "cancelled": 0}
    assert [(w["name"], w["state"], w["task"]) for w in picture["workers"]] == [
        ("w0", "busy", "f"),
        ("w1", "busy", "f"),
    ]
    stage.done("w0", 1)
    assert stage.state.picture(0.0)["tasks"]["done"] == 1


# ---- anything at all -------------------------------------------------------------------------------------------


def _values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a field: small, so that they often hit something."""
    simple: dict[Any, st.SearchStrategy[Any]] = {
        int: st.integers(-2, 12),
        float: st.floats(0, 10),
        bool: st.booleans(),
        str: st.sampled_from(["", "r0", "w0", "w1", "pool", "running", "f"]),
        bytes: st.sampled_from([b"f", b"g"]),
        Any: st.none(),
        type(None): st.none(),
    }
    if kind in simple:
        return simple[kind]
    arguments = get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        return st.one_of(*map(_values, arguments))
    if get_origin(kind) is tuple and arguments[1:] == (Ellipsis,):
        return st.lists(_values(arguments[0]), max_size=3).map(tuple)
    if get_origin(kind) is tuple:
        return st.tuples(*map(_values, arguments))
    return st.builds(kind, **{field.name: _values(field.type) for field in msgspec.structs.fields(kind)})


_peers = st.sampled_from(["r0", "w0", "w1", "agent", "stranger"])
_messages = st.one_of(*map(_values, get_args(m.Message)))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_peers, _messages), max_size=30))
def test_no_message_of_anybody_stops_the_broker(said: list[tuple[str, m.Header]]) -> None:
    stage = Stage(workers=2)
    for peer, message in said:
        stage.say(peer, message)
        stage.wait(0.2)
        stage.state.deadline()
