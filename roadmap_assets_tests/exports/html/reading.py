"""What the tests of pages in a browser share: a small edition, and what a reader sees of its page."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from roadmap_assets.warehouse.topics import Resource
from roadmap_assets_tests.exports.editions import HEADERS, edition, published

if TYPE_CHECKING:
    from playwright.sync_api import Page


PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
HOW_TO = {"steps": ["Read the log", "Draw the graph"], "signals_of_done": ["Explains it"]}
ROWS = [
    published(
        "Retries",
        category="Reliability",
        answers={"tldr": "Repeat what may pass", "challenge": "practice", "how_to": HOW_TO},
        description="Wait longer each time.\n\n- at first\n- then more",
        resources=(
            Resource("Backoff", "https://example.org/backoff", "article"),
            Resource("A talk", "https://example.net/talk", "video"),
        ),
        optional=True,
    ),
    published("Tracing", category="Reliability", answers={"tldr": "See where time went", "challenge": "expert"}),
    published("Öl und Café", category="Storage", model="simulator"),
    published("Parquet", category="Storage", status="stale", answered_at=datetime(2025, 2, 3)),  # noqa: DTZ001
    published("Compaction", category="Storage", answers={}, status="failed", resources=()),
]
EDITION = edition(*ROWS, headers={**HEADERS, "how_to": "How To"})


def listed(page: Page) -> list[str]:
    return [text.strip() for text in page.locator("#list .open").all_inner_texts()]


def bright(page: Page) -> list[str]:
    """The topics of the drawing that the filter leaves bright."""
    return page.locator("#drawing [data-topic]:not(.dim) text").all_text_contents()


def saved(page: Page, name: str) -> bytes:
    with page.expect_download() as download:
        page.evaluate("(name) => document.querySelector(`[data-download=${name}]`).click()", name)
    return Path(download.value.path()).read_bytes()


def violations(page: Page) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    found = axe.run(page).response["violations"]
    return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found]
