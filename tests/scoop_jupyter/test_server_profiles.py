"""Pools that a Jupyter server starts on a cluster, as profiles say; commands stand for those of Slurm."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.lab import Lab
from tests.fake_batch import FakeBatch
from tests.scoop_jupyter.served import Served
from tests.waiting import eventually

PROFILES = """
[Profiles.gpu]
launcher = "slurm"
n = 3
per_job = 2
external_hostname = "127.0.0.1"
[Profiles.odd]
launcher = "slurm"
partition = "gpu"
[Profiles.small]
n = 1
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory, session_folder: Path) -> FakeBatch:
    return FakeBatch(tmp_path_factory.mktemp("slurm"))


@pytest.fixture(scope="module")
def served(slurm: FakeBatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{slurm.bin}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        lab = Lab(folder, "jupyter_server")
    with lab:
        (folder / "config" / "scoop_config.toml").write_text(PROFILES)
        yield Served(lab)


def test_profiles_are_offered_and_launchers_that_are_here(served: Served) -> None:
    status, options = served.ask("GET", "scoop/options")
    assert status == 200 and options["launchers"] == ["local", "slurm"]
    assert options["profiles"] == {
        "gpu": {"launcher": "slurm", "workers": 3},
        "odd": {"launcher": None, "workers": None},
        "small": {"launcher": "local", "workers": 1},
    }


def test_a_pool_of_a_profile_begins_in_the_queue(served: Served, slurm: FakeBatch) -> None:
    status, answer = served.ask("POST", "scoop/pools", {"name": "mine", "profile": "gpu"})
    assert (status, answer) == (201, {"name": "mine"})
    row = served.pools()["mine"]
    assert (row["workers"], row["wanted"], row["kept"]) == (0, 3, True)
    assert len(slurm.jobs("PENDING")) == 2
    slurm.open()
    eventually(lambda: served.pools()["mine"]["workers"] == 3, 60.0, 0.1)
    assert served.ask("DELETE", "scoop/pools/mine")[0] == 204
    eventually(lambda: not slurm.jobs("RUNNING"), 20.0)


def test_what_the_request_says_comes_before_the_profile(served: Served) -> None:
    assert served.ask("POST", "scoop/pools", {"name": "two", "n": 2, "profile": "small"})[0] == 201
    assert served.pools()["two"]["workers"] == 2
    assert served.ask("DELETE", "scoop/pools/two")[0] == 204


def test_a_profile_that_makes_no_sense_is_told_to_who_starts_it(served: Served) -> None:
    file = served.lab.log.parent / "config" / "scoop_config.toml"
    status, answer = served.ask("POST", "scoop/pools", {"profile": "odd"})
    said = f"{file}: the profile 'odd' can't be used: the launcher 'slurm' has no option 'partition', but: per_job"
    assert status == 409 and answer["message"].startswith(said)
    assert served.pools() == {}
