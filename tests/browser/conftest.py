"""A browser, and pages in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from scripts.lab import chromium, launch
from tests.browser.pages import is_local


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if chromium() is None:
        pytest.skip("there is no Chromium: make browser")
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page; fails at the end if a script of it failed, or it asked anybody outside of this machine."""
    troubles: list[str] = []
    page = browser.new_page(viewport={"width": 1200, "height": 1400})
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: is_local(request.url) or troubles.append(f"asked for {request.url}"))
    yield page
    page.close()
    assert troubles == []
