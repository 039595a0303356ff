"""Fixtures for the tests of pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from roadmap_assets.exports.html.page import write_page
from roadmap_assets_tests.browser import chromium
from roadmap_assets_tests.exports.editions import document_of
from roadmap_assets_tests.exports.html.reading import EDITION, ROWS

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all tests, each of which opens a context of its own."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="package")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("site") / "test.html"
    mark = {"legend": {"label": "Learn anytime", "color": "#929292"}}
    node = {"id": "retries", "type": "topic", "position": {"x": 0, "y": -80}, "width": 260, "height": 49}
    marked = {**node, "data": {"label": "Retries", **mark}}
    write_page(path, EDITION, document_of(ROWS[1:], marked))
    return path
