"""The task tree: its shape follows the program, its size has limits, and its counts add up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scoop_core.messages import RECENT, GroupTally, Mishap, Spec
from scoop_core.task_tree import FAILURES, GROUPS, RUNS, Place, TaskTree, top


def spec(place: Place, root: str = "r", run: int = 1) -> Spec:
    return Spec(b"", place.names[-1][0], root, run, place.group, place.parent)


def tally(place: Place, **counts: Any) -> GroupTally:
    zero = {"queued": 0, "running": 0, "done": 0, "failed": 0, "cancelled": 0, "seconds": 0.0, "longest": 0.0}
    return GroupTally(place.group, place.parent, place.names[-1][0], "r", 1, **{**zero, **counts})


@pytest.fixture
def tree() -> TaskTree:
    tree = TaskTree()
    tree.root_found("r")
    return tree


F = top("r", 1).child("f")


# ---- places ----------------------------------------------------------------------------------------------------


def test_the_same_function_under_the_same_parent_has_one_place() -> None:
    assert top("r", 1).child("f") == top("r", 1).child("f")
    places = [top("r", 1).child("f"), top("r", 2).child("f"), top("s", 1).child("f"), top("r", 1).child("g")]
    places += [F.child("g"), F.child("h").child("g")]
    assert len({place.group for place in places}) == len(places)


def test_a_place_knows_what_is_above_it() -> None:
    below = F.child("g").child("h")
    assert [name for name, _ in below.names] == ["f", "g", "h"]
    assert below.parent == F.child("g").group
    assert F.parent == top("r", 1).group


def test_a_recursive_function_is_one_node_however_deep_it_goes() -> None:
    place = F
    for _ in range(1000):
        place = place.child("f")
    assert place == Place(F.group, 0, F.names)
    assert len(place.names) == 1


def test_functions_that_call_each_other_are_a_node_for_each_way_down_without_a_loop() -> None:
    place, seen = F, set()
    for name in ("g", "h", "f", "g", "h", "g", "f", "h") * 50:
        place = place.child(name)
        seen.add(place.group)
        assert len(place.names) <= 3
    assert len(seen) == 5, "f, f/g, f/g/h, f/h, f/h/g"


def test_numbers_of_nodes_survive_javascript() -> None:
    place = top("r", 1)
    for number in range(200):
        place = place.child(f"f{number}")
        assert 0 < place.group < 2**53


# ---- counts ----------------------------------------------------------------------------------------------------


def row(tree: TaskTree, running: dict[int, int] | None = None) -> dict[str, Any]:
    [found] = tree.picture(running or {})["groups"]
    return dict(found)


def test_a_task_is_counted_in_one_state_at_a_time(tree: TaskTree) -> None:
    tree.queued(spec(F), 10, 1.0)
    states = ("queued", "running", "done", "failed", "cancelled")
    assert [row(tree)[s] for s in states] == [10, 0, 0, 0, 0]
    assert [row(tree, {F.group: 3})[s] for s in states] == [7, 3, 0, 0, 0]
    tree.ran(spec(F), "w0", 5, 1, 2.5, 1.5, 2.0)
    assert [row(tree, {F.group: 3})[s] for s in states] == [2, 3, 4, 1, 0]
    tree.cancelled(spec(F), 2, 3.0)
    assert [row(tree, {F.group: 3})[s] for s in states] == [0, 3, 4, 1, 2]
    assert (row(tree)["seconds"], row(tree)["longest"]) == (2.5, 1.5)


def test_more_cannot_run_than_are_left(tree: TaskTree) -> None:
    tree.queued(spec(F), 1, 1.0)
    assert (row(tree, {F.group: 5})["running"], row(tree, {F.group: 5})["queued"]) == (1, 0)


def test_what_workers_keep_for_themselves_is_added(tree: TaskTree) -> None:
    tree.queued(spec(F), 5, 1.0)
    tree.tally("w0", [tally(F, queued=3, running=1, done=2, seconds=0.5, longest=0.25)], 1.0)
    tree.tally("w1", [tally(F, queued=1, failed=1)], 1.0)
    found = row(tree)
    assert [found[s] for s in ("queued", "running", "done", "failed")] == [9, 1, 2, 1]
    assert (found["seconds"], found["longest"], found["workers"]) == (0.5, 0.25, 2)
    tree.tally("w0", [tally(F, done=4)], 1.0)
    found = row(tree)
    assert [found[s] for s in ("queued", "running", "done")] == [6, 0, 6]


def test_what_a_lost_worker_kept_is_forgotten_and_what_it_did_is_not(tree: TaskTree) -> None:
    tree.tally("w0", [tally(F, queued=3, running=1, done=2)], 1.0)
    tree.tally("w1", [tally(F, queued=1)], 1.0)
    tree.worker_lost("w0")
    found = row(tree)
    assert [found[s] for s in ("queued", "running", "done")] == [1, 0, 2]


def mishap(number: int, line: str, run: int = 1) -> Mishap:
    told = ("Traceback ...\n" + line, "x=1", "printed")
    return Mishap(f"w0-{number}", "r", run, F.group, F.parent, "f", line, *told, call=b"pickle")


def test_only_some_different_failures_are_shown(tree: TaskTree) -> None:
    tree.queued(spec(F), 100, 1.0)
    tree.failed(spec(F), 50, "WorkerLost: exit status 1", 1.0)
    tree.ran(spec(F), "w0", 50, 50, 0.0, 0.0, 1.0)
    for number in range(50):
        tree.mishap("w0", mishap(number, f"ValueError: {number // 2}"), 1.0)
    found = row(tree)
    assert found["failed"] == 100
    lost, first, *others = found["failures"]
    assert lost == {"id": "", "error": "WorkerLost: exit status 1", "arguments": "", "output": "", "worker": ""}
    assert first == {
        "id": "w0-0", "error": "Traceback ...\nValueError: 0", "arguments": "x=1", "output": "printed", "worker": "w0"
    }  # fmt: skip
    assert [failure["id"] for failure in others] == [f"w0-{2 * i}" for i in range(1, FAILURES - 1)]


def test_a_node_tells_how_much_was_sent_for_it_and_to_how_many(tree: TaskTree) -> None:
    tree.queued(spec(F), 9, 1.0)
    for worker in ("w0", "w1", "w0"):
        tree.sent(spec(F), 1000, 1.0)
        tree.ran(spec(F), worker, 3, 0, 0.1, 0.1, 1.0)
    assert (row(tree)["sent"], row(tree)["workers"]) == (3000, 2)


def test_failed_calls_are_forgotten_with_their_run(tree: TaskTree) -> None:
    tree.mishap("w0", mishap(1, "ValueError", run=1), 1.0)
    tree.mishap("w0", mishap(2, "ValueError", run=2), 1.0)
    for run in range(2, RUNS + 2):
        tree.queued(spec(top("r", run).child("f"), run=run), 1, 1.0)
    assert tree.calls.find("w0-1") is None
    assert tree.calls.find("w0-2") is not None
    tree.root_lost("r")
    assert tree.calls.find("w0-2") is None
    tree.mishap("w0", mishap(3, "ValueError", run=2), 1.0)
    assert tree.calls.find("w0-3") is None, "its root is gone"


# ---- pictures --------------------------------------------------------------------------------------------------


def test_a_picture_is_plain_data_with_totals(tree: TaskTree) -> None:
    tree.queued(spec(F), 5, 7.0)
    tree.queued(spec(F.child("g")), 3, 8.0)
    picture = tree.picture({F.group: 1})
    assert json.loads(json.dumps(picture)) == picture
    assert picture["tasks"] == {"queued": 7, "running": 1, "done": 0, "failed": 0, "cancelled": 0}
    assert picture["started"] == 7.0
    above, below = picture["groups"]
    assert above["parent"] is None
    assert below["parent"] == above["id"]


def test_a_picture_can_be_of_one_root_or_one_run(tree: TaskTree) -> None:
    tree.root_found("s")
    for root, run in (("r", 1), ("r", 2), ("s", 1)):
        tree.queued(spec(top(root, run).child("f"), root, run), 1, float(run))
    assert tree.picture({})["tasks"]["queued"] == 3
    assert tree.picture({}, "r")["tasks"]["queued"] == 2
    assert tree.picture({}, "r", 2)["tasks"]["queued"] == 1
    assert (tree.picture({}, "r", 9)["groups"], tree.picture({}, "r", 9)["started"]) == ([], None)


def test_every_change_is_news(tree: TaskTree) -> None:
    versions = [tree.version]
    tree.queued(spec(F), 5, 1.0)
    versions.append(tree.version)
    tree.ran(spec(F), "w0", 1, 0, 0.1, 0.1, 1.0)
    versions.append(tree.version)
    tree.mishap("w0", mishap(1, "ValueError"), 1.0)
    versions.append(tree.version)
    tree.tally("w0", [tally(F, queued=1)], 1.0)
    versions.append(tree.version)
    tree.worker_lost("w0")
    versions.append(tree.version)
    assert versions == sorted(set(versions))


# ---- which runs ------------------------------------------------------------------------------------------------


def test_recent_are_the_runs_that_go_on_else_the_last_one(tree: TaskTree) -> None:
    first, second, other = (spec(top(r, n).child("f"), r, n) for r, n in (("r", 1), ("r", 2), ("s", 1)))
    tree.root_found("s")
    assert tree.picture({}, run=RECENT)["ended"] is None, "there has been none"
    tree.queued(first, 5, 1.0)
    tree.ran(first, "w0", 5, 0, 0.1, 0.1, 2.0)
    tree.queued(second, 3, 3.0)
    assert tree.picture({}, run=RECENT)["tasks"]["queued"] == 3 and tree.picture({}, run=RECENT)["ended"] is None
    tree.queued(other, 2, 4.0)
    assert [row["queued"] for row in tree.picture({}, run=RECENT)["groups"]] == [3, 2]
    tree.ran(other, "w0", 2, 0, 0.1, 0.1, 5.0)
    tree.ran(second, "w0", 3, 0, 0.1, 0.1, 6.0)
    picture = tree.picture({}, run=RECENT)
    assert (picture["started"], picture["ended"]) == (4.0, 5.0), "the one that began last"
    assert tree.picture({}, "r", RECENT)["ended"] == 6.0


def test_a_brief_picture_has_the_sums_alone(tree: TaskTree) -> None:
    tree.queued(spec(F), 5, 1.0)
    assert tree.picture({}, brief=True) == {**tree.picture({}), "groups": []}


# ---- limits ----------------------------------------------------------------------------------------------------


def test_a_million_tasks_are_one_node(tree: TaskTree) -> None:
    tree.queued(spec(F), 1_000_000, 1.0)
    for _ in range(1000):
        tree.ran(spec(F), "w0", 1000, 0, 0.1, 0.1, 1.0)
    assert row(tree)["done"] == 1_000_000


def test_the_oldest_runs_of_a_root_are_forgotten_and_nobody_elses(tree: TaskTree) -> None:
    tree.root_found("s")
    tree.queued(spec(top("s", 1).child("f"), "s", 1), 1, 1.0)
    for run in range(RUNS + 10):
        tree.queued(spec(top("r", run).child("f"), "r", run), 1, 1.0)
    assert tree.picture({}, "r")["tasks"]["queued"] == RUNS
    assert tree.picture({}, "r", 9)["groups"] == []
    assert tree.picture({}, "r", 10)["groups"] != []
    assert tree.picture({}, "s")["tasks"]["queued"] == 1


def test_too_many_nodes_share_one_that_is_called_more(tree: TaskTree) -> None:
    for number in range(GROUPS + 50):
        tree.queued(Spec(b"", f"f{number}", "r", 1, number + 2, 0), 2, 1.0)
    picture = tree.picture({})
    assert len(picture["groups"]) == GROUPS + 1
    [more] = [node for node in picture["groups"] if node["name"] == "(more)"]
    assert more["queued"] == 100
    assert picture["tasks"]["queued"] == 2 * (GROUPS + 50)


def test_of_a_root_that_is_gone_nothing_is_kept(tree: TaskTree) -> None:
    tree.queued(spec(F), 5, 1.0)
    tree.root_lost("r")
    assert tree.picture({})["groups"] == []
    tree.ran(spec(F), "w0", 5, 0, 0.1, 0.1, 1.0)  # was on its way
    tree.tally("w0", [tally(F, queued=1)], 1.0)
    assert tree.picture({})["groups"] == []
