"""The live panel as a frontend gets it: updates while the cell blocks, and HTML that stays."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scoop_jupyter.notebook import KEPT_PANELS
from scoop_jupyter.view import RUN_MIME
from tests.scoop_jupyter.kernel import WIDGET, Kernel, Outcome

TREE = "def twig(x):\n    time.sleep(0.02)\ndef tree(x):\n    list(futures.map(twig, range(15)))"


def the_panel(cell: Outcome) -> dict[str, str]:
    """What the panel of a cell shows by now."""
    shown: dict[str, str] = next(iter(cell.shown.values()))
    return shown


def test_it_moves_while_the_cell_blocks_and_then_stays(kernel: Kernel) -> None:
    kernel.run(TREE).check()
    cell = kernel.run("%%scoop\nlist(futures.map(tree, range(10)));").check()
    assert WIDGET in cell.displays[0] and "text/html" in cell.displays[0] and "text/plain" in cell.displays[0]
    print(f"{len(cell.updates)} updates in {cell.seconds:.1f} s")
    assert 1.2 < cell.seconds < 6.0
    assert 2 < len(cell.updates) <= 12 * cell.seconds
    snapshots = cell.snapshots
    done = [snapshot["tasks"]["done"] for snapshot in snapshots]
    assert done == sorted(done) and len(set(done)) > 3
    middle = snapshots[len(snapshots) // 2]
    assert [group["name"] for group in middle["groups"]] == ["tree", "twig"]
    assert middle["groups"][1]["parent"] == middle["groups"][0]["id"]
    assert [worker["state"] for worker in middle["workers"]] == ["busy", "busy"]
    # What stays needs no kernel and no script.
    assert list(the_panel(cell)) == [RUN_MIME, "text/html", "text/plain"]
    assert "160 tasks in" in cell.html and "<script" not in cell.html
    assert "speed-up" in cell.html and "on 2 workers" in cell.html
    assert "twig  150/150" in the_panel(cell)["text/plain"]


def test_each_cell_has_its_own(kernel: Kernel) -> None:
    first = kernel.run("%%scoop\nlist(futures.map(abs, range(7)));").check()
    second = kernel.run("%%scoop\nlist(futures.map(abs, range(5)));").check()
    kernel.run("list(futures.map(abs, range(100)));").check()
    assert "7 tasks in" in first.html and "5 tasks in" in second.html


def test_the_speed_up_of_a_tree_is_not_more_than_its_workers(kernel: Kernel) -> None:
    kernel.run(
        "def grow(n):\n    time.sleep(0.01)\n    return sum(futures.map(grow, [n - 1] * 3)) if n else 1"
    ).check()
    cell = kernel.run("%%scoop\nfutures.submit(grow, 3).result()").check()
    assert cell.result == "27"
    found = re.search(r"speed-up ([\d.]+) on 2 workers", cell.html)
    assert found and float(found[1]) <= 2.1, cell.html


def test_a_cell_without_tasks(kernel: Kernel) -> None:
    cell = kernel.run("%%scoop\n1 + 1").check()
    assert cell.result == "2" and "0 tasks" in cell.html


def test_it_follows_futures_that_outlive_the_cell(kernel: Kernel, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    kernel.run(f"def held():\n    while not os.path.exists({str(gate)!r}): time.sleep(0.01)").check()
    cell = kernel.run("%%scoop\npending = [futures.submit(held) for _ in range(3)]").check()
    assert cell.seconds < 2.0
    assert WIDGET in the_panel(cell)
    # Another cell does not end it.
    assert kernel.run("%%scoop --quiet\n1").check().result == "1"
    assert WIDGET in the_panel(cell)
    gate.touch()
    kernel.until(lambda: WIDGET not in the_panel(cell))
    assert "3 tasks in" in cell.html and "Finished" in cell.html


def test_an_interrupt_ends_it(kernel: Kernel) -> None:
    cell = kernel.begin("%%scoop\nlist(futures.map(time.sleep, [60] * 10))")
    kernel.until(lambda: cell.snapshots and cell.snapshots[-1]["tasks"]["running"])
    kernel.interrupt(cell)
    assert WIDGET not in the_panel(cell)
    assert "Cancelled" in cell.html and "10 cancelled" in cell.html


def test_the_end_of_the_pool_ends_it(new_kernel: Callable[[], Kernel]) -> None:
    kernel = new_kernel()
    whole = kernel.run("import time\n%scoop panel").check()
    cell = kernel.run("%%scoop\npending = futures.submit(time.sleep, 60)").check()
    assert WIDGET in the_panel(cell) and WIDGET in the_panel(whole)
    kernel.run("%scoop stop").check()
    assert WIDGET not in the_panel(cell) and WIDGET not in the_panel(whole)
    assert "0 of 1 task" in cell.html
    kernel.run(
        "from scoop import BrokerLost\ntry:\n    pending.result()\nexcept BrokerLost:\n    print('lost')"
    ).check()
    assert kernel.cells[-1].text() == "lost\n"


def held(kernel: Kernel, tmp_path: Path) -> tuple[Outcome, Path]:
    """A cell that is over, with three tasks that go on until there is a file; and its path."""
    gate = tmp_path / "gate"
    kernel.run(f"def held(n):\n    while not os.path.exists({str(gate)!r}): time.sleep(0.01)\n    return n").check()
    cell = kernel.run("%%scoop\npending = [futures.submit(held, n) for n in range(3)]").check()
    states = 'n = __import__("scoop_core.current").current.current.engine.picture()["tasks"]["running"]; n'
    kernel.until(lambda: kernel.run(states).check().result == "2")
    return cell, gate


def test_its_button_cancels_all_of_its_run(kernel: Kernel, tmp_path: Path) -> None:
    cell, _ = held(kernel, tmp_path)
    kernel.press(cell, {"action": "stop"})
    kernel.until(lambda: WIDGET not in the_panel(cell))
    assert "Cancelled" in cell.html and "3 cancelled" in cell.html
    assert kernel.run("{future.cancelled() for future in pending}").check().result == "{True}"


def test_its_buttons_cancel_a_task_and_replace_a_worker(kernel: Kernel, tmp_path: Path) -> None:
    cell, gate = held(kernel, tmp_path)
    names = '[w["name"] for w in __import__("scoop_core.current").current.current.engine.picture()["workers"]]'
    one, other = ast.literal_eval(str(kernel.run(names).check().result))
    kernel.press(cell, {"action": "cancel-task", "worker": one})
    cancelled = "[future.cancelled() for future in pending].count(True)"
    kernel.until(lambda: kernel.run(cancelled).check().result == "1")
    kernel.press(cell, {"action": "restart-worker", "worker": other})
    kernel.until(lambda: other not in str(kernel.run(names).check().result), 20.0)
    # Of a worker that is not there, and of words that mean nothing, nothing comes.
    kernel.press(cell, {"action": "restart-worker", "worker": other})
    kernel.press(cell, {"action": "dance"})
    gate.touch()
    kernel.until(lambda: WIDGET not in the_panel(cell))
    assert "2 of 3 tasks" in cell.html and "1 cancelled" in cell.html


def test_the_timeline_comes_when_it_is_asked_for_and_stays(kernel: Kernel, tmp_path: Path) -> None:
    cell, gate = held(kernel, tmp_path)

    def timelines() -> list[dict[str, Any]]:
        return [state["timeline"] for each in kernel.cells for state in each.states if state.get("timeline")]

    before = len(timelines())
    kernel.press(cell, {"action": "timeline"})
    kernel.until(lambda: len(timelines()) > before)
    assert timelines()[-1]["functions"] == ["held"]
    gate.touch()
    kernel.until(lambda: WIDGET not in the_panel(cell))

    def saved() -> Any:
        return the_panel(cell)[RUN_MIME]

    assert saved()["snapshot"]["tasks"]["done"] == 3
    # The last of it comes a little after the end.
    kernel.until(lambda: sum(span[3] for lane in saved()["timeline"]["lanes"] for span in lane["spans"]) == 3)


# ---- in VS Code ----------------------------------------------------------------------------------------------------

IN_VSCODE = "vscode-notebook-cell:/home/user/some.ipynb#W0sZmlsZQ%3D%3D"


def test_in_vscode_it_stays_where_it_is_drawn_and_the_notebook_keeps_its_end(
    new_kernel: Callable[[], Kernel],
) -> None:
    kernel = new_kernel()
    cell = kernel.run("%%scoop\nlist(futures.map(abs, range(7)));", where=IN_VSCODE).check()
    # The output that came last is the one whose id gets lost where the cell runs again.
    panel, last = cell.shown.values()
    assert len(cell.displays) == 2 and cell.displays[1] == last == {}
    assert list(panel) == [RUN_MIME, "text/html", "text/plain"]
    # Pages say that they draw it when the kernel listens: mostly, when the cell is over.
    kernel.press(cell, {"action": "drawn"})
    kernel.until(lambda: WIDGET in the_panel(cell))
    assert the_panel(cell)[WIDGET] == cell.displays[0][WIDGET]
    assert "7 tasks in" in cell.html and "7 done" in the_panel(cell)["text/plain"]
    assert any(snapshot["ended"] for snapshot in cell.snapshots)
    # From then on they stay at once. Those that are let go leave what the notebook keeps.
    other = kernel.run("%%scoop\nlist(futures.map(abs, range(5)));", where=IN_VSCODE).check()
    assert WIDGET in the_panel(other) and "5 tasks in" in other.html
    kernel.run("%unload_ext scoop").check()
    assert list(the_panel(cell)) == list(the_panel(other)) == [RUN_MIME, "text/html", "text/plain"]


def test_a_run_that_outlives_its_cell_ends_on_the_page_too(kernel: Kernel, tmp_path: Path) -> None:
    cell, gate = held(kernel, tmp_path)
    gate.touch()
    since = kernel.cells[kernel.cells.index(cell) :]
    kernel.until(lambda: any(snapshot["ended"] for each in since for snapshot in each.snapshots))


# ---- after the end -------------------------------------------------------------------------------------------------


def model(cell: Outcome) -> str:
    return str(next(data[WIDGET]["model_id"] for data in cell.displays if WIDGET in data))


def test_a_page_that_comes_back_after_the_end_gets_what_the_notebook_keeps(kernel: Kernel) -> None:
    cell = kernel.run("%%scoop\nlist(futures.map(abs, range(7)));").check()
    kernel.until(
        lambda: any(
            state.get("end", {}).get("model_id") == model(cell) for each in kernel.cells for state in each.states
        )
    )
    assert sum(s[3] for lane in kept(cell)["timeline"]["lanes"] for s in lane["spans"]) == 7
    asked = kernel.ask_state(cell)
    kernel.until(lambda: asked.states)
    assert asked.states[0]["snapshot"] == kept(cell)["snapshot"]
    assert asked.states[0]["snapshot"]["tasks"]["done"] == 7 and asked.states[0]["snapshot"]["ended"]
    assert asked.states[0]["timeline"]["functions"] == ["abs"]


def kept(cell: Outcome) -> Any:
    return the_panel(cell)[RUN_MIME]


def test_buttons_of_a_panel_that_is_over_do_nothing(kernel: Kernel) -> None:
    over = kernel.run("%%scoop\nlist(futures.map(abs, range(3)));").check()
    pressed = kernel.press(over, {"action": "stop"})
    kernel.until(lambda: pressed.over)
    assert kernel.run("list(futures.map(abs, [-1]))").check().result == "[1]"


def test_only_the_last_panels_stay_open(new_kernel: Callable[[], Kernel]) -> None:
    kernel = new_kernel()
    kernel.run("%scoop start -n 1").check()
    cells = [kernel.run(f"%%scoop\nlist(futures.map(abs, range({n})));").check() for n in range(KEPT_PANELS + 5)]
    widgets = kernel.widgets()
    assert model(cells[-1]) in widgets and model(cells[-KEPT_PANELS]) in widgets
    assert model(cells[0]) not in widgets
    assert len(widgets) <= 2 * (KEPT_PANELS + 1)  # each has a layout
    kernel.run("%scoop stop").check()
    assert model(cells[-1]) in kernel.widgets()
    kernel.run("%unload_ext scoop").check()
    assert kernel.widgets() == set()
