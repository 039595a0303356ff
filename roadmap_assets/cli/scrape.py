"""`roadmap-assets scrape`: one roadmap from its source to a CSV file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from roadmap_assets import pipeline
from roadmap_assets.cli import console
from roadmap_assets.cli.catalogue import report_run
from roadmap_assets.cli.exit_status import ExitStatus
from roadmap_assets.cli.sources import (
    allow_missing_texts_option,
    fetch,
    list_roadmaps,
    open_warehouse,
    opened_source,
    source_option,
)
from roadmap_assets.enrichment.access import Access
from roadmap_assets.exports.csv_file import default_path
from roadmap_assets.exports.whole_file import check_writable
from roadmap_assets.roadmaps.sources.base import check_slug
from roadmap_assets.settings import Settings, load_settings
from roadmap_assets.warehouse.connection import Warehouse


@click.command()
@click.option("--roadmap", metavar="SLUG", help="The roadmap, such as frontend or engineering-manager.")
@click.option("--enrich", is_flag=True, help="Add TLDR and challenge level, from the cache or by asking Gemini.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The CSV file to write.  [default: a new one in ROADMAP_OUTPUT, else output/]",
)
@source_option
@allow_missing_texts_option
@click.option("--offline", is_flag=True, help="Let a built-in simulator answer instead of Gemini: no key, no cost.")
@click.option("--dry-run", is_flag=True, help="Say what --enrich would ask and cost; ask nothing, write no file.")
@click.option("--list", "list_", is_flag=True, help="List the roadmaps of the source.")
@click.option("--interactive", is_flag=True, help="Choose a roadmap from a menu.")
@click.option("-v", "--verbose", is_flag=True, help="Tell also where things came from and what was odd.")
def scrape(
    roadmap: str | None,
    enrich: bool,
    output: Path | None,
    source: str | None,
    allow_missing_texts: bool | None,
    offline: bool,
    dry_run: bool,
    list_: bool,
    interactive: bool,
    verbose: bool,
) -> None:
    """Turn one roadmap into a table: a CSV file, and rows in the database.

    \b
    roadmap-assets scrape --roadmap frontend --enrich
    roadmap-assets scrape --source sample --roadmap data-orchestration --enrich --offline
    """
    if sum((roadmap is not None, list_, interactive)) != 1:
        raise click.UsageError("Name a roadmap with --roadmap SLUG, or use --list or --interactive.")
    settings = load_settings(source=source, allow_missing_texts=allow_missing_texts)
    if list_:
        for slug, entry in list_roadmaps(settings).items():
            known = ", ".join(filter(None, (entry.title, entry.type))) if verbose else ""
            console.say(f"{slug}  ({known})" if known else slug)
        return
    slug = check_slug(roadmap) if roadmap is not None else choose(list(list_roadmaps(settings)))
    access = Access(settings, offline=offline or settings.offline)
    if not scrape_roadmap(slug, settings, access, output, enrich=enrich, dry_run=dry_run, verbose=verbose):
        click.get_current_context().exit(ExitStatus.INCOMPLETE)


def scrape_roadmap(
    slug: str, settings: Settings, access: Access, output: Path | None, *, enrich: bool, dry_run: bool, verbose: bool
) -> bool:
    """Fetch, read, enrich and publish one roadmap, as far as asked for; False when rows are left without an answer.

    Raises:
        RoadmapAssetsError: what stops it, where possible before anything is fetched or paid for.
    """
    csv = output or default_path(settings.output, slug, now=datetime.now().astimezone())
    warehouse = open_warehouse(settings)
    with opened_source(settings, warehouse, doing=f"Fetching {slug}") as source:
        access.check_settings()
        if enrich and not dry_run:
            access.check()
        if not dry_run:
            check_writable(csv)
        fetched = fetch(slug, source, warehouse)
    if verbose:
        console.say(f"Fetched {slug} from {fetched.origin} ({fetched.files} texts)")
    read = pipeline.read_topics(slug, warehouse=warehouse)
    console.say(f"{read.title}: {read.topics} topics")
    if verbose:
        for name, count in read.counts.items():
            if count:
                console.say(f"  {name.replace('_', ' ')}: {count}")
    if dry_run:
        asked = pipeline.questions_of([slug], warehouse=warehouse, access=access)
        for line in console.plan_lines(pipeline.plan(asked, warehouse=warehouse, access=access)):
            console.say(line)
    elif enrich:
        return _enrich(warehouse, access, csv, fetched=fetched, read=read, verbose=verbose)
    else:
        published = pipeline.publish_topics(slug, warehouse=warehouse, csv=csv)
        console.say(f"Written: {published.csv} ({published.rows} rows; add --enrich for TLDR and challenge level)")
        report_run(warehouse=warehouse, access=access, fetched=fetched, topics_read=read)
    return True


def _enrich(
    warehouse: Warehouse,
    access: Access,
    csv: Path,
    *,
    fetched: pipeline.Fetched,
    read: pipeline.TopicsRead,
    verbose: bool,
) -> bool:
    slug = fetched.roadmap
    asked = pipeline.questions_of([slug], warehouse=warehouse, access=access)
    with console.following(verbose=verbose) as on_event:
        enriched = pipeline.enrich(asked, warehouse=warehouse, access=access, on_event=on_event)
    published = pipeline.publish(slug, warehouse=warehouse, access=access, csv=csv)
    for line in console.summary(enriched.report, failed=published.failed):
        console.say(line)
    console.say(f"Written: {published.csv} ({published.rows} rows)")
    if access.offline:
        console.say("The answers are simulated (model: simulator), not Gemini's.")
    report_run(
        warehouse=warehouse,
        access=access,
        fetched=fetched,
        topics_read=read,
        enriched=enriched,
        published=published,
    )
    return enriched.report.complete


def choose(slugs: list[str]) -> str:
    """The roadmap that the user picks, by number or by name."""
    for number, slug in enumerate(slugs, start=1):
        console.say(f"{number:4d}  {slug}")
    while True:
        answer = str(click.prompt("Roadmap (number or name)")).strip()
        if answer in slugs:
            return answer
        if answer.isdecimal() and 1 <= int(answer) <= len(slugs):
            return slugs[int(answer) - 1]
        near = [slug for slug in slugs if answer and answer in slug]
        console.say(f"There is no {answer!r}" + (f"; there is {', '.join(near)}" if near else ""))
