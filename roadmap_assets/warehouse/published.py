"""Table `enriched_roadmaps`: what was published, one row per topic of a roadmap with its enrichment columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from roadmap_assets.warehouse.rows import insert_rows, quoted, utc_now
from roadmap_assets.warehouse.topics import TOPIC_COLUMNS, Topic

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Status = Literal["enriched", "failed", "deferred"]
"""What came of a topic: answered; could not be answered; or not asked yet."""


@dataclass(frozen=True, slots=True)
class EnrichedTopic:
    """A topic and what Gemini wrote about it; `columns` is empty unless `status` is enriched."""

    topic: Topic
    status: Status
    columns: Mapping[str, Any]
    enrichment_key: str


_OWN_COLUMNS = {
    **TOPIC_COLUMNS,
    **dict.fromkeys(("status", "profile", "model", "enrichment_key"), "VARCHAR"),
    "published_at": "TIMESTAMP",
}

RESERVED_COLUMNS = frozenset(_OWN_COLUMNS)
"""Names that a profile's column cannot have."""


def column_type(schema: Mapping[str, Any]) -> str:
    """The DuckDB type of a column whose values a JSON schema describes; one that may be null keeps its type."""
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    return _SQL_TYPES.get(str(options[0].get("type")), "JSON") if len(options) == 1 else "JSON"


_SQL_TYPES = {"string": "VARCHAR", "integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN"}


def publish_rows(
    connection: DuckDBPyConnection,
    roadmap: str,
    rows: Sequence[EnrichedTopic],
    *,
    columns: Mapping[str, str],
    profile: str,
    model: str,
) -> None:
    """Replace the roadmap's rows; other roadmaps' are left alone.

    `columns` are the profile's, with their DuckDB types; those that the table has not got yet are added to it. Where
    the very rows stand there already, they are left, as finding that out takes a tenth of the time of writing them.
    """
    _add_columns(connection, columns)
    common = {"profile": profile, "model": model}
    wanted = [
        {**asdict(row.topic), "status": row.status, "enrichment_key": row.enrichment_key, **common, **row.columns}
        for row in rows
    ]
    if _standing(connection, roadmap, columns) == json.loads(json.dumps(wanted)):
        return
    connection.execute("DELETE FROM enriched_roadmaps WHERE roadmap = ?", [roadmap])
    now = utc_now().isoformat()
    insert_rows(
        connection,
        "enriched_roadmaps",
        ({**row, "published_at": now} for row in wanted),
        columns={**_OWN_COLUMNS, **columns},
    )


def _standing(connection: DuckDBPyConnection, roadmap: str, columns: Mapping[str, str]) -> list[dict[str, Any]]:
    """The roadmap's rows as they were last published, without what is empty."""
    found = connection.execute(
        "SELECT * EXCLUDE (published_at) FROM enriched_roadmaps WHERE roadmap = ? ORDER BY position", [roadmap]
    )
    names = [name for name, *_ in found.description]
    return [
        {
            name: json.loads(value) if columns.get(name) == "JSON" else value
            for name, value in zip(names, row, strict=True)
            if value is not None
        }
        for row in found.fetchall()
    ]


def _add_columns(connection: DuckDBPyConnection, columns: Mapping[str, str]) -> None:
    """Make room for a profile's columns; one that another profile had with another type becomes text."""
    existing = {name.casefold(): kind for name, kind, *_ in connection.execute("DESCRIBE enriched_roadmaps").fetchall()}
    for name, kind in columns.items():
        if name.casefold() not in existing:
            connection.execute(f"ALTER TABLE enriched_roadmaps ADD COLUMN {quoted(name)} {kind}")
        elif existing[name.casefold()] not in (kind, "VARCHAR"):
            connection.execute(f"ALTER TABLE enriched_roadmaps ALTER COLUMN {quoted(name)} TYPE VARCHAR")


def published_topics(connection: DuckDBPyConnection, roadmap: str) -> dict[str, str]:
    """topic_id -> topic of the roadmap's last publication."""
    rows = connection.execute("SELECT topic_id, topic FROM enriched_roadmaps WHERE roadmap = ?", [roadmap]).fetchall()
    return dict(rows)


def open_topics(connection: DuckDBPyConnection) -> dict[str, int]:
    """roadmap -> number of its published topics that wait for an answer (deferred or failed), where there are any."""
    rows = connection.execute(
        "SELECT roadmap, count(*) FROM enriched_roadmaps WHERE status IN ('deferred', 'failed') "
        "GROUP BY roadmap ORDER BY roadmap"
    ).fetchall()
    return dict(rows)


def published_ids(connection: DuckDBPyConnection, roadmap: str) -> list[str]:
    """The topic id of every row of the roadmap's last publication."""
    rows = connection.execute("SELECT topic_id FROM enriched_roadmaps WHERE roadmap = ?", [roadmap]).fetchall()
    return [topic_id for (topic_id,) in rows]
