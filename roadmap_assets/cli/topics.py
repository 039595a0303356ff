"""`roadmap-assets topics`: the topics of many roadmaps as one table."""

from __future__ import annotations

import sys

import click

from roadmap_assets import pipeline
from roadmap_assets.cli import console
from roadmap_assets.cli.exit_status import ExitStatus
from roadmap_assets.cli.place import PlaceOption
from roadmap_assets.cli.sources import (
    allow_missing_texts_option,
    open_warehouse,
    opened_source,
    read_roadmaps,
    source_option,
)
from roadmap_assets.places import Place
from roadmap_assets.roadmaps.sources.base import check_slug
from roadmap_assets.settings import load_settings


@click.command()
@click.argument("slugs", metavar="[SLUG]...", nargs=-1)
@click.option(
    "--output",
    type=PlaceOption(),
    metavar="FILE",
    help="A file ending in .csv, .jsonl, .parquet or .xlsx.  [default: JSON Lines on standard output]",
)
@source_option
@allow_missing_texts_option
def topics(slugs: tuple[str, ...], output: Place | None, source: str | None, allow_missing_texts: bool | None) -> None:
    """Write the topics of roadmaps, before any enrichment, as a table.

    All roadmaps of the source when none is named. Roadmaps that cannot be read are reported and left out.
    """
    from roadmap_assets.exports.tables import check_format, write_json_lines, write_topics

    settings = load_settings(source=source, allow_missing_texts=allow_missing_texts)
    for slug in slugs:
        check_slug(slug)
    if output:
        check_format(output)
    warehouse = open_warehouse(settings)
    with opened_source(settings, warehouse, doing="Fetching") as (opened, downloads):
        wanted = slugs or tuple(opened.catalogue())
        if not wanted:
            raise click.ClickException(f"the source {opened.name} has no roadmaps; nothing was written")
        read = [each.roadmap for _, each in read_roadmaps(wanted, opened, warehouse, downloads=downloads)]
    rows = pipeline.topics_of(read, warehouse=warehouse)
    if output:
        write_topics(output, rows)
        console.say(f"Written: {output} ({len(rows)} rows)")
    else:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8")  # JSON is UTF-8, whatever the terminal uses
        write_json_lines(sys.stdout, rows)
    if len(read) < len(wanted):
        # A roadmap that was named must not be missing; of a whole source, some are often unreadable.
        click.get_current_context().exit(ExitStatus.NOT_DONE if slugs else ExitStatus.INCOMPLETE)
