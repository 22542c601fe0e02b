"""The stop button, and what the death of a kernel or of its pool leaves: a pool at full size, or nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.leaks import processes
from tests.scoop_jupyter.kernel import PROCESSES, Kernel
from tests.waiting import holds

#: What the product promises is 0.5 s; a loaded machine may take longer. The tests print what they measure.
STOP_SECONDS = 1.5
GONE_SECONDS = 5.0
LOST_SECONDS = 2.0

FULL_SIZE = "len(processes(2))"
TASKS = """
def began(mark):
    open(mark, "a").close()
def nap(mark):
    began(mark)
    time.sleep(60)
def spin(mark):
    began(mark)
    while True:
        pass
def grip(mark):  # in C, with the interpreter's lock
    began(mark)
    sum(range(10**15))
def stubborn(mark):
    began(mark)
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            pass
def nest(mark):
    return list(futures.map(nap, [mark] * 3))
"""
FILES = """
from scoop_core import current, files
connection = current.current.engine.connection
print(connection.folder, connection.shelf, files.connection_file(connection.name))
"""


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A file that tasks make when they begin."""
    return tmp_path / "began"


# ---- the stop button -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("magic", ["", "%%scoop\n"], ids=["plain", "panel"])
@pytest.mark.parametrize(
    "call",
    [
        "list(futures.map(nap, [mark] * 6))",
        "list(futures.map(spin, [mark] * 6))",
        "list(futures.map(grip, [mark] * 6))",
        "list(futures.map(stubborn, [mark] * 6))",
        "list(futures.map(nest, [mark] * 6))",
        "list(futures.map_as_completed(nap, [mark] * 6))",
        "futures.submit(nap, mark).result()",
        "futures.submit(nap, mark).exception()",
        "kept = [futures.submit(nap, mark) for _ in range(6)]\nprint('all')\nfutures.wait(kept)",
        "kept = [futures.submit(nap, mark) for _ in range(6)]\nprint('all')\nnext(futures.as_completed(kept))",
        "futures.mapReduce(nap, max, [mark] * 6)",
        "futures.mapScan(nap, max, [mark] * 6)",
        "kept = [futures.submit(nap, mark) for _ in range(6)]\nprint('all')\ntime.sleep(60)",
        "kept = [futures.submit(spin, mark) for _ in range(6)]\nprint('all')\nwhile True: pass",
    ],
)
def test_the_stop_button(kernel: Kernel, mark: Path, magic: str, call: str) -> None:
    stopped(kernel, mark, magic, call)


@pytest.mark.parametrize(
    "call",
    [
        "futures.wait([futures.submit(nap, mark) for _ in range(6)])",
        "next(futures.as_completed([futures.submit(nap, mark) for _ in range(6)]))",
    ],
)
def test_the_stop_button_while_a_cell_may_still_submit(kernel: Kernel, mark: Path, call: str) -> None:
    """An interrupt that strikes while functions are pickled may do so where Python knows no line: without our magic,
    IPython then shows it as text and not as an error."""
    stopped(kernel, mark, "%%scoop\n", call)


def stopped(kernel: Kernel, mark: Path, magic: str, call: str) -> None:
    kernel.run(f"mark = {str(mark)!r}{TASKS}").check()
    cell = kernel.begin(magic + call)
    kernel.until(mark.exists)
    if "kept" in call:  # the first task may begin before the last is submitted
        kernel.until(lambda: "all" in cell.text())
    seconds = kernel.interrupt(cell)
    print(f"over after {seconds:.2f} s")
    assert cell.error and cell.error.name == "KeyboardInterrupt"
    assert "Cell In[" in cell.error.traceback.splitlines()[2]
    assert seconds < STOP_SECONDS
    after = kernel.run(magic + FULL_SIZE, 10.0).check()
    print(f"the next cell took {after.seconds:.2f} s")
    assert after.result == "2"
    if "kept" in call:
        assert kernel.run("{future.cancelled() for future in kept}").check().result == "{True}"


def test_the_stop_button_leaves_earlier_cells_alone(kernel: Kernel, mark: Path) -> None:
    kernel.run(f"mark = {str(mark)!r}{TASKS}").check()
    kernel.run("earlier = futures.submit(time.sleep, 1)").check()
    cell = kernel.begin("futures.submit(nap, mark).result()")
    kernel.until(mark.exists)
    kernel.interrupt(cell)
    assert kernel.run("earlier.result(), earlier.cancelled()").check().result == "(None, False)"


def test_the_stop_button_over_and_over(kernel: Kernel) -> None:
    """Wherever it strikes."""
    kernel.run("def short(x):\n    return x").check()
    for _ in range(8):
        cell = kernel.begin("print('now')\nwhile True:\n    list(futures.map(short, range(300)))")
        kernel.until(lambda cell=cell: cell.text())  # type: ignore[misc]
        assert kernel.interrupt(cell) < STOP_SECONDS
        assert cell.error and cell.error.name == "KeyboardInterrupt"
        assert kernel.run("sum(futures.map(short, range(1000)))").check().result == "499500"
    assert kernel.run(FULL_SIZE).check().result == "2"


def test_an_interrupt_of_all_that_the_terminal_runs(kernel: Kernel, mark: Path) -> None:
    """As Ctrl-C does; the pool has a session of its own."""
    kernel.run(f"mark = {str(mark)!r}{TASKS}").check()
    cell = kernel.begin("futures.submit(nap, mark).result()")
    kernel.until(mark.exists)
    os.killpg(os.getpgid(kernel.pid), signal.SIGINT)
    kernel.finish(cell, STOP_SECONDS)
    assert kernel.run(FULL_SIZE).check().result == "2"


# ---- the end of the kernel -----------------------------------------------------------------------------------------


def start_and_fill(new_kernel: Callable[[], Kernel], mark: Path) -> Kernel:
    """A kernel with a pool that has shared memory."""
    kernel = new_kernel()
    kernel.run(f"%scoop start -n 2\nfrom scoop import shared\nmark = {str(mark)!r}\n{TASKS}{PROCESSES}").check()
    kernel.run(
        "big = bytes(10**7)\nshared.setConst(big=big)\nresults = list(futures.map(lambda x: big, range(4)))"
    ).check()
    return kernel


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
@pytest.mark.parametrize("how", ["restart", "shutdown", "kill"])
def test_the_end_of_a_kernel_leaves_nothing(
    new_kernel: Callable[[], Kernel], mark: Path, how: str, busy: bool
) -> None:
    before = processes()
    kernel = start_and_fill(new_kernel, mark)
    pool = {p for pid, p in processes().items() if p != before.get(pid) and pid != kernel.pid}
    files = [Path(name) for name in kernel.run(FILES).check().text().split()]
    assert len(pool) == 5 and all(path.exists() for path in files)
    if busy:
        kernel.begin("%%scoop\nlist(futures.map(nest, [mark] * 4)), list(futures.map(spin, [mark] * 4))")
        kernel.until(mark.exists)

    begun = time.monotonic()
    if how == "restart":
        kernel.restart()
    elif how == "shutdown":
        kernel.manager.shutdown_kernel()
    else:
        kernel.kill()
    called = time.monotonic()

    def rest() -> list[object]:
        return [*pool.intersection(processes().values()), *(path for path in files if path.exists())]

    left = holds(lambda: not rest(), GONE_SECONDS)
    print(f"{how}: {called - begun:.2f} s, and all was gone {time.monotonic() - begun:.2f} s after its begin")
    assert left, rest()
    assert time.monotonic() - begun < GONE_SECONDS
    if how == "restart":
        kernel.run("%load_ext scoop").check()
        assert kernel.run("%%scoop -n 2\n" + PROCESSES + FULL_SIZE).check().result == "2"


# ---- the end of the pool -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("magic", ["", "%%scoop\n"], ids=["plain", "panel"])
def test_the_death_of_the_broker_is_told_at_once_and_the_next_cell_has_a_new_pool(
    new_kernel: Callable[[], Kernel], mark: Path, magic: str
) -> None:
    kernel = start_and_fill(new_kernel, mark)
    broker = "__import__('scoop_core.current').current.current.engine.picture()['pool']['pid']"
    pid = int(kernel.run(broker).check().result or "")
    cell = kernel.begin(magic + "list(futures.map(nap, [mark] * 4))")
    kernel.until(mark.exists)
    os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    kernel.finish(cell, LOST_SECONDS)
    print(f"told after {time.monotonic() - killed:.2f} s")
    assert cell.error and cell.error.name == "BrokerLost"
    assert "its broker ended or was killed" in cell.error.value
    if magic:
        assert "Pool lost" in cell.html
    assert kernel.run(magic + FULL_SIZE).check().result not in (None, "0")
    assert "(in use here)" in kernel.run("%scoop pools").check().text()


def test_the_death_of_a_worker_goes_unnoticed(kernel: Kernel, mark: Path) -> None:
    kernel.run(f"mark = {str(mark)!r}\ndef once(x):\n    if not os.path.exists(mark):\n"
               "        open(mark, 'w').close()\n        os.kill(os.getpid(), 9)\n    return x").check()  # fmt: skip
    assert kernel.run("%%scoop\nlist(futures.map(once, range(6)))").check().result == "[0, 1, 2, 3, 4, 5]"
    assert kernel.run(FULL_SIZE).check().result == "2"


def test_a_task_that_kills_its_workers_fails_alone(kernel: Kernel) -> None:
    kernel.run("def deadly(x):\n    if x == 3:\n        os._exit(7)\n    return x").check()
    cell = kernel.run(
        "%%scoop\npending = [futures.submit(deadly, x) for x in range(6)]\n[f.exception() for f in pending]"
    )
    assert cell.check().result and cell.result.count("None") == 5
    cell = kernel.run("pending[3].result()")
    assert cell.error and cell.error.name == "WorkerLost"
    assert "'deadly'" in cell.error.value and "exit status 7" in cell.error.value
    assert kernel.run(FULL_SIZE).check().result == "2"
