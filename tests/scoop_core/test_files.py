"""The files of a pool: for the owner only, found by others, and removed with the pool."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import msgspec
import pytest

from scoop_core import files
from scoop_core.config import Connection, Secrets
from scoop_core.files import (
    connection_file,
    is_running,
    new_folder,
    new_shelf,
    read_connection,
    remove_pool,
    running_pools,
    runtime_folder,
    write_connection,
)


def mode(path: str | Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime folder of this test's own."""
    folder = tmp_path / "runtime"
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder))
    return folder


def pool(folder: Path, name: str = "p", identity: str = "1", address: str = "") -> Connection:
    """A pool with a folder and a shelf, and nobody in it."""
    for part in ("folder", "shelf"):
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part / "file").touch()
    address = address or f"ipc://{folder}/folder/none"
    secrets = Secrets("a", "b", "c")
    return Connection(identity, name, address, str(folder / "folder"), str(folder / "shelf"), 1, secrets)


# ---- where -----------------------------------------------------------------------------------------------------


def test_the_runtime_folder_is_jupyters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert runtime_folder() == tmp_path / "runtime"
    monkeypatch.delenv("JUPYTER_RUNTIME_DIR")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    assert runtime_folder() == tmp_path / "data" / "runtime"
    monkeypatch.delenv("JUPYTER_DATA_DIR")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert runtime_folder() == tmp_path / "xdg" / "jupyter" / "runtime"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert runtime_folder() == tmp_path / "home" / ".local" / "share" / "jupyter" / "runtime"
    monkeypatch.setattr("sys.platform", "darwin")
    assert runtime_folder() == tmp_path / "home" / "Library" / "Jupyter" / "runtime"


def test_a_new_runtime_folder_is_for_its_owner_only() -> None:
    previous = os.umask(0)
    try:
        assert mode(runtime_folder()) == 0o700
    finally:
        os.umask(previous)


def test_a_pools_folder_is_for_its_owner_only_and_short_enough_for_a_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("long" * 30)))
    os.mkdir(tmp_path / ("long" * 30))
    folders = {new_folder(), new_folder()}
    try:
        assert len(folders) == 2
        for folder in folders:
            assert mode(folder) == 0o700
            assert len(f"{folder}/socket-of-the-broker") < files.SOCKET_PATH
    finally:
        for folder in folders:
            os.rmdir(folder)


def test_a_shelf_is_for_its_owner_only() -> None:
    shelf = new_shelf("/nowhere")
    try:
        assert mode(shelf) == 0o700
    finally:
        os.rmdir(shelf)


def test_without_shared_memory_the_shelf_is_in_the_pools_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "shared_memory", lambda: None)
    assert new_shelf(str(tmp_path)) == str(tmp_path / "shelf")
    assert mode(tmp_path / "shelf") == 0o700


# ---- connection files ------------------------------------------------------------------------------------------


def test_a_connection_file_is_read_as_it_was_written_and_by_its_owner_only(tmp_path: Path) -> None:
    connection = pool(tmp_path, "mine")
    previous = os.umask(0)
    try:
        write_connection(connection)
    finally:
        os.umask(previous)
    path = connection_file("mine")
    assert path.name == "scoop-mine.json"
    assert mode(path) == 0o600
    assert read_connection(path) == connection


def test_a_connection_file_that_others_could_read_is_replaced(tmp_path: Path) -> None:
    path = connection_file("p")
    path.touch(0o666)
    before = path.open()
    with before:
        write_connection(pool(tmp_path))
        assert before.read() == "", "who had it open sees nothing"
    assert mode(path) == 0o600


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"id": 1}', b"\xff\xfe", None])
def test_what_is_no_connection_file_is_no_pool(content: bytes | None) -> None:
    path = connection_file("p")
    if content is not None:
        path.write_bytes(content)
    assert read_connection(path) is None
    assert running_pools() == []


# ---- pools that run, and pools that don't ----------------------------------------------------------------------


def test_only_pools_that_run_are_found_and_what_dead_ones_left_is_removed(tmp_path: Path) -> None:
    dead = pool(tmp_path / "dead", "a-dead", "1")
    alive = pool(tmp_path / "alive", "b-alive", "2", f"ipc://{tmp_path}/s")
    write_connection(dead)
    write_connection(alive)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(f"{tmp_path}/s")
        listener.listen()
        assert running_pools() == [alive]
        assert not connection_file("a-dead").exists()
        assert not Path(dead.folder).exists()
        assert not Path(dead.shelf).exists()
        assert Path(alive.folder, "file").exists()
    assert running_pools() == []
    assert not connection_file("b-alive").exists()


@pytest.mark.parametrize("address", ["", "ipc://", "tcp://127.0.0.1:1", "ipc://" + "x" * 200])
def test_an_address_that_leads_nowhere_is_no_running_pool(address: str) -> None:
    assert not is_running(Connection("1", "p", address, "", "", 1))


def test_a_pool_does_not_remove_the_file_of_another_that_took_its_name(tmp_path: Path) -> None:
    old, new = pool(tmp_path / "old", "p", "1"), pool(tmp_path / "new", "p", "2")
    write_connection(old)
    write_connection(new)
    remove_pool(old)
    assert read_connection(connection_file("p")) == new
    assert not Path(old.folder).exists()
    remove_pool(new)
    assert not connection_file("p").exists()
    remove_pool(new)


def test_secrets_are_in_the_connection_file_and_nowhere_else(tmp_path: Path) -> None:
    write_connection(pool(tmp_path))
    holders = [path for path in tmp_path.rglob("*") if path.is_file() and b'"client_secret"' in path.read_bytes()]
    assert holders == [connection_file("p")]
    assert msgspec.json.decode(holders[0].read_bytes())["secrets"]["client_secret"] == "c"


def test_pools_of_another_host_that_shares_the_home_are_let_be(tmp_path: Path) -> None:
    here, there = pool(tmp_path, "here", "1"), pool(tmp_path, "there", "2")
    write_connection(msgspec.structs.replace(here, host=socket.gethostname()))
    write_connection(msgspec.structs.replace(there, host="elsewhere"))
    assert running_pools() == []
    assert [path.name for path in runtime_folder().iterdir()] == ["scoop-there.json"]
