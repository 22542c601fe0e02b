"""A notebook on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable

from tests.scoop_jupyter.kernel import Kernel

NAPS = """
import time

def nap(seconds):
    print("napping")
    time.sleep(seconds)

naps = [futures.submit(nap, 2) for _ in range(30)]
print("waiting")
[one.result() for one in naps]
"""


def test_a_notebook_uses_a_dask_cluster(new_kernel: Callable[..., Kernel]) -> None:
    kernel = new_kernel()
    assert "2 workers" in kernel.run("%scoop start --engine dask -n 2", 60).check().text()
    cell = kernel.run(
        "%%scoop\ndef f(x):\n    print('said', x)\n    return 2 * x\nprint(sum(futures.map(f, range(10))))"
    ).check()
    assert "90" in cell.text()
    kernel.until(lambda: "said 9" in cell.text())
    kernel.until(lambda: "10 tasks" in cell.html)
    status = kernel.run("%scoop status").check().text()
    assert "f" in status and "10/10" in status
    kernel.run("who = 1\n%scoop each import os; who = os.getpid()", 60).check()
    refused = kernel.run("%%scoop --profile\nfutures.map(f, [1])")
    assert refused.error is not None and refused.error.name == "NotSupported"
    running = kernel.begin(NAPS)
    # While the cell submits, an interrupt may strike in Dask's callback for garbage, and Python drops it there. So it
    # comes once the cell waits and the cluster works.
    kernel.until(lambda: "waiting" in running.text() and "napping" in running.text())
    assert kernel.interrupt(running) < 5
    assert running.error is not None and running.error.name == "KeyboardInterrupt"
    assert kernel.run("print(futures.submit(f, 4).result())", 30).check().text().endswith("8\n")
    assert "stopped" in kernel.run("%scoop stop", 30).check().text()
