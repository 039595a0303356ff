"""`roadmap-assets scrape`: roadmaps from their source to tables, a CSV file each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

import click

from roadmap_assets import pipeline
from roadmap_assets.cli import console
from roadmap_assets.cli.catalogue import report_run
from roadmap_assets.cli.exit_status import ExitStatus
from roadmap_assets.cli.place import PlaceOption
from roadmap_assets.cli.sources import (
    allow_missing_texts_option,
    list_roadmaps,
    open_warehouse,
    opened_source,
    read_roadmaps,
    source_option,
)
from roadmap_assets.enrichment.access import Access
from roadmap_assets.exports.csv_file import default_path, topics_path
from roadmap_assets.exports.tables import check_format
from roadmap_assets.places import Place
from roadmap_assets.roadmaps.sources.base import check_slug
from roadmap_assets.settings import SETTINGS, load_settings
from roadmap_assets.warehouse.base import Warehouse


@click.command()
@click.option(
    "--roadmap",
    "named",
    metavar="SLUG",
    multiple=True,
    help="A roadmap, such as frontend. Repeat it for several: their topics share calls.",
)
@click.option("--enrich", is_flag=True, help="Add TLDR and challenge level, from the cache or by asking Gemini.")
@click.option("--limit", metavar="N", type=click.IntRange(1), help="Ask only the first N topics without an answer.")
@click.option(
    "--output",
    type=PlaceOption(),
    metavar="FILE",
    help="A file ending in .csv, .jsonl, .parquet or .xlsx.  [default: output/roadmap_SLUG.csv; see ROADMAP_OUTPUT]",
)
@source_option
@allow_missing_texts_option
@click.option(
    "--service",
    type=click.Choice(get_args(SETTINGS["service"].kind)),
    help="How Gemini is asked; flex and batch cost half, and take minutes or up to a day.  "
    "[default: ROADMAP_SERVICE, else standard]",
)
@click.option("--wait", is_flag=True, help="With --service batch: wait for the jobs instead of leaving rows pending.")
@click.option("--offline", is_flag=True, help="Use the built-in simulator instead of Gemini: no key, no cost.")
@click.option("--dry-run", is_flag=True, help="Show what --enrich would ask and cost; make no call, write no file.")
@click.option("--list", "list_", is_flag=True, help="List the roadmaps of the source.")
@click.option("--interactive", is_flag=True, help="Choose a roadmap from a menu.")
@click.option("-v", "--verbose", is_flag=True, help="Show where the data came from and what was skipped.")
def scrape(
    named: tuple[str, ...],
    enrich: bool,
    limit: int | None,
    output: Place | None,
    source: str | None,
    allow_missing_texts: bool | None,
    service: str | None,
    wait: bool,
    offline: bool,
    dry_run: bool,
    list_: bool,
    interactive: bool,
    verbose: bool,
) -> None:
    """Turn roadmaps into tables: a CSV file for each, and rows in the database.

    \b
    roadmap-assets scrape --roadmap frontend --enrich
    roadmap-assets scrape --source sample --roadmap data-orchestration --enrich --offline
    """
    if sum((bool(named), list_, interactive)) != 1:
        raise click.UsageError("Name a roadmap with --roadmap SLUG, or use --list or --interactive.")
    if limit is not None and not (enrich or dry_run):
        raise click.UsageError("--limit says how many topics are asked; use it with --enrich or --dry-run.")
    if output and len(set(named)) > 1:
        raise click.UsageError("--output names one file; for several roadmaps set the folder with ROADMAP_OUTPUT.")
    settings = load_settings(source=source, allow_missing_texts=allow_missing_texts, service=service)
    if wait and settings.service != "batch":
        raise click.UsageError("--wait waits for batch jobs; use it with --service batch.")
    if list_:
        for slug, entry in list_roadmaps(settings).items():
            known = ", ".join(filter(None, (entry.title, entry.type))) if verbose else ""
            console.say(f"{slug}  ({known})" if known else slug)
        return
    slugs = list(dict.fromkeys(map(check_slug, named))) if named else [choose(list(list_roadmaps(settings)))]
    access = Access(settings, offline=offline or settings.offline)
    folder, simulated = settings.output, access.simulated
    files = {
        slug: output or (default_path(folder, slug, simulated=simulated) if enrich else topics_path(folder, slug))
        for slug in slugs
    }
    if not dry_run:
        for file in files.values():
            check_format(file)
    warehouse = open_warehouse(settings)
    with opened_source(settings, warehouse, doing=f"Fetching {slugs[0]}") as (opened, downloads):
        access.check_settings(enriches=enrich or dry_run)
        if enrich and not dry_run:
            access.check()
        read = read_roadmaps(slugs, opened, warehouse, downloads=downloads)
    for fetched, topics in read:
        for line in console.read_lines(fetched, topics, verbose=verbose):
            console.say(line)
    complete = len(read) == len(slugs)
    if dry_run:
        asked = pipeline.questions_of([topics.roadmap for _, topics in read], warehouse=warehouse, access=access)
        if limit is not None:
            asked = pipeline.limited(asked, limit)
        plan = pipeline.plan(asked, warehouse=warehouse, access=access)
        for line in console.plan_lines(plan, access=access):
            console.say(line)
    elif enrich:
        complete &= _enrich(read, files, warehouse=warehouse, access=access, limit=limit, wait=wait, verbose=verbose)
    else:
        _publish_topics(read, files, warehouse=warehouse, access=access)
    if not complete:
        click.get_current_context().exit(ExitStatus.INCOMPLETE)


Read = Sequence[tuple[pipeline.Fetched, pipeline.TopicsRead]]


def _enrich(
    read: Read,
    files: Mapping[str, Place],
    *,
    warehouse: Warehouse,
    access: Access,
    limit: int | None,
    wait: bool,
    verbose: bool,
) -> bool:
    """Enrich the roadmaps in one run and publish each; False when rows that were asked have no answer."""
    asked = pipeline.questions_of([topics.roadmap for _, topics in read], warehouse=warehouse, access=access)
    rows = len(asked.questions)
    if limit is not None:
        asked = pipeline.limited(asked, limit)
    not_asked = rows - len(asked.questions)
    with console.following(verbose=verbose) as on_event:
        enriched = pipeline.enrich(asked, warehouse=warehouse, access=access, on_event=on_event, waits=wait)
    del asked  # the memory is needed for the rows
    published = [
        pipeline.publish(topics.roadmap, warehouse=warehouse, access=access, csv=files[topics.roadmap])
        for _, topics in read
    ]
    for line in console.summary(enriched.report, failed=[pair for each in published for pair in each.failed]):
        console.say(line)
    if not_asked:
        console.say(f"Not asked: {not_asked} rows, beyond --limit {limit}")
    for each in published:
        say_published(each)
    if enriched.report.rows.get("pending"):
        console.say(
            "Gemini answers batch jobs within a day. Run the same command again to collect and publish the answers, "
            "or now with --wait; see also: roadmap-assets batches list"
        )
    if access.simulated:
        console.say("The answers are simulated (model: simulator), not Gemini's.")
    report_run(read, warehouse=warehouse, access=access, enriched=enriched, published=published)
    return enriched.report.complete


def say_published(published: pipeline.Published) -> None:
    """Say where a roadmap's rows are, and how many of them are not up to date."""
    if published.csv is None:
        console.say(f"{published.roadmap}: nothing published, since no topic has an answer yet")
        return
    stale = published.statuses.get("stale", 0)
    console.say(f"Written: {published.csv} ({published.rows} rows{f', {stale} of them stale' if stale else ''})")


def _publish_topics(read: Read, files: Mapping[str, Place], *, warehouse: Warehouse, access: Access) -> None:
    for _, topics in read:
        published = pipeline.publish_topics(topics.roadmap, warehouse=warehouse, csv=files[topics.roadmap])
        console.say(f"Written: {published.csv} ({published.rows} rows; add --enrich for TLDR and challenge level)")
    report_run(read, warehouse=warehouse, access=access)


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
