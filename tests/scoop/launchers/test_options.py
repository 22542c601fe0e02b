"""The options of launchers: found in their classes, checked, and read from words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from scoop import SGE, PsiJ, Ssh
from scoop.launchers import Local
from scoop.launchers.names import make
from scoop.launchers.options import check, from_words, options_of


@dataclass
class Base:
    """A launcher of another package.

    Args:
        site: where it is. That is said
            in two lines: "here". And more.
        ports: that may be used.
    """

    site: str
    ports: Sequence[int] = ()


@dataclass
class Other(Base):
    """One more; `Base` has the other arguments.

    Args:
        loud: whether it
            talks.

    Raises:
        ValueError: nothing: this is no argument.
    """

    loud: bool = False
    secret: Any = None


def test_options_are_those_of_the_class_and_its_bases() -> None:
    found = options_of(Other)
    assert [(name, option.required, option.help) for name, option in found.items()] == [
        ("site", True, "where it is"),
        ("ports", False, "that may be used"),
        ("loud", False, "whether it talks"),
        ("secret", False, ""),
    ]
    assert found["ports"].type == Sequence[int]


@pytest.mark.parametrize("kind", [SGE, Ssh, PsiJ])
def test_all_options_of_our_own_are_described(kind: type) -> None:
    found = options_of(kind)
    assert found and [name for name, option in found.items() if not option.help] == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "the launcher 'other' needs the option 'site'"),
        ({"site": "a", "port": 1}, "the launcher 'other' has no option 'port', but: site, ports, loud, secret"),
        ({"site": 5}, "the option 'site' can't be 5: expected str, got int"),
        ({"site": "a", "ports": "80"}, "the option 'ports' can't be '80': expected list, got str"),
        ({"site": "a", "loud": "yes"}, "the option 'loud' can't be 'yes': expected bool, got str"),
    ],
)
def test_options_that_make_no_sense(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        check("other", options_of(Other), given)


class Plain:
    def __init__(self, site: str, loud: bool = False) -> None:
        self.site = site


def test_a_class_need_be_no_data_class() -> None:
    assert [(name, option.type) for name, option in options_of(Plain).items()] == [("site", str), ("loud", bool)]
    assert options_of(Local) == {}


def test_types_that_only_a_type_checker_knows_are_not_checked() -> None:
    Plain.__init__.__annotations__["site"] = "Unknown"
    try:
        check("plain", options_of(Plain), {"site": 5, "loud": "very"})
    finally:
        Plain.__init__.__annotations__["site"] = "str"


def test_options_that_do() -> None:
    check("other", options_of(Other), {"site": "a", "ports": [80], "loud": True, "secret": object()})


@pytest.mark.parametrize(
    ("words", "type", "value"),
    [
        (["8"], int, 8),
        (["true"], bool, True),
        (["8"], str, "8"),
        (["8"], Sequence[int], [8]),
        (["8", "9"], Sequence[int], [8, 9]),
        (["x"], Sequence[str] | None, ["x"]),
        (["x"], Any, "x"),
    ],
)
def test_words_become_values(words: list[str], type: Any, value: object) -> None:
    assert from_words("name", words, type) == value


@pytest.mark.parametrize(
    ("words", "type", "message"),
    [
        (["x"], int, "the option 'name' can't be 'x': expected int, got str"),
        (["8", "9"], int, r"the option 'name' can't be \['8', '9'\]: expected int, got list"),
        (["x"], Sequence[int], "the option 'name' can't be 'x': expected list, got str"),
    ],
)
def test_words_that_make_no_sense(words: list[str], type: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        from_words("name", words, type)


def test_a_launcher_is_made_of_what_suits() -> None:
    assert make("ssh", hosts=["nodea"]) == Ssh(["nodea"])
    with pytest.raises(ValueError, match=r"the option 'hosts' can't be 'nodea': expected dict \| list, got str"):
        make("ssh", hosts="nodea")
    with pytest.raises(ValueError, match="the launcher 'ssh' needs the option 'hosts'"):
        make("ssh")
