"""Tables `enriched_roadmaps` and `simulated_roadmaps`: what was published, one row per topic of a roadmap.

Rows with answers of the simulator are published in a table of their own, so that they can never replace real ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import asdict, replace

from roadmap_assets.warehouse.base import Column, Connection, Table
from roadmap_assets.warehouse.dialect import quoted
from roadmap_assets.warehouse.rows import columns_of, insert_rows, utc_now
from roadmap_assets.warehouse.topics import TOPICS, Topic, topic_of

Status = Literal["enriched", "stale", "failed", "deferred", "pending"]
"""A topic has an answer; has one to an earlier version of its question; could not be answered; was not asked yet; or is
in a batch job."""


class EnrichedTopic(Struct, frozen=True):
    """A topic and what Gemini wrote about it.

    `columns` is empty unless the topic has an answer. `profile` and `model` are those of the answer, or else those it
    was asked with; `answered_at` (UTC) is when the answer was stored, and `published_at` (UTC) when the row was
    published.
    """

    topic: Topic
    status: Status
    columns: Mapping[str, Any]
    enrichment_key: str
    profile: str = ""
    model: str = ""
    answered_at: datetime | None = None
    published_at: datetime | None = None

    @property
    def is_answered(self) -> bool:
        """Whether it has an answer, stale or not."""
        return self.status in ("enriched", "stale")


_COLUMNS = (
    *TOPICS.columns,
    Column("status", "VARCHAR", "enriched, stale (the answer is to an earlier version), failed, deferred, or pending"),
    Column("profile", "VARCHAR", "Name of the profile asked for"),
    Column("model", "VARCHAR", "Model asked"),
    Column("enrichment_key", "VARCHAR", "Key of the answer in enrichments"),
    Column("published_at", "TIMESTAMP", "When the row was published (UTC)"),
    Column("answered_at", "TIMESTAMP", "When the answer was stored (UTC); null without an answer", nullable=True),
)
_SUMMARY = (
    Column("tldr", "VARCHAR", "What the topic is good for, in one sentence (profile summary)", nullable=True),
    Column("challenge", "VARCHAR", "practice or expert: what it takes (profile summary)", nullable=True),
)

PUBLICATION = Table(
    "enriched_roadmaps", "One row per topic of a published roadmap, in reading order", ("roadmap", "topic_id"), _COLUMNS
)
"""The table without the columns of profiles, which are added when rows of a profile are published."""

SIMULATION = replace(
    PUBLICATION,
    name="simulated_roadmaps",
    meaning="One row per topic of a roadmap, as enriched_roadmaps, with answers of the simulator",
)

ENRICHED_ROADMAPS = PUBLICATION.with_columns(_SUMMARY)
SIMULATED_ROADMAPS = SIMULATION.with_columns(_SUMMARY)

RESERVED_COLUMNS = frozenset(PUBLICATION.types)
"""Names that a profile's column cannot have."""

_OWN = ("status", "enrichment_key", "profile", "model", "answered_at", "published_at")


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
    table: Table = PUBLICATION,
    before: Sequence[EnrichedTopic] | None = None,
) -> None:
    """Replace the roadmap's rows of `table`; other roadmaps' are left alone.

    `columns` are the profile's, with their types; those that the table lacks are added to it. `before` is the last
    publication, where the caller has read it under the table's lock. Rows that are published already are not written
    again, and keep their `published_at`; to compare them takes a tenth of the time.
    """
    connection.lock(table.name)
    stored = add_columns(connection, table, columns)
    if before is None:
        before = load_published(connection, roadmap, table=table, columns=columns)
    if len(before) == len(rows) and all(_content(old) == _content(row) for old, row in zip(before, rows, strict=True)):
        return
    del before
    connection.execute(f"DELETE FROM {table.name} WHERE roadmap = ?", [roadmap])
    now = utc_now()
    described = table.with_columns([Column(stored[name], kind, "", nullable=True) for name, kind in columns.items()])
    insert_rows(connection, described, ({**_cells(row, stored), "published_at": now} for row in rows))


def load_published(
    connection: Connection, roadmap: str, *, table: Table = PUBLICATION, columns: Mapping[str, str] | None = None
) -> list[EnrichedTopic]:
    """The roadmap's last publication in `table`, in reading order; empty when there is none.

    `columns` are a profile's, with their types: a column that became text, since profiles type it differently, is read
    as that profile has it.
    """
    stored = {name: kind for name, kind, _ in columns_of(connection, table.name)}
    rows = connection.execute(
        f"SELECT {', '.join(map(quoted, stored))} FROM {table.name} WHERE roadmap = ? ORDER BY position",
        [roadmap],
    ).fetchall()
    spelled = {name.casefold(): name for name in columns or ()}
    kinds = {spelled.get(name.casefold(), name): kind for name, kind in stored.items()} | dict(columns or {})
    names = [spelled.get(name.casefold(), name) for name in stored]
    return [_enriched_topic(dict(zip(names, row, strict=True)), kinds) for row in rows]


def _enriched_topic(row: Mapping[str, Any], kinds: Mapping[str, str]) -> EnrichedTopic:
    return EnrichedTopic(
        topic=topic_of({name: row[name] for name in TOPICS.types}),
        columns={
            name: _value(cell, kinds[name])
            for name, cell in row.items()
            if name not in RESERVED_COLUMNS and cell is not None
        },
        **{name: row[name] for name in _OWN},
    )


def _content(row: EnrichedTopic) -> EnrichedTopic:
    """What two publications of a row have in common: not their time, nor a column without a value."""
    columns = {name: value for name, value in row.columns.items() if value is not None}
    return replace(row, columns=columns, published_at=None)


def _cells(row: EnrichedTopic, stored: Mapping[str, str]) -> dict[str, Any]:
    columns = {stored.get(name, name): value for name, value in row.columns.items()}
    return {**asdict(row.topic), **{name: getattr(row, name) for name in _OWN}, **columns}


def _value(cell: Any, kind: str) -> Any:
    """A cell as the value that was published: JSON, and what is text in a column with two types, is parsed."""
    if kind == "VARCHAR" or not isinstance(cell, str):
        return cell
    with suppress(ValueError):  # the text of a profile for which the column is text
        return json.loads(cell)
    return cell


def add_columns(connection: Connection, table: Table, columns: Mapping[str, str]) -> dict[str, str]:
    """Add the profile's columns to the table; one that another profile typed otherwise becomes text.

    Returns name -> the column's name in the table, which may have its letters in another case: PostgreSQL would take
    those for two columns.
    """
    existing = {name.casefold(): (name, kind) for name, kind, _ in columns_of(connection, table.name)}
    stored = {}
    for name, kind in columns.items():
        stored[name], stored_kind = existing.get(name.casefold(), (name, ""))
        if not stored_kind:
            spelled = connection.dialect.spelled(kind)
            connection.execute(f"ALTER TABLE {table.name} ADD COLUMN {quoted(name)} {spelled}")
        elif stored_kind not in (kind, "VARCHAR"):
            connection.execute(f"ALTER TABLE {table.name} ALTER COLUMN {quoted(stored[name])} TYPE VARCHAR")
    return stored


class PublishedGroup(Struct, frozen=True):
    """The published topics of a roadmap that have the same status, model and challenge."""

    roadmap: str
    status: str
    model: str
    challenge: str | None
    topics: int
    published_at: datetime


def published_groups(connection: Connection) -> list[PublishedGroup]:
    """How all publications are made up, by roadmap; simulated ones only of roadmaps that have no other."""
    grouped = "SELECT roadmap, status, model, CAST(challenge AS VARCHAR), count(*), max(published_at) FROM"
    by = "GROUP BY roadmap, status, model, CAST(challenge AS VARCHAR)"
    rows = connection.execute(
        f"{grouped} enriched_roadmaps {by} UNION ALL {grouped} simulated_roadmaps AS s "
        f"WHERE NOT EXISTS (SELECT 1 FROM enriched_roadmaps AS e WHERE e.roadmap = s.roadmap) {by} ORDER BY 1"
    ).fetchall()
    return [PublishedGroup(*row) for row in rows]


def open_topics(connection: Connection, *, table: Table = PUBLICATION) -> dict[str, int]:
    """roadmap -> number of its published topics that wait for an answer, where there are any."""
    rows = connection.execute(
        f"SELECT roadmap, count(*) FROM {table.name} WHERE status <> 'enriched' GROUP BY roadmap ORDER BY roadmap"
    ).fetchall()
    return dict(rows)


def published_ids(connection: Connection, roadmap: str, *, table: Table = PUBLICATION) -> list[str]:
    """The topic id of every row of the roadmap's last publication."""
    query = f"SELECT topic_id FROM {table.name} WHERE roadmap = ?"
    return [topic_id for (topic_id,) in connection.execute(query, [roadmap]).fetchall()]
