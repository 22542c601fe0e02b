"""Which pools of other hosts can be reached, and what is said of the others."""

from __future__ import annotations

import socket
from pathlib import Path

import msgspec
import pytest

from scoop_core import attach as module
from scoop_core.attach import attach, check, is_for_others, seen_from_elsewhere, usable_elsewhere
from scoop_core.config import Connection, Secrets
from scoop_core.errors import NoSuchPool, StartFailed
from scoop_core.files import find, write_connection
from scoop_core.versions import PYTHON
from tests.scoop_core.test_network import NOBODYS

THERE = Connection(
    "1",
    "work",
    "ipc:///x",
    "/folder",
    "/shelf",
    1,
    Secrets("a", "b", "c"),
    host="there",
    remote="tcp://10.0.0.5:4000",
)


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))


def at(remote: str, name: str = "work") -> Connection:
    return msgspec.structs.replace(THERE, remote=remote, name=name, id=name)


@pytest.mark.parametrize(
    ("remote", "others"),
    [("tcp://10.0.0.5:4", True), ("tcp://[fe80::1]:4", True), ("tcp://127.0.0.1:4", False), ("tcp://[::1]:4", False),
     ("", False)],
)  # fmt: skip
def test_a_pool_is_for_others_if_its_address_is(remote: str, others: bool) -> None:
    assert is_for_others(at(remote)) is others


@pytest.mark.parametrize("remote", ["", "tcp://127.0.0.1:4"])
def test_a_pool_for_its_own_host_says_how_to_get_there(remote: str) -> None:
    with pytest.raises(StartFailed, match=r"of its own host only, there, .*ssh://there/work"):
        seen_from_elsewhere(at(remote))


def test_a_pool_that_does_not_answer_is_told_with_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REACH_SECONDS", 0.1)
    with pytest.raises(StartFailed, match=rf"can't be reached at tcp://{NOBODYS}:4000 .*ssh://there/work"):
        seen_from_elsewhere(at(f"tcp://{NOBODYS}:4000"))


def test_from_elsewhere_a_pool_has_neither_socket_nor_shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "reach", lambda address, seconds: None)
    seen = seen_from_elsewhere(THERE)
    assert seen.away and (seen.address, seen.folder, seen.shelf) == ("", "", "")
    assert (seen.remote, seen.secrets) == (THERE.remote, THERE.secrets)


def test_another_python_is_refused() -> None:
    check(msgspec.structs.replace(THERE, versions={"Python": PYTHON}))
    with pytest.raises(
        StartFailed, match=rf"'work' is not for this program: Python is {PYTHON} here, and 2\.7 in the pool"
    ):
        check(msgspec.structs.replace(THERE, versions={"Python": "2.7"}))


def test_only_pools_that_answer_are_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert usable_elsewhere() == []
    monkeypatch.setattr(module, "is_for_others", lambda connection: True)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as closed:
        alive = at(f"tcp://127.0.0.1:{server.getsockname()[1]}", "alive")
        dead = at(f"tcp://127.0.0.1:{closed.getsockname()[1]}", "dead")
        closed.close()
        for connection in (alive, dead):
            write_connection(connection)
        assert usable_elsewhere() == [alive]


def test_a_name_is_looked_for_on_other_hosts_if_it_is_not_here() -> None:
    write_connection(THERE)
    assert find("work") == THERE
    for name in (None, "other"):
        with pytest.raises(NoSuchPool, match=r"runs here \(running: none; of other hosts: 'work' on there\)\."):
            find(name)


def test_a_url_that_is_none_is_refused_before_anything_is_started() -> None:
    with pytest.raises(NoSuchPool, match="leads to no pool"):
        attach("ssh://")
