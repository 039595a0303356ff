"""Fixtures for the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadmap_assets_tests.roadmaps.written import write_roadmap


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three small roadmaps and two folders that are not roadmaps."""
    for slug in ("alpha", "beta", "beta-two"):
        write_roadmap(tmp_path / "source", slug, [f"{slug.title()} {number}" for number in range(2)])
    (tmp_path / "source" / "without-document" / "content").mkdir(parents=True)
    (tmp_path / "source" / "No Slug").mkdir()
    return tmp_path / "source"
