"""What tests of pages have in common."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page


def is_local(url: str) -> bool:
    """Whether an address is on this machine."""
    return bool(re.match(r"(https?|wss?)://(127\.0\.0\.1|localhost)[:/]|data:|blob:", url))


def save(what: Page | Locator, path: Path) -> None:
    """Take a picture. (Given the path, Playwright would write it in threads that stay.)"""
    picture = what.screenshot()
    assert len(picture) > 10_000
    path.write_bytes(picture)
