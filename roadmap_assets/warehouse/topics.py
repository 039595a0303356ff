"""Tables `topics` and `parsed_roadmaps`: one row per topic, in reading order, and what the topics were read from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.json import Decoder
from msgspec.structs import asdict

from roadmap_assets.warehouse.base import Column, Connection, Table, one_row
from roadmap_assets.warehouse.rows import insert_rows

TOPICS = Table(
    "topics",
    "One row per topic of a roadmap, in reading order",
    ("roadmap", "topic_id"),
    (
        Column("roadmap", "VARCHAR", "Slug of the roadmap"),
        Column("topic_id", "VARCHAR", "Id of the topic in its roadmap"),
        Column("position", "INTEGER", "Place in reading order, from 0"),
        Column("topic", "VARCHAR", "Name of the topic"),
        Column("category", "VARCHAR", "Chapter of the roadmap that the topic belongs to"),
        Column("subcategory", "VARCHAR", "Section of that chapter; empty where there is none"),
        Column("parent", "VARCHAR", "Label right above the topic"),
        Column("parent_topic", "VARCHAR", "Nearest topic above it"),
        Column("path", "JSON", "Labels above the topic, root first"),
        Column("description", "VARCHAR", "The topic's text without headings and links"),
        Column("resources", "JSON", "Links of the topic's text: a list of objects with title, url and type"),
        Column("placed_by", "VARCHAR", "What decided its place: tree (the site's), drawing, or none"),
        Column("optional", "BOOLEAN", "Whether the site marks the topic as optional"),
    ),
)
PARSED_ROADMAPS = Table(
    "parsed_roadmaps",
    "One row per roadmap whose topics were read",
    ("roadmap",),
    (
        Column("roadmap", "VARCHAR", "Slug of the roadmap"),
        Column("title", "VARCHAR", "Title of the roadmap"),
        Column("version", "VARCHAR", "Version of the document in raw_roadmaps that was read"),
        Column("parser", "VARCHAR", "Version of the parser that read it"),
        Column("counts", "JSON", "How often which oddity was met"),
    ),
)


class Resource(Struct, frozen=True):
    """A link of a topic's text; ``type`` is one of roadmap.sh's kinds (article, official, video, …)."""

    title: str
    url: str
    type: str


PlacedBy = Literal["tree", "drawing", "none"]
"""What decided a topic's place: the site's tree, the drawing, or neither (its category is then the roadmap's title)."""


class Topic(Struct, frozen=True):
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


class Parse(Struct, frozen=True):
    """Which document, read by which parser, the roadmap's topics came from; `counts` is what was odd about it."""

    title: str
    version: str
    parser: str
    counts: Mapping[str, int]


def load_parse(connection: Connection, roadmap: str) -> Parse | None:
    """What the roadmap's rows in `topics` came from, or None when it has none."""
    found = connection.execute(
        "SELECT title, version, parser, counts FROM parsed_roadmaps WHERE roadmap = ?", [roadmap]
    ).fetchone()
    if found is None:
        return None
    return Parse(title=found[0], version=found[1], parser=found[2], counts=json.loads(found[3]))


def save_topics(connection: Connection, roadmap: str, parse: Parse, topics: Sequence[Topic]) -> None:
    """Replace the roadmap's rows; other roadmaps' are left alone."""
    connection.lock(f"topics {roadmap}")
    connection.execute("DELETE FROM parsed_roadmaps WHERE roadmap = ?", [roadmap])
    connection.execute("DELETE FROM topics WHERE roadmap = ?", [roadmap])
    insert_rows(connection, PARSED_ROADMAPS, [{"roadmap": roadmap, **asdict(parse)}])
    insert_rows(connection, TOPICS, (asdict(topic) for topic in topics))


def roadmaps_with_topics(connection: Connection) -> dict[str, str]:
    """The roadmaps that have topics, by name, with their titles."""
    return dict(connection.execute("SELECT roadmap, title FROM parsed_roadmaps ORDER BY roadmap").fetchall())


def count_topics(connection: Connection, roadmap: str) -> int:
    """Number of the roadmap's topics."""
    return int(one_row(connection.execute("SELECT count(*) FROM topics WHERE roadmap = ?", [roadmap]))[0])


def load_topics(connection: Connection, roadmaps: Sequence[str]) -> list[Topic]:
    """The topics of these roadmaps, in the order of `roadmaps` and in reading order."""
    names = Topic.__struct_fields__
    query = f"SELECT {', '.join(names)} FROM topics WHERE roadmap = ? ORDER BY position"
    return [
        topic_of(dict(zip(names, row, strict=True)))
        for roadmap in roadmaps
        for row in connection.execute(query, [roadmap]).fetchall()
    ]


def topic_of(row: Mapping[str, Any]) -> Topic:
    """The topic in a row of `topics`, or of a table that has its columns."""
    return Topic(**{**row, "path": _path.decode(row["path"]), "resources": _resources.decode(row["resources"])})


_path = Decoder(tuple[str, ...])
_resources = Decoder(tuple[Resource, ...])
