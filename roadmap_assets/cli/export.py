"""`roadmap-assets export`: a published roadmap for another program."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from roadmap_assets import pipeline
from roadmap_assets.cli import console
from roadmap_assets.cli.place import PlaceOption
from roadmap_assets.cli.sources import open_warehouse
from roadmap_assets.enrichment.access import Access
from roadmap_assets.places import Place
from roadmap_assets.roadmaps.sources.base import check_slug
from roadmap_assets.settings import load_settings

FORMATS = {"csv": ".csv", "jsonl": ".jsonl", "parquet": ".parquet", "xlsx": ".xlsx", "md": "", "anki": ".apkg"}


@click.command()
@click.argument("slug")
@click.option("--to", "format_", type=click.Choice(list(FORMATS)), required=True, help="What to write.")
@click.option(
    "--output",
    type=PlaceOption(),
    metavar="PATH",
    help="The file, or for md the folder, to write.  [default: one named after the roadmap in ROADMAP_OUTPUT]",
)
@click.option("--by-chapter", is_flag=True, help="xlsx: a sheet for each chapter.")
def export(slug: str, format_: str, output: Place | None, by_chapter: bool) -> None:
    """Write what is published of a roadmap for a spreadsheet, Obsidian, Anki or another program.

    md is a folder of notes, one for each topic, with a map of contents. anki is a package with a deck for each chapter;
    importing a newer one updates its cards and keeps what was learned.

    \b
    roadmap-assets export data-orchestration --to xlsx --by-chapter
    roadmap-assets export data-orchestration --to anki
    """
    from roadmap_assets.exports.extra import check_installed

    if by_chapter and format_ != "xlsx":
        raise click.UsageError("--by-chapter is for --to xlsx.")
    if format_ in ("xlsx", "anki"):
        check_installed("xlsxwriter" if format_ == "xlsx" else "genanki", what=f"--to {format_}")
    settings = load_settings()
    path = output or settings.output / f"{check_slug(slug)}{FORMATS[format_]}"
    if FORMATS[format_] and path.suffix != FORMATS[format_]:
        raise click.UsageError(f"The name of --output must end in {FORMATS[format_]}.")
    headers = Access(settings, offline=settings.offline).profile.headers
    edition = pipeline.edition_of(slug, warehouse=open_warehouse(settings), headers=headers)
    match format_:
        case "md":
            from roadmap_assets.exports.markdown import write_notes

            number = f"{write_notes(path, edition)} notes"
        case "anki":
            from roadmap_assets.exports.anki import write_deck

            number = f"{write_deck(path, edition, now=datetime.now(UTC))} cards"
        case _:
            from roadmap_assets.exports.tables import write_edition

            write_edition(path, edition, by_chapter=by_chapter)
            number = f"{len(edition.rows)} rows"
    console.say(f"Written: {path} ({number})")
