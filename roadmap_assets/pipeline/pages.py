"""A roadmap's publication for people: its edition, its page, and the index of pages."""

from __future__ import annotations

from collections.abc import Mapping

from roadmap_assets.errors import DocumentError
from roadmap_assets.exports.edition import Edition, headers_of
from roadmap_assets.pipeline.reading import title_in
from roadmap_assets.places import Place
from roadmap_assets.roadmaps.document import parse_document
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.ledger import spent_by_day
from roadmap_assets.warehouse.published import SIMULATION, EnrichedTopic, load_published, published_groups
from roadmap_assets.warehouse.raw import fetch_times, load_snapshot
from roadmap_assets.warehouse.topics import load_topics, roadmaps_with_topics


def edition_of(roadmap: str, *, warehouse: Warehouse, headers: Mapping[str, str]) -> Edition:
    """What is published of the roadmap or, before its first publication, its topics without answers.

    `headers` are those of the profile's columns; columns of other profiles get a header from their name.

    Raises:
        DocumentError: the roadmap's topics were never read.
    """
    with warehouse.transaction() as connection:
        rows = (
            load_published(connection, roadmap)
            or load_published(connection, roadmap, table=SIMULATION)
            or [EnrichedTopic(topic, "deferred", {}, "") for topic in load_topics(connection, [roadmap])]
        )
        title = title_in(connection, roadmap)
    if not rows:
        raise DocumentError(
            f"the database has no topics of {roadmap}; get them first: roadmap-assets scrape --roadmap {roadmap}"
        )
    return Edition(roadmap=roadmap, title=title, headers=headers_of(rows, headers), rows=rows)


def write_page(roadmap: str, *, warehouse: Warehouse, headers: Mapping[str, str], folder: Place) -> Place:
    """Write the roadmap's page into `folder`; see `edition_of` for `headers`.

    Raises:
        DocumentError: the roadmap was never read.
        OutputNotWritable: an existing page stays as it was.
    """
    from roadmap_assets.exports.html.page import write_page

    edition = edition_of(roadmap, warehouse=warehouse, headers=headers)
    with warehouse.transaction() as connection:
        snapshot = load_snapshot(connection, roadmap)
    assert snapshot is not None  # its topics came from one
    document = parse_document(snapshot.document, roadmap=roadmap, origin=snapshot.origin)
    write_page(folder / f"{roadmap}.html", edition, document)
    return folder / f"{roadmap}.html"


def write_index(*, warehouse: Warehouse, folder: Place) -> Place:
    """Write the index of the pages in `folder`.

    It is written while the database is locked, so that the later one of two runs lists the pages of both.

    Raises:
        OutputNotWritable: an existing index stays as it was.
    """
    from roadmap_assets.exports.html.index import write_index

    with warehouse.transaction() as connection:
        pages = {page.name for page in folder.glob("*.html")}
        titles = {
            roadmap: title for roadmap, title in roadmaps_with_topics(connection).items() if f"{roadmap}.html" in pages
        }
        write_index(
            folder / "index.html",
            titles,
            published_groups(connection),
            fetched=fetch_times(connection),
            days=spent_by_day(connection),
        )
    return folder / "index.html"
