"""The scripts in `deploy/submit_files`, as far as they run without a batch system; see also `tests/cluster`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FILES = Path(__file__).parents[2] / "deploy" / "submit_files"
PROGRAM = """
from scoop import futures

if __name__ == "__main__":
    print("sum", sum(futures.map(abs, range(100))))
"""


@pytest.mark.parametrize("path", sorted(FILES.glob("*.sh")), ids=lambda path: path.stem)
def test_every_file_is_a_script_that_ends_in_the_program(path: Path) -> None:
    subprocess.run(["sh", "-n", path], check=True)
    assert path.read_text().splitlines()[-1] == "exec python -m scoop program.py"
    assert f"[{path.name}]({path.name})" in (FILES / "README.md").read_text()


@pytest.mark.parametrize("name", ["pbs", "torque"])
def test_pbs_begins_in_the_folder_that_it_was_submitted_from(name: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PBS_O_WORKDIR": str(tmp_path)}
    done = subprocess.run(
        ["sh", FILES / f"{name}.sh"], env=environment, cwd="/", capture_output=True, text=True, check=True
    )
    assert done.stdout == "sum 4950\n"
