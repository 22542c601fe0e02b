"""What tests of pages have in common."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page

#: Where pictures are kept until the next run.
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"


def is_local(url: str) -> bool:
    """Whether an address is on this machine."""
    return bool(re.match(r"(https?|wss?)://(127\.0\.0\.1|localhost)[:/]|data:|blob:", url))


def save(what: Page | Locator, name: str) -> None:
    """Take a picture, for people to look at. (Given the path, Playwright would write it in threads that stay.)"""
    picture = what.screenshot()
    assert len(picture) > 10_000
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    (SCREENSHOTS / f"{name}.png").write_bytes(picture)
