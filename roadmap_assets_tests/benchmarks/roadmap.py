"""The folder of real roadmaps, and the roadmap that whole runs are measured on, generated if there are no real ones."""

from __future__ import annotations

import os
from pathlib import Path

from roadmap_assets_tests.benchmarks.figures import Conditions
from roadmap_assets_tests.benchmarks.generated import write_source

REAL = "engineering-manager"
TOPICS = 134
REPOSITORY = Path(__file__).resolve().parents[2]


def find_real_roadmaps() -> Path | None:
    """The folder of real documents: `ROADMAP_TEST_DATA`, else beside the repository; None if it is missing."""
    folder = Path(os.environ.get("ROADMAP_TEST_DATA") or REPOSITORY.parent / "shared" / "roadmaps")
    return folder if folder.is_dir() else None


def any_roadmap(conditions: Conditions) -> tuple[Path, str]:
    """The source's folder and the roadmap's slug."""
    if conditions.real_roadmaps and (conditions.real_roadmaps / REAL).is_dir():
        return conditions.real_roadmaps, REAL
    source = conditions.folder / "source"
    return source, write_source(source, TOPICS)
