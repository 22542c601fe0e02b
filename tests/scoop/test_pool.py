"""Starting, changing, sharing and ending pools."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy
import psutil
import pytest
import zmq

import scoop
from scoop import BrokerLost, NoSuchPool, NotStarted, Pool, StartFailed, futures, shared
from scoop_core import messages as m
from scoop_core.client import Client
from scoop_core.current import current
from scoop_core.files import read_connection
from scoop_core.hosts import cpus, default_workers
from scoop_core.processes import is_alive
from scoop_core.threads import VARIABLES
from tests.conftest import PoolFactory, at_rest
from tests.scoop import tasks
from tests.scoop.running import run, running
from tests.waiting import eventually


def pids(pool: Pool) -> set[int]:
    return {row["pid"] for row in pool.workers}


# ---- start and stop ---------------------------------------------------------------------------------------------


def test_a_pool_has_a_row_for_each_worker(new_pool: PoolFactory) -> None:
    rows = new_pool(3).workers
    assert [row["name"] for row in rows] == ["w0", "w1", "w2"]
    assert [row["state"] for row in rows] == ["idle"] * 3
    assert all(row["host"] == socket.gethostname() and row["task"] is None for row in rows)
    assert all(psutil.pid_exists(row["pid"]) for row in rows)
    assert len({row["pid"] for row in rows}) == 3


def test_rows_tell_what_workers_do(new_pool: PoolFactory, tmp_path: Path) -> None:
    pool = new_pool(1)
    future = futures.submit(tasks.hold, tmp_path)
    eventually(lambda: tasks.begun(tmp_path))
    row = pool.workers[0]
    assert row["task"] == "hold" and row["state"] == "busy" and row["done"] == 0
    (tmp_path / "go").touch()
    future.result()
    eventually(lambda: pool.workers[0]["done"] == 1)
    assert pool.workers[0]["task"] is None


def test_the_with_block_ends_the_pool() -> None:
    with scoop.start(1, "a-block") as pool:
        assert pool.name == "a-block" and pool.alive
        assert "a-block" in repr(pool) and "1 worker" in repr(pool)
        assert scoop.IS_RUNNING and scoop.SIZE == 1 and scoop.IS_ORIGIN
        assert futures.submit(tasks.inc, 1).result() == 2
    assert not pool.alive and "stopped" in repr(pool)
    assert not scoop.IS_RUNNING and current.engine is None
    with pytest.raises(NotStarted):
        futures.submit(tasks.inc, 1)
    with pytest.raises(BrokerLost):
        print(pool.workers)
    pool.stop()


def test_the_with_block_ends_the_pool_when_it_raises() -> None:
    with pytest.raises(LookupError), scoop.start(1) as pool:
        raise LookupError
    assert not pool.alive


def test_the_default_size_is_what_this_process_may_use(
    new_pool: PoolFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(new_pool(None).workers) == default_workers()
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    assert len(new_pool(None).workers) == 1


def test_a_pool_without_workers_waits_for_some(new_pool: PoolFactory) -> None:
    pool = new_pool(0)
    future = futures.submit(tasks.inc, 1)
    with pytest.raises(TimeoutError):
        future.result(timeout=0.05)
    pool.scale(1)
    assert future.result(timeout=10) == 2


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "a b", "é/", "x" * 300, "a\0b", "-" * 3])
def test_names_that_are_no_file_names(name: str) -> None:
    with pytest.raises(ValueError, match=r"can't name a pool"):
        scoop.start(1, name)


def test_a_name_can_be_taken_once(new_pool: PoolFactory) -> None:
    first = new_pool(1, "taken")
    with pytest.raises(ValueError, match="'taken' already"):
        scoop.start(1, "taken")
    assert current.engine is first.client
    assert futures.submit(tasks.inc, 1).result() == 2
    first.stop()
    assert new_pool(1, "taken").workers


def test_a_negative_size_is_refused(new_pool: PoolFactory) -> None:
    with pytest.raises(ValueError, match="-1 workers"):
        scoop.start(-1)
    pool = new_pool(1)
    with pytest.raises(ValueError, match="-1 workers"):
        pool.scale(-1)
    assert len(pool.workers) == 1


def test_modules_can_be_preloaded(new_pool: PoolFactory) -> None:
    new_pool(1, preload=["json.tool"])
    assert futures.submit(lambda: "json.tool" in __import__("sys").modules).result()


def test_numpy_is_preloaded_if_the_program_has_it(new_pool: PoolFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    new_pool(1)
    assert futures.submit(lambda: "numpy" in __import__("sys").modules).result()


def test_libraries_of_all_workers_together_start_a_thread_for_each_cpu(
    new_pool: PoolFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    new_pool(cpus())

    def seen(_: int) -> tuple[str, ...]:
        return tuple(os.environ[name] for name in VARIABLES)

    expected = tuple("7" if name == "MKL_NUM_THREADS" else "1" for name in VARIABLES)
    assert set(futures.map(seen, range(10))) == {expected}


def test_a_start_that_fails_says_so_and_leaves_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StartFailed, match="could not be started"):
        scoop.start(1, preload=["no_such_module_anywhere"])
    assert "no_such_module_anywhere" in capfd.readouterr().err


def test_a_program_that_forgets_its_pool_leaves_nothing() -> None:
    done = run("-c", "import scoop; scoop.start(2); print(list(scoop.futures.map(abs, [-1])))")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[1]\n", "")


def test_what_a_task_finds_around_it(new_pool: PoolFactory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "neighbour.py").write_text("here = True")
    new_pool(1)

    def look() -> tuple[str, str, bool]:
        import neighbour  # type: ignore[import-not-found]

        return os.getcwd(), sys.stdin.read(), neighbour.here

    assert futures.submit(look).result() == (str(tmp_path), "", True)


def test_no_process_of_a_pool_has_tokens_of_jupyter(new_pool: PoolFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JUPYTERHUB_API_TOKEN", "JUPYTERHUB_OTHER_TOKEN_FILE", "JPY_API_TOKEN", "JUPYTER_TOKEN"):
        monkeypatch.setenv(name, "top secret")
    monkeypatch.setenv("JUPYTERHUB_USER", "ada")
    pool = new_pool(1)
    assert pool._process is not None
    first = psutil.Process(pool._process.pid)
    environments = [process.environ() for process in [first, *first.children(recursive=True)]]
    assert len(environments) == 4 and all(e["JUPYTERHUB_USER"] == "ada" for e in environments)
    assert [name for e in environments for name, value in e.items() if value == "top secret"] == []
    assert "top secret" not in futures.submit(lambda: list(os.environ.values())).result()


def test_files_of_a_pool_are_for_its_owner_only(new_pool: PoolFactory) -> None:
    pool = new_pool(1)
    connection = pool.client.connection
    array = numpy.zeros(100_000)
    future = futures.submit(time.sleep, 60)
    shared.setConst(array=array)

    def mode(path: str | Path) -> int:
        return stat.S_IMODE(os.stat(path).st_mode)

    assert mode(connection.folder) == mode(connection.shelf) == 0o700
    assert mode(pool.connection_file) == 0o600
    shelved = list(Path(connection.shelf).iterdir())
    assert shelved and all(mode(path) == 0o600 for path in shelved)
    assert connection.address == f"ipc://{connection.folder}/broker"
    future.cancel()


# ---- scaling ----------------------------------------------------------------------------------------------------


def test_scale_up_keeps_and_scale_down_retires(new_pool: PoolFactory) -> None:
    pool = new_pool(1)
    first = pids(pool)
    pool.scale(3)
    assert len(pool.workers) == 3 and first < pids(pool)
    pool.scale(1)
    eventually(lambda: len(pool.workers) == 1)
    assert futures.submit(tasks.inc, 1).result() == 2
    pool.scale(0)
    eventually(lambda: pool.workers == [])
    future = futures.submit(tasks.inc, 1)
    pool.scale(2)
    assert future.result(timeout=10) == 2


def count(folder: Path, number: int) -> int:
    """Note each time that it runs."""
    os.close(os.open(folder / f"{number}-{time.monotonic_ns()}", os.O_CREAT | os.O_EXCL))
    time.sleep(0.01)
    return number


def nested_count(folder: Path, number: int) -> int:
    return sum(futures.map(count, [folder] * 4, [10 * number + k for k in range(4)]))


def test_nothing_is_lost_and_nothing_runs_twice_while_the_size_changes(new_pool: PoolFactory, tmp_path: Path) -> None:
    pool = new_pool(2)
    results = futures.map(count, [tmp_path] * 100, range(100))
    single = [futures.submit(count, tmp_path, number) for number in range(100, 150)]
    for n in (4, 1, 3, 1):
        pool.scale(n)
    assert list(results) == list(range(100))
    assert [future.result() for future in single] == list(range(100, 150))
    assert sorted(int(path.name.split("-")[0]) for path in tmp_path.iterdir()) == list(range(150))
    eventually(lambda: at_rest(pool, 1))


def slow_count(folder: Path, number: int) -> None:
    count(folder, number)
    time.sleep(0.5)


def test_who_asks_is_told_of_what_was_submitted_just_before(new_pool: PoolFactory) -> None:
    client = new_pool(2).client
    held = [futures.submit(time.sleep, 60) for _ in range(2)]
    eventually(lambda: client.picture(client.run)["tasks"]["running"] == 2)
    for count in range(5, 30, 5):  # while others are under way, calls wait a moment for those that come next
        held += [futures.submit(time.sleep, 60) for _ in range(5)]
        assert client.picture(client.run)["tasks"]["queued"] == count
    for future in held:
        future.cancel()


def test_the_last_outcome_of_a_worker_that_retires_is_heard_before_its_end(
    new_pool: PoolFactory, tmp_path: Path
) -> None:
    pool = new_pool(2)
    pending = [futures.submit(slow_count, tmp_path, number) for number in range(2)]
    eventually(lambda: len(list(tmp_path.iterdir())) == 2)
    before = pids(pool)
    broker = pool.client.picture()["pool"]["pid"]
    pool.client.link.send(m.Scale(1))
    pool.client.picture()  # the broker has told one of them
    os.kill(broker, signal.SIGSTOP)
    try:  # both come to it at once
        eventually(lambda: not all(map(is_alive, before)))
        time.sleep(0.2)  # nothing tells when the agent has passed it on
    finally:
        os.kill(broker, signal.SIGCONT)
    assert [future.result() for future in pending] == [None, None]
    assert len(list(tmp_path.iterdir())) == 2


def test_workers_that_retire_finish_what_waits_on_them(new_pool: PoolFactory, tmp_path: Path) -> None:
    pool = new_pool(3)
    results = futures.map(nested_count, [tmp_path] * 20, range(20))
    pool.scale(1)
    assert list(results) == [sum(10 * number + k for k in range(4)) for number in range(20)]
    expected = sorted(10 * number + k for number in range(20) for k in range(4))
    assert sorted(int(path.name.split("-")[0]) for path in tmp_path.iterdir()) == expected
    eventually(lambda: at_rest(pool, 1))


def test_restart_cancels_all_and_replaces_all(new_pool: PoolFactory, tmp_path: Path) -> None:
    pool = new_pool(2)
    before = pids(pool)
    pending = [futures.submit(tasks.sleep, tmp_path) for _ in range(5)]
    results = futures.map(time.sleep, [60] * 5)
    eventually(lambda: tasks.begun(tmp_path))
    pool.restart()
    assert at_rest(pool, 2) and not pids(pool) & before
    assert all(future.cancelled() for future in pending)
    with pytest.raises(futures.CancelledError):
        list(results)
    assert list(futures.map(tasks.inc, range(10))) == list(range(1, 11))


def test_somebody_else_may_cancel_all_that_runs_here(new_pool: PoolFactory, tmp_path: Path) -> None:
    pool = new_pool(2)
    before = pids(pool)
    somebody = Client(pool.client.connection)
    somebody.connect()
    try:
        assert list(futures.map(tasks.inc, range(3))) == [1, 2, 3]
        nested = futures.submit(list_of_sleeps, tmp_path)
        eventually(lambda: tasks.begun(tmp_path))
        somebody.halt()
        with pytest.raises(futures.CancelledError):
            nested.result(timeout=10)
        eventually(lambda: at_rest(pool, 2))
        assert pids(pool) == before, "the workers stay"
        assert list(futures.map(tasks.inc, range(10))) == list(range(1, 11)), "what comes later is not meant"
    finally:
        somebody.close()


def list_of_sleeps(folder: Path) -> None:
    list(futures.map(tasks.sleep, [folder] * 5))


# ---- several programs -------------------------------------------------------------------------------------------


CONNECT = """
import sys, scoop
from scoop import futures
from tests.scoop import tasks
pool = scoop.connect(*sys.argv[1:])
print(pool.name, len(pool.workers), list(futures.map(tasks.square, range(4))), futures.submit(tasks.pid).result())
"""


def test_another_program_connects_by_name_by_file_and_without_either(new_pool: PoolFactory) -> None:
    pool = new_pool(1, "mine")
    for arguments in (["mine"], [str(pool.connection_file)], []):
        done = run("-c", CONNECT, *arguments)
        assert done.stdout == f"mine 1 [0, 1, 4, 9] {pool.workers[0]['pid']}\n", done.stderr
        assert (done.returncode, done.stderr) == (0, "")
    assert futures.submit(tasks.inc, 1).result() == 2, "it goes on when they leave"


def test_connect_within_this_program(new_pool: PoolFactory) -> None:
    pool = new_pool(1)
    mine = current.engine
    other = scoop.connect(pool.connection_file)
    assert current.engine is other.client and other.client is not mine
    assert futures.submit(tasks.inc, 1).result() == 2
    other.close()
    assert pool.alive and current.engine is None
    assert len(pool.workers) == 1


def test_who_has_left_leaves_no_trace_in_the_broker(new_pool: PoolFactory) -> None:
    pool = new_pool(1)
    broker = psutil.Process(pool.client.picture()["pool"]["pid"])

    def come_and_go() -> None:
        visitor = scoop.connect(pool.name)
        assert futures.submit(tasks.inc, 1).result() == 2
        visitor.close()

    come_and_go()
    before = eventually(lambda: broker.num_fds())
    for _ in range(5):
        come_and_go()
    eventually(lambda: broker.num_fds() <= before)
    current.engine = pool.client
    assert futures.submit(tasks.inc, 1).result() == 2


def test_whoever_is_connected_can_stop_the_pool(new_pool: PoolFactory) -> None:
    pool = new_pool(1)
    future = futures.submit(time.sleep, 60)
    scoop.connect(pool.name).stop()
    with pytest.raises(BrokerLost):
        future.result(timeout=5)
    assert not pool.alive
    assert scoop.pools() == []


def test_pools_are_listed_and_found(new_pool: PoolFactory) -> None:
    assert scoop.pools() == []
    with pytest.raises(NoSuchPool, match=r"No pool runs here \(running: none\)"):
        scoop.connect()
    first, second = new_pool(0, "b"), new_pool(0, "a")
    assert scoop.pools() == ["a", "b"]
    with pytest.raises(NoSuchPool, match="Several pools"):
        scoop.connect()
    with pytest.raises(NoSuchPool, match=r"'c' runs here \(running: 'a', 'b'\)"):
        scoop.connect("c")
    second.stop()
    assert scoop.pools() == ["b"]
    other = scoop.connect()
    assert other.name == first.name
    other.close()


def test_a_file_that_is_no_connection_file(tmp_path: Path, new_pool: PoolFactory) -> None:
    pool = new_pool(0)
    old = tmp_path / "old.json"
    old.write_bytes(pool.connection_file.read_bytes())
    pool.stop()
    (tmp_path / "garbage.json").write_text("{")
    for path in (tmp_path / "none.json", tmp_path / "garbage.json", old):
        with pytest.raises(NoSuchPool, match="no connection file of a running pool"):
            scoop.connect(str(path))


OTHER_ROOT = """
import sys, scoop
from scoop import futures
from tests.scoop import tasks
scoop.connect()
print("connected")
input()
print(list(futures.map(tasks.square, range(20))))
input()
"""


def test_two_roots_get_fair_shares(new_pool: PoolFactory, tmp_path: Path) -> None:
    new_pool(2)
    with running("-c", OTHER_ROOT) as other:
        assert other.line() == "connected"
        results = futures.map(time.sleep, [0.02] * 500)
        next(results)
        other.tell("go")
        assert other.line() == str([x * x for x in range(20)])
        mine = futures.submit(tasks.hold, tmp_path)
        assert not mine.done(), "the other one had not to wait for all that came before"
        mine.cancel()
        results.job.drop()
        other.tell("end")
        assert other.end() == (0, "", "")


def test_prints_go_to_the_root_that_they_belong_to(new_pool: PoolFactory, capsys: pytest.CaptureFixture[str]) -> None:
    new_pool(1)
    done = run("-c", "import scoop; scoop.connect(); scoop.futures.submit(print, 'theirs').result()")
    assert done.stdout == "[w0] theirs\n"
    futures.submit(print, "mine").result()
    assert eventually(lambda: capsys.readouterr().out) == "[w0] mine\n"


def test_tasks_of_a_root_that_is_killed_are_cancelled(new_pool: PoolFactory, tmp_path: Path) -> None:
    pool = new_pool(2)
    code = f"""
import pathlib, scoop
from tests.scoop import tasks
scoop.connect()
results = scoop.futures.map(tasks.sleep, [pathlib.Path({str(tmp_path)!r})] * 10)
input()
"""
    with running("-c", code) as other:
        eventually(lambda: len(tasks.begun(tmp_path)) == 2, 20)
        other.process.kill()
    eventually(lambda: at_rest(pool, 2))
    assert futures.submit(tasks.inc, 1).result() == 2


@pytest.mark.parametrize("tcp", [False, True], ids=["ipc", "tcp"])
def test_what_dead_pools_left_behind_is_removed(tcp: bool) -> None:
    code = f"import os, scoop; p = scoop.start(1, 'dead', tcp={tcp}); print(p._process.pid); input()"
    with running("-c", code) as root:
        first = psutil.Process(int(root.line()))
        processes = [first, *first.children()]
        for process in processes:
            process.suspend()  # nobody cleans up
        for process in processes:
            process.kill()
        root.process.kill()
    eventually(lambda: not any(process.is_running() for process in processes))
    assert scoop.pools() == []
    with scoop.start(0, "dead"):
        assert scoop.pools() == ["dead"]


# ---- how it behaves ---------------------------------------------------------------------------------------------


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """CPU seconds that all threads of some processes have used, to the nanosecond."""
    files = [path for p in processes for path in Path(f"/proc/{p.pid}/task").glob("*/schedstat")]
    return sum(int(path.read_text().split()[0]) for path in files) / 1e9


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="there is no finer clock than 10 ms here")
def test_an_idle_pool_uses_next_to_no_cpu(new_pool: PoolFactory) -> None:
    pool = new_pool(2)
    list(futures.map(tasks.leaves, [3] * 10))
    assert pool._process is not None
    first = psutil.Process(pool._process.pid)
    processes = [first, *first.children(), psutil.Process()]
    eventually(lambda: at_rest(pool, 2))
    began, used = time.monotonic(), cpu_seconds(processes)
    time.sleep(3)  # nothing is waited for: this is what is measured
    share = (cpu_seconds(processes) - used) / (time.monotonic() - began)
    assert share < 0.01, f"{share:.1%} of a CPU"


# ---- TCP --------------------------------------------------------------------------------------------------------


def test_a_pool_on_tcp(new_pool: PoolFactory, capsys: pytest.CaptureFixture[str]) -> None:
    pool = new_pool(2, tcp=True)
    assert list(futures.map(tasks.leaves, range(6))) == [2**depth for depth in range(6)]
    connection = read_connection(pool.connection_file)
    assert connection is not None and connection.secrets is not None
    assert connection.remote.startswith("tcp://127.0.0.1:")
    done = run("-c", CONNECT, pool.name)
    assert done.stdout.startswith(f"{pool.name} 2 [0, 1, 4, 9]"), done.stderr
    away = Client(msgspec.structs.replace(connection, address=""))
    away.connect()
    assert list(away.map(tasks.inc, [range(100)])) == list(range(1, 101))
    away.close()
    assert list(futures.map(tasks.inc, range(3))) == [1, 2, 3]
    pool.stop()
    captured = capsys.readouterr()
    assert captured.err == ""


@pytest.mark.parametrize("keys", ["none", "others"])
def test_nobody_without_the_keys_gets_in(new_pool: PoolFactory, keys: str) -> None:
    pool = new_pool(1, tcp=True)
    connection = pool.client.connection
    assert connection.secrets is not None
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.linger = stranger.sndtimeo = 0
        if keys == "others":
            stranger.curve_serverkey = connection.secrets.server_public.encode()
            stranger.curve_publickey, stranger.curve_secretkey = zmq.curve_keypair()
        stranger.connect(connection.remote)
        with contextlib.suppress(zmq.Again):  # the connection is already over
            stranger.send(m.encode(m.Hello("root", os.getpid(), socket.gethostname())))
        assert not stranger.poll(500)
    assert pool.client.picture()["pool"]["strange"] == 0
    assert futures.submit(tasks.inc, 1).result() == 2


def test_keys_are_in_the_connection_file_and_nowhere_else(new_pool: PoolFactory) -> None:
    pool = new_pool(1, tcp=True)
    secrets: dict[str, Any] = json.loads(msgspec.json.encode(pool.client.connection.secrets))
    assert pool._process is not None
    first = psutil.Process(pool._process.pid)
    shown = " ".join(" ".join([*p.cmdline(), *p.environ().values()]) for p in [first, *first.children()])
    assert not any(value in shown for value in secrets.values())
    folder = Path(pool.client.connection.folder)
    assert [path.name for path in folder.iterdir() if path.is_file()] == []
