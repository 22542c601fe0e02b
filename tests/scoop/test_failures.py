"""What becomes of tasks, of the pool and of the root when something dies, misbehaves or is interrupted."""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import itertools
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import scoop
from scoop import BrokerLost, Pool, WorkerLost, futures, shared
from scoop_core import messages as m
from scoop_core.processes import is_alive
from tests.conftest import PoolFactory, at_rest
from tests.scoop import tasks
from tests.scoop.running import PROGRAMS, Program, running
from tests.stranger import Stranger
from tests.waiting import eventually

SECOND = 1.0


def parts(pool: Pool) -> dict[str, int]:
    """The processes of a pool by what they are."""
    picture = pool.client.picture()
    broker = picture["pool"]["pid"]
    server = psutil.Process(broker).ppid()
    workers = {row["pid"] for row in picture["workers"]}
    others = {child.pid for child in psutil.Process(server).children()} - workers - {broker}
    assert len(others) == 1
    return {"broker": broker, "server": server, "agent": others.pop()}


def pids(pool: Pool) -> set[int]:
    return {row["pid"] for row in pool.workers}


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # those who see another one die may be faster
        os.kill(pid, signal.SIGKILL)


def works(pool: Pool, n: int) -> bool:
    """Whether it has n workers at rest (waits for that), and serves the next call."""
    eventually(lambda: at_rest(pool, n))
    return list(futures.map(tasks.leaves, range(6))) == [2**depth for depth in range(6)]


# ---- a worker dies ----------------------------------------------------------------------------------------------


def test_an_idle_worker_that_is_killed_is_replaced(pool: Pool) -> None:
    victim = pool.workers[0]["pid"]
    kill(victim)
    eventually(lambda: victim not in pids(pool))
    assert works(pool, 2)


def test_all_workers_are_killed_at_once(pool: Pool) -> None:
    before = pids(pool)
    for victim in before:
        kill(victim)
    eventually(lambda: not pids(pool) & before)
    assert works(pool, 2)


def test_a_busy_worker_is_killed(pool: Pool, tmp_path: Path) -> None:
    results = futures.map_as_completed(tasks.hold, [tmp_path] * 50, range(50))
    victim = eventually(lambda: tasks.begun(tmp_path))[0]
    kill(victim)
    eventually(lambda: len(set(tasks.begun(tmp_path))) == 3)
    (tmp_path / "go").touch()
    assert sorted(results) == list(range(50))
    assert works(pool, 2)


def parent(folder: Path, count: int) -> list[int]:
    (folder / f"parent-{os.getpid()}").touch()
    return list(futures.map(tasks.hold, [folder] * count, range(count)))


def test_a_worker_with_parents_parked_on_it_is_killed(new_pool: PoolFactory, tmp_path: Path) -> None:
    pool = new_pool(3)
    results = futures.map(parent, [tmp_path] * 2, [8] * 2)
    eventually(lambda: len(tasks.begun(tmp_path)) == 3)
    victim = int(next(tmp_path.glob("parent-*")).name.removeprefix("parent-"))
    kill(victim)
    eventually(lambda: victim not in pids(pool) and at_work(pool, 3))
    (tmp_path / "go").touch()
    assert list(results) == [list(range(8))] * 2
    assert works(pool, 3)


def at_work(pool: Pool, n: int) -> bool:
    return [row["state"] for row in pool.workers] == ["busy"] * n


def test_workers_are_killed_again_and_again(new_pool: PoolFactory, tmp_path: Path) -> None:
    pool = new_pool(2)
    chance = random.Random(1)
    results = futures.map(tasks.slow_sum, range(60))
    single = [futures.submit(tasks.fibonacci, 10) for _ in range(20)]
    found = []
    for _ in range(6):
        found += itertools.islice(results, 8)  # so that no task is on board of three deaths in a row
        victim = chance.choice([row["pid"] for row in pool.workers if row["pid"]])
        kill(victim)
        eventually(lambda victim=victim: victim not in pids(pool))
    assert found + list(results) == [sum(range(x)) for x in range(60)]
    assert [future.result() for future in single] == [55] * 20
    assert works(pool, 2)


def test_a_subprocess_of_a_task_dies_with_its_worker(pool: Pool, tmp_path: Path) -> None:
    def start() -> None:
        child = subprocess.Popen(["sleep", "3600"])
        (tmp_path / "child").write_text(str(child.pid))
        (tmp_path / "child").rename(tmp_path / "ready")
        tasks.hold(tmp_path)
        child.kill()
        child.wait()

    future = futures.submit(start)
    eventually((tmp_path / "ready").exists)
    child = int((tmp_path / "ready").read_text())
    kill(tasks.begun(tmp_path)[0] if tasks.begun(tmp_path) else psutil.Process(child).ppid())
    eventually(lambda: not is_alive(child))
    (tmp_path / "go").touch()
    future.result()
    assert works(pool, 2)


def test_subprocesses_of_tasks_end_with_the_pool(new_pool: PoolFactory, tmp_path: Path) -> None:
    pool = new_pool(1)

    def start() -> None:
        child = subprocess.Popen(["sleep", "3600"])
        (tmp_path / "child").write_text(str(child.pid))
        tasks.sleep(tmp_path)

    futures.submit(start)
    eventually(lambda: tasks.begun(tmp_path))
    pool.stop()
    eventually(lambda: not is_alive(int((tmp_path / "child").read_text())))


# ---- a task kills its workers -----------------------------------------------------------------------------------


def leave(status: int) -> None:
    os._exit(status)


def die_of(number: int) -> None:
    os.kill(os.getpid(), number)
    signal.pause()


def null_pointer(_: int) -> None:
    ctypes.string_at(0)


POISON = [
    (leave, 7, None, 7),
    (leave, 0, None, 0),
    (die_of, signal.SIGKILL, "SIGKILL", None),
    (die_of, signal.SIGABRT, "SIGABRT", None),
    (null_pointer, 0, "SIGSEGV", None),
]


@pytest.mark.parametrize(("task", "argument", "name", "status"), POISON, ids=lambda v: getattr(v, "__name__", str(v)))
def test_a_task_that_kills_its_workers_fails_alone(
    pool: Pool, task: Callable[[int], None], argument: int, name: str | None, status: int | None
) -> None:
    before = [futures.submit(tasks.inc, x) for x in range(20)]
    future = futures.submit(task, argument)
    after = [futures.submit(tasks.inc, x) for x in range(20)]
    error = future.exception(timeout=20)
    assert isinstance(error, WorkerLost)
    assert (error.task, error.signal, error.exitcode) == (task.__name__, name, status)
    assert error.deaths == 3 and error.peak > 2**20
    assert task.__name__ in str(error) and (name or f"exit status {status}") in str(error)
    assert [f.result() for f in (*before, *after)] == [*range(1, 21)] * 2
    assert works(pool, 2)


def test_one_task_of_a_map_kills_its_workers(pool: Pool) -> None:
    def some(x: int) -> int:
        if x == 13:
            os._exit(1)
        return x

    results = futures.map(some, range(40))
    assert [next(results) for _ in range(13)] == list(range(13))
    with pytest.raises(WorkerLost, match=r"some.*exit status 1"):
        next(results)
    assert list(results) == list(range(14, 40))
    assert works(pool, 2)


def test_two_tasks_of_a_map_kill_their_workers(pool: Pool) -> None:
    def some(x: int) -> int:
        if x in (3, 4):
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    results = futures.map_as_completed(some, range(10))
    good, bad = [], 0
    while True:
        try:
            good.append(next(results))
        except WorkerLost:
            bad += 1
        except StopIteration:
            break
    assert sorted(good) == [0, 1, 2, 5, 6, 7, 8, 9] and bad == 2
    assert works(pool, 2)


def test_a_nested_task_kills_its_workers(pool: Pool) -> None:
    def family(x: int) -> int:
        if x == 3:
            return futures.submit(leave, 5).result()
        return sum(futures.map(tasks.inc, range(x)))

    results = futures.map(family, range(8))
    assert [next(results) for _ in range(3)] == [0, 1, 3]
    with pytest.raises(WorkerLost, match="exit status 5"):
        next(results)
    assert list(results) == [sum(range(1, x + 1)) for x in range(4, 8)]
    assert works(pool, 2)


def test_a_nested_poison_that_runs_elsewhere_fails_alone(pool: Pool, tmp_path: Path) -> None:
    def family() -> str:
        child = futures.submit(die_of, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:  # without waiting for it, so it runs on the other worker
            if child.done():
                return str(child.exception())
            time.sleep(0.01)
        return "never"

    assert "'die_of'" in futures.submit(family).result()
    assert works(pool, 2)


# ---- the pool dies ----------------------------------------------------------------------------------------------


def in_time(seconds: float, call: Callable[[], Any]) -> Any:
    began = time.monotonic()
    result = call()
    assert time.monotonic() - began < seconds
    return result


@pytest.mark.parametrize("order", list(itertools.permutations(["broker", "agent", "server"])), ids="-".join)
def test_pending_futures_fail_soon_when_the_pool_is_killed(
    new_pool: PoolFactory, tmp_path: Path, order: tuple[str, ...]
) -> None:
    pool = new_pool(2)
    known = parts(pool)
    everybody = [*known.values(), *pids(pool)]
    running = futures.submit(tasks.spin, tmp_path)
    results = futures.map(tasks.hold, [tmp_path] * 100)
    eventually(lambda: tasks.begun(tmp_path))
    for name in order:
        kill(known[name])
    error = in_time(2 * SECOND, running.exception)
    assert isinstance(error, BrokerLost) and pool.name in str(error)
    with pytest.raises(BrokerLost):
        next(results)
    assert futures.wait([running]).done == {running}
    assert not pool.alive
    eventually(lambda: not any(map(is_alive, everybody)), 5 * SECOND)


@pytest.mark.parametrize("victim", ["broker", "agent", "server"])
def test_all_that_needs_a_dead_pool_says_so(new_pool: PoolFactory, victim: str) -> None:
    pool = new_pool(1)
    over, pending = futures.submit(tasks.inc, 1), futures.submit(time.sleep, 60)
    over.result()
    seen: list[futures.Future] = []
    pending.add_done_callback(seen.append)
    kill(parts(pool)[victim])
    assert in_time(2 * SECOND, lambda: list(concurrent.futures.as_completed([pending]))) == seen == [pending]
    assert over.result() == 2
    assert not pending.cancel()
    for call in (
        lambda: futures.submit(tasks.inc, 1),
        lambda: futures.map(tasks.inc, [1]),
        lambda: futures.map_as_completed(tasks.inc, [1]),
        lambda: futures.mapReduce(tasks.inc, tasks.add, [1]),
        lambda: shared.setConst(late=1),
        lambda: pool.workers,
        lambda: pool.scale(2),
        lambda: pool.restart(),
    ):
        with pytest.raises(BrokerLost):
            in_time(2 * SECOND, call)
    assert in_time(2 * SECOND, lambda: shared.getConst("never", timeout=None)) is None
    pool.stop()
    assert new_pool(1).workers, "there may be another one"


def test_a_thread_that_waits_learns_of_the_end(new_pool: PoolFactory) -> None:
    pool = new_pool(1)
    future = futures.submit(time.sleep, 60)
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        waiting = [
            threads.submit(future.exception),
            threads.submit(futures.wait, [future]),
            threads.submit(shared.getConst, "never", None),
        ]
        eventually(lambda: all(w.running() for w in waiting))
        kill(parts(pool)["broker"])
        assert isinstance(waiting[0].result(2), BrokerLost)
        assert waiting[1].result(2).done == {future}
        assert waiting[2].result(2) is None


def test_threads_that_wait_while_the_pool_is_stopped(new_pool: PoolFactory) -> None:
    pool = new_pool(1)
    future = futures.submit(time.sleep, 60)
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(future.exception), threads.submit(shared.getConst, "never", None)]
        eventually(lambda: all(w.running() for w in waiting))
        in_time(2 * SECOND, pool.stop)
        assert isinstance(waiting[0].result(2), BrokerLost)
        assert waiting[1].result(2) is None


VICTIMS = ["root", "server", "broker", "agent"]
ORDERS = [(one,) for one in VICTIMS] + list(itertools.permutations(VICTIMS, 2)) + [tuple(VICTIMS[::-1])]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_nothing_is_left_whoever_is_killed(tmp_path: Path, order: tuple[str, ...]) -> None:
    with running(PROGRAMS / "busy_root.py", tmp_path) as root:
        assert root.line() == "begun"
        pool = scoop.connect("busy")
        known = parts(pool) | {"root": root.pid}
        everybody = [*known.values(), *pids(pool)]
        child = int((tmp_path / "child").read_text())
        pool.close()
        for name in order:
            kill(known[name])
        if len(order) < 3:
            everybody.append(child)
        else:  # all who would end what a task has started were killed at the same moment
            kill(child)
        if "root" not in order:
            assert in_time(2 * SECOND, root.line) == "BrokerLost"
            root.tell("end")
            assert root.end()[0] == 0
        root.process.wait(5)
        eventually(lambda: not any(map(is_alive, everybody)), 5 * SECOND)
        if "root" in order:
            # All who could take away the files may have been killed at once; then the next one does it. (A process
            # counts as dead a moment before the last of its threads lets go of its socket.)
            eventually(lambda: "busy" not in scoop.pools(), SECOND)


def test_a_pool_ends_with_its_root_though_a_fork_of_that_lives_on(tmp_path: Path) -> None:
    code = """
import os, time, scoop
pool = scoop.start(1, "forked")
fork = os.fork() or time.sleep(3600)
print(fork)
input()
"""
    with running("-W", "ignore", "-c", code) as root:
        fork = int(root.line())
        pool = scoop.connect("forked")
        everybody = [*parts(pool).values(), *pids(pool)]
        pool.close()
        kill(root.pid)
        eventually(lambda: not any(map(is_alive, everybody)), 5 * SECOND)
        assert is_alive(fork)
        kill(fork)


# ---- a worker is held up, or takes too much ----------------------------------------------------------------------


def test_a_worker_that_was_stopped_is_replaced_and_its_task_runs_elsewhere(pool: Pool, tmp_path: Path) -> None:
    future = futures.submit(tasks.hold, tmp_path, 5)
    [victim] = eventually(lambda: tasks.begun(tmp_path))
    os.kill(victim, signal.SIGSTOP)
    eventually(lambda: victim not in pids(pool), 5 * SECOND)
    (tmp_path / "go").touch()
    assert future.result() == 5
    assert works(pool, 2)


def test_a_worker_that_goes_on_soon_is_left_alone(pool: Pool, tmp_path: Path) -> None:
    future = futures.submit(tasks.hold, tmp_path, 5)
    [victim] = eventually(lambda: tasks.begun(tmp_path))
    os.kill(victim, signal.SIGSTOP)
    eventually(lambda: psutil.Process(victim).status() == psutil.STATUS_STOPPED)
    os.kill(victim, signal.SIGCONT)
    (tmp_path / "go").touch()
    assert future.result() == 5
    assert victim in pids(pool)


def gluttonous(megabytes: int) -> int:
    return len([bytearray(1_000_000) for _ in range(megabytes)])


def test_a_task_that_takes_too_much_memory_ends_alone(new_pool: PoolFactory) -> None:
    pool = new_pool(2, memory_limit="250MB")
    others = futures.map(gluttonous, [50] * 20)
    hungry = futures.submit(gluttonous, 5000)
    with pytest.raises(WorkerLost, match="out of memory, for a worker may use 238 MiB") as caught:
        hungry.result()
    assert caught.value.task == "gluttonous"
    assert caught.value.limit == 250_000_000
    assert 200_000_000 < caught.value.peak < 1_500_000_000
    assert list(others) == [50] * 20
    assert works(pool, 2)


def test_a_limit_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no size"):
        scoop.start(1, memory_limit="much")


# ---- strangers --------------------------------------------------------------------------------------------------


@pytest.fixture
def stranger(pool: Pool) -> Iterator[Stranger]:
    """Connected to the pool's broker, and unknown to it."""
    with Stranger(pool.client.connection) as stranger:
        yield stranger


def strange(pool: Pool) -> int:
    """Messages that the broker has dropped."""
    return pool.client.picture()["pool"]["strange"]


SPEC = m.Spec(b"digest", "function", "root", 0, 1, 0)
NONSENSE: list[m.Header] = [
    m.Welcome("me"), m.Refused("you"), m.Open(1, SPEC, m.Parcel(b"")), m.Extend(1, 0, 10, "rows", m.Parcel(b"")),
    m.Result(1, 0, 1, "values", m.Parcel(b"")), m.Lost(1, 0, "task", 0, 0, 0), m.Cancel(1, 0, 1), m.CancelRun(1),
    m.Close(1), m.Constant("stolen", m.Parcel(b"")), m.Settled("stolen", True), m.Ask(1, "pool"), m.Answer(1, None),
    m.Watch(1, -1), m.Define(b"", m.Parcel(b"")), m.Forget(b""), m.Dropped(1, 0, 1), m.Idle(1), m.Rich(), m.Share(),
    m.Shared(((1, 0, 1),), 1, True), m.Drop(1, 0, 1), m.DropRun("root", 0), m.Scale(0), m.Restart(), m.Stop(),
    m.Retire(), m.Spawn(9), m.Kill(0), m.Observe(9.0), m.Usage(((0, 1.0, 1, 0.0),)), m.Exited(0, 0, 0, 0, 0),
    m.Done(1, 0, 1, "values", m.Parcel(b""), (), 0.0, 0.0, 1), m.Tally((), "task", 0.0, 0.0),
    m.Output("root", 0, "w0", "stdout", "nonsense"), m.Mishap("w0-1", "root", 0, 1, 0, "f", "line", "error", "", ""),
    m.CancelTask(1, "w0"), m.Cancelled(1, 0), m.Interrupt(), m.Interrupted(1, 0), m.RestartWorker(1, "w0"),
    m.Assign(1, "root", 1, SPEC, 0, 1, 0, "rows", m.Parcel(b"")),
]  # fmt: skip


def test_garbage_of_a_stranger_is_dropped_and_counted(pool: Pool, stranger: Stranger) -> None:
    before, size = strange(pool), len(pool.workers)
    garbage = [
        [b""], [b"", b""], [b"garbage"], [b"\xff" * 1000], [b"\xc1"], [os.urandom(100_000)], [b"x" * 50_000_000],
        [m.encode(m.Stop())[:-1]], [m.encode(m.Stop()) + b"\0"], [m.encode(m.Hello("root", 1, "h"))[:-3]],
        [b"\x91\xa5hello"], [b"\x92\xa4stop\xc0"], [b"\xdd\xff\xff\xff\xff"], [b"\x94\xa4open\xff\xc0\xc0"],
        [b"x"] * 1000,
    ]  # fmt: skip
    for frames in garbage:
        stranger.send(*frames)
    for header in NONSENSE:
        stranger.send(m.encode(header))
    expected = before + len(garbage) + len(NONSENSE) - 1  # `Stop` with a further byte decodes
    eventually(lambda: strange(pool) >= expected)
    assert len(pool.workers) == size
    assert not stranger.hears(), "nobody answers"
    assert works(pool, 2)


@pytest.mark.parametrize("role", ["root", "worker", "agent"])
def test_nobody_can_take_the_name_of_another(pool: Pool, role: str) -> None:
    worker: str = pool.workers[0]["name"]
    names = {"root": pool.client.name, "worker": worker, "agent": f"agent-{socket.gethostname()}"}
    with Stranger(pool.client.connection, names[role].encode()) as liar:
        for header in NONSENSE:
            liar.send(m.encode(header))
        eventually(liar.is_shut_out)
        assert works(pool, 2)


def test_nonsense_of_somebody_known_hurts_nobody_else(pool: Pool, stranger: Stranger) -> None:
    chance = random.Random(2)
    harmful = (m.Stop, m.Restart, m.Scale, m.Constant)  # who is let in may do these
    stranger.send(m.encode(m.Hello("root", os.getpid(), socket.gethostname())))
    for _ in range(300):
        header = chance.choice([h for h in NONSENSE if not isinstance(h, harmful)])
        stranger.send(m.encode(header))
        numbers = [chance.choice([-1, 0, 1, 2, 5]) for _ in range(3)]
        for kind in (m.Cancel, m.Drop, m.Dropped):
            stranger.send(m.encode(kind(*numbers)))
        stranger.send(m.encode(m.Open(numbers[0], SPEC, m.Parcel(b""))))
        stranger.send(m.encode(m.Extend(*numbers, "rows", m.Parcel(b""))))
        stranger.send(m.encode(m.Extend(*numbers, "rows", m.Parcel(b""), (chance.randrange(9),))))
        stranger.send(m.encode(m.Shared((tuple(numbers),), numbers[0], True)))
    stranger.send(m.encode(m.Ask(7, "pool")))
    eventually(stranger.hears)
    assert list(futures.map(tasks.leaves, range(6))) == [2**depth for depth in range(6)]


# ---- interrupts -------------------------------------------------------------------------------------------------


def interrupt(program: Program) -> str:
    """Send Ctrl-C; the next line, which must come at once."""
    os.kill(program.pid, signal.SIGINT)
    return in_time(0.5 * SECOND, program.line)


@pytest.mark.parametrize("how", ["map", "map_as_completed", "loop", "result", "wait", "as_completed", "mapReduce"])
@pytest.mark.parametrize("task", ["sleep", "spin"])
def test_an_interrupt_ends_the_wait_and_cancels(tmp_path: Path, how: str, task: str) -> None:
    with running(PROGRAMS / "interrupted_root.py", how, task, tmp_path) as program:
        for _ in range(2):
            assert program.line() == "begun"
            assert interrupt(program) == "KeyboardInterrupt"
            assert program.line() == "at rest, the same workers"
        assert program.end() == (0, "done\n", "")


def test_an_interrupt_does_not_hit_workers(pool: Pool, tmp_path: Path) -> None:
    future = futures.submit(tasks.hold, tmp_path, 5)
    eventually(lambda: tasks.begun(tmp_path))
    known = parts(pool)
    for pid in (*pids(pool), known["agent"], known["broker"], known["server"]):
        os.kill(pid, signal.SIGINT)
    (tmp_path / "go").touch()
    assert future.result() == 5
    assert works(pool, 2)


def test_cancelling_a_parent_cancels_its_children(pool: Pool, tmp_path: Path) -> None:
    def family() -> None:
        list(futures.map(tasks.sleep, [tmp_path] * 50))

    before = pids(pool)
    future = futures.submit(family)
    eventually(lambda: len(tasks.begun(tmp_path)) == 2)
    assert future.cancel()
    eventually(lambda: at_rest(pool, 2), 0.9 * SECOND)
    assert pids(pool) == before
    assert works(pool, 2)


def test_cancelling_a_run_cancels_at_all_depths(pool: Pool, tmp_path: Path) -> None:
    def family() -> list[Any]:
        children = [futures.submit(tasks.sleep, tmp_path) for _ in range(5)]
        more = futures.map(tasks.sleep, [tmp_path] * 50)
        return [child.result() for child in children] + list(more)

    run = pool.client.new_run()
    mine = [futures.submit(family) for _ in range(3)]
    eventually(lambda: len(tasks.begun(tmp_path)) == 2)
    pool.client.cancel_run(run)
    assert all(future.cancelled() for future in mine)
    eventually(lambda: at_rest(pool, 2), 5 * SECOND)
    assert works(pool, 2)


def stubborn(folder: Path) -> None:
    while True:
        try:
            tasks.sleep(folder)
        except BaseException:
            pass


def endless_c(folder: Path) -> None:
    while True:
        try:
            (folder / f"begun-{os.getpid()}").touch()
            sum(itertools.repeat(0))  # one call that never returns to the interpreter
        except BaseException:  # it was interrupted before that call
            pass


@pytest.mark.parametrize("task", [stubborn, endless_c])
def test_a_task_that_ignores_its_cancellation_loses_its_worker(
    pool: Pool, tmp_path: Path, task: Callable[[Path], None]
) -> None:
    future = futures.submit(task, tmp_path)
    victim = eventually(lambda: tasks.begun(tmp_path))[0]
    assert in_time(0.5 * SECOND, future.cancel)
    eventually(lambda: not is_alive(victim), 6 * SECOND)
    assert works(pool, 2)


def test_others_go_on_while_a_stubborn_task_is_killed(pool: Pool, tmp_path: Path) -> None:
    future = futures.submit(endless_c, tmp_path)
    victim = eventually(lambda: tasks.begun(tmp_path))[0]
    future.cancel()
    assert list(futures.map(tasks.slowly, range(100))) == list(range(100))
    eventually(lambda: not is_alive(victim), 6 * SECOND)
    assert works(pool, 2)


# ---- tasks that start processes and threads ---------------------------------------------------------------------


def test_a_task_may_fork(new_pool: PoolFactory) -> None:
    new_pool(1)

    def fork() -> int:
        pid = os.fork()
        if pid == 0:
            os._exit(9)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert futures.submit(fork).result(timeout=20) == 9
    assert futures.submit(tasks.inc, 1).result(timeout=20) == 2


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_task_may_use_multiprocessing(new_pool: PoolFactory, method: str) -> None:
    pool = new_pool(1)

    def use() -> list[int]:
        with multiprocessing.get_context(method).Pool(2) as processes:
            return processes.map(tasks.square, range(20))

    assert futures.submit(use).result(timeout=40) == [x * x for x in range(20)]
    assert works(pool, 1)


def test_a_task_may_use_a_process_pool_executor(new_pool: PoolFactory) -> None:
    pool = new_pool(1)

    def use() -> list[int]:
        with concurrent.futures.ProcessPoolExecutor(2) as processes:
            return list(processes.map(tasks.square, range(20)))

    assert futures.submit(use).result(timeout=40) == [x * x for x in range(20)]
    assert works(pool, 1)


def test_a_task_may_run_programs(pool: Pool) -> None:
    def use() -> str:
        return subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True).stdout

    assert list(futures.map(lambda _: use(), range(2))) == ["42\n"] * 2
