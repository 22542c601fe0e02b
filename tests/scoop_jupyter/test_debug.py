"""``%scoop debug`` in a real kernel: somebody types into the debugger."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.scoop_jupyter.kernel import Kernel
from tests.scoop_jupyter.test_magics import refused

FAILS = """
limit = 3
def check(x):
    doubled = 2 * x
    if x == limit:
        raise ValueError(f"{x} is not allowed")
    return doubled
def outer(x):
    return sum(futures.map(check, range(x)))
"""


def ask(kernel: Kernel, line: str, *questions: str) -> str:
    """Run a line that opens a debugger, and type these there; all that it said."""
    cell = kernel.begin(line)
    for question in (*questions, "q"):
        assert kernel.answer(question) == "ipdb> "
    return kernel.finish(cell).check().text()


def test_the_last_failure(kernel: Kernel) -> None:
    kernel.run(FAILS).check()
    assert kernel.run("list(futures.map(check, range(6)))").error
    said = ask(kernel, "%scoop debug", "p (x, doubled, limit)", "u", "d")
    assert "ValueError: 3 is not allowed" in said and "(3, 6, 3)" in said
    assert 'raise ValueError(f"{x} is not allowed")' in said and "Cell In[" in said
    assert "scoop_core" not in said and "scoop_jupyter" not in said
    # Then IPython's own magic knows it, too.
    assert "(3, 6)" in ask(kernel, "%debug", "p (x, doubled)")


def test_by_id_and_nested(kernel: Kernel) -> None:
    kernel.run(FAILS).check()
    kernel.run(
        "def other(x):\n    mine = 'other'\n    raise KeyError(x)\nfutures.submit(other, 1).exception()"
    ).check()
    assert kernel.run("futures.submit(outer, 5).result()").error
    assert "(3, 6)" in ask(kernel, "%scoop debug", "p (x, doubled)")  # not the one that passed it on
    find = "client = __import__('scoop_core.current').current.current.engine"
    find += "\n[f['id'] for g in client.picture()['groups'] if g['name'] == 'other' for f in g['failures']][-1]"
    failure = (kernel.run(find).check().result or "").strip("'")
    assert "'other'" in ask(kernel, f"%scoop debug {failure}", "p mine")
    assert failure in kernel.complete("%scoop debug ") and kernel.complete(f"%scoop debug {failure[:-1]}")


def test_one_that_does_not_fail_again(kernel: Kernel) -> None:
    kernel.run(
        "import os\nhere = os.getpid()\ndef picky(x):\n    if os.getpid() != here:\n        1 / 0\n    return x"
    )
    kernel.run("futures.submit(picky, 5).exception()").check()
    assert kernel.run("%scoop debug").check().text() == "It does not fail this time. It returned 5.\n"


def test_where_nobody_can_type(kernel: Kernel) -> None:
    kernel.run(FAILS + "futures.submit(check, 3).exception()").check()
    cell = kernel.finish(kernel.begin("%scoop debug", typing=False)).check()
    assert "ValueError: 3 is not allowed" in cell.text() and "Nobody can type here" in cell.text()


@pytest.mark.parametrize(
    ("line", "says"), [("%scoop debug none-1", "'none-1' names no failed task"), ("%scoop debug 1 2", "unrecognized")]
)
def test_what_can_not_be_debugged(kernel: Kernel, line: str, says: str) -> None:
    assert says in refused(kernel, line)


def test_without_a_pool(new_kernel: Callable[..., Kernel]) -> None:
    assert "there is no pool" in refused(new_kernel(), "%scoop debug")
