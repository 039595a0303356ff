"""`roadmap-assets page`: a page for every roadmap, to be opened in a browser."""

from __future__ import annotations

import click

from roadmap_assets import pipeline
from roadmap_assets.cli import console
from roadmap_assets.cli.place import PlaceOption
from roadmap_assets.cli.sources import open_warehouse
from roadmap_assets.enrichment.access import Access
from roadmap_assets.places import Place
from roadmap_assets.roadmaps.sources.base import check_slug
from roadmap_assets.settings import load_settings


@click.command()
@click.argument("slugs", metavar="[SLUG]...", nargs=-1)
@click.option("--all", "all_", is_flag=True, help="Every roadmap in the database.")
@click.option(
    "--output",
    type=PlaceOption(file_okay=False),
    metavar="FOLDER",
    help="Where to write the pages.  [default: ROADMAP_SITE, else site/]",
)
def page(slugs: tuple[str, ...], all_: bool, output: Place | None) -> None:
    """Write a page for each roadmap, and an index over all pages of the folder.

    A page is one HTML file that needs no server and no network: the drawing coloured by challenge, the topics with
    search and filters, a card for each topic, charts, and the reader's own progress.

    \b
    roadmap-assets page data-orchestration
    roadmap-assets page --all
    """
    if bool(slugs) == all_:
        raise click.UsageError("Name roadmaps, or use --all.")
    settings = load_settings(site=output)
    for slug in slugs:
        check_slug(slug)
    warehouse = open_warehouse(settings)
    headers = Access(settings, offline=settings.offline).profile.headers
    written = [
        pipeline.write_page(slug, warehouse=warehouse, headers=headers, folder=settings.site)
        for slug in slugs or pipeline.known_roadmaps(warehouse=warehouse)
    ]
    index = pipeline.write_index(warehouse=warehouse, folder=settings.site)
    if len(written) == 1:
        console.say(f"Page: {written[0].absolute()}")
    else:
        console.say(f"Pages: {len(written)}; all of them: {index.absolute()}")
