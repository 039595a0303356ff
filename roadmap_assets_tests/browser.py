"""Pages in a real browser: headless Chromium, which loads files from disk only."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PICTURES = "DOCS_PICTURES"
"""Set it to any value to take the pictures in docs/images again."""

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser; the test is skipped without one."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser, file: Path, address: str = "", *, ready: str = "html.ready", **context: Any
) -> Iterator[Page]:
    """The file, loaded in a browser of its own; a script error, a dialog or a request elsewhere fails the test."""
    wrong: list[str] = []

    def refused(dialog: Dialog) -> None:
        wrong.append(f"dialog {dialog.message}")
        dialog.dismiss()

    given = {"viewport": {"width": 1440, "height": 900}, **context}
    page = browser.new_context(**given).new_page()
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("dialog", refused)
    page.on("request", lambda one: None if one.url.startswith(("file:", "blob:")) else wrong.append(one.url))
    page.goto(file.as_uri() + address)
    page.wait_for_selector(ready)
    yield page
    page.context.close()
    assert wrong == []
