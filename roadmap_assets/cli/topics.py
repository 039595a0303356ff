"""`roadmap-assets topics`: the topics of many roadmaps as one table."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadmap_assets import pipeline
from roadmap_assets.cli import console
from roadmap_assets.cli.exit_status import ExitStatus
from roadmap_assets.cli.sources import allow_missing_texts_option, fetch, open_warehouse, opened_source, source_option
from roadmap_assets.errors import DocumentError, SourceUnavailable, UnknownRoadmap
from roadmap_assets.roadmaps.sources.base import check_slug
from roadmap_assets.settings import Settings, load_settings

if TYPE_CHECKING:
    from roadmap_assets.warehouse.topics import Topic


@click.command()
@click.argument("slugs", metavar="[SLUG]...", nargs=-1)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file ending in .csv, .jsonl or .parquet.  [default: JSON Lines on standard output]",
)
@source_option
@allow_missing_texts_option
def topics(slugs: tuple[str, ...], output: Path | None, source: str | None, allow_missing_texts: bool | None) -> None:
    """Write the topics of roadmaps, before any enrichment, as a table.

    Of all roadmaps of the source when none is named; those that cannot be read are named and left out.
    """
    from roadmap_assets.exports.topics_file import check_format, write_json_lines, write_topics

    settings = load_settings(source=source, allow_missing_texts=allow_missing_texts)
    for slug in slugs:
        check_slug(slug)
    if output:
        check_format(output)
    rows, unread = read_topics(slugs, settings)
    if output:
        write_topics(output, rows)
        console.say(f"Written: {output} ({len(rows)} rows)")
    else:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # which JSON is, whatever the terminal's is
        write_json_lines(sys.stdout, rows)
    if unread:
        # Roadmaps that were asked for by name are all that was asked for; of a whole source, some are often odd.
        click.get_current_context().exit(ExitStatus.NOT_DONE if slugs or not rows else ExitStatus.INCOMPLETE)


def read_topics(slugs: tuple[str, ...], settings: Settings) -> tuple[list[Topic], list[str]]:
    """The topics of these roadmaps (none: all), and the roadmaps that could not be read; each is named as it is met."""
    warehouse = open_warehouse(settings)
    unread = []
    with opened_source(settings, warehouse, doing="Fetching") as source:
        slugs = slugs or tuple(source.catalogue())
        for slug in slugs:
            try:
                fetch(slug, source, warehouse)
                pipeline.read_topics(slug, warehouse=warehouse)
            except (UnknownRoadmap, DocumentError, SourceUnavailable) as error:
                console.warn(f"Left out: {error}")
                unread.append(slug)
    return pipeline.topics_of([slug for slug in slugs if slug not in unread], warehouse=warehouse), unread
