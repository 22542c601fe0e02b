"""Errors survive pickling, are of the kinds that people catch, and say what happened."""

from __future__ import annotations

import pickle
from concurrent.futures import BrokenExecutor

import pytest

from scoop_core import errors

SAMPLES = [
    errors.ScoopError("why"),
    errors.NotStarted("why"),
    errors.StartFailed("why"),
    errors.OverLimit("why"),
    errors.BadLimits("why"),
    errors.NoSuchPool("why"),
    errors.BrokerLost("why"),
    errors.TaskFailed("why"),
    errors.NoSuchWorker("why"),
    errors.BadProfile("why"),
    errors.NothingToReplay("why"),
    errors.NotSupported("why"),
    errors.LaunchFailed("why"),
    errors.NotPicklable("why"),
    errors.TaskTimeout("f", 0.5),
    errors.WorkerLost("f", -9, 2**30, 3),
    errors.RemoteTraceback("Traceback ..."),
]


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling(error: Exception) -> None:
    there = pickle.loads(pickle.dumps(error))
    assert type(there) is type(error)
    assert str(there) == str(error)
    assert vars(there) == vars(error)


def test_the_samples_are_all_errors_that_there_are() -> None:
    known = {cls for cls in vars(errors).values() if isinstance(cls, type) and cls.__module__ == errors.__name__}
    assert known == {type(error) for error in SAMPLES}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.NotStarted, RuntimeError),
        (errors.StartFailed, RuntimeError),
        (errors.OverLimit, ValueError),
        (errors.BadLimits, ValueError),
        (errors.NoSuchPool, LookupError),
        (errors.NoSuchWorker, LookupError),
        (errors.BrokerLost, BrokenExecutor),
        (errors.NothingToReplay, LookupError),
        (errors.NotPicklable, TypeError),
        (errors.NotPicklable, errors.TaskFailed),
        (errors.WorkerLost, errors.TaskFailed),
        (errors.TaskTimeout, errors.TaskFailed),
        (errors.TaskTimeout, TimeoutError),
        (errors.TaskFailed, errors.ScoopError),
    ],
)
def test_an_error_is_caught_as_what_it_is(error: type[Exception], kind: type[Exception]) -> None:
    assert issubclass(error, kind)


def test_a_lost_worker_tells_the_signal_and_the_memory() -> None:
    error = errors.WorkerLost("simulate", -9, 300 * 2**20, 3)
    assert (error.signal, error.exitcode, error.deaths) == ("SIGKILL", None, 3)
    text = str(error)
    assert "3 workers died, one after the other, while running 'simulate'" in text
    assert "killed by SIGKILL" in text
    assert "300 MiB" in text
    assert "Out of memory is a usual reason" in text


def test_a_lost_worker_tells_the_exit_status() -> None:
    error = errors.WorkerLost("f", 7, 0, 1)
    assert (error.signal, error.exitcode) == (None, 7)
    assert "its worker died while running 'f'" in str(error)
    assert "exit status 7" in str(error)
    assert "Out of memory" not in str(error)


def test_a_task_for_a_worker_that_is_gone_was_on_board_of_no_death() -> None:
    assert "'f' was to run on one worker only, and that worker is gone" in str(errors.WorkerLost("f", 0, 0, 0))


def test_even_a_signal_without_a_name_is_told() -> None:
    assert "signal 40" in str(errors.WorkerLost("f", -40, 0, 1)).lower()


def test_a_remote_traceback_begins_on_a_line_of_its_own() -> None:
    assert str(errors.RemoteTraceback("Traceback")) == "\nTraceback"
