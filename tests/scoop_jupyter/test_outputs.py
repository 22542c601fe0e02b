"""What tasks show that is no print, and what is too much to be shown."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from scoop_jupyter.outputs import DISPLAY, DISPLAY_LINES, KEPT, LINES, Cell, Piece
from tests.scoop_jupyter.kernel import Kernel, Outcome

PNG = b"\x89PNG\r\n\x1a\n"


def held(cell: Outcome) -> str:
    """The line that says how much is held back."""
    return next((d["text/plain"] for name, d in cell.shown.items() if name.startswith("scoop-held-")), "")


# ---- displays ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["", "from IPython.display import display", "import IPython; d = IPython.display"])
def test_display_in_a_task(kernel: Kernel, how: str) -> None:
    """As a builtin, as a name of the notebook, and imported in the task."""
    call = "d.display" if how.startswith("import") else "display"
    table = (
        "class Table:\n    def __repr__(self): return 'a table'\n    def _repr_html_(self): return '<table>1</table>'"
    )
    body = f"def f(x):\n    print('before')\n    {call}(Table(), 'text')\n    print('after')"
    kernel.run(f"{how}\n{table}\n{body}").check()
    cell = kernel.run("futures.submit(f, 1).result()").check()
    assert cell.displays == [{"text/html": "<table>1</table>", "text/plain": "a table"}, {"text/plain": "'text'"}]
    assert re.fullmatch(r"(\[w\d+\]) before\n\1 after\n", cell.text())
    inner = body.replace("\n", f"\n    {how}\n", 1) if how else body
    kernel.run(f"{table}\n{inner.replace('def f', 'def g')}\ndef nested(x):\n    return list(futures.map(g, [1]))")
    assert len(kernel.run("%%scoop --quiet\nfutures.submit(nested, 1).result();").check().displays) == 2


def test_prints_and_displays_keep_their_order(kernel: Kernel) -> None:
    """Those of one task, also where a line has no end yet."""
    kernel.run(
        "import sys\ndef f(x):\n    for i in range(3):\n        print('good', i)\n        display(i)\n"
        "        print('bad', i, file=sys.stderr)\n    print('half', end='')\n    display('last')"
    ).check()
    cell = kernel.begin("futures.submit(f, 1).result()")
    order: list[str] = []

    def over() -> bool:
        now = cell.text() + cell.text("stderr"), len(cell.displays)
        order.append(str(now))
        return cell.over

    kernel.until(over)
    steps = list(dict.fromkeys(order))
    counts = [(step.count("good"), int(step.rpartition(" ")[2][:-1]), step.count("bad")) for step in steps]
    expected = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1), (2, 1, 1), (2, 2, 1), (2, 2, 2), (3, 2, 2), (3, 3, 2)]
    assert counts == [*expected, (3, 3, 3), (3, 3, 3), (3, 4, 3)]
    assert "half" in steps[-2]


def test_displays_that_change(kernel: Kernel) -> None:
    kernel.run(
        "def f(x):\n    from IPython.display import display, HTML\n    handle = display('first', display_id=True)\n"
        "    handle.update(HTML('<i>second</i>'))\n    other = display(display_id='mine')\n    other.update('late')"
    ).check()
    cell = kernel.run("futures.submit(f, 1).result()").check()
    assert [data.get("text/html") or data["text/plain"] for data in cell.shown.values()] == [
        "<i>second</i>",
        "'late'",
    ]


def test_figures(kernel: Kernel) -> None:
    pytest.importorskip("matplotlib")
    kernel.run(
        "import matplotlib.pyplot as plt\ndef plot(x):\n    plt.plot([1, x])\n    plt.figure()\n"
        "    plt.plot([x, 1])\n    plt.show()\n    return len(plt.get_fignums())\n"
        "def own(x):\n    figure, axes = plt.subplots()\n    display(figure)\n    plt.close(figure)"
    ).check()
    cell = kernel.run("%%scoop --quiet\nlist(futures.map(plot, [5, 6]))").check()
    assert cell.result == "[0, 0]" and cell.text("stderr") == ""
    pictures = [base64.b64decode(data["image/png"]) for data in cell.displays]
    assert len(pictures) == 4 and all(picture.startswith(PNG) for picture in pictures)
    assert cell.displays[0]["text/plain"].startswith("<Figure size ")
    cell = kernel.run("futures.submit(own, 1).result()").check()
    assert base64.b64decode(cell.displays[0]["image/png"]).startswith(PNG) and len(cell.displays) == 1


def test_displays_that_are_too_large_or_broken(kernel: Kernel) -> None:
    kernel.run(
        "class Large:\n    def __repr__(self): return 'large'\n    def _repr_html_(self): return 'x' * 20_000_000\n"
        "class Broken:\n    def _repr_html_(self): return 1 / 0"
    ).check()
    cell = kernel.run("futures.submit(lambda: display(Large())).result()").check()
    assert cell.displays == [{"text/plain": "large (too large to be shown: 20 MB)"}]
    cell = kernel.run("futures.submit(lambda: display(Broken())).result()").check()
    assert cell.displays[0].keys() == {"text/plain"} and "ZeroDivisionError" in cell.text("stderr")


def test_displays_in_a_pool_that_the_server_has_started(new_kernel: Callable[..., Kernel]) -> None:
    kernel = new_kernel()
    command = [sys.executable, "-m", "scoop_jupyter.server.keeper"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as keeper:
        assert keeper.stdin is not None and keeper.stdout is not None
        print('{"n": 1, "name": "kept"}', file=keeper.stdin, flush=True)
        assert "kept" in keeper.stdout.readline()
        kernel.run("%scoop connect kept\nfrom scoop import futures").check()
        cell = kernel.run("futures.submit(lambda: display('here')).result()").check()
        assert cell.displays == [{"text/plain": "'here'"}]
        kernel.run("%scoop stop").check()


# ---- warnings and log records --------------------------------------------------------------------------------------


def test_warnings_and_log_records(kernel: Kernel) -> None:
    kernel.run(
        "import warnings, logging\ndef careful(x):\n    warnings.warn('mind the gap')\n"
        "    logging.getLogger('mine').warning('it is %d', x)\n    logging.getLogger().error('root says so')\n"
        "    logging.info('of no interest')"
    ).check()
    cell = kernel.run("%%scoop --quiet\nfutures.submit(careful, 5).result()").check()
    said = [line.partition("] ")[2] for line in cell.text("stderr").splitlines()]
    assert re.fullmatch(r"\S+\.py:3: UserWarning: mind the gap", said[0])
    assert said[1:] == ["  warnings.warn('mind the gap')", "it is 5", "root says so"] and cell.text() == ""


def test_the_level_of_the_log_is_set_on_the_workers(kernel: Kernel) -> None:
    kernel.run("import logging\ndef talk(x):\n    logging.info('told %d', x)").check()
    try:
        kernel.run("%scoop each import logging; logging.basicConfig(level='INFO', force=True)").check()
        cell = kernel.run("futures.submit(talk, 5).result()").check()
        assert re.fullmatch(r"\[w\d+\] INFO:root:told 5\n", cell.text("stderr"))
    finally:
        kernel.run("%scoop restart").check()


# ---- too much ------------------------------------------------------------------------------------------------------


def test_what_is_too_much_is_held_back(kernel: Kernel) -> None:
    kernel.run("def noisy(x):\n    for i in range(300):\n        print(x, i)").check()
    cell = kernel.run("%%scoop --quiet\nprint('own')\nlist(futures.map(noisy, range(10)));\nprint('own')").check()
    assert len(cell.text().splitlines()) == 1002
    number = re.fullmatch(r"… and 2,000 lines more: `%scoop output (\d+)` shows them", held(cell))
    assert number
    other = kernel.run("list(futures.map(noisy, range(4)));").check()
    assert "200 lines more" in held(other)
    rest = kernel.run(f"%scoop output {number[1]}").check().text()
    everything = cell.text().replace("own\n", "") + rest
    said = sorted(tuple(map(int, line.split()[1:])) for line in everything.splitlines())
    assert said == [(x, i) for x in range(10) for i in range(300)]
    assert len(kernel.run("%scoop output").check().text().splitlines()) == 200
    assert kernel.run("%scoop output 1").check().text() == "Nothing is held back of cell 1.\n"


def test_displays_are_held_back_too(kernel: Kernel) -> None:
    kernel.run("def show(x):\n    for i in range(120):\n        display(i)").check()
    cell = kernel.run("futures.submit(show, 1).result()").check()
    assert len(cell.displays) == LINES // DISPLAY_LINES + 1 and held(cell).startswith("… and 200 lines more")
    rest = kernel.run("%scoop output").check()
    assert [data["text/plain"] for data in rest.displays] == [str(i) for i in range(100, 120)]


def test_what_is_held_back_has_a_limit() -> None:
    cell = Cell({}, 7)
    assert cell.take(Piece("stdout", "x\n" * LINES, LINES)) is not None
    line = "y" * 999 + "\n"
    for _ in range(5 * KEPT // 1000):
        assert cell.take(Piece("stdout", line, 1)) is None
    assert cell.kept == sum(len(piece.text) for piece in cell.held) <= KEPT
    assert cell.notice() == "… and 12,500 lines more: `%scoop output 7` shows the last 2,500 of them"
    cell.take(Piece(DISPLAY, "z" * (KEPT + 1), DISPLAY_LINES))
    assert cell.notice() == "… and 12,510 lines more"


def test_a_piece_that_is_cut() -> None:
    cell = Cell({}, 7)
    cell.take(Piece("stdout", "x\n" * (LINES - 1), LINES - 1))
    assert cell.take(Piece("stderr", "a\nb\nc\n", 3)) == Piece("stderr", "a\n", 1)
    assert list(cell.held) == [Piece("stderr", "b\nc\n", 2)]
    assert cell.take(Piece("stdout", "d\n", 1)) is None and len(cell.held) == 2
