"""Limits on pools, from Jupyter's configuration files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from jupyter_core.paths import jupyter_config_path

import scoop
from scoop import futures
from scoop.allowed import places
from scoop.arguments import parse
from scoop_core.config import Cap
from scoop_core.errors import BadLimits, OverLimit
from scoop_core.hosts import default_workers
from scoop_jupyter.allowance import Allowance, within_limits
from scoop_jupyter.limits import read_limits
from tests.conftest import PoolFactory
from tests.scoop_jupyter.conftest import Writer
from tests.scoop_jupyter.kernel import Kernel

NOTHING = Allowance(None, None, None, None)


def test_without_a_file_there_is_no_limit(folders: list[str]) -> None:
    assert read_limits() == read_limits(folders) == read_limits([]) == NOTHING
    assert within_limits(1000, "9GB", NOTHING) == (1000, 9_000_000_000, None)
    assert within_limits(None, None, NOTHING) == (default_workers(), None, None)


def test_what_a_file_may_say(write: Writer) -> None:
    file = write(
        "c.Limits.max_workers = 8\nc.Limits.max_pools = 2\nc.Limits.max_memory = '2GiB'\nc.Limits.default_workers = 4"
    )
    assert read_limits() == (Cap(8, file), Cap(2, file), Cap(2 * 2**30, file), 4)
    Path(file).unlink()
    file = write(json.dumps({"Limits": {"max_workers": 3, "max_memory": 1000}}), name="scoop_config.json")
    assert read_limits() == (Cap(3, file), None, Cap(1000, file), None)


def test_toml_says_the_same_and_each_file_may_have_the_longer_name(write: Writer) -> None:
    file = write("[Limits]\nmax_workers = 5\n[Limits.users.ada]\nmax_pools = 3", name="scoop_config.toml")
    assert read_limits() == (Cap(5, file), Cap(3, file), None, None)
    longer = write("c.Limits.max_workers = 4\nc.ScoopExtension.activity_seconds = 9", name="jupyter_scoop_config.py")
    assert read_limits().workers == Cap(4, longer)
    write('{"Limits": {"max_workers": 3}}', name="jupyter_scoop_config.json")
    write("[Limits]\nmax_workers = 2", name="jupyter_scoop_config.toml")
    assert read_limits().workers.most == 2
    with pytest.raises(OverLimit, match=r"jupyter_scoop_config.toml allows 2\.$"):
        scoop.start(3)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[limits]\nmax_workers = 2", "ValueError: there is no section 'limits': did you mean 'Limits'?"),
        ("[Profile.gpu]\nn = 2", "ValueError: there is no section 'Profile': did you mean 'Profiles'?"),
        ("Limits = 2", "ValueError: 'Limits' is no section, but 2"),
        ("[Limits]\nmax_worker = 2", "UserWarning: Config option `max_worker` not recognized"),
        ("[Limits", "TOMLDecodeError"),
    ],
)
def test_toml_that_makes_no_sense_is_named(write: Writer, text: str, complaint: str) -> None:
    file = write(text, name="scoop_config.toml")
    with pytest.raises(BadLimits, match=f"^{re.escape(f'{file} can')}'t be used: {re.escape(complaint)}"):
        read_limits()


def test_jupyter_looks_nowhere_else_than_we_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for settings in (
        {},
        {"JUPYTER_CONFIG_DIR": str(tmp_path)},
        {"JUPYTER_CONFIG_PATH": f"{tmp_path}/a:{tmp_path}/b"},
    ):
        with monkeypatch.context() as changed:
            for name, value in settings.items():
                changed.setenv(name, value)
            assert set(map(Path, jupyter_config_path())) <= set(places())


def test_what_is_different_for_some_users(write: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(
        "c.Limits.max_workers = 2\nc.Limits.max_pools = 1\nc.Limits.users = {'ada': {'max_workers': 16}, 'eve': {}}"
    )
    assert read_limits() == (Cap(16, file), Cap(1, file), None, None)
    monkeypatch.setenv("JUPYTERHUB_USER", "eve")
    assert read_limits() == (Cap(2, file), Cap(1, file), None, None)


def test_without_a_hub_it_is_the_account_that_counts(write: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    import getpass

    monkeypatch.delenv("JUPYTERHUB_USER")
    file = write(f"c.Limits.users = {{{getpass.getuser()!r}: {{'max_workers': 3}}}}")
    assert read_limits().workers == Cap(3, file)


def test_of_several_files_the_strictest_counts_and_for_the_default_the_users_own(write: Writer) -> None:
    system = write("c.Limits.max_workers = 4\nc.Limits.max_pools = 5\nc.Limits.default_workers = 1")
    own = write("c.Limits.max_workers = 100\nc.Limits.max_pools = 2\nc.Limits.default_workers = 3", folder=0)
    assert read_limits() == (Cap(4, system), Cap(2, own), None, 3)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("c.Limits.max_worker = 8", "`max_worker` not recognized.*Did you mean.*max_workers"),
        ("c.Limits.max_workers = 'many'", "TraitError.*max_workers.*int"),
        ("c.Limits.max_workers = 0", "TraitError"),
        ("c.Limits.max_memory = 'much'", "'much' is no size"),
        ("c.Limits.users = {'ada': {'max_pool': 1}}", "`max_pool` not recognized"),
        ("c.Limits.users = {'ada': 5}", "TraitError"),
        ("c.Limits.max_workers = ", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_file_that_makes_no_sense_is_named(write: Writer, text: str, complaint: str) -> None:
    file = write(text)
    with pytest.raises(BadLimits, match=f"^{re.escape(file)} can't be used: .*{complaint}"):
        read_limits()
    with pytest.raises(BadLimits, match=complaint):
        scoop.start(1)


# ---- what comes of it -------------------------------------------------------------------------------------------


def test_a_pool_has_no_more_workers_than_it_may(write: Writer, new_pool: PoolFactory) -> None:
    file = write("c.Limits.max_workers = 2")
    with pytest.raises(OverLimit, match=f"^3 workers are too many for a pool: {re.escape(file)} allows 2\\.$"):
        new_pool(3)
    pool = new_pool(2)
    Path(file).unlink()
    for same in (pool, scoop.connect(pool.name)):
        with pytest.raises(OverLimit, match=f"3 workers .* {re.escape(file)} allows 2"):
            same.scale(3)
        same.scale(1)
        same.scale(2)
        same.close()


def test_who_does_not_say_a_number_gets_what_is_allowed(write: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoop_jupyter.allowance.default_workers", lambda memory: 6)
    for text, n in [("max_workers = 4", 4), ("max_workers = 8", 6), ("default_workers = 5", 5), ("max_pools = 1", 6)]:
        write(f"c.Limits.{text}")
        assert within_limits(None, None, read_limits())[0] == n
    write("c.Limits.default_workers = 5\nc.Limits.max_workers = 4")
    assert within_limits(None, None, read_limits())[0] == 4


def test_an_executor_with_a_pool_of_its_own_is_no_way_around(write: Writer) -> None:
    write("c.Limits.max_workers = 1")
    with pytest.raises(OverLimit, match="2 workers"):
        futures.Executor(2)
    with futures.Executor() as executor:
        assert executor.size == 1


def test_a_user_has_no_more_pools_than_allowed(write: Writer, new_pool: PoolFactory) -> None:
    file = write("c.Limits.max_pools = 1")
    first = new_pool(0, "mine")
    with pytest.raises(OverLimit, match=f"1 pools already \\('mine'\\), and {re.escape(file)} allows 1 at a time"):
        new_pool(0)
    first.stop()
    new_pool(0)


def test_a_worker_has_no_more_memory_than_allowed(write: Writer) -> None:
    file = write("c.Limits.max_memory = '1GiB'")
    allowed = read_limits()
    assert within_limits(1, None, allowed)[1] == 2**30
    assert within_limits(1, "500MB", allowed)[1] == 500_000_000
    complaint = f"^2048 MiB are too much memory for a worker: {re.escape(file)} allows 1024 MiB.$"
    with pytest.raises(OverLimit, match=complaint):
        scoop.start(1, memory_limit="2GiB")


def test_more_memory_for_each_worker_means_fewer_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEM_LIMIT", str(2**30))
    assert within_limits(None, "700MiB", NOTHING)[0] == 1


def test_programs_have_no_more_workers_than_allowed(write: Writer, capsys: pytest.CaptureFixture[str]) -> None:
    file = write("c.Limits.max_workers = 1")
    assert parse(["program.py"]).hosts == [("localhost", 1)]
    with pytest.raises(SystemExit):
        parse(["-n", "2", "program.py"])
    assert capsys.readouterr().err == (f"python -m scoop: 2 workers are too many for a pool: {file} allows 1.\n")


@pytest.mark.parametrize("line", ["start -n 3", "scale 3"])
def test_magics_say_it_in_one_line(
    line: str, new_kernel: Callable[[], Kernel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "scoop_config.py"
    file.write_text("c.Limits.max_workers = 1")
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path))
    expected = f"UsageError: %scoop {line.split()[0]}: 3 workers are too many for a pool: {file} allows 1.\n"
    assert new_kernel().run(f"%scoop {line}").text("stderr") == expected
