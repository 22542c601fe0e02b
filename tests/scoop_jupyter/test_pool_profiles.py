"""Profiles of pools in Jupyter's configuration files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import scoop
from scoop_core.errors import BadLimits, BadProfile, OverLimit
from scoop_jupyter.pool_profiles import Profile, entries, read_profile, table
from tests.conftest import PoolFactory
from tests.docs.test_docs import PROJECT, blocks
from tests.scoop_jupyter.conftest import Writer

GPU = {"launcher": "slurm", "n": 8, "queue": "gpu", "directives": ["--gres=gpu:1"]}
#: The same in each kind of file.
FILES = {
    "scoop_config.py": f"c.Profiles.gpu = {GPU}\nc.Profiles['two-of-us'] = {{'n': 2}}",
    "scoop_config.json": json.dumps({"Profiles": {"gpu": GPU, "two-of-us": {"n": 2}}}),
    "scoop_config.toml": """
[Profiles.gpu]
launcher = "slurm"
n = 8
queue = "gpu"
directives = ["--gres=gpu:1"]
[Profiles.two-of-us]
n = 2
""",
}


@pytest.mark.parametrize("name", FILES)
def test_each_kind_of_file_says_the_same(write: Writer, name: str) -> None:
    file = write(FILES[name], name=name)
    found = entries()
    assert list(found) == ["gpu", "two-of-us"]
    assert {entry.file for entry in found.values()} == {file}
    gpu = read_profile("gpu")
    assert gpu == Profile(launcher="slurm", n=8, options={"queue": "gpu", "directives": ["--gres=gpu:1"]})
    assert gpu.make() == scoop.Slurm(queue="gpu", directives=["--gres=gpu:1"])
    assert gpu.make(queue="big", time="2h") == scoop.Slurm(queue="big", directives=["--gres=gpu:1"], time="2h")
    assert read_profile("two-of-us") == Profile(n=2)


def test_of_several_files_the_users_own_comes_first_and_a_profile_is_what_one_file_says(write: Writer) -> None:
    system = write("c.Profiles.gpu = {'launcher': 'slurm', 'n': 8, 'queue': 'gpu'}\nc.Profiles.big = {'n': 64}")
    own = write("c.Profiles.gpu = {'launcher': 'slurm', 'n': 2}", folder=0)
    assert {name: entry.file for name, entry in entries().items()} == {"big": system, "gpu": own}
    assert read_profile("gpu") == Profile(launcher="slurm", n=2)


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        ({"launcher": "lsf"}, "there is no launcher 'lsf': it is "),
        ({"launcher": 5}, "the option 'launcher' can't be 5: expected str, got int"),
        ({"launcher": "slurm", "partition": "gpu"}, "the launcher 'slurm' has no option 'partition', but: per_job"),
        ({"queue": "gpu"}, "the launcher 'local' has no option 'queue', but: none"),
        ({"launcher": "slurm", "per_job": "8"}, "the option 'per_job' can't be '8': expected int, got str"),
        ({"launcher": "slurm", "time": "soon"}, "'soon' is no time"),
        ({"launcher": "ssh"}, "the launcher 'ssh' needs the option 'hosts'"),
        ({"n": "8"}, "the option 'n' can't be '8': expected int | None, got str"),
        ({"n": 0}, "the option 'n' can't be 0: expected int >= 1"),
        ({"memory_limit": "much"}, "'much' is no size"),
        ({"preload": "numpy"}, "the option 'preload' can't be 'numpy': expected list, got str"),
        ({"options": {"queue": "gpu"}}, "the launcher 'local' has no option 'options'"),
        (5, "it is no dict of options, but 5"),
    ],
)
def test_one_that_makes_no_sense_is_an_error_when_it_is_used(write: Writer, profile: object, why: str) -> None:
    file = write(f"c.Profiles.odd = {profile!r}\nc.Profiles.good = {{'n': 1}}")
    complaint = f"{file}: the profile 'odd' can't be used: {why}"
    with pytest.raises(BadProfile, match=f"^{re.escape(complaint)}"):
        scoop.start(profile="odd")
    assert read_profile("good").n == 1
    good, odd = table(entries().values()).splitlines()
    assert good == f"good  local         1 worker  {file}" and odd.startswith(f"odd   {complaint}")


def test_there_is_no_such_profile(write: Writer) -> None:
    with pytest.raises(BadProfile, match=r"^there is no profile 'gpu': the configuration files have none$"):
        scoop.start(profile="gpu")
    assert table(entries().values()) == "The configuration files have no profiles."
    write("c.Profiles.big = {}\nc.Profiles.small = {}")
    with pytest.raises(BadProfile, match=r"^there is no profile 'gpu': there is 'big', 'small'$"):
        scoop.start(profile="gpu")


def test_a_file_that_can_not_be_read_is_not_passed_over(write: Writer) -> None:
    file = write("c.Profiles.gpu = ")
    with pytest.raises(BadLimits, match=f"^{re.escape(file)} can't be used: SyntaxError"):
        entries()


def test_a_pool_is_as_its_profile_says_and_as_the_call_says(write: Writer, new_pool: PoolFactory) -> None:
    write("c.Profiles.two = {'n': 2, 'memory_limit': '1GiB', 'preload': ['colorsys']}")
    pool = new_pool(None, profile="two")
    assert len(pool.workers) == 2
    assert scoop.futures.submit(lambda: "colorsys" in __import__("sys").modules).result()
    assert len(new_pool(1, profile="two").workers) == 1


def test_limits_hold_for_profiles(write: Writer) -> None:
    file = write("c.Limits.max_workers = 4\nc.Limits.max_memory = '1GiB'\nc.Profiles.big = {'n': 5}")
    with pytest.raises(OverLimit, match=f"^5 workers are too many for a pool: {re.escape(file)} allows 4"):
        scoop.start(profile="big")
    write("c.Profiles.big = {'n': 2, 'memory_limit': '2GiB'}", folder=0)
    with pytest.raises(OverLimit, match="2048 MiB are too much memory"):
        scoop.start(profile="big")


def test_a_dask_cluster_has_no_profile(write: Writer) -> None:
    write("c.Profiles.two = {'n': 2}")
    with pytest.raises(scoop.NotSupported):
        scoop.start(profile="two", engine="dask")


def test_those_of_the_documentation_can_be_used(write: Writer) -> None:
    (page,) = [block.text for block in blocks(PROJECT / "docs" / "clusters.md") if block.language == "toml"]
    write(page, name="scoop_config.toml")
    assert {name: entry.read().launcher for name, entry in entries().items()} == {
        "gpu": "slurm", "office": "ssh", "small": "local"
    }  # fmt: skip
    shown = [line.rpartition("  ")[0] for line in table(entries().values()).splitlines()]
    assert all(f"\n{line}  " in (PROJECT / "docs" / "clusters.md").read_text() for line in shown)


def test_nobody_pays_for_profiles_who_has_none(folders: list[str], tmp_path: Path) -> None:
    code = (
        "import scoop.allowed, sys; scoop.allowed.allowed(); "
        "print('traitlets' in sys.modules, 'tomllib' in sys.modules)"
    )
    environment = {"HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout == "False False\n"
