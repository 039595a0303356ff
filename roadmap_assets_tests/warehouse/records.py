"""Records to store, with defaults for all that a test does not set."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from roadmap_assets.warehouse import duckdb
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.raw import ContentFile, Snapshot
from roadmap_assets.warehouse.topics import Resource, Topic

TEXTS = ("", "nul \0", "emoji 👩🏽‍💻, 中文", "'; DROP TABLE topics; --", 'quotes " and \\u0041', "line\r\nbreak\t")
"""Texts that a careless insert would corrupt."""


def texts(warehouse: Warehouse) -> tuple[str, ...]:
    """Those of `TEXTS` that the database can hold: PostgreSQL's texts have no NUL."""
    return tuple(text for text in TEXTS if isinstance(warehouse, duckdb.Warehouse) or "\0" not in text)


_TOPIC = Topic(
    roadmap="",
    topic_id="",
    position=0,
    topic="Partitions",
    category="Assets",
    subcategory="",
    parent="Assets",
    parent_topic="",
    path=("Orchestration", "Assets"),
    description="Slices of an asset.",
    resources=(Resource("Docs", "https://example.org/", "article"),),
)


def topics(roadmap: str, count: int = 3) -> list[Topic]:
    """The topics "0", "1", … of a roadmap."""
    return [replace(_TOPIC, roadmap=roadmap, topic_id=str(place), position=place) for place in range(count)]


def topics_of_texts(roadmap: str, texts: Sequence[str]) -> list[Topic]:
    """One topic for each of the texts, which is in all its columns."""
    return [
        Topic(
            roadmap=roadmap,
            topic_id=f"{place}",
            position=place,
            topic=text,
            category=text,
            subcategory=text,
            parent=text,
            parent_topic=text,
            path=(text, text),
            description=text,
            resources=(Resource(text, text, text),) * 2,
            placed_by="tree",
            optional=place % 2 == 0,
        )
        for place, text in enumerate(texts)
    ]


def snapshot(
    roadmap: str, *, document: str = "{}", texts: tuple[str, ...] = ("# One", "# Two"), tree: str = ""
) -> Snapshot:
    contents = tuple(ContentFile(f"t@{place}.md", f"{place}", f"sha{place}", text) for place, text in enumerate(texts))
    return Snapshot(roadmap=roadmap, document=document, origin="here", source="test", contents=contents, tree=tree)
