"""Fixtures that every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_roadmaps() -> Path:
    """A folder of real roadmap documents (copyrighted, so it is beside the project and not in it); skipped where absent."""
    folder = Path(os.environ.get("ROADMAP_TEST_DATA") or REPOSITORY.parent / "shared" / "roadmaps")
    if not folder.is_dir():
        pytest.skip(f"no real roadmaps at {folder}")
    return folder
