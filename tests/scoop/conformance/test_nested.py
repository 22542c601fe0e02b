"""Tasks that submit tasks, on one worker and on two."""

from __future__ import annotations

import itertools
import operator
import threading
from pathlib import Path

import pytest

from scoop import Pool, futures
from scoop.futures import FIRST_COMPLETED, FIRST_EXCEPTION
from tests.scoop import tasks
from tests.waiting import eventually


def test_trees_of_tasks(any_pool: Pool) -> None:
    deep, n, value = (8, 15, 610) if any_pool.client.abilities.cheap_tasks else (4, 7, 13)
    assert list(futures.map(tasks.leaves, range(deep))) == [2**depth for depth in range(deep)]
    assert futures.submit(tasks.fibonacci, n).result() == value


def depth(pool: Pool) -> int:
    """How deep a chain of tasks is that costs the pool little."""
    return 300 if pool.client.abilities.cheap_tasks else 30


def test_a_deep_chain_of_tasks(any_pool: Pool) -> None:
    deep = depth(any_pool)
    assert futures.submit(tasks.descend, deep).result() == deep


def test_a_deep_chain_of_tasks_that_wait_for_their_children(any_pool: Pool) -> None:
    def descend(depth: int) -> int:
        if depth == 0:
            return 0
        child = futures.submit(descend, depth - 1)
        futures.wait([child])
        return 1 + child.result()

    def climb(depth: int) -> int:
        return 0 if depth == 0 else 1 + next(futures.map(climb, [depth - 1]))

    deep = depth(any_pool)
    assert futures.submit(descend, deep).result() == deep
    assert futures.submit(climb, deep).result() == deep


def test_a_single_child_is_shared(pool: Pool, tmp_path: Path) -> None:
    def parent() -> bool:
        child = futures.submit(tasks.hold, tmp_path)
        eventually(lambda: tasks.begun(tmp_path))  # without waiting for the child, so on the other worker
        (tmp_path / "go").touch()
        child.result()
        return True

    assert futures.submit(parent).result()


def test_map_in_map_in_map(any_pool: Pool) -> None:
    def row(n: int) -> int:
        return sum(futures.map(tasks.square, range(n)))

    def table(n: int) -> list[int]:
        return list(futures.map(row, range(n)))

    size = 12 if any_pool.client.abilities.cheap_tasks else 5
    expected = [[sum(k * k for k in range(j)) for j in range(i)] for i in range(size)]
    assert list(futures.map(table, range(size))) == expected


def test_a_large_map_in_a_task(any_pool: Pool) -> None:
    def total(n: int) -> int:
        return sum(futures.map(tasks.inc, range(n)))

    assert futures.submit(total, 20_000).result() == sum(range(1, 20_001))


def test_wait_and_as_completed_in_a_task(any_pool: Pool) -> None:
    def parent(_: object) -> tuple[int, int, list[int], list[int]]:
        pending = [futures.submit(tasks.odd_fails, x) for x in range(6)]
        first = futures.wait(pending, return_when=FIRST_COMPLETED)
        done = futures.wait(pending)
        ended = [f.result() for f in futures.as_completed(pending) if f.exception() is None]
        mapped = sorted(futures.map_as_completed(tasks.inc, range(5)))
        return len(first.done) > 0, len(done.done), sorted(ended), mapped

    assert list(futures.map(parent, range(4))) == [(True, 6, [0, 2, 4], [1, 2, 3, 4, 5])] * 4


def test_first_exception_in_a_task(any_pool: Pool) -> None:
    def parent() -> bool:
        pending = [futures.submit(tasks.odd_fails, x) for x in (0, 1, 2)]
        return pending[1] in futures.wait(pending, return_when=FIRST_EXCEPTION).done

    assert futures.submit(parent).result()


def test_timeouts_in_a_task(pool: Pool, tmp_path: Path) -> None:
    def parent() -> list[str]:
        seen = []
        child = futures.submit(tasks.hold, tmp_path)
        eventually(lambda: tasks.begun(tmp_path))  # on the other worker, for this one is busy looking
        try:
            child.result(timeout=0.1)
        except TimeoutError:
            seen.append("result")
        if futures.wait([child], timeout=0.1).not_done:
            seen.append("wait")
        (tmp_path / "go").touch()
        child.result()
        return seen

    assert futures.submit(parent).result(timeout=20) == ["result", "wait"]


def test_cancel_in_a_task(any_pool: Pool) -> None:
    def parent() -> tuple[bool, bool, int]:
        children = [futures.submit(tasks.inc, x) for x in range(10)]
        last = children[-1].cancel()
        return last, children[-1].cancelled(), sum(child.result() for child in children[:-1])

    assert futures.submit(parent).result() == (True, True, 45)


def test_exceptions_go_up_through_tasks(any_pool: Pool) -> None:
    def parent(x: int) -> int:
        return sum(futures.map(tasks.odd_fails, [0, x]))

    results = futures.map(parent, [0, 1, 2])
    assert next(results) == 0
    with pytest.raises(ValueError, match="1 is odd") as caught:
        next(results)
    assert "odd_fails" in str(caught.value.__cause__)
    assert next(results) == 2


def test_futures_that_a_task_leaves_alone_run_all_the_same(any_pool: Pool, tmp_path: Path) -> None:
    def parent() -> None:
        futures.submit((tmp_path / "ran").touch)

    futures.submit(parent).result()
    eventually((tmp_path / "ran").exists)


def test_map_reduce_and_map_scan_in_a_task(any_pool: Pool) -> None:
    def parent() -> tuple[str, list[int]]:
        return (
            futures.mapReduce(str, operator.add, range(10)),
            futures.mapScan(tasks.square, tasks.add, range(8)),
        )

    assert futures.submit(parent).result() == ("0123456789", [0, 1, 5, 14, 30, 55, 91, 140])


def test_buffersize_in_a_task(any_pool: Pool) -> None:
    def parent() -> list[int]:
        return list(itertools.islice(futures.map(tasks.inc, itertools.count(), buffersize=5), 50))

    assert futures.submit(parent).result() == list(range(1, 51))


@pytest.mark.needs("waiting_threads")
def test_threads_of_a_task_submit_and_wait(any_pool: Pool) -> None:
    def parent() -> dict[int, int]:
        found: dict[int, int] = {}

        def use(number: int) -> None:
            single = sum(futures.submit(tasks.inc, x).result() for x in range(5))
            found[number] = single + sum(futures.map(tasks.inc, range(20)))

        threads = [threading.Thread(target=use, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        assert futures.submit(tasks.inc, 1).result() == 2
        for thread in threads:
            thread.join()
        return found

    assert futures.submit(parent).result(timeout=60) == dict.fromkeys(range(3), 225)
