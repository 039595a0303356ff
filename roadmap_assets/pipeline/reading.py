"""The second step: the topics of a fetched roadmap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from roadmap_assets.errors import DocumentError
from roadmap_assets.pipeline.fetching import Fetched, newest_state, store_state
from roadmap_assets.roadmaps import PARSER_VERSION
from roadmap_assets.roadmaps.document import topic_labels
from roadmap_assets.roadmaps.sources.base import Source
from roadmap_assets.warehouse.base import Connection, Warehouse
from roadmap_assets.warehouse.raw import Snapshot, load_snapshot, stored_version
from roadmap_assets.warehouse.topics import (
    Parse,
    Topic,
    count_topics,
    load_parse,
    load_topics,
    roadmaps_with_topics,
    save_topics,
)


class TopicsRead(Struct, frozen=True):
    """Result of reading a roadmap's topics; `counts` says by name what was left out or repaired."""

    roadmap: str
    title: str
    topics: int
    counts: Mapping[str, int]
    changed: bool


def read_topics(roadmap: str, *, warehouse: Warehouse) -> TopicsRead:
    """Turn the fetched roadmap into its rows of `topics`; an unchanged roadmap is not parsed again.

    Raises:
        DocumentError: the document has no topics, cannot be read or was never fetched; existing rows stay.
    """
    with warehouse.transaction() as connection:
        if current := _current(connection, roadmap, version=stored_version(connection, roadmap)):
            return current
        snapshot = load_snapshot(connection, roadmap)
    if snapshot is None:
        raise DocumentError(f"the roadmap {roadmap} was not fetched yet; fetch it first (asset raw_roadmap)")
    return _read(snapshot, warehouse=warehouse)


def fetch_and_read(roadmap: str, *, source: Source, warehouse: Warehouse) -> tuple[Fetched, TopicsRead]:
    """`fetch` and `read_topics` with fewer accesses to the database: one where nothing changed. Raises as both."""
    state = newest_state(roadmap, source=source, warehouse=warehouse)
    with warehouse.transaction() as connection:
        fetched = store_state(connection, state, source=source)
        current = _current(connection, roadmap, version=fetched.version)
    return fetched, current or _read(state.snapshot, warehouse=warehouse)


def _current(connection: Connection, roadmap: str, *, version: str | None) -> TopicsRead | None:
    """The topics in the database, if they were read from this version by this parser."""
    parse = load_parse(connection, roadmap)
    if parse is None or (parse.version, parse.parser) != (version, PARSER_VERSION):
        return None
    topics = count_topics(connection, roadmap)
    return TopicsRead(roadmap, title=parse.title, topics=topics, counts=parse.counts, changed=False)


def _read(snapshot: Snapshot, *, warehouse: Warehouse) -> TopicsRead:
    """Parse the roadmap, and replace its rows of `topics`."""
    from roadmap_assets.roadmaps.table import build_topics  # slow import; unneeded in a cached run

    roadmap, table = snapshot.roadmap, build_topics(snapshot)
    parse = Parse(title=table.title, version=snapshot.version, parser=PARSER_VERSION, counts=table.counts)
    with warehouse.transaction() as connection:
        save_topics(connection, roadmap, parse, table.topics)
    return TopicsRead(roadmap, title=table.title, topics=len(table.topics), counts=table.counts, changed=True)


def document_topics(roadmaps: Sequence[str], *, warehouse: Warehouse) -> dict[str, dict[str, str]]:
    """The topics (id -> label) in each roadmap's document as it was last fetched."""
    if not roadmaps:
        return {}
    with warehouse.transaction() as connection:
        snapshots = {roadmap: load_snapshot(connection, roadmap) for roadmap in roadmaps}
    return {roadmap: topic_labels(found.document) if found else {} for roadmap, found in snapshots.items()}


def topics_of(roadmaps: Sequence[str], *, warehouse: Warehouse) -> list[Topic]:
    """The topics of these roadmaps as they were last read, in reading order."""
    with warehouse.transaction() as connection:
        return load_topics(connection, roadmaps)


def known_roadmaps(*, warehouse: Warehouse) -> list[str]:
    """The roadmaps whose topics are in the database."""
    with warehouse.transaction() as connection:
        return list(roadmaps_with_topics(connection))


def title_in(connection: Any, roadmap: str) -> str:
    """The roadmap's title, or its slug before its topics were read."""
    parse = load_parse(connection, roadmap)
    return parse.title if parse else roadmap
