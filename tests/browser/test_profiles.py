"""The dialog for a new pool, on a host of a cluster where the configuration has profiles."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from scripts.lab import Lab
from tests.browser.pages import save
from tests.fake_batch import FakeBatch
from tests.scoop_jupyter.served import Served
from tests.waiting import eventually

pytestmark = pytest.mark.browser

PROFILES = """
[Profiles.gpu]
launcher = "slurm"
n = 4
per_job = 2
external_hostname = "127.0.0.1"
[Profiles.odd]
launcher = "slurm"
partition = "gpu"
"""


@pytest.fixture
def slurm(tmp_path: Path, session_folder: Path) -> FakeBatch:
    return FakeBatch(tmp_path)


@pytest.fixture
def lab(slurm: FakeBatch, tmp_path: Path) -> Iterator[Lab]:
    folder = tmp_path / "lab"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{slurm.bin}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        lab = Lab(folder)
    with lab:
        (folder / "config" / "scoop_config.toml").write_text(PROFILES)
        yield lab


def test_a_pool_is_started_as_a_profile_says(lab: Lab, slurm: FakeBatch, page: Page) -> None:
    page.goto(f"{lab.url}lab?token={lab.token}&reset")
    page.wait_for_function("() => window.jupyterapp?.restored")
    page.evaluate("jupyterapp.restored.then(() => jupyterapp.commands.execute('scoop:show'))")

    page.get_by_role("button", name="New pool").click()
    place, workers = page.get_by_label("Where"), page.get_by_label("Workers")
    expect(place.locator("option")).to_have_text(["on this machine", "in jobs of Slurm", "gpu (slurm)", "odd"])
    expect(place).to_have_value("0")
    place.select_option(label="in jobs of Slurm")
    expect(workers).to_have_value("")
    place.select_option(label="gpu (slurm)")
    expect(workers).to_have_value("4")
    workers.fill("3")
    page.get_by_label("Name", exact=True).fill("mine")
    save(page, "new-pool-of-a-profile")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator(".scoop-pool[data-pool='mine']")).to_be_visible()
    assert len(slurm.jobs("PENDING")) == 2
    slurm.open()
    eventually(lambda: Served(lab).pools()["mine"]["workers"] == 3, 60.0, 0.1)
    save(page, "pool-of-a-profile")

    page.get_by_role("button", name="New pool").click()
    place.select_option(label="odd")
    page.get_by_role("button", name="Start", exact=True).click()
    refused = page.locator(".jp-Dialog").filter(has_text="the profile 'odd' can't be used")
    expect(refused).to_contain_text("scoop_config.toml: the profile 'odd' can't be used: the launcher 'slurm' has no")
    save(page, "refused-profile")
    refused.get_by_role("button").last.click()
    expect(page.locator(".scoop-pool")).to_have_count(1)
