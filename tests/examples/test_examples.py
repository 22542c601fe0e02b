"""Every example runs as its docstring says, and prints what it promises."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.scoop.running import run

PROJECT = Path(__file__).parents[2]
EXAMPLES = sorted((PROJECT / "examples").glob("*.py"))

#: What each of them prints, as a regular expression.
PRINTED = {
    "callbacks": "".join(rf"{n**3} is ready, says the program\n" for n in range(4)) + r"the sum is 36\n",
    "exceptions": r"""result\(\): division by zero
it knows the line: True
map: 1\.0
map: division by zero
map goes on: 0\.25
wait\(\) doesn't raise: \['NoneType', 'ZeroDivisionError'\]
sys\.exit in a task: enough
""",
    "fetch_urls": r"/: 22 bytes\n/long: 10000 bytes\n/empty: 0 bytes\n/lost: 404 Not Found\n",
    "full_tree": r"the sum of 256 leaves: 1792\n",
    "hello": "".join(f"Hello from task {n}\n" for n in range(6)),
    "map_reduce": r"\[\('the', 8\), .*\]\n0123456789\n",
    "map_scan": r"0 1 5 14 30 55 91 140\nthe highest so far: 3 3 4 4 5 9 9 9\n",
    "onemax": r"50 of 50 bits are ones after 30 generations\n",
    "partials_and_methods": r"""partial           1 2 4 8
method            1 3 5 7
instance          1 3 5 7
class method      0 1 2 3
static method     0 1 4 9
method of a type  0 1 2 3
lambda            0 -1 -2 -3
closure           10 11 12 13
class             0 1 2 3
keywords          7
""",
    "pi": r"π is about 3\.1[0-9]{2}\n",
    "shared_constants": r"""future    91
level    112
worker    90
noon     116
This constant already exists: letters\.
""",
    "sorting": r"20000 numbers are in order: True\n",
    "sorting_network": r"9 comparators leave 0 of 32 rows unsorted:( \(\d, \d\)){9}\n",
    "thumbnails": r"""small-000\.png: 64 × 40
small-060\.png: 64 × 52
small-120\.png: 64 × 64
small-180\.png: 54 × 64
small-240\.png: 47 × 64
""",
    "tree_traversal": r"500 nodes, 18 levels; the sum is right: True\n",
}


def test_every_example_is_known() -> None:
    assert [path.stem for path in EXAMPLES] == sorted(PRINTED)


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_example(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    said = re.search(r"^Run it with `python -m scoop -n 4 (\S+)( \[.*)?`\.$", docstring, re.MULTILINE)
    assert said and said[1] == f"examples/{path.name}"
    done = run("-m", "scoop", "-n", "2", said[1], cwd=PROJECT)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(PRINTED[path.stem], done.stdout), done.stdout
