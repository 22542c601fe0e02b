"""Draw what `benchmarks`, `benchmarks.scaling` and `benchmarks.memory` measured with `--json FILE`, and what
`benchmarks.model` says of larger pools.

python -m benchmarks.plots FILE FOLDER
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib

from benchmarks.model import Model

matplotlib.use("agg")
from matplotlib import pyplot as plt  # (after the choice of how to draw)

# Told apart by those who see no colours, too.
COLOURS = {"scoop": "#0072b2", "ProcessPoolExecutor": "#e69f00", "multiprocessing.Pool": "#999999"}


def latency(measured: dict[str, Any], path: Path) -> None:
    """The distribution of round trips."""
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    for name, seconds in measured["round_trips"].items():
        times = [second * 1e6 for second in seconds]
        shares = [(index + 0.5) / len(times) for index in range(len(times))]
        axes.plot(times, shares, label=name, color=COLOURS[name], linewidth=2)
    axes.set(xscale="log", xlabel="submit(nothing).result(), µs", ylabel="share of round trips", xlim=(30, 10_000))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


def peers(measured: dict[str, Any], path: Path) -> None:
    """Rates beside those of the standard library's pools."""
    rows: dict[str, dict[str, float]] = {}
    for row in measured["rows"]:
        if row["unit"].endswith("/s"):
            rows.setdefault(f"{row['what']}\n({row['unit']})", {})[row["pool"]] = median(row["values"])
    figure, axes = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
    height = 0.8 / len(COLOURS)
    for place, (name, colour) in enumerate(COLOURS.items()):
        values = [found.get(name, 0.0) for found in rows.values()]
        where = [index + place * height for index in range(len(rows))]
        axes.barh(where, values, height, label=name, color=colour)
        for at, value in zip(where, values, strict=True):
            possible = value == value  # else it is no number
            text = f"{value:,.0f}" if possible else "impossible"
            axes.text(1.1 * (value if possible else 100), at, text, size=8, verticalalignment="center")
    axes.set_yticks([index + height for index in range(len(rows))], list(rows), size=8)
    axes.set(xscale="log", xlim=(100, 1e8))
    axes.invert_yaxis()
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


def scaling(measured: dict[str, Any], path: Path) -> None:
    """What a task costs beside itself, by the number of workers."""
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    for seconds, mark in ((0.0001, "o"), (0.001, "s"), (0.01, "^")):
        rows = [row for row in measured["scaling"] if row["task"] == seconds]
        shares = [100 * row["cost"] / seconds for row in rows]
        label = f"tasks of {seconds * 1e3:g} ms"
        axes.plot([row["workers"] for row in rows], shares, marker=mark, label=label)
    axes.set(xscale="log", xlabel="workers", ylabel="CPU time beside the tasks, % of theirs", ylim=(0, None))
    axes.set_xticks(workers := sorted({row["workers"] for row in measured["scaling"]}), map(str, workers))
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


def memory(measured: dict[str, Any], path: Path) -> None:
    """What pools take, idle (dashed) and while all workers use one array."""
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    for name, colour in COLOURS.items():
        rows = [row for row in measured["memory"] if row["pool"] == name]
        workers = [row["workers"] for row in rows]
        axes.plot(workers, [row["used"] for row in rows], color=colour, marker="o", label=f"{name}, in use")
        axes.plot(workers, [row["idle"] for row in rows], color=colour, linestyle="--", label=f"{name}, idle")
    axes.set(xlabel="workers", ylabel="MB of all processes of a pool", ylim=(0, None))
    axes.grid(alpha=0.3)
    figure.legend(frameon=False, fontsize=8, loc="outside upper center", ncols=3)
    figure.savefig(path, dpi=110)


def model(path: Path) -> None:
    """How well one broker feeds many workers."""
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    counts = [10, 30, 100, 300, 1000]
    for seconds, mark in ((0.001, "o"), (0.01, "s"), (0.1, "^"), (1.0, "v")):
        each = max(20, int(2.0 / seconds))
        found = [Model(n, n * each, seconds, service=7e-6).efficiency for n in counts]
        axes.plot(counts, found, marker=mark, label=f"tasks of {seconds * 1e3:g} ms")
    axes.set(xscale="log", xlabel="workers", ylabel="share of their time in tasks", ylim=(0, 1.05))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plots", description=__doc__)
    parser.add_argument("file", help="what `python -m benchmarks --json` wrote")
    parser.add_argument("folder", help="for the pictures")
    options = parser.parse_args()
    measured = json.loads(Path(options.file).read_text())
    folder = Path(options.folder)
    latency(measured, folder / "latency.png")
    peers(measured, folder / "peers.png")
    scaling(measured, folder / "scaling.png")
    memory(measured, folder / "memory.png")
    model(folder / "model.png")


if __name__ == "__main__":
    main()
