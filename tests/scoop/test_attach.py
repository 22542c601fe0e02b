"""Pools that are reached through a remote shell, which here is one of this host. (See tests/cluster for others.)"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time

import psutil
import pytest

import scoop
from scoop import BrokerLost, NoSuchPool, StartFailed, futures
from scoop_core import attach, versions
from scoop_core.config import SILENCE_SECONDS, Connection
from scoop_core.current import current
from scoop_core.files import connection_file, write_connection
from tests.conftest import PoolFactory
from tests.scoop import tasks
from tests.scoop.running import running
from tests.waiting import eventually


def relays() -> list[psutil.Process]:
    """The processes of all ways there, from here."""
    return [child for child in psutil.Process().children() if "scoop_core.relay" in " ".join(child.cmdline())]


def test_a_pool_is_used_through_a_shell(shell: str, new_pool: PoolFactory) -> None:
    pool = new_pool(2, "mine")
    guest = scoop.connect("ssh://anywhere/mine", command=shell)
    assert guest.client is current.engine and guest.name == "mine"
    assert list(futures.map(tasks.square, range(100))) == [x * x for x in range(100)]
    data = os.urandom(5_000_000)
    assert futures.submit(tasks.add, data, b"!").result() == data + b"!"
    assert futures.submit(bytearray.upper, bytearray(data)).result() == data.upper()
    guest.close()
    assert not relays() and pool.alive


def test_a_way_ends_with_the_pool_and_says_so(shell: str, new_pool: PoolFactory) -> None:
    pool = new_pool(1, "mine")
    guest = scoop.connect("ssh://anywhere/mine", command=shell)
    future = futures.submit(time.sleep, 60)
    pool.stop()
    with pytest.raises(BrokerLost, match=r"The pool 'mine' on anywhere is gone"):
        future.result(20)
    assert not guest.alive
    guest.close()


@pytest.mark.parametrize("victim", ["shell", "relay"])
def test_a_way_that_is_killed_is_told(shell: str, new_pool: PoolFactory, victim: str) -> None:
    pool = new_pool(1, "mine")
    guest = scoop.connect("ssh://anywhere/mine", command=shell)
    future = futures.submit(time.sleep, 60)
    (relay,) = relays()
    (relay if victim == "relay" else relay.children()[0]).kill()
    with pytest.raises(
        BrokerLost, match=r"The ssh connection to the pool 'mine' on anywhere is lost: (?!.*welcome).* connect again"
    ):
        future.result(20)
    guest.close()
    eventually(lambda: not any(worker["state"] == "busy" for worker in pool.workers), 10)


def test_a_way_ends_with_its_program(shell: str, new_pool: PoolFactory) -> None:
    pool = new_pool(1, "mine")
    code = f"import scoop; scoop.connect('ssh://anywhere/mine', command={shell!r}); print('there'); input()"
    with running("-c", code) as guest:
        assert guest.line() == "there"
        (relay,) = psutil.Process(guest.pid).children()
        there = relay.children(recursive=True)
        assert there
        guest.process.kill()
        eventually(lambda: not any(map(psutil.Process.is_running, [relay, *there])), 10)
    with running("-c", code) as guest:
        assert guest.line() == "there"
        guest.tell("")
        assert guest.end() == (0, "", "")
    assert pool.alive


def test_an_interrupt_of_the_program_is_none_of_the_way(shell: str, new_pool: PoolFactory) -> None:
    new_pool(2, "mine")
    code = f"""
import scoop
scoop.connect('ssh://anywhere/mine', command={shell!r})
future = scoop.futures.submit(__import__("time").sleep, 60)
try:
    print("there")
    future.result()
except KeyboardInterrupt:
    print(scoop.futures.submit(abs, -1).result())
"""
    with running("-c", code) as guest:
        assert guest.line() == "there"
        os.killpg(guest.pid, signal.SIGINT)
        assert guest.end() == (0, "1\n", "")


@pytest.mark.parametrize(
    ("command", "error", "said"),
    [
        ("", NoSuchPool, r"anywhere: No pool 'none' runs here \(running: .*'mine'"),
        ("no-such-shell", StartFailed, "'no-such-shell' can't be run: No such file"),
        ("sh -c 'echo not you >&2; exit 5' sh", StartFailed, "on anywhere by ssh: not you$"),
        ("sh -c 'exit 5' sh", StartFailed, "ssh ended with status 5"),
        ("sh -c 'echo The python is out' sh", StartFailed, "The python is out.*Say which Python"),
    ],
)
def test_a_way_that_leads_nowhere_says_why(
    shell: str, new_pool: PoolFactory, command: str, error: type[Exception], said: str
) -> None:
    new_pool(0, "mine")
    with pytest.raises(error, match=said.replace("$", r"\.")):
        scoop.connect("ssh://anywhere/none", command=command or shell)
    assert not relays()


def test_top_shows_a_pool_through_a_shell(shell: str, new_pool: PoolFactory) -> None:
    new_pool(1, "mine")
    line = f"scoop top --once ssh://anywhere/mine --ssh-executable {shell}"
    done = subprocess.run([sys.executable, "-m", *shlex.split(line)], capture_output=True, text=True)
    assert done.stdout.startswith("Pool 'mine' on ") and "w0" in done.stdout and done.stderr == ""


def test_the_name_of_a_pool_of_another_host_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    there = Connection("1", "theirs", "ipc:///x", "", "", 1, host="there", remote="tcp://10.0.0.5:4")
    monkeypatch.setattr(attach, "reach", lambda address, seconds: None)
    write_connection(there)
    try:
        with pytest.raises(ValueError, match="there is a pool 'theirs' on there already"):
            scoop.start(0, "theirs")
        assert "theirs" in scoop.pools()
    finally:
        connection_file("theirs").unlink()


def test_who_runs_another_python_may_look_but_not_submit(
    shell: str, new_pool: PoolFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = new_pool(1, "mine")
    monkeypatch.setattr(versions, "PYTHON", "2.7")
    for name in ("mine", "ssh://anywhere/mine"):
        with pytest.raises(StartFailed, match=r"Python is 2\.7 here, and 3\.\d+ in the pool"):
            scoop.connect(name, command=shell)
        seen = attach.attach(name, [shell])
        assert seen.picture()["pool"]["name"] == "mine"
        seen.close()
    assert current.engine is pool.client and not relays()


def test_a_program_that_holds_the_interpreter_for_long_keeps_its_way(shell: str, new_pool: PoolFactory) -> None:
    new_pool(1, "mine")
    code = f"""
import ctypes, scoop
scoop.connect('ssh://anywhere/mine', command={shell!r})
results = scoop.futures.map(abs, range(1000))
ctypes.PyDLL(None).sleep({SILENCE_SECONDS + 2:.0f})
print(sum(results), scoop.futures.submit(abs, -1).result())
"""
    with running("-c", code) as guest:
        assert guest.end(SILENCE_SECONDS + 20) == (0, "499500 1\n", "")
