"""What tests of the live source share: roadmaps of our own, a stand-in that serves them, and a clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from roadmap_assets.roadmaps.sources.live import LiveSource
from roadmap_assets.warehouse.duckdb import Warehouse
from roadmap_assets.warehouse.listings import Listings
from roadmap_assets_tests.roadmaps.sources.upstream import Upstream

NOW = 1_790_000_000.0


def document(*labels: str) -> bytes:
    nodes = [
        {"id": f"id-{label}", "type": "topic", "position": {"x": 0, "y": 100 * row}, "data": {"label": label}}
        for row, label in enumerate(labels)
    ]
    return json.dumps({"nodes": nodes, "edges": [], "title": {"page": "Herbs"}}).encode()


FILES = {
    "herbs/content/basil@id-Basil.md": b"# Basil\n\nGrows in the sun.\n\n- [@article@Sun](https://example.org/sun)\n",
    "herbs/content/thyme@id-Thyme.md": b"# Thyme\n\nGrows on stones.\n",
    "spices/content/pepper@id-Pepper.md": b"# Pepper\n\nHot.\n",
    "trees-beginner/content/oak@id-Oak.md": b"# Oak\n\nTall.\n",
}
DOCUMENTS = {
    "herbs": document("Basil", "Thyme", "Mint"),
    "spices": document("Pepper", "Cumin"),
    "trees-beginner": document("Oak"),
}
TREES = {"herbs": json.dumps([{"nodeId": "id-Basil", "text": "Herbs > Sunny > Basil"}]).encode()}


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = NOW
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


def source(upstream: Upstream, clock: Clock | ModuleType | None = None, **options: Any) -> LiveSource:
    clock = clock or Clock()
    return LiveSource(
        options.pop("addresses", upstream.addresses), **{"clock": clock.time, "sleep": clock.sleep, **options}
    )


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(FILES, DOCUMENTS, TREES) as server:
        yield server


@pytest.fixture
def listings(tmp_path: Path) -> Listings:
    return Listings(Warehouse(tmp_path / "roadmaps.duckdb"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def notices() -> list[str]:
    return []
