"""Maps with a progress bar."""

from __future__ import annotations

import io

import pytest

import scoop
from tests.scoop import tasks

pytest.importorskip("tqdm")
from scoop.tqdm import tmap


def test_the_bar_counts_tasks_and_results_are_in_order(pool: scoop.Pool) -> None:
    said = io.StringIO()
    assert tmap(tasks.add, range(500), range(1000), file=said, desc="adding") == [2 * x for x in range(500)]
    assert "adding: 100%" in said.getvalue()
    assert "500/500" in said.getvalue()


def test_what_has_no_length_has_no_total(pool: scoop.Pool) -> None:
    said = io.StringIO()
    assert tmap(tasks.inc, iter(range(30)), file=said) == list(range(1, 31))
    assert "30it" in said.getvalue()


def test_the_first_error_ends_it(pool: scoop.Pool) -> None:
    with pytest.raises(ValueError, match="is odd"):
        tmap(tasks.odd_fails, range(10_000), disable=True)
    assert tmap(tasks.inc, range(3), disable=True) == [1, 2, 3]
