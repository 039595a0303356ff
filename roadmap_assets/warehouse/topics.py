"""Table `topics`: one row per topic of a roadmap, in reading order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from roadmap_assets.warehouse.rows import insert_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Resource:
    """A link of a topic's text; ``type`` is one of roadmap.sh's kinds (article, official, video, …)."""

    title: str
    url: str
    type: str


PlacedBy = Literal["tree", "drawing", "none"]
"""What decided a topic's place: the site's tree, the drawing, or neither (its category is then the roadmap's title)."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic with its place in the roadmap and its text.

    ``position`` counts from 0 in reading order; ``path`` holds the labels above the topic, root first. ``placed_by``
    says where that place comes from; ``optional`` is the site's own mark.
    """

    roadmap: str
    topic_id: str
    position: int
    topic: str
    category: str
    subcategory: str
    parent: str
    parent_topic: str
    path: tuple[str, ...]
    description: str
    resources: tuple[Resource, ...]
    placed_by: PlacedBy = "drawing"
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Parse:
    """Which document, read by which parser, the roadmap's topics came from; `counts` is what was odd about it."""

    title: str
    version: str
    parser: str
    counts: Mapping[str, int]


TOPIC_COLUMNS = {
    **dict.fromkeys(("roadmap", "topic_id", "topic", "category", "subcategory"), "VARCHAR"),
    **dict.fromkeys(("parent", "parent_topic", "description"), "VARCHAR"),
    "position": "INTEGER",
    "path": "VARCHAR[]",
    "resources": "STRUCT(title VARCHAR, url VARCHAR, type VARCHAR)[]",
    "placed_by": "VARCHAR",
    "optional": "BOOLEAN",
}


def load_parse(connection: DuckDBPyConnection, roadmap: str) -> Parse | None:
    """What the roadmap's rows in `topics` came from, or None when it has none."""
    found = connection.execute(
        "SELECT title, version, parser, counts FROM parsed_roadmaps WHERE roadmap = ?", [roadmap]
    ).fetchone()
    if found is None:
        return None
    return Parse(title=found[0], version=found[1], parser=found[2], counts=json.loads(found[3]))


def save_topics(connection: DuckDBPyConnection, roadmap: str, parse: Parse, topics: Sequence[Topic]) -> None:
    """Replace the roadmap's rows; other roadmaps' are left alone."""
    connection.execute("DELETE FROM parsed_roadmaps WHERE roadmap = ?", [roadmap])
    connection.execute("DELETE FROM topics WHERE roadmap = ?", [roadmap])
    connection.execute(
        "INSERT INTO parsed_roadmaps VALUES (?, ?, ?, ?, ?)",
        [roadmap, parse.title, parse.version, parse.parser, json.dumps(dict(parse.counts))],
    )
    insert_rows(connection, "topics", (asdict(topic) for topic in topics), columns=TOPIC_COLUMNS)


def count_topics(connection: DuckDBPyConnection, roadmap: str) -> int:
    """Number of the roadmap's topics."""
    found = connection.execute("SELECT count(*) FROM topics WHERE roadmap = ?", [roadmap]).fetchone()
    assert found is not None  # an aggregate has one row
    return int(found[0])


def load_topics(connection: DuckDBPyConnection, roadmaps: Sequence[str]) -> list[Topic]:
    """The topics of these roadmaps, in the order of `roadmaps` and in reading order."""
    names = [field.name for field in fields(Topic)]
    rows = connection.execute(
        f"SELECT {', '.join(names)} FROM topics WHERE list_contains(?, roadmap) "  # noqa: S608 - the names of our own fields
        "ORDER BY list_position(?, roadmap), position",
        [list(roadmaps), list(roadmaps)],
    ).fetchall()
    return [_topic(dict(zip(names, row, strict=True))) for row in rows]


def _topic(row: dict[str, Any]) -> Topic:
    resources = tuple(Resource(**resource) for resource in row.pop("resources"))
    return Topic(**{**row, "path": tuple(row["path"])}, resources=resources)
