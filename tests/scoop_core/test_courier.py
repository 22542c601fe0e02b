"""How large buffers get to other hosts."""

from __future__ import annotations

from typing import Any

import pytest

from scoop_core import messages as m
from scoop_core.courier import Carry, Courier, Inline
from scoop_core.ledger import Send

A, B = m.Segment("a", 1 << 20), m.Segment("b", 1 << 20)


def constant(*segments: m.Segment | None) -> m.Constant:
    return m.Constant("c", m.Parcel(b"", segments))


def result(*segments: m.Segment | None) -> m.Result:
    return m.Result(1, 0, 1, "values", m.Parcel(b"", segments))


@pytest.fixture
def courier() -> Courier:
    """One with an agent and two workers on another host, and a root where there is no agent."""
    courier = Courier("home")
    for name, role, shelf in (
        ("r0", "root", "home"), ("agent", "agent", "far"), ("w0", "worker", "far"), ("w1", "worker", "far"),
        ("r1", "root", ""),
    ):  # fmt: skip
        courier.enter(name, m.Hello(role, 1, "host", 0, shelf))
    return courier


def kinds(steps: Any) -> list[Any]:
    return [(type(s).__name__, getattr(s, "segment", None) or getattr(s, "to", None) or s.send.to) for s in steps]


def test_peers_at_home_are_none_of_its_business(courier: Courier) -> None:
    assert courier.away.keys() == {"agent", "w0", "w1", "r1"}


def test_a_segment_goes_to_another_host_once_and_before_all_that_names_it(courier: Courier) -> None:
    assert kinds(courier.send(Send("w0", constant(A)))) == [("Carry", A)]
    assert kinds(courier.send(Send("w1", constant(A)))) == []
    assert kinds(courier.stored("agent", m.Stored(A, True))) == [("Send", "w0"), ("Send", "w1")]
    assert kinds(courier.send(Send("w1", constant(A)))) == [("Send", "w1")]


def test_what_comes_behind_does_not_overtake(courier: Courier) -> None:
    list(courier.send(Send("w0", constant(A))))
    assert kinds(courier.send(Send("w0", m.Stop()))) == []
    assert kinds(courier.send(Send("w0", constant(B)))) == [("Carry", B)]
    assert kinds(courier.send(Send("w1", m.Stop()))) == [("Send", "w1")]
    sends = list(courier.stored("agent", m.Stored(B, True)))
    assert sends == []
    sent = [s.header for s in courier.stored("agent", m.Stored(A, True)) if isinstance(s, Send)]
    assert sent == [constant(A), m.Stop(), constant(B)]


def test_where_there_is_no_room_and_where_there_is_no_agent_it_travels_in_the_message(courier: Courier) -> None:
    list(courier.send(Send("w0", constant(A, None))))
    [step] = courier.stored("agent", m.Stored(A, False))
    assert isinstance(step, Inline) and not step.take
    assert kinds(courier.send(Send("w1", constant(A)))) == [("Inline", "w1")]
    assert kinds(courier.send(Send("r1", constant(A)))) == [("Inline", "r1")]
    assert kinds(courier.send(Send("r1", m.Stop()))) == [("Send", "r1")]


def test_a_result_is_taken_off_the_shelf_for_its_only_reader(courier: Courier) -> None:
    [step] = courier.send(Send("w0", result(A)))
    assert isinstance(step, Inline) and step.take
    list(courier.send(Send("w0", constant(B))))
    assert list(courier.send(Send("w0", result(A)))) == []  # in its turn
    steps = list(courier.stored("agent", m.Stored(B, True)))
    assert kinds(steps) == [("Send", "w0"), ("Inline", "w0")]


def test_what_is_gone_here_goes_there(courier: Courier) -> None:
    list(courier.send(Send("w0", constant(A, B))))
    assert courier.busy
    list(courier.stored("agent", m.Stored(A, True)))
    assert list(courier.spare(lambda segment: False)) == [Send("agent", m.Discard((A,)))]  # B is on its way
    list(courier.stored("agent", m.Stored(B, True)))
    assert list(courier.spare(lambda segment: True)) == []
    assert list(courier.spare(lambda segment: False)) == [Send("agent", m.Discard((B,)))]
    assert not courier.busy


def test_with_its_agent_a_host_is_forgotten(courier: Courier) -> None:
    list(courier.send(Send("w0", constant(A))))
    courier.leave("agent")
    assert list(courier.stored("agent", m.Stored(A, True))) == [] and not courier.busy
    courier.enter("again", m.Hello("agent", 1, "host", 0, "far2"))
    courier.enter("w2", m.Hello("worker", 1, "host", 2, "far2"))
    assert list(courier.send(Send("w2", constant(A)))) == [Carry("again", A)]
