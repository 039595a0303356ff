"""The four steps as plain functions: fetch -> topics -> enrich -> publish.

Both doors, Dagster and the command line, call these and nothing below them. Steps hand data on through the database
alone, so each can be run again by itself; running one again replaces its rows and leaves other roadmaps' alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.blocking import run_blocking
from roadmap_assets.enrichment.engine.events import OnEvent
from roadmap_assets.enrichment.engine.report import Report, Status, count_rows
from roadmap_assets.enrichment.plan import Plan
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.errors import DocumentError, UnknownRoadmap
from roadmap_assets.exports.csv_file import default_path
from roadmap_assets.exports.edition import Edition, headers_of
from roadmap_assets.exports.history import keep_copy
from roadmap_assets.exports.tables import write_roadmap
from roadmap_assets.roadmaps import PARSER_VERSION
from roadmap_assets.roadmaps.document import parse_document, topic_labels
from roadmap_assets.roadmaps.sources.base import Addresses, Source, check_slug
from roadmap_assets.roadmaps.sources.registry import open_source
from roadmap_assets.settings import Settings
from roadmap_assets.warehouse.base import Table
from roadmap_assets.warehouse.duckdb import Warehouse
from roadmap_assets.warehouse.enrichments import load_answers, load_failures
from roadmap_assets.warehouse.ledger import outcomes_in_run, spent_by_day
from roadmap_assets.warehouse.listings import Listings
from roadmap_assets.warehouse.published import (
    PUBLICATION,
    SIMULATION,
    EnrichedTopic,
    column_type,
    load_published,
    publish_rows,
    published_groups,
    published_ids,
)
from roadmap_assets.warehouse.raw import (
    fetch_times,
    has_vanished,
    load_snapshot,
    mark_vanished,
    save_snapshot,
    stored_version,
)
from roadmap_assets.warehouse.topics import (
    Parse,
    Topic,
    count_topics,
    load_parse,
    load_topics,
    roadmaps_with_topics,
    save_topics,
)

Asked = Mapping[str, Sequence[tuple[Topic, Question]]]
"""roadmap -> its topics in reading order, each with the question about it."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Result of a fetch; `vanished` means that the roadmap disappeared upstream and its last state stays.

    `listed_version` is what `Source.listing` gives to this state: a listing with another one has something newer.
    """

    roadmap: str
    version: str
    listed_version: str
    source: str
    origin: str
    files: int
    changed: bool
    vanished: bool


@dataclass(frozen=True, slots=True)
class TopicsRead:
    """What reading a roadmap's topics came to; `counts` says by name what was left out or mended."""

    roadmap: str
    title: str
    topics: int
    counts: Mapping[str, int]
    changed: bool


@dataclass(frozen=True, slots=True)
class Enriched:
    """What enriching roadmaps came to: the run's report, and each roadmap's rows by what became of them."""

    report: Report
    rows: Mapping[str, Counter[Status]]


@dataclass(frozen=True, slots=True)
class Published:
    """Result of publishing a roadmap: its rows by status, the CSV file, and (topic, reason) of those that failed.

    `topics` are the rows themselves, and `gone` the topics (id -> name) of the last publication that no longer exist.
    Without a single answer nothing is published: `rows` is 0, and `csv` None.
    """

    roadmap: str
    rows: int
    statuses: Mapping[str, int]
    csv: Path | None
    simulated: bool = False
    failed: Sequence[tuple[str, str]] = ()
    topics: Sequence[EnrichedTopic] = ()
    gone: Mapping[str, str] = field(default_factory=dict)


def source_of(
    settings: Settings,
    *,
    warehouse: Warehouse,
    waits: bool = True,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    on_notice: Callable[[str], None] = lambda _: None,
) -> Source:
    """The source that the settings name; see `open_source`. Close it after use. Raises InvalidSetting."""
    token = settings.github_token
    return open_source(
        settings.source,
        addresses=Addresses(**{field.name: getattr(settings, field.name) for field in fields(Addresses)}),
        github_token=token.get_secret_value() if token else None,
        listings=Listings(warehouse),
        waits=waits,
        allow_missing_texts=settings.allow_missing_texts,
        on_progress=on_progress,
        on_notice=on_notice,
    )


def fetch(roadmap: str, *, source: Source, warehouse: Warehouse) -> Fetched:
    """Bring the roadmap's document and texts into `raw_roadmaps` and `raw_contents`.

    Raises:
        InvalidSlug, UnknownRoadmap, DocumentError, SourceUnavailable: what was there before stays.
    """
    check_slug(roadmap)
    with warehouse.transaction() as connection:
        known = load_snapshot(connection, roadmap)
        was_vanished = has_vanished(connection, roadmap)
    vanished = False
    try:
        snapshot = source.fetch(roadmap, known=known)
    except UnknownRoadmap:
        if known is None or known.source != source.name:
            raise
        snapshot, vanished = known, True
    if vanished or was_vanished or snapshot != known:
        with warehouse.transaction() as connection:
            if vanished:
                mark_vanished(connection, roadmap)
            else:
                save_snapshot(connection, snapshot)
    return Fetched(
        roadmap=roadmap,
        version=snapshot.version,
        listed_version=source.version_of(snapshot),
        source=snapshot.source,
        origin=snapshot.origin,
        files=len(snapshot.contents),
        changed=known is None or snapshot.version != known.version,
        vanished=vanished,
    )


def read_topics(roadmap: str, *, warehouse: Warehouse) -> TopicsRead:
    """Turn the fetched roadmap into its rows of `topics`; nothing is parsed anew where nothing changed.

    Raises:
        DocumentError: the document has no topics or cannot be read, or was never fetched; the rows before stay.
    """
    with warehouse.transaction() as connection:
        version = stored_version(connection, roadmap)
        parse = load_parse(connection, roadmap)
        snapshot = None
        if parse is None or (parse.version, parse.parser) != (version, PARSER_VERSION):
            snapshot = load_snapshot(connection, roadmap)
        topics = count_topics(connection, roadmap)
    if version is None:
        raise DocumentError(f"the roadmap {roadmap} was not fetched yet; fetch it first (asset raw_roadmap)")
    if snapshot is not None:
        from roadmap_assets.roadmaps.table import build_topics  # parses markdown, which most runs have no need of

        table = build_topics(snapshot)
        topics = len(table.topics)
        parse = Parse(title=table.title, version=snapshot.version, parser=PARSER_VERSION, counts=table.counts)
        with warehouse.transaction() as connection:
            save_topics(connection, roadmap, parse, table.topics)
    assert parse is not None  # there was one, or it was just made
    return TopicsRead(
        roadmap=roadmap, title=parse.title, topics=topics, counts=parse.counts, changed=snapshot is not None
    )


def document_topics(roadmaps: Sequence[str], *, warehouse: Warehouse) -> dict[str, dict[str, str]]:
    """The topics (id -> label) that each roadmap's document has, as it was last fetched."""
    with warehouse.transaction() as connection:
        snapshots = {roadmap: load_snapshot(connection, roadmap) for roadmap in roadmaps}
    return {roadmap: topic_labels(found.document) if found else {} for roadmap, found in snapshots.items()}


def topics_of(roadmaps: Sequence[str], *, warehouse: Warehouse) -> list[Topic]:
    """The topics of these roadmaps as they were last read, in reading order."""
    with warehouse.transaction() as connection:
        return load_topics(connection, roadmaps)


def questions_of(roadmaps: Sequence[str], *, warehouse: Warehouse, access: Access) -> Asked:
    """The topics of these roadmaps as they were last read, in reading order, each with the question about it."""
    with warehouse.transaction() as connection:
        return _asked(connection, roadmaps, access)


def limited(asked: Asked, limit: int | None, *, warehouse: Warehouse, access: Access) -> Asked:
    """`asked` without the questions beyond the first `limit` of those that `enrich` would send to Gemini."""
    if limit is None:
        return asked
    beyond = {question.key for question in access.engine(warehouse).misses(_questions(asked))[limit:]}
    return {roadmap: [pair for pair in pairs if pair[1].key not in beyond] for roadmap, pairs in asked.items()}


def enrich(asked: Asked, *, warehouse: Warehouse, access: Access, on_event: OnEvent = lambda _: None) -> Enriched:
    """Answer the questions about these roadmaps, from the cache or by asking Gemini, packed across them.

    Raises:
        GeminiRefused: the key, the model or the request is refused; what was answered before is stored.
    """
    report = run_blocking(access.engine(warehouse).run(_questions(asked), on_event=on_event))
    rows = {roadmap: count_rows(_questions({roadmap: pairs}), report.statuses) for roadmap, pairs in asked.items()}
    return Enriched(report=report, rows=rows)


def plan(asked: Asked, *, warehouse: Warehouse, access: Access) -> Plan:
    """What `enrich` would take; no call is made."""
    return access.engine(warehouse).plan(_questions(asked))


def answered_topics(asked: Asked, *, warehouse: Warehouse, access: Access) -> dict[str, list[EnrichedTopic]]:
    """The topics of each roadmap with the answers that they have so far."""
    with warehouse.transaction() as connection:
        return _answered(connection, asked, access)


def publish(roadmap: str, *, warehouse: Warehouse, access: Access, csv: Path | None = None) -> Published:
    """Publish the roadmap's topics with all that is answered: as rows of `enriched_roadmaps`, and as a CSV file.

    A publication is only replaced by one that is at least as good. A topic without an answer keeps the one that was
    published before, marked as stale; without that it has empty columns. Where no topic has an answer, the last
    publication stays as it is. Simulated answers go to `simulated_roadmaps` and to a file of their own. `csv` is
    `default_path` unless given.

    Raises:
        DocumentError: the roadmap has no topics in the database; what was published before stays.
        OutputNotWritable: the CSV file cannot be written; the rows are published.
    """
    schema = access.profile.reply_schema["items"]["properties"]
    columns = {column: column_type(schema[column]) for column in access.profile.columns}
    table = publication_table(access)
    with warehouse.transaction() as connection:
        current = _answered(connection, _asked(connection, [roadmap], access), access)[roadmap]
        if not current:
            raise DocumentError(f"the topics of {roadmap} were not read yet; read them first (asset roadmap_topics)")
        failures = load_failures(connection, [row.enrichment_key for row in current if row.status == "failed"])
        before = {row.topic.topic_id: row for row in load_published(connection, roadmap, table=table, columns=columns)}
        rows = [_keeping_answer(row, before.get(row.topic.topic_id)) for row in current]
        answered = any(row.is_answered for row in rows)
        if answered:
            publish_rows(connection, roadmap, rows, columns=columns, table=table)
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


def call_outcomes(report: Report, *, warehouse: Warehouse) -> dict[str, int]:
    """How the calls of a run ended, by the ledger: outcome -> number of calls."""
    if not report.calls:
        return {}
    with warehouse.transaction() as connection:
        return outcomes_in_run(connection, report.run_id)


def published_ids_of(roadmaps: Sequence[str], *, warehouse: Warehouse, access: Access) -> dict[str, list[str]]:
    """The topic ids of each roadmap's published rows, as they are stored."""
    table = publication_table(access)
    with warehouse.transaction() as connection:
        return {roadmap: published_ids(connection, roadmap, table=table) for roadmap in roadmaps}


def publication_table(access: Access) -> Table:
    """The table that answers got this way are published in."""
    return SIMULATION if access.simulated else PUBLICATION


def _keeping_answer(row: EnrichedTopic, published: EnrichedTopic | None) -> EnrichedTopic:
    """The row, with the answer that was published before where it has no other."""
    if row.is_answered or published is None or not published.is_answered:
        return row
    return replace(published, topic=row.topic, status="stale", published_at=None)


def publish_topics(roadmap: str, *, warehouse: Warehouse, csv: Path) -> Published:
    """Write the roadmap's topics to a CSV file without any enrichment; the database is left as it is."""
    with warehouse.transaction() as connection:
        topics = load_topics(connection, [roadmap])
    write_roadmap(csv, topics, headers={}, answers=[{}] * len(topics))
    return Published(roadmap=roadmap, rows=len(topics), statuses={}, csv=csv)


def known_roadmaps(*, warehouse: Warehouse) -> list[str]:
    """The roadmaps whose topics are in the database."""
    with warehouse.transaction() as connection:
        return list(roadmaps_with_topics(connection))


def edition_of(roadmap: str, *, warehouse: Warehouse, headers: Mapping[str, str]) -> Edition:
    """What is published of the roadmap or, before its first publication, its topics without answers.

    `headers` are the columns that the profile has headers for; those of other profiles get a header by their name.

    Raises:
        DocumentError: the roadmap's topics were never read.
    """
    with warehouse.transaction() as connection:
        rows = (
            load_published(connection, roadmap)
            or load_published(connection, roadmap, table=SIMULATION)
            or [EnrichedTopic(topic, "deferred", {}, "") for topic in load_topics(connection, [roadmap])]
        )
        title = _title(connection, roadmap)
    if not rows:
        raise DocumentError(
            f"the database has no topics of {roadmap}; get them first: roadmap-assets scrape --roadmap {roadmap}"
        )
    return Edition(roadmap=roadmap, title=title, headers=headers_of(rows, headers), rows=rows)


def write_page(roadmap: str, *, warehouse: Warehouse, headers: Mapping[str, str], folder: Path) -> Path:
    """Write the roadmap's page into `folder`; see `edition_of` for `headers`.

    Raises:
        DocumentError: the roadmap was never read.
        OutputNotWritable: a page that was there stays as it was.
    """
    from roadmap_assets.exports.html.page import write_page

    edition = edition_of(roadmap, warehouse=warehouse, headers=headers)
    with warehouse.transaction() as connection:
        snapshot = load_snapshot(connection, roadmap)
    assert snapshot is not None  # its topics came from one
    document = parse_document(snapshot.document, roadmap=roadmap, origin=snapshot.origin)
    write_page(folder / f"{roadmap}.html", edition, document)
    return folder / f"{roadmap}.html"


def write_index(*, warehouse: Warehouse, folder: Path) -> Path:
    """Write the index over the pages that are in `folder`.

    It is written while the database is held, so that of two runs the later one lists the pages of both.

    Raises:
        OutputNotWritable: an index that was there stays as it was.
    """
    from roadmap_assets.exports.html.index import write_index

    with warehouse.transaction() as connection:
        titles = {
            roadmap: title
            for roadmap, title in roadmaps_with_topics(connection).items()
            if (folder / f"{roadmap}.html").exists()
        }
        write_index(
            folder / "index.html",
            titles,
            published_groups(connection),
            fetched=fetch_times(connection),
            days=spent_by_day(connection),
        )
    return folder / "index.html"


def _questions(asked: Asked) -> list[Question]:
    return [question for pairs in asked.values() for _, question in pairs]


def _asked(connection: Any, roadmaps: Sequence[str], access: Access) -> Asked:
    titles = {roadmap: _title(connection, roadmap) for roadmap in roadmaps}
    asked: dict[str, list[tuple[Topic, Question]]] = {roadmap: [] for roadmap in roadmaps}
    for topic in load_topics(connection, roadmaps):
        asked[topic.roadmap].append((topic, _question(topic, titles[topic.roadmap], access)))
    return asked


def _answered(connection: Any, asked: Asked, access: Access) -> dict[str, list[EnrichedTopic]]:
    """The topics of each roadmap, each with its answer, or with what is known of its failure."""
    keys = [question.key for question in _questions(asked)]
    answers = load_answers(connection, keys)
    failures = load_failures(connection, keys)
    profile, model = access.profile.name, access.model

    def row(topic: Topic, key: str) -> EnrichedTopic:
        if answer := answers.get(key):
            return EnrichedTopic(topic, "enriched", answer.columns, key, profile, model, answer.answered_at)
        return EnrichedTopic(topic, "failed" if key in failures else "deferred", {}, key, profile, model)

    return {roadmap: [row(topic, question.key) for topic, question in pairs] for roadmap, pairs in asked.items()}


def _title(connection: Any, roadmap: str) -> str:
    parse = load_parse(connection, roadmap)
    return parse.title if parse else roadmap


def _question(topic: Topic, title: str, access: Access) -> Question:
    above = topic.path if topic.path[:1] == (title,) else (title, *topic.path)
    return access.question(topic=topic.topic, description=topic.description, context=" > ".join(above))
