"""What `docs/clusters.md` shows of hosts that ssh reaches, and of batch systems, is done there, on real ones."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path

from tests.cluster.grid_engine import GridEngine
from tests.cluster.hosts import Cluster
from tests.cluster.programs import Program
from tests.cluster.scripts import Scripts
from tests.cluster.slurm import Slurm
from tests.docs.test_docs import PROJECT, SESSION, blocks, matches

PAGE = list(blocks(PROJECT / "docs" / "clusters.md"))
PROGRAM = """
from scoop import futures

if __name__ == "__main__":
    print(sum(futures.map(abs, range(100))))
"""


def test_cells(cluster: Cluster, slurm: Slurm, shared_folder: Path, tmp_path: Path) -> None:
    cells = [block for block in PAGE if block.language == "ipython"]
    environment = {"IPYTHONDIR": str(tmp_path), "XDG_STATE_HOME": str(cluster.folder / "state"), **slurm.variables}
    code = json.dumps([cell.text for cell in cells])
    with Program(cluster, shared_folder, "scoop.start(2, 'work')", "nodec"):
        done = cluster.run("head", [sys.executable, "-c", SESSION], input=code, env=environment, timeout=60)
    outputs = dict(zip(map(id, cells), json.loads(done.stdout.split("\n")[-2]), strict=True))
    for block, after in pairwise(PAGE):
        if id(block) in outputs and after.language == "text" and after.adjacent:
            assert matches(after.text, outputs[id(block)]), f"{after.text}\nbut it prints\n{outputs[id(block)]}"


def test_commands_for_pools_of_other_hosts(cluster: Cluster, shared_folder: Path) -> None:
    lines = [line[2:] for block in PAGE if block.language == "console" for line in block.text.splitlines()]
    assert len(lines) == 2
    with Program(cluster, shared_folder, "scoop.start(2, 'work')", "nodec"):
        said = ""
        for line in lines:
            command = line.partition("#")[0].replace(" top ", " top --once ")
            done = cluster.run("head", ["sh", "-c", f"PATH={Path(sys.executable).parent}:$PATH; {command}"])
            assert done.stderr == "", command
            said += done.stdout
        assert "Pool 'work' on nodec" in said


def test_commands(cluster: Cluster) -> None:
    folder = cluster.folder / "page"
    folder.mkdir()
    (folder / "program.py").write_text(PROGRAM)
    (folder / "hosts.txt").write_text("localhost\nnodea 2\nnodeb 2\n")
    commands = [line[2:] for block in PAGE if block.language == "shell" for line in block.text.splitlines()]
    assert commands
    for command in commands:
        line = f"cd {folder}; PATH={Path(sys.executable).parent}:$PATH; {command}"
        assert cluster.run("head", ["sh", "-c", line], timeout=60).stdout == "4950\n", command


def test_lines_of_the_scripts_of_jobs(slurm: Slurm, grid_engine: GridEngine, tmp_path: Path) -> None:
    lines = [line for block in PAGE if block.language == "sh" for line in block.text.splitlines()]
    assert len(lines) == 2
    for line, system in zip(lines, (slurm, grid_engine), strict=True):
        with Scripts(system, tmp_path, PROGRAM) as scripts:
            assert f" {scripts.shell} " in line
            scripts.submit(line, "echo over")
            scripts.jobs.await_print("over\n")
            assert "4950\n" in scripts.jobs.printed()
