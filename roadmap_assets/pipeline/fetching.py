"""The first step: a roadmap's document and texts, from its source into the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct

from roadmap_assets.errors import UnknownRoadmap
from roadmap_assets.roadmaps.sources.base import Addresses, Source, check_slug
from roadmap_assets.roadmaps.sources.registry import open_source
from roadmap_assets.settings import Settings
from roadmap_assets.warehouse.base import Connection, Warehouse
from roadmap_assets.warehouse.listings import Listings
from roadmap_assets.warehouse.raw import (
    Snapshot,
    is_stored,
    load_snapshot,
    mark_vanished,
    save_snapshot,
    stored_version,
)


class Fetched(Struct, frozen=True):
    """Result of a fetch; `vanished` means that the roadmap disappeared upstream and its last state stays.

    `listed_version` is the version that `Source.listing` gives to this state; any other there means a newer state.
    """

    roadmap: str
    version: str
    listed_version: str
    source: str
    origin: str
    files: int
    changed: bool
    vanished: bool


def source_of(
    settings: Settings,
    *,
    warehouse: Warehouse,
    waits: bool = True,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    on_notice: Callable[[str], None] = lambda _: None,
) -> Source:
    """The source named by the settings; see `open_source`. Close it after use. Raises InvalidSetting."""
    token = settings.github_token
    return open_source(
        settings.source,
        addresses=Addresses(**{name: getattr(settings, name) for name in Addresses.__struct_fields__}),
        github_token=token.secret if token else None,
        listings=Listings(warehouse),
        waits=waits,
        allow_missing_texts=settings.allow_missing_texts,
        on_progress=on_progress,
        on_notice=on_notice,
    )


def fetch(roadmap: str, *, source: Source, warehouse: Warehouse) -> Fetched:
    """Store the roadmap's document and texts in `raw_roadmaps` and `raw_contents`.

    Raises:
        InvalidSlug, UnknownRoadmap, DocumentError, SourceUnavailable: the stored state stays.
    """
    state = newest_state(roadmap, source=source, warehouse=warehouse)
    with warehouse.transaction() as connection:
        return store_state(connection, state, source=source)


class State(NamedTuple):
    """A roadmap as its source has it, or, when it has `vanished` there, as it was last fetched."""

    snapshot: Snapshot
    vanished: bool


def newest_state(roadmap: str, *, source: Source, warehouse: Warehouse) -> State:
    """What `fetch` stores. Raises as it does."""
    check_slug(roadmap)

    def last_state() -> Snapshot | None:
        with warehouse.transaction() as connection:
            return load_snapshot(connection, roadmap)

    try:
        return State(source.fetch(roadmap, known=last_state), vanished=False)
    except UnknownRoadmap:
        known = last_state()
        if known is None or known.source != source.name:
            raise
        return State(known, vanished=True)


def store_state(connection: Connection, state: State, *, source: Source) -> Fetched:
    """Store it unless it is stored already."""
    snapshot = state.snapshot
    known_version = stored_version(connection, snapshot.roadmap)
    if state.vanished:
        mark_vanished(connection, snapshot.roadmap)
    elif not is_stored(connection, snapshot):
        save_snapshot(connection, snapshot)
    return Fetched(
        roadmap=snapshot.roadmap,
        version=snapshot.version,
        listed_version=source.version_of(snapshot),
        source=snapshot.source,
        origin=snapshot.origin,
        files=len(snapshot.contents),
        changed=snapshot.version != known_version,
        vanished=state.vanished,
    )
