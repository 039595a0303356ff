"""Fixtures for the tests of the steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from roadmap_assets import pipeline
from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.enrichment.access import Access
from roadmap_assets.roadmaps.sources.directory import DirectorySource
from roadmap_assets.settings import load_settings
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets_tests.postgres import as_set


class Roadmaps:
    """A directory of roadmaps, the database they go to, and a simulator to ask."""

    def __init__(self, folder: Path, database: Path | PostgresUrl) -> None:
        self.folder = folder / "source"
        self.folder.mkdir()
        self.output = folder / "output"
        self.source = DirectorySource(self.folder)
        self.database = database
        self.warehouse = open_warehouse(database)

    def access(self, **settings: Any) -> Access:
        return Access(load_settings(db=as_set(self.database), **settings), offline=True)

    def write(self, slug: str, *topics: str, text: str = "A text.") -> None:
        """Make or change a roadmap of these topics, one below the other."""
        (self.folder / slug / "content").mkdir(parents=True, exist_ok=True)
        nodes = [
            {
                "id": f"{slug}-{topic}",
                "type": "topic",
                "position": {"x": 0, "y": 100 * place},
                "width": 100,
                "height": 50,
                "data": {"label": topic},
            }
            for place, topic in enumerate(topics)
        ]
        document = {"slug": slug, "title": {"page": slug.title()}, "nodes": nodes, "edges": []}
        (self.folder / slug / f"{slug}.json").write_text(json.dumps(document))
        for topic in topics:
            (self.folder / slug / "content" / f"{topic}@{slug}-{topic}.md").write_text(f"# {topic}\n\n{text}\n")

    def remove(self, slug: str) -> None:
        for path in sorted((self.folder / slug).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (self.folder / slug).rmdir()

    def read(self, slug: str) -> pipeline.TopicsRead:
        pipeline.fetch(slug, source=self.source, warehouse=self.warehouse)
        return pipeline.read_topics(slug, warehouse=self.warehouse)

    def asked(self, *slugs: str, access: Access) -> pipeline.Asked:
        return pipeline.questions_of(slugs, warehouse=self.warehouse, access=access)

    def enrich(self, *slugs: str, access: Access) -> pipeline.Enriched:
        return pipeline.enrich(self.asked(*slugs, access=access), warehouse=self.warehouse, access=access)

    def publish(self, slug: str, access: Access) -> pipeline.Published:
        return pipeline.publish(slug, warehouse=self.warehouse, access=access, csv=self.output / f"{slug}.csv")

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        with self.warehouse.transaction() as connection:
            return connection.execute(query).fetchall()

    def change(self, statement: str) -> None:
        with self.warehouse.transaction() as connection:
            connection.execute(statement)


@pytest.fixture
def roadmaps(database: Path | PostgresUrl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Roadmaps:
    """Two roadmaps of two topics each, and a database of each kind in turn."""
    monkeypatch.chdir(tmp_path)
    roadmaps = Roadmaps(tmp_path, database)
    roadmaps.write("alpha", "One", "Two")
    roadmaps.write("beta", "One", "Three")
    return roadmaps
