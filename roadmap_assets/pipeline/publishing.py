"""The fourth step: topics and answers, as rows of a table and as a CSV file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct, field
from msgspec.structs import replace

from roadmap_assets.enrichment.access import Access
from roadmap_assets.errors import DocumentError
from roadmap_assets.exports.csv_file import default_path
from roadmap_assets.exports.history import keep_copy
from roadmap_assets.exports.tables import write_roadmap
from roadmap_assets.pipeline.asking import answered_in, pairs_in
from roadmap_assets.places import Place
from roadmap_assets.warehouse.base import Table, Warehouse
from roadmap_assets.warehouse.enrichments import load_failures
from roadmap_assets.warehouse.published import (
    PUBLICATION,
    SIMULATION,
    EnrichedTopic,
    add_columns,
    column_type,
    load_published,
    publish_rows,
    published_ids,
)
from roadmap_assets.warehouse.topics import load_topics


class Published(Struct, frozen=True):
    """Result of publishing a roadmap: its rows by status, the CSV file, and (topic, reason) of those that failed.

    `topics` are the rows themselves, and `gone` the topics (id -> name) of the last publication that no longer exist.
    Without any answer nothing is published: `rows` is 0, and `csv` is None.
    """

    roadmap: str
    rows: int
    statuses: Mapping[str, int]
    csv: Place | None
    simulated: bool = False
    failed: Sequence[tuple[str, str]] = ()
    topics: Sequence[EnrichedTopic] = ()
    gone: Mapping[str, str] = field(default_factory=dict)


def publish(roadmap: str, *, warehouse: Warehouse, access: Access, csv: Place | None = None) -> Published:
    """Publish the roadmap's topics with their answers, as rows of `enriched_roadmaps` and as a CSV file.

    A publication is only replaced by one that is at least as good. A topic without an answer keeps the one that was
    published before, marked as stale, or else has empty columns. If no topic has an answer, the last publication stays
    as it is. Simulated answers go to `simulated_roadmaps` and to a file of their own. `csv` defaults to `default_path`.

    Raises:
        DocumentError: the roadmap has no topics in the database; the last publication stays.
        OutputNotWritable: the CSV file cannot be written; the rows are published.
    """
    columns = _columns_of(access)
    table = publication_table(access)
    with warehouse.transaction() as connection:
        connection.lock(table.name)  # first: what is compared below must not be replaced in the meantime
        current = answered_in(connection, pairs_in(connection, [roadmap], access), access)[roadmap]
        if not current:
            raise DocumentError(f"the topics of {roadmap} were not read yet; read them first (asset roadmap_topics)")
        failures = load_failures(connection, [row.enrichment_key for row in current if row.status == "failed"])
        published = load_published(connection, roadmap, table=table, columns=columns)
        before = {row.topic.topic_id: row for row in published}
        rows = [_keeping_answer(row, before.get(row.topic.topic_id)) for row in current]
        answered = any(row.is_answered for row in rows)
        if answered:
            publish_rows(connection, roadmap, rows, columns=columns, table=table, before=published)
    failed = [(r.topic.topic, failures[r.enrichment_key].last_error) for r in current if r.status == "failed"]
    if not answered:
        return Published(roadmap, rows=0, statuses={}, csv=None, simulated=access.simulated, failed=failed)
    csv = csv or default_path(access.settings.output, roadmap, simulated=access.simulated)
    topics = [row.topic for row in rows]
    write_roadmap(csv, topics, headers=access.profile.headers, answers=[row.columns for row in rows])
    if access.settings.history:
        keep_copy(csv, now=datetime.now(UTC))
    for topic in topics:
        before.pop(topic.topic_id, None)
    return Published(
        roadmap=roadmap,
        rows=len(rows),
        statuses=Counter(row.status for row in rows),
        csv=csv,
        simulated=access.simulated,
        failed=failed,
        topics=rows,
        gone={topic_id: row.topic.topic for topic_id, row in before.items()},
    )


def add_profile_columns(*, warehouse: Warehouse, access: Access) -> None:
    """Add the profile's columns to the published tables before anything is published.

    In PostgreSQL only the owner of the tables may do this.
    """
    with warehouse.transaction() as connection:
        for table in (PUBLICATION, SIMULATION):
            connection.lock(table.name)
            add_columns(connection, table, _columns_of(access))


def _columns_of(access: Access) -> dict[str, str]:
    """The profile's columns, with their types."""
    schema = access.profile.reply_schema["items"]["properties"]
    return {column: column_type(schema[column]) for column in access.profile.columns}


def publish_topics(roadmap: str, *, warehouse: Warehouse, csv: Place) -> Published:
    """Write the roadmap's topics to a CSV file without any enrichment; the database is left as it is."""
    with warehouse.transaction() as connection:
        topics = load_topics(connection, [roadmap])
    write_roadmap(csv, topics, headers={}, answers=[{}] * len(topics))
    return Published(roadmap=roadmap, rows=len(topics), statuses={}, csv=csv)


def published_ids_of(roadmaps: Sequence[str], *, warehouse: Warehouse, access: Access) -> dict[str, list[str]]:
    """The topic ids of each roadmap's published rows, as they are stored."""
    table = publication_table(access)
    with warehouse.transaction() as connection:
        return {roadmap: published_ids(connection, roadmap, table=table) for roadmap in roadmaps}


def publication_table(access: Access) -> Table:
    """The table in which answers obtained through `access` are published."""
    return SIMULATION if access.simulated else PUBLICATION


def _keeping_answer(row: EnrichedTopic, published: EnrichedTopic | None) -> EnrichedTopic:
    """The row or, if it has no answer, the answer published before, marked as stale."""
    if row.is_answered or published is None or not published.is_answered:
        return row
    return replace(published, topic=row.topic, status="stale", published_at=None)
