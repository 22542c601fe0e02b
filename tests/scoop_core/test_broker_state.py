"""The broker's decisions under random interleavings (see `simulation`), and what `BrokerState` does by itself."""

from __future__ import annotations

from collections import Counter
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoop_core import messages as m
from scoop_core.ledger import Send
from scoop_core.watchers import PICTURE_SECONDS, QUIET_SECONDS
from tests.scoop_core.simulation import Scenario, Simulation, simulate
from tests.scoop_core.stage import Stage, sent

BLOCKS = 50
SEEDS = 200  # a block


@pytest.mark.parametrize("block", range(BLOCKS))
def test_whatever_happens_every_task_ends_once_and_nothing_is_left(block: int) -> None:
    for seed in range(block * SEEDS, (block + 1) * SEEDS):
        simulate(seed)


def test_the_simulations_reach_all_that_they_are_meant_to() -> None:
    said: Counter[str] = Counter()
    died = hosts = 0
    for seed in range(10_000, 10_250):
        simulation = simulate(seed)
        hosts += simulation.hosts_lost
        said += simulation.said
        died += simulation.died
    everything = (
        "Open Extend Result Lost Cancel CancelRun Close Assign Define Done Dropped Idle Rich Share Shared Drop"
    )
    everything += " DropRun Halt Halted Tally Scale Restart Retire Spawn Kill Exited"
    everything += " CancelTask Cancelled Interrupt Interrupted RestartWorker Leaving"
    assert not set(everything.split()) - set(said)
    assert died > 50 and hosts > 10


@pytest.mark.parametrize(
    ("events", "harm", "counted", "least"), [(12, "replaces", "died", 100), (14, "hosts", "hosts_lost", 200)]
)
def test_workers_that_are_replaced_or_lost_with_their_host_cost_no_task_but_those_that_must_not_run_twice(
    events: int, harm: str, counted: str, least: int
) -> None:
    count = 0
    for seed in range(300):
        scenario = Scenario(seed, events=events, kinds=("leaf", "fork", "map"), **{harm: True})
        simulation = Simulation(scenario)
        simulation.run()
        assert all(function.retries == 0 for function in simulation.lost), f"seed {seed}"
        count += getattr(simulation, counted)
    assert count > least


# ---- who is who ------------------------------------------------------------------------------------------------


def test_messages_of_strangers_only_count() -> None:
    stage = Stage(workers=1)
    stage.submit(5)
    before = stage.state.picture(0.0)
    sends = stage.say("nobody", m.Cancel(1, 0, 5), m.Stop(), m.Done(1, 0, 1, "values", m.Parcel(b""), (), 1, 1, 1))
    assert sends == []
    after = stage.state.picture(0.0)
    assert after["pool"].pop("strange") == before["pool"].pop("strange") + 3
    assert after == before
    assert not stage.state.stopping


def test_messages_that_make_no_sense_only_count() -> None:
    stage = Stage(workers=1)
    stage.submit(5)
    nothing = m.Parcel(b"")
    sends = stage.say("w0", m.Done(7, 0, 1, "values", nothing, (), 1, 1, 1), m.Dropped(1, 3, 4))
    sends += stage.say("w0", m.Done(1, 0, 0, "values", nothing, (), 1, 1, 1))
    sends += stage.say("r0", m.Extend(9, 0, 5, "column", nothing), m.Extend(1, 5, 5, "column", nothing))
    sends += stage.say("r0", m.Hello("root", 1, "here"), m.Exited(0, 10, 0, 0, 0))
    assert sends == []
    assert stage.state.ledger.strange == 7
    assert stage.state.ledger.jobs["r0", 1].left == 5


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
    stage.say("agent", m.Usage(((0, 1.5, 2**20, 0.5), (7, 1.0, 1, 0.0))))
    [row] = stage.state.picture(0.0)["workers"]
    assert (row["cpu"], row["cpu_share"], row["memory"]) == (1.5, 0.5, 2**20)


def test_the_lines_that_a_workers_tasks_print_are_counted_and_nothing_else_that_they_show() -> None:
    stage = Stage(workers=1)
    stage.say("w0", m.Output("r0", 1, "w0", "stdout", "one\ntwo\n"))
    stage.say("w0", m.Output("r0", 1, "w0", "stderr", "three\nwithout an end"))
    stage.say("w0", m.Output("r0", 1, "w0", m.DISPLAY, '{"a": "plot"}\n'))
    assert stage.state.picture(0.0)["workers"][0]["prints"] == 3


def test_what_waits_on_a_worker_behind_a_task_of_its_own_does_not_run() -> None:
    stage = Stage(workers=1)
    stage.submit(1)
    own = m.GroupTally(2, 0, "own", "r0", 1, 0, 1, 0, 0, 0, 0.0, 0.0)

    def counts() -> tuple[int, int]:
        tasks = stage.state.picture(0.0)["tasks"]
        return tasks["queued"], tasks["running"]

    assert counts() == (0, 1), "as a rule it begins at once"
    stage.say("w0", m.Tally((own,), "own", 0.0, 0.0, waits=1))
    assert counts() == (1, 1)
    over = m.GroupTally(2, 0, "own", "r0", 1, 0, 0, 1, 0, 0, 0.0, 0.0)
    stage.say("w0", m.Tally((over,), "f", 1.0, 0.0))
    assert counts() == (0, 1)
    stage.done("w0", 1)
    assert counts() == (0, 0)


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
