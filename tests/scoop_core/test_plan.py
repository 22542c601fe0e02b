"""Which hosts get how many workers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoop_core.plan import Hosts, deal, expand, from_file, from_names, plan


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("node", ["node"]),
        ("user@node-1.example.org", ["user@node-1.example.org"]),
        ("127.0.0.1", ["127.0.0.1"]),
        ("::1", ["::1"]),
        ("n[1-3]", ["n1", "n2", "n3"]),
        ("n[08-11]", ["n08", "n09", "n10", "n11"]),
        ("n[1,3,7-8]", ["n1", "n3", "n7", "n8"]),
        ("r[1-2]n[1-2].local", ["r1n1.local", "r1n2.local", "r2n1.local", "r2n2.local"]),
        ("n[5]", ["n5"]),
    ],
)
def test_names_and_ranges(text: str, names: list[str]) -> None:
    assert expand(text) == names


@pytest.mark.parametrize(
    "text",
    ["-n", "a b", "", "#", "n[", "n]1[", "n[]", "n[a-b]", "n[3-1]", "n[1-]", "n[-3]", "n[1--3]", "a/b", "n[1-99999]"],
)
def test_what_names_no_host(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no (name of a host|range of numbers)"):
        expand(text)


def test_a_host_that_is_named_again_gets_another_worker() -> None:
    assert from_names(["a", "b", "a", "a"]) == [("a", 3), ("b", 1)]
    assert from_names(["n[1-2]", "n2"]) == [("n1", 1), ("n2", 2)]
    assert from_names([]) == []


HOST_FILE = """\
# the cluster
first 4      # with its number

second
third slots=8
fourth  slots=2 max_slots=16
n[1-2] 3
   indented\t5
first 1
"""


def test_a_host_file() -> None:
    assert from_file(HOST_FILE) == [
        ("first", 5),
        ("second", None),
        ("third", 8),
        ("fourth", 2),
        ("n1", 3),
        ("n2", 3),
        ("indented", 5),
    ]


def test_all_cores_are_not_added_to() -> None:
    assert from_file("a\na 3\n") == from_file("a 3\na\n") == [("a", None)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a 2\nb many\n", "line 2: 'many' is no number"),
        ("a 0\n", "line 1: '0' is no number of workers: it must be at least 1"),
        ("a -3\n", "line 1: '-3' is no number"),
        ("a 2.5\n", "line 1: '2.5' is no number"),
        ("\n\n-x 2\n", "line 3: '-x' is no name"),
        ("n[1-a] 2\n", "line 1: '1-a' in "),
        ("", "names no host"),
        ("# nobody\n\n", "names no host"),
    ],
)
def test_what_is_wrong_in_a_host_file_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        from_file(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("hosts", "n", "dealt"),
    [
        ([("a", 4), ("b", 4)], 8, [("a", 4), ("b", 4)]),
        ([("a", 4), ("b", 4)], 6, [("a", 4), ("b", 2)]),
        ([("a", 4), ("b", 4)], 4, [("a", 4)]),
        ([("a", 4), ("b", 4), ("c", 4)], 3, [("a", 3)]),
        ([("a", 1), ("b", 1)], 5, [("a", 3), ("b", 2)]),
        ([("a", 4), ("b", 1)], 8, [("a", 6), ("b", 2)]),
        ([("a", None), ("b", None)], 6, [("a", 3), ("b", 3)]),
        ([("a", None), ("b", 3)], 2, [("a", 1), ("b", 1)]),
        ([("a", None)], 7, [("a", 7)]),
    ],
)
def test_the_number_of_workers_is_dealt_out(hosts: Hosts, n: int, dealt: list[tuple[str, int]]) -> None:
    assert deal(hosts, n) == dealt


@given(st.lists(st.none() | st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 60))
def test_dealing_gives_all_and_keeps_the_order(counts: list[int | None], n: int) -> None:
    hosts: Hosts = [(f"h{index}", count) for index, count in enumerate(counts)]
    dealt = deal(hosts, n)
    assert sum(count for _, count in dealt) == n
    assert [host for host, _ in dealt] == [host for host, _ in hosts[: len(dealt)]]
    named = [count or 1 for count in counts]
    if n <= sum(named):
        assert all(count == named[index] for index, (_, count) in enumerate(dealt[:-1]))
    else:
        more = [count - named[index] for index, (_, count) in enumerate(dealt)]
        assert len(dealt) == len(hosts) and max(more) - min(more) <= 1


def test_the_plan() -> None:
    here = {"localhost", "me"}
    assert plan([], None, here, 4) == [("localhost", 4)]
    assert plan([], 7, here, 4) == [("localhost", 7)]
    assert plan([("me", None), ("far", None), ("b", 2)], None, here, 4) == [("me", 4), ("far", None), ("b", 2)]
    assert plan([("me", None), ("far", None)], 4, here, 4) == [("me", 2), ("far", 2)]
