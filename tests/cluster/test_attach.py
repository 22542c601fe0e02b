"""Programs that connect to a pool of another host, over the network and by ssh: on real hosts."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from scoop_core.config import SILENCE_SECONDS
from tests.cluster.hosts import Cluster
from tests.cluster.programs import Program, shelved
from tests.waiting import eventually

#: More than a program needs to connect where nothing is wrong; a start of Python on a busy machine included.
SECONDS = 10
#: What a program does with a pool, and what comes of it.
DEEDS = {
    "list(futures.map(square, range(300))) == [x * x for x in range(300)]": True,
    "[futures.submit(pow, 2, 10).result(), tree(4), scoop.SIZE, pool.owned]": [1024, 81, 2, False],
    "shared.setConst(six=6) or list(futures.map(lambda x: x * shared.getConst('six'), range(3)))": [0, 6, 12],
    "globals().update(np=__import__('numpy'), big=__import__('numpy').arange(1_000_000.0), said=[])": None,
    # Large arrays in a closure, as arguments, as results, as a constant, and in tasks of tasks.
    "[bool((a == big + i).all()) for i, a in enumerate(futures.map(lambda i: big + i, range(5)))]": [True] * 5,
    "list(futures.map(lambda a: float(a[-1]), [big] * 5)) == [999999.0] * 5": True,
    "shared.setConst(table=big) or futures.submit(lambda: float(shared.getConst('table')[-1])).result()": 999999.0,
    "futures.submit(lambda: sum(float(a[1]) for a in futures.map(lambda i: big, range(4)))).result()": 4.0,
    "setattr(pool.client, 'sink', lambda run, worker, stream, text: said.append([stream, text]))": None,
    "[futures.submit(print, 'from afar').result(), said]": [None, [["stdout", "from afar\n"]]],
    "repr(futures.submit(int, 'x').exception())": "ValueError(\"invalid literal for int() with base 10: 'x'\")",
    "repr((failed := futures.submit(lambda: 1 / 0)).exception())": "ZeroDivisionError('division by zero')",
    "failed.replay()": ["ZeroDivisionError", "division by zero"],
    "pool.client.picture()['pool']['name']": "work",
    "len(pool.client.timeline()['lanes'])": 2,
    "futures.submit(time.sleep, 60).cancel()": True,
    "futures.submit(abs, -1).result(5)": 1,
}
#: Goes on for much longer than any test.
LONG = "list(futures.map(lambda x: leaf(x) and time.sleep(0.2), range(10_000)))"
BOTH = "scoop.start(name='work', launcher=scoop.Ssh({'localhost': 1, 'nodea': 1}))"


def ssh(cluster: Cluster) -> str:
    return "scoop.connect('ssh://head/work')"


def by_file(cluster: Cluster) -> str:
    return f"scoop.connect({cluster.environment('head')['JUPYTER_RUNTIME_DIR']!r} + '/scoop-work.json')"


WAYS = pytest.mark.parametrize("way", [ssh, by_file], ids=["ssh", "file"])


@pytest.fixture
def alone(cluster: Cluster, shared_folder: Path) -> Iterator[Program]:
    """A program on head with a pool that has no port."""
    with Program(cluster, shared_folder, "scoop.start(2, 'work')") as program:
        assert program.first == "there"
        yield program


@pytest.fixture
def wide(cluster: Cluster, shared_folder: Path) -> Iterator[Program]:
    """A program on head with a pool that has workers there and on nodea, and so a port."""
    with Program(cluster, shared_folder, BOTH) as program:
        assert program.first == "there"
        yield program


def busy(program: Program) -> int:
    """How many workers of its pool have something to do."""
    return program.ask("sum(w['state'] == 'busy' for w in pool.workers)")


# ---- what can be done -------------------------------------------------------------------------------------------


@WAYS
def test_everything_works_from_another_host(cluster: Cluster, shared_folder: Path, wide: Program, way: Any) -> None:
    with Program(cluster, shared_folder, way(cluster), "nodec") as guest:
        assert guest.first == "there"
        for deed, outcome in DEEDS.items():
            assert guest.ask(deed) == outcome, deed
        assert cluster.run("nodec", ["ls", "/dev/shm"]).stdout == ""
        assert guest.ask("sorted(set(futures.map(host, range(100))))") == ["head", "nodea"]


@WAYS
def test_what_a_guest_sends_goes_to_each_host_once(cluster: Cluster, shared_folder: Path, way: Any) -> None:
    hosts = "{'localhost': 1, 'nodea': 2, 'nodeb': 1}"
    with (
        Program(cluster, shared_folder, f"scoop.start(name='work', launcher=scoop.Ssh({hosts}))"),
        Program(cluster, shared_folder, way(cluster), "nodec") as guest,
    ):
        nodes = ("nodec", "nodea", "nodeb")
        before = cluster.traffic(*nodes)
        assert guest.ask("spread()") == [["head", 1], ["nodea", 2], ["nodeb", 1]]
        moved = [now - then for now, then in zip(cluster.traffic(*nodes), before, strict=True)]
        assert max(moved) < 1.5 * 8_000_000, moved
        # And nothing of it stays.
        eventually(lambda: not any(shelved(cluster, node) for node in ("head", *nodes)), 20)


def test_ssh_leads_to_a_pool_without_a_port(cluster: Cluster, shared_folder: Path, alone: Program) -> None:
    with Program(cluster, shared_folder, "scoop.connect('ssh://root@head:22')", "nodec") as guest:
        assert guest.ask("list(futures.map(square, range(5)))") == [0, 1, 4, 9, 16]
        assert guest.ask("[pool.name, *scoop.BROKER]") == ["work", "head", "ssh://root@head:22"]


@WAYS
def test_an_interrupt_ends_what_the_program_waits_for_and_nothing_else(
    cluster: Cluster, shared_folder: Path, wide: Program, way: Any
) -> None:
    with Program(cluster, shared_folder, way(cluster), "nodec") as guest:
        wide.begin("list(futures.map(square, range(1000))) == [x * x for x in range(1000)]")
        pid = guest.ask("os.getpid()")
        guest.begin("list(futures.map(lambda x: leaf(x) and time.sleep(60), range(100)))")
        cluster.run("nodec", ["kill", "-INT", str(pid)])
        assert guest.read()[0] == "KeyboardInterrupt"
        assert guest.ask("pool.client.cancel_run(pool.client.run)") is None
        assert guest.ask("list(futures.map(square, range(50)))[-1]") == 2401
        assert wide.read() is True


def test_names_are_found_on_all_hosts_that_share_a_home(cluster: Cluster, shared_folder: Path) -> None:
    home = {"JUPYTER_RUNTIME_DIR": str(shared_folder)}
    listed = [sys.executable, "-m", "scoop", "pools"]
    with (
        Program(cluster, shared_folder, BOTH, env=home),
        Program(cluster, shared_folder, "scoop.start(1, 'own')", "nodea", env=home),
    ):
        with Program(cluster, shared_folder, "scoop.connect()", "nodec", env=home) as guest:
            assert guest.first[0] == "NoSuchPool" and "'work' on head" in guest.first[1]
        with Program(cluster, shared_folder, "scoop.connect('work')", "nodec", env=home) as guest:
            assert guest.ask("sorted(set(futures.map(host, range(100))))") == ["head", "nodea"]
            assert guest.ask("scoop.pools()") == ["work"]
        with Program(cluster, shared_folder, "scoop.connect('own')", "nodec", env=home) as guest:
            assert guest.first[0] == "StartFailed" and "ssh://nodea/own" in guest.first[1]
        assert cluster.run("head", listed, env=home).stdout == "work  head\n"
        assert cluster.run("nodea", listed, env=home).stdout == "own   nodea\nwork  head  (another host)\n"
        assert cluster.run("nodec", listed, env=home).stdout == "work  head  (another host)\n"
        top = [sys.executable, "-m", "scoop", "top", "--once"]
        assert cluster.run("nodec", [*top, "work"], env=home).stdout.startswith("Pool 'work' on head\n")
        there = f"ssh://nodea/{shared_folder}/scoop-own.json"
        assert cluster.run("nodec", [*top, there]).stdout.startswith("Pool 'own' on nodea\n")
        elsewhere = cluster.run("nodec", [*top, there.replace("nodea", "nodeb")], check=False)
        assert elsewhere.returncode == 2 and "'own' runs on nodea: ssh must lead there" in elsewhere.stderr
        cluster.kill("head")
        began = time.monotonic()
        assert cluster.run("nodec", listed, env=home).stdout == ""
        assert time.monotonic() - began < SECONDS


def test_a_shell_may_say_something_first(cluster: Cluster, shared_folder: Path, alone: Program) -> None:
    talkative = "sh -c 'echo Welcome to head; exec ssh \"$@\"' sh"
    with Program(
        cluster, shared_folder, f"scoop.connect('ssh://head/work', command={talkative!r})", "nodec"
    ) as guest:
        assert guest.ask("futures.submit(abs, -1).result()") == 1


# ---- fair shares ------------------------------------------------------------------------------------------------


@WAYS
def test_two_programs_get_equal_shares(cluster: Cluster, shared_folder: Path, wide: Program, way: Any) -> None:
    backlog = "globals().update(backlog=[futures.submit({}, i) for i in range(20_000)])"

    def done() -> list[int]:
        """How many tasks of each are over, at one moment."""
        counts = wide.ask("{g['name']: g['done'] for g in pool.client.picture()['groups']}")
        return [counts.get(name, 0) for name in ("square", "host")]

    with Program(cluster, shared_folder, way(cluster), "nodec") as guest:
        wide.ask(backlog.format("square"))
        guest.ask(backlog.format("host"))
        before = eventually(lambda: min(found := done()) > 50 and found, 30, 0.1)
        after = eventually(lambda: sum(found := done()) > sum(before) + 800 and found, 60, 0.1)
        ours, theirs = (b - a for a, b in zip(before, after, strict=True))
        assert abs(ours - theirs) < 0.1 * (ours + theirs) / 2, (ours, theirs)


@WAYS
@pytest.mark.parametrize("huge", ["ours", "theirs"])
def test_a_small_map_does_not_wait_for_a_huge_one_of_another_program(
    cluster: Cluster, shared_folder: Path, wide: Program, way: Any, huge: str
) -> None:
    with Program(cluster, shared_folder, way(cluster), "nodec") as guest:
        slow, quick = (wide, guest) if huge == "ours" else (guest, wide)
        assert quick.ask("futures.submit(leaf, 0).result()") == 1
        slow.begin(
            "[globals().update(huge=[futures.submit(square, i) for i in range(20_000)]), huge[20].result()][1]"
        )
        assert slow.read() == 400
        began = time.monotonic()
        assert quick.ask("list(futures.map(leaf, range(4)))") == [1] * 4
        assert time.monotonic() - began < SECONDS  # and not 100
        assert slow.ask("huge[-1].done()") is False


@WAYS
def test_a_program_that_dies_takes_nothing_from_the_other(
    cluster: Cluster, shared_folder: Path, wide: Program, way: Any
) -> None:
    with Program(cluster, shared_folder, way(cluster), "nodec") as guest:
        guest.begin("list(futures.map(lambda x: leaf(x) and time.sleep(0.05), range(100_000)))")
        wide.begin("list(futures.map(square, range(500))) == [x * x for x in range(500)]")
        cluster.run("nodec", ["pkill", "-KILL", "-f", "nodec.py"])
        assert wide.read() is True
        eventually(lambda: busy(wide) == 0, SECONDS)
        assert wide.ask("pool.client.picture()['pool']['lost']") == 0


# ---- what can't -------------------------------------------------------------------------------------------------


def refusal(cluster: Cluster, folder: Path, opening: str, env: dict[str, str] | None = None) -> str:
    """How a program on nodec is told that it can't connect, soon."""
    began = time.monotonic()
    with Program(cluster, folder, opening, "nodec", env) as guest:
        assert time.monotonic() - began < 1.5 * SECONDS
        assert guest.process.wait(SECONDS) == 0
        kind, text = guest.first
    return f"{kind}: {text}"


def test_a_pool_that_only_its_own_host_reaches_says_what_to_do(
    cluster: Cluster, shared_folder: Path, alone: Program
) -> None:
    said = refusal(cluster, shared_folder, by_file(cluster))
    assert said.startswith("StartFailed: The pool 'work' listens to programs of its own host only, head,")
    assert "ssh://head/work" in said and "nodec" in said


@pytest.mark.parametrize("cause", ["cut", "over"])
def test_a_pool_that_can_not_be_reached_is_told_with_its_address(
    cluster: Cluster, shared_folder: Path, wide: Program, cause: str
) -> None:
    remote = wide.ask("pool.client.connection.remote")
    copy = shared_folder / "scoop-copy.json"
    copy.write_bytes(Path(cluster.environment("head")["JUPYTER_RUNTIME_DIR"], "scoop-work.json").read_bytes())
    if cause == "cut":
        cluster.cut("head")
    else:
        wide.ask("pool.stop()")
    said = refusal(cluster, shared_folder, f"scoop.connect({str(copy)!r})")
    assert said.startswith(f"StartFailed: The pool 'work' on head can't be reached at {remote} (")
    assert "ssh://head/work" in said


def test_other_keys_are_refused(cluster: Cluster, shared_folder: Path, wide: Program) -> None:
    copy = shared_folder / "scoop-copy.json"
    real = Path(cluster.environment("head")["JUPYTER_RUNTIME_DIR"], "scoop-work.json").read_text()
    secrets = wide.ask("[pool.client.connection.secrets.client_public, pool.client.connection.secrets.client_secret]")
    made = "from zmq import curve_keypair; print(*map(bytes.decode, curve_keypair()))"
    for ours, theirs in zip(secrets, cluster.run("head", [sys.executable, "-c", made]).stdout.split(), strict=True):
        real = real.replace(ours, theirs)
    copy.write_text(real)
    assert "no answer from tcp://" in refusal(cluster, shared_folder, f"scoop.connect({str(copy)!r})")
    assert wide.ask("futures.submit(abs, -1).result()") == 1


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("ssh://head/other", "", "NoSuchPool: head: No pool 'other' runs here (running: 'work')."),
        ("ssh://nodeb", "", "NoSuchPool: nodeb: No pool runs here (running: none)."),
        ("ssh://head:77/work", "", "Can't connect to a pool on head by ssh: ssh: connect to host head port 77"),
        ("ssh://nowhere/work", "", "StartFailed: Can't connect to a pool on nowhere by ssh: ssh: Could not resolve"),
        ("ssh://nobody@head/work", "", "This account is currently not available"),
        ("ssh://-oProxyCommand=true/work", "", "NoSuchPool: 'ssh://-oProxyCommand=true/work' leads to no pool"),
        ("ssh://head/work", "python='/no/python'", "Say which Python has SCOOP there"),
        ("ssh://head/work", "command='no-such-ssh'", "'no-such-ssh' can't be run"),
        ("ssh://head/work", "command='ssh -o UserKnownHostsFile=/dev/null'", "Host key verification failed"),
    ],
)  # fmt: skip
def test_ssh_that_leads_nowhere_says_why(
    cluster: Cluster, shared_folder: Path, alone: Program, url: str, options: str, said: str
) -> None:
    assert said in refusal(cluster, shared_folder, f"scoop.connect({url!r}, {options})")


def test_a_host_that_is_off_is_told_soon(cluster: Cluster, shared_folder: Path) -> None:
    cluster.kill("head")
    assert "timed out" in refusal(cluster, shared_folder, ssh(cluster))


def test_a_python_without_scoop_is_told(cluster: Cluster, shared_folder: Path, alone: Program) -> None:
    said = refusal(cluster, shared_folder, "scoop.connect('ssh://head/work', python='env -u PYTHONPATH python3 -S')")
    assert "No module named" in said and "Say which Python has SCOOP there" in said


@WAYS
def test_another_python_is_told(cluster: Cluster, shared_folder: Path, wide: Program, way: Any) -> None:
    opening = f"(setattr(__import__('scoop_core.versions').versions, 'PYTHON', '2.7'), {way(cluster)})"
    said = refusal(cluster, shared_folder, opening)
    assert "Python is 2.7 here, and 3." in said


# ---- when it breaks ---------------------------------------------------------------------------------------------


def broken(guest: Program) -> tuple[str, float]:
    """How a program is told that it has lost the pool, and after how many seconds."""
    began = time.monotonic()
    kind, text = guest.read()
    assert kind == "BrokerLost"
    return text, time.monotonic() - began


@WAYS
def test_a_connection_that_is_cut_is_noticed_at_both_ends(
    cluster: Cluster, shared_folder: Path, wide: Program, way: Any
) -> None:
    with Program(cluster, shared_folder, way(cluster), "nodec") as guest:
        guest.begin(LONG)
        cluster.cut("nodec")
        text, seconds = broken(guest)
        assert "'work'" in text and "is lost" in text and "connect again" in text
        assert seconds < SILENCE_SECONDS + 5
        eventually(lambda: busy(wide) == 0, SILENCE_SECONDS + 5)
        assert wide.ask("list(futures.map(square, range(50)))[-1]") == 2401
        cluster.mend("nodec")


def test_an_ssh_that_dies_is_told_at_once(cluster: Cluster, shared_folder: Path, alone: Program) -> None:
    with Program(cluster, shared_folder, ssh(cluster), "nodec") as guest:
        guest.begin(LONG)
        cluster.run("nodec", ["pkill", "-x", "ssh"])
        text, seconds = broken(guest)
        assert "ssh connection" in text and "'work' on head is lost" in text and seconds < SECONDS
        assert guest.ask("futures.submit(abs, 1)")[0] == "BrokerLost"
    eventually(lambda: cluster.run("head", ["pgrep", "-f", "relay"], check=False).stdout == "", SECONDS)


@WAYS
def test_a_pool_that_is_stopped_is_told(cluster: Cluster, shared_folder: Path, wide: Program, way: Any) -> None:
    with Program(cluster, shared_folder, way(cluster), "nodec") as guest:
        guest.begin(LONG)
        assert wide.ask("pool.stop()") is None
        text, seconds = broken(guest)
        assert ("is gone" if way is ssh else "the pool has ended") in text and seconds < SECONDS


@WAYS
def test_a_guest_may_stop_the_pool(cluster: Cluster, shared_folder: Path, wide: Program, way: Any) -> None:
    with Program(cluster, shared_folder, way(cluster), "nodec") as guest:
        assert guest.ask("pool.stop()") is None
        eventually(lambda: wide.ask("pool.alive") is False, SECONDS)


@pytest.mark.parametrize("end", ["close", "kill"])
def test_nothing_is_left_of_a_way_by_ssh(cluster: Cluster, shared_folder: Path, alone: Program, end: str) -> None:
    with Program(cluster, shared_folder, ssh(cluster), "nodec") as guest:
        guest.begin("[futures.submit(lambda: leaf(0) and time.sleep(60)), leaf(0)][1]")
        assert guest.read() == 1
        assert cluster.run("nodec", ["pgrep", "-x", "ssh"]).stdout
        if end == "close":
            assert guest.ask("pool.close()") is None
        else:
            cluster.run("nodec", ["pkill", "-KILL", "-f", "nodec.py"])
        for host in ("nodec", "head"):
            gone = ["pgrep", "-f", "relay"]
            eventually(lambda host=host, gone=gone: not cluster.run(host, gone, check=False).stdout, SECONDS)
        assert not cluster.run("nodec", ["pgrep", "-x", "ssh"], check=False).stdout
        eventually(lambda: busy(alone) == 0, SECONDS)


def test_no_secret_stands_in_arguments_or_environments(cluster: Cluster, shared_folder: Path, wide: Program) -> None:
    secret = wide.ask("pool.client.connection.secrets.client_secret").encode()
    with (
        Program(cluster, shared_folder, ssh(cluster), "nodec") as guest,
        Program(cluster, shared_folder, by_file(cluster), "nodeb"),
    ):
        assert guest.ask("pool.client.connection.secrets") is None
        looked = 0
        for pid in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                with suppress(OSError):
                    looked += 1
                    assert secret not in (pid / name).read_bytes()
        assert looked > 10
