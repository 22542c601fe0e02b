"""A notebook on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable

from tests.scoop_jupyter.kernel import Kernel


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
    running = kernel.begin("import time\nprint('begun')\nlist(futures.map(time.sleep, [2] * 30))")
    kernel.until(lambda: "begun" in running.text())
    assert kernel.interrupt(running) < 5
    assert running.error is not None and running.error.name == "KeyboardInterrupt"
    assert kernel.run("print(futures.submit(f, 4).result())", 30).check().text().endswith("8\n")
    assert "stopped" in kernel.run("%scoop stop", 30).check().text()
