"""Names of pools that ssh leads to, and the commands that they become."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scoop_core.errors import NoSuchPool
from scoop_core.tunnel import Place, command, is_url, parse


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("ssh://nodea/work", Place("nodea", "", "work")),
        ("ssh://me@Node-A.site:2222/work", Place("me@Node-A.site", "2222", "work")),
        ("ssh://nodea", Place("nodea", "", "")),
        ("ssh://nodea/", Place("nodea", "", "")),
        ("ssh://me@[fe80::1]:22/w", Place("me@fe80::1", "22", "w")),
        ("ssh://nodea//home/me/scoop-work.json", Place("nodea", "", "/home/me/scoop-work.json")),
    ],
)
def test_the_parts_of_a_name(url: str, place: Place) -> None:
    assert is_url(url) and parse(url) == place


@pytest.mark.parametrize(
    "url",
    ["ssh://", "ssh:///work", "ssh://-oProxyCommand=x/work", "ssh://-l@nodea/work", "ssh://a b@/w", "ssh://nodea:x/w",
     "ssh://a:secret@nodea/w"],
)  # fmt: skip
def test_what_leads_nowhere_is_refused(url: str) -> None:
    with pytest.raises(NoSuchPool, match=r"ssh://\[user@\]host\[:port\]/name"):
        parse(url)


@pytest.mark.parametrize("name", ["work", "ssh", "/tmp/ssh://x.json", "SSH-work"])
def test_other_names_are_none_of_them(name: str) -> None:
    assert not is_url(name)


def test_host_user_and_port_stand_before_the_command() -> None:
    found = command(parse("ssh://me@nodea:2222/work"), ["ssh", "-F", "file"], "")
    assert found[:3] == ["ssh", "-F", "file"] and found[-4:-1] == ["-p", "2222", "me@nodea"]
    assert "BatchMode=yes" in found


@pytest.mark.parametrize("name", ["work", "/a folder/it's.json", "$(touch x)"])
@pytest.mark.parametrize("python", ["", sys.executable, f"env A=b {sys.executable}"])
def test_the_shell_there_gets_the_name_as_it_is(name: str, python: str) -> None:
    line = command(Place("nodea", "", name), ["ssh"], python)[-1]
    shown = line.replace("sys.exit(far(sys.argv[1]))", "print(far.__module__, sys.argv[1])")
    assert shown != line
    assert subprocess.run(["sh", "-c", shown], capture_output=True, text=True).stdout == f"scoop_core.relay {name}\n"


def test_where_this_python_is_not_another_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    line = command(Place("nodea", "", "x"), ["ssh"], "")[-1].replace("from scoop_core.relay import far", "far = str")
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == "x\n", "python3 has run"
