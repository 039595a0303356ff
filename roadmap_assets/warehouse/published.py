"""Table `enriched_roadmaps`: what was published, one row per topic of a roadmap with its enrichment columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from roadmap_assets.warehouse.base import Column, Connection, Table
from roadmap_assets.warehouse.rows import columns_of, insert_rows, quoted, utc_now
from roadmap_assets.warehouse.topics import TOPICS, Topic, topic_of

Status = Literal["enriched", "failed", "deferred"]
"""A topic was answered; could not be answered; or has not been asked yet."""


@dataclass(frozen=True, slots=True)
class EnrichedTopic:
    """A topic and what Gemini wrote about it; `columns` is empty unless `status` is enriched."""

    topic: Topic
    status: Status
    columns: Mapping[str, Any]
    enrichment_key: str


@dataclass(frozen=True, slots=True)
class PublishedTopic:
    """A row of `enriched_roadmaps`; `columns` are the profile's that are not null."""

    topic: Topic
    status: str
    columns: Mapping[str, Any]
    profile: str = ""
    model: str = ""
    published_at: datetime | None = None


PUBLICATION = Table(
    "enriched_roadmaps",
    "One row per topic of a published roadmap, in reading order",
    ("roadmap", "topic_id"),
    (
        *TOPICS.columns,
        Column("status", "VARCHAR", "enriched, failed, or deferred to a later run"),
        Column("profile", "VARCHAR", "Name of the profile asked for"),
        Column("model", "VARCHAR", "Model asked"),
        Column("enrichment_key", "VARCHAR", "Key of the answer in enrichments"),
        Column("published_at", "TIMESTAMP", "When the row was published (UTC)"),
    ),
)
"""The table without the columns of profiles, which are added when rows of a profile are published."""

ENRICHED_ROADMAPS = PUBLICATION.with_columns(
    [
        Column("tldr", "VARCHAR", "What the topic is good for, in one sentence (profile summary)", nullable=True),
        Column("challenge", "VARCHAR", "practice or expert: what it takes (profile summary)", nullable=True),
    ]
)

RESERVED_COLUMNS = frozenset(PUBLICATION.types)
"""Names that a profile's column cannot have."""


def column_type(schema: Mapping[str, Any]) -> str:
    """The type of a column whose values a JSON schema describes; one that may be null keeps its type."""
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    return _SQL_TYPES.get(str(options[0].get("type")), "JSON") if len(options) == 1 else "JSON"


_SQL_TYPES = {"string": "VARCHAR", "integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN"}


def publish_rows(
    connection: Connection,
    roadmap: str,
    rows: Sequence[EnrichedTopic],
    *,
    columns: Mapping[str, str],
    profile: str,
    model: str,
) -> None:
    """Replace the roadmap's rows; other roadmaps' are left alone.

    `columns` are the profile's, with their types; those that the table lacks are added to it. Rows that are published
    already are not written again, and keep their `published_at`; to compare them takes a tenth of the time.
    """
    stored = _add_columns(connection, columns)
    common = {"profile": profile, "model": model}
    wanted = [
        {**asdict(row.topic), "status": row.status, "enrichment_key": row.enrichment_key, **common, **row.columns}
        for row in rows
    ]
    if _published_rows(connection, roadmap, stored, columns) == [_without_nulls(row) for row in wanted]:
        return
    connection.execute("DELETE FROM enriched_roadmaps WHERE roadmap = ?", [roadmap])
    now = utc_now()
    table = PUBLICATION.with_columns([Column(name, kind, "", nullable=True) for name, kind in columns.items()])
    insert_rows(connection, table, ({**row, "published_at": now} for row in wanted))


def _add_columns(connection: Connection, columns: Mapping[str, str]) -> Iterable[str]:
    """Add the profile's columns, and return the names of all; one that another profile typed otherwise becomes text."""
    types = {name: kind for name, kind, _ in columns_of(connection, PUBLICATION.name)}
    existing = {name.casefold(): kind for name, kind in types.items()}
    for name, kind in columns.items():
        if name.casefold() not in existing:
            connection.execute(f"ALTER TABLE enriched_roadmaps ADD COLUMN {quoted(name)} {kind}")
            types[name] = kind
        elif existing[name.casefold()] not in (kind, "VARCHAR"):
            connection.execute(f"ALTER TABLE enriched_roadmaps ALTER COLUMN {quoted(name)} TYPE VARCHAR")
    return types.keys()


def _published_rows(
    connection: Connection, roadmap: str, stored: Iterable[str], columns: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The roadmap's rows as last published, in the shape that they are published in, without nulls."""
    spelled = {name.casefold(): name for name in columns}  # another profile may have spelled a column otherwise
    names = [name for name in stored if name != "published_at"]
    kinds = {**PUBLICATION.types, **columns}
    rows = connection.execute(
        f"SELECT {', '.join(map(quoted, names))} FROM enriched_roadmaps WHERE roadmap = ? ORDER BY position",
        [roadmap],
    ).fetchall()
    names = [spelled.get(name.casefold(), name) for name in names]
    return [
        _without_nulls({name: _value(cell, kinds.get(name)) for name, cell in zip(names, row, strict=True)})
        for row in rows
    ]


def _value(cell: Any, kind: str | None) -> Any:
    """A cell as the value that was published: JSON, and what stands as text in a column with two types, is parsed."""
    if kind in (None, "VARCHAR") or not isinstance(cell, str):
        return cell
    with suppress(ValueError):  # the text of a profile for which the column is text
        return json.loads(cell)
    return cell


def _without_nulls(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in json.loads(json.dumps(row)).items() if value is not None}


def load_published(connection: Connection, roadmap: str) -> list[PublishedTopic]:
    """The roadmap's last publication, in reading order; empty when there is none."""
    kinds = {name: kind for name, kind, _ in columns_of(connection, PUBLICATION.name)}
    found = connection.execute(
        f"SELECT {', '.join(map(quoted, kinds))} FROM enriched_roadmaps WHERE roadmap = ? ORDER BY position", [roadmap]
    )
    rows = (dict(zip(kinds, values, strict=True)) for values in found.fetchall())
    return [
        PublishedTopic(
            topic=topic_of({name: row[name] for name in TOPICS.types}),
            columns={
                name: _value(cell, kinds[name])
                for name, cell in row.items()
                if name not in RESERVED_COLUMNS and cell is not None
            },
            status=row["status"],
            profile=row["profile"],
            model=row["model"],
            published_at=row["published_at"],
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class PublishedGroup:
    """The published topics of a roadmap that have the same status, model and challenge."""

    roadmap: str
    status: str
    model: str
    challenge: str | None
    topics: int
    published_at: datetime


def published_groups(connection: Connection) -> list[PublishedGroup]:
    """How all publications are made up, by roadmap."""
    rows = connection.execute(
        "SELECT roadmap, status, model, CAST(challenge AS VARCHAR), count(*), max(published_at) FROM enriched_roadmaps "
        "GROUP BY roadmap, status, model, CAST(challenge AS VARCHAR) ORDER BY roadmap"
    ).fetchall()
    return [PublishedGroup(*row) for row in rows]


def published_topics(connection: Connection, roadmap: str) -> dict[str, str]:
    """topic_id -> topic of the roadmap's last publication."""
    rows = connection.execute("SELECT topic_id, topic FROM enriched_roadmaps WHERE roadmap = ?", [roadmap]).fetchall()
    return dict(rows)


def open_topics(connection: Connection) -> dict[str, int]:
    """roadmap -> number of its published topics that wait for an answer (deferred or failed), where there are any."""
    rows = connection.execute(
        "SELECT roadmap, count(*) FROM enriched_roadmaps WHERE status IN ('deferred', 'failed') "
        "GROUP BY roadmap ORDER BY roadmap"
    ).fetchall()
    return dict(rows)


def published_ids(connection: Connection, roadmap: str) -> list[str]:
    """The topic id of every row of the roadmap's last publication."""
    rows = connection.execute("SELECT topic_id FROM enriched_roadmaps WHERE roadmap = ?", [roadmap]).fetchall()
    return [topic_id for (topic_id,) in rows]
