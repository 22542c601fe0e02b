"""The kernel "Python 3 (scoop)": found by Jupyter, with the magics loaded, and a pool that comes and goes with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import psutil
from hatchling.builders.wheel import WheelBuilder
from jupyter_client.kernelspec import KernelSpecManager

from tests.scoop_jupyter.kernel import Kernel
from tests.waiting import holds

PROJECT = Path(__file__).parents[2]
SPECS = PROJECT / "scoop_jupyter" / "kernels"


def test_it_is_installed_where_jupyter_looks() -> None:
    shared = WheelBuilder(str(PROJECT)).config.shared_data
    assert shared[str(SPECS / "scoop")] == "share/jupyter/kernels/scoop"
    spec = KernelSpecManager(kernel_dirs=[str(SPECS)]).get_kernel_spec("scoop")
    assert spec.display_name == "Python 3 (scoop)"
    # By this name Jupyter finds the Python of its own environment, wherever that was moved to.
    assert spec.argv[0] == "python"
    logo = ElementTree.parse(SPECS / "scoop" / "logo-svg.svg").getroot()
    assert logo.tag == "{http://www.w3.org/2000/svg}svg"


def test_magics_are_there_and_the_pool_comes_and_goes(new_kernel: Callable[..., Kernel]) -> None:
    kernel = new_kernel(SPECS)
    assert "There is no pool" in kernel.run("%scoop status").check().text()
    assert kernel.run("%%scoop -n 1 --quiet\nlist(futures.map(abs, [-1, -2]))").check().result == "[1, 2]"
    kernel.run("import os").check()
    worker = int(kernel.run("futures.submit(os.getpid).result()").check().result or 0)
    assert psutil.pid_exists(worker)
    kernel.close()
    assert holds(lambda: not psutil.pid_exists(worker))


def test_first_use_of_futures_starts_the_pool(new_kernel: Callable[..., Kernel]) -> None:
    kernel = new_kernel(SPECS)
    assert kernel.run("from scoop import futures\nlist(futures.map(abs, [-1]))").check().result == "[1]"
    assert "(in use here)" in kernel.run("%scoop pools").check().text()
