"""Headers survive the wire, and whatever else comes is no more than a bad message."""

from __future__ import annotations

from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoop_core import messages as m

KINDS = get_args(m.Message)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a field of this type."""
    simple: dict[Any, st.SearchStrategy[Any]] = {
        int: st.integers(-(2**63), 2**63 - 1),
        float: st.floats(allow_nan=False),
        bool: st.booleans(),
        str: st.text(max_size=20),
        bytes: st.binary(max_size=20),
        Any: st.none() | st.integers(-9, 9) | st.lists(st.text(max_size=5), max_size=3),
        type(None): st.none(),
    }
    if kind in simple:
        return simple[kind]
    arguments = get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        return st.one_of(*map(values, arguments))
    if get_origin(kind) is tuple and arguments[1:] == (Ellipsis,):
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if get_origin(kind) is tuple:
        return st.tuples(*map(values, arguments))
    return st.builds(kind, **{field.name: values(field.type) for field in msgspec.structs.fields(kind)})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_every_message_arrives_as_it_was_sent(kind: type[m.Header], data: st.DataObject) -> None:
    message = data.draw(values(kind))
    arrived = m.decode(m.encode(message))
    assert type(arrived) is kind
    assert arrived == message


def test_text_that_cannot_be_encoded_is_written_out() -> None:
    told = m.Mishap("w0-1", "r", 1, 2, 3, "f", "\udc80", "error \udcff", "ä", "", call=b"\xff\x00")
    arrived = m.decode(m.encode_any(told))
    assert arrived == msgspec.structs.replace(told, line="\\udc80", error="error \\udcff")
    answer = m.decode(m.encode_any(m.Answer(1, {"\ud800": ["\ud800", 1, b"\xff", None]})))
    assert answer == m.Answer(1, {"\\ud800": ["\\ud800", 1, b"\xff", None]})


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_of_garbage_nothing_but_a_bad_message_comes(data: bytes) -> None:
    try:
        assert isinstance(m.decode(data), m.Header)
    except m.BadMessage:
        pass


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_of_a_damaged_message_nothing_but_a_bad_message_comes(data: st.DataObject) -> None:
    encoded = bytearray(m.encode(data.draw(values(data.draw(st.sampled_from(KINDS))))))
    for _ in range(data.draw(st.integers(1, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert isinstance(m.decode(bytes(encoded[: data.draw(st.integers(0, len(encoded)))])), m.Header)
    except m.BadMessage:
        pass


@pytest.mark.parametrize(
    "data",
    [
        ["open", 1, "no spec", [b""]],
        ["open", 1],
        ["extend", "one", 0, 1, "column", [b"", []]],
        ["no such message", 1],
        ["segment", "name", 1],
        [],
        {"type": "hello"},
        "hello",
        None,
    ],
)
def test_fields_are_validated(data: Any) -> None:
    with pytest.raises(m.BadMessage):
        m.decode(msgspec.msgpack.encode(data))


@pytest.mark.parametrize("depth", [5_000, 1_000_000])
def test_nesting_without_end_is_a_bad_message(depth: int) -> None:
    with pytest.raises(m.BadMessage):
        m.decode(m.encode(m.Answer(1, None))[:-1] + b"\x91" * depth + b"\xc0")


def test_text_that_is_none_is_a_bad_message() -> None:
    with pytest.raises(m.BadMessage):
        m.decode(m.encode(m.Refused("reason")).replace(b"reason", b"\xff\xfe\xfd\xfc\xfb\xfa"))


def test_each_message_has_a_tag_of_its_own() -> None:
    tags = [kind.__struct_config__.tag for kind in KINDS]
    assert len(set(tags)) == len(tags)
