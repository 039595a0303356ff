"""Opening a command's source and database, and reading roadmaps; waits and progress show on the console."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

import click

from roadmap_assets import pipeline
from roadmap_assets.cli import console
from roadmap_assets.cli.hints import with_hint
from roadmap_assets.errors import DocumentError, SourceUnavailable, UnknownRoadmap
from roadmap_assets.roadmaps.sources.base import Entry, Source
from roadmap_assets.settings import Settings
from roadmap_assets.warehouse import registry
from roadmap_assets.warehouse.base import Warehouse

source_option = click.option(
    "--source", metavar="S", help="live, sample, or a directory.  [default: ROADMAP_SOURCE, else live]"
)
allow_missing_texts_option = click.option(
    "--allow-missing-texts",
    is_flag=True,
    default=None,
    help="Fetch a roadmap even if some of its texts cannot be fetched.",
)


def open_warehouse(settings: Settings) -> Warehouse:
    """The database that the settings name, for the series of accesses of one command; a wait for it is reported."""
    warehouse = registry.open_warehouse(settings.db, on_wait=console.warn)
    click.get_current_context().with_resource(warehouse.series())
    return warehouse


@contextmanager
def opened_source(
    settings: Settings, warehouse: Warehouse, *, doing: str
) -> Iterator[tuple[Source, console.Downloads]]:
    """The source that the settings name, and the progress of its downloads."""
    with (
        console.downloading(doing) as downloads,
        closing(
            pipeline.source_of(settings, warehouse=warehouse, on_progress=downloads, on_notice=console.note)
        ) as source,
    ):
        yield source, downloads


def list_roadmaps(settings: Settings) -> Mapping[str, Entry]:
    """The roadmaps of the source."""
    with opened_source(settings, open_warehouse(settings), doing="Listing") as (source, _):
        return source.catalogue()


def read_roadmaps(
    slugs: Sequence[str], source: Source, warehouse: Warehouse, *, downloads: console.Downloads
) -> list[tuple[pipeline.Fetched, pipeline.TopicsRead]]:
    """Fetch and read these roadmaps. One that cannot be read is reported and left out, unless it is the only one.

    Raises:
        UnknownRoadmap, DocumentError, SourceUnavailable: why the only roadmap cannot be read.
        click.ClickException: none of several roadmaps can be read.
    """
    read: list[tuple[pipeline.Fetched, pipeline.TopicsRead]] = []
    several = len(slugs) > 1
    for number, slug in enumerate(slugs, start=1):
        if several:
            downloads.begin(f"Fetching {slug} ({number} of {len(slugs)})")
        try:
            fetched, topics = pipeline.fetch_and_read(slug, source=source, warehouse=warehouse)
            if fetched.vanished:
                console.note(f"{slug} is no longer in the source {fetched.source}; its last state is used.")
            read.append((fetched, topics))
        except (UnknownRoadmap, DocumentError, SourceUnavailable) as error:
            if not several:
                raise
            console.warn(f"Left out: {with_hint(error)}")
    if not read:
        raise click.ClickException("none of the roadmaps can be read; nothing was written")
    return read
