"""What a user wants of jobs, and what their scripts are made of."""

from __future__ import annotations

import subprocess

import msgspec
import pytest

from scoop_core.launchers import Order
from scoop_core.launchers.options import BatchOptions, clock, fill, parse_time, placeholders, safe_name, script


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (90, 90),
        ("90s", 90),
        ("45m", 2700),
        ("1h30m", 5400),
        (" 2d ", 172_800),
        ("1d12h", 129_600),
        ("01:30:00", 5400),
        ("100:00:01", 360_001),
        ("1-12:00:00", 129_600),
    ],
)
def test_times(text: str | int, seconds: int) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["90", "01:30", "1:99:00", "h", "1h 30m", "-1h", "1.5h", "30m1h"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        parse_time(text)


@pytest.mark.parametrize("text", ["", "0s", "00:00:00", 0, -5])
def test_no_job_is_that_short(text: str | int) -> None:
    with pytest.raises(ValueError, match="too short"):
        parse_time(text)


def test_the_clock_is_read_back() -> None:
    assert [clock(seconds) for seconds in (1, 3661, 360_000)] == ["00:00:01", "01:01:01", "100:00:00"]
    assert parse_time(clock(98_765)) == 98_765


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("scoop-mine-3", "scoop-mine-3"),
        ("my pool/1", "my-pool-1"),
        ("3d", "j3d"),
        ("", "j"),
        ("é;rm -rf", "j-rm--rf"),
    ],
)
def test_names_of_jobs(name: str, safe: str) -> None:
    assert safe_name(name) == safe
    assert len(safe_name(name, 5)) <= 5


def test_a_script_is_for_the_shell() -> None:
    options = BatchOptions(directives=("--exclusive",), prolog=("export WORD='a b'",))
    text = script("#SBATCH", ["--nodes=1"], options, ["printf", "%s|", "it's", "$HOME", "a b"])
    assert text.splitlines()[:3] == ["#!/bin/sh", "#SBATCH --nodes=1", "#SBATCH --exclusive"]
    done = subprocess.run(["sh"], input=text + "echo not reached", text=True, capture_output=True, check=True)
    assert done.stdout == "it's|$HOME|a b|"


def test_placeholders() -> None:
    order = Order(slots=4, name="my pool", launch=b"")
    options = BatchOptions(queue="long", prolog=("one", "two"), time=60)
    values = placeholders(order, options, ["python", "a b"], "/log")
    text = "#X -n {slots} -J {name} -q {queue} -t {time} -o {log}\n{prolog}\n${HOME} {{this}}\nexec {command}"
    assert (
        fill(text, values) == "#X -n 4 -J my-pool -q long -t 60 -o /log\none\ntwo\n${HOME} {this}\nexec python 'a b'"
    )


def test_an_unknown_placeholder_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"has \{cores\}, but there is only \{a\}, \{b\}"):
        fill("{a} {cores}", {"a": "1", "b": "2"})


def test_options_are_those_and_no_others() -> None:
    assert msgspec.convert({"time": 60, "directives": ["-V"]}, BatchOptions) == BatchOptions(
        time=60, directives=("-V",)
    )
    with pytest.raises(msgspec.ValidationError, match="cores"):
        msgspec.convert({"cores": 3}, BatchOptions)


@pytest.mark.parametrize("field", ["queue", "account", "parallel_environment"])
def test_an_option_is_one_line(field: str) -> None:
    with pytest.raises(ValueError, match="more than a line"):
        BatchOptions(**{field: "a\n#SBATCH --begin=tomorrow"})
