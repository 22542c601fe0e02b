"""A pool with workers on other hosts, one of which is late, and one is lost: in the panel and the sidebar."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from scripts.lab import Lab, NotebookPage
from tests.browser.pages import save

pytestmark = pytest.mark.browser

#: What stands in for ssh, and reaches this host under all names: late, only when a file says so, and lost, only once.
SSH = """#!/bin/bash
cd "$(dirname "$0")"
command="${@: -1}" host="${@: -2:1}"
if [ $host = late ]; then
    until [ -e arrived ]; do sleep 0.05; done
elif [ -e lost.pid ]; then
    echo "ssh: connect to host $host port 22: Connection refused" >&2
    exit 255
fi
echo $$ > $host.pid
exec sh -c "$command"
"""
START = """%load_ext scoop
import time
%scoop start --host localhost localhost late late lost --external-hostname 127.0.0.1 --name far --ssh-executable {}"""
SLEEP = "%%scoop\nlist(futures.map(time.sleep, [0.2] * 150))"
REFUSED = "lost: ssh: connect to host lost port 22: Connection refused"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, session_folder: Path) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_hosts_that_are_missing(lab: Lab, page: Page, theme: str, tmp_path: Path) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text(SSH)
    ssh.chmod(0o700)
    lab.write(f"{theme}.ipynb", [START.format(ssh), SLEEP, "%scoop status"])
    notebook = NotebookPage(page, lab, f"{theme}.ipynb", dark=theme == "dark")
    pool = page.locator(".scoop-pool[data-pool='far']")
    try:
        notebook.start(0)
        page.get_by_role("tab", name="SCOOP").click()
        expect(pool).to_contain_text("1 of 2 other hosts is there; awaited: late", timeout=20_000)
        (tmp_path / "arrived").touch()
        notebook.await_end(0)
        expect(notebook.output(0)).to_contain_text("Pool 'far': 5 workers")
        expect(pool).not_to_contain_text("other hosts")

        notebook.start(1)
        missing = notebook.cell(1).locator(".scoop-missing")
        expect(notebook.cell(1).locator(".scoop-panel header")).to_contain_text("5 workers")
        expect(missing).to_be_hidden()
        os.kill(int((tmp_path / "lost.pid").read_text()), signal.SIGKILL)
        expect(missing.locator("li")).to_have_text(REFUSED, timeout=20_000)
        expect(missing.locator("p")).to_have_text("1 of 2 other hosts is there")
        expect(pool).to_contain_text("4 of 5 workers")
        expect(pool).to_contain_text("1 of 2 other hosts is there")
        expect(pool.locator(f"[title$='{REFUSED}']")).to_have_count(1)
        assert notebook.is_running(1)
        save(page, f"hosts-{theme}")
        notebook.await_end(1)
        expect(notebook.cell(1).locator(".scoop-panel header")).to_contain_text("150 tasks")
        expect(missing).to_be_hidden()
        notebook.run(2)
        expect(notebook.output(2)).to_contain_text(REFUSED)
    finally:
        notebook.shut_down()
