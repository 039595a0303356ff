"""What `scrape` and `topics` do, step by step, told on the console."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadmap_assets import pipeline
from roadmap_assets.cli import console
from roadmap_assets.enrichment.access import Access
from roadmap_assets.errors import DocumentError, SourceUnavailable, UnknownRoadmap
from roadmap_assets.exports.csv_file import default_path
from roadmap_assets.exports.whole_file import check_writable
from roadmap_assets.roadmaps.sources.base import Source
from roadmap_assets.settings import Settings
from roadmap_assets.warehouse.connection import Warehouse
from roadmap_assets.warehouse.lean import LeanWarehouse

if TYPE_CHECKING:
    from roadmap_assets.warehouse.topics import Topic


def scrape_roadmap(
    slug: str, settings: Settings, access: Access, output: Path | None, *, enrich: bool, dry_run: bool, verbose: bool
) -> bool:
    """Fetch, read, enrich and publish one roadmap, as far as asked for; False when rows are left without an answer.

    Raises:
        RoadmapAssetsError: what stops it, where possible before anything is fetched or paid for.
    """
    csv = output or default_path(settings.output, slug, now=datetime.now().astimezone())
    warehouse = open_warehouse(settings)
    with _source(settings, warehouse, doing=f"Fetching {slug}") as source:
        access.check_settings()
        if enrich and not dry_run:
            access.check()
        if not dry_run:
            check_writable(csv)
        fetched = _fetch(slug, source, warehouse)
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
        _report(warehouse=warehouse, access=access, fetched=fetched, topics_read=read)
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
    _report(
        warehouse=warehouse,
        access=access,
        fetched=fetched,
        topics_read=read,
        enriched=enriched,
        published=published,
    )
    return enriched.report.complete


def _report(**what: Any) -> None:
    """Let the run show in Dagster's catalogue, where there is one."""
    if not os.environ.get("DAGSTER_HOME"):
        return
    from dagster import DagsterError  # two seconds, which only who uses Dagster spends

    from roadmap_assets.defs.runless_events import report_run

    try:
        report_run(**what)
    except DagsterError as error:
        console.warn(f"Note: the run does not show in Dagster's catalogue: {' '.join(str(error).split())}")


def read_topics(slugs: tuple[str, ...], settings: Settings) -> tuple[list[Topic], list[str]]:
    """The topics of these roadmaps (none: all), and the roadmaps that could not be read; each is named as it is met."""
    warehouse = open_warehouse(settings)
    unread = []
    with _source(settings, warehouse, doing="Fetching") as source:
        slugs = slugs or tuple(sorted(source.listing()))
        for slug in slugs:
            try:
                _fetch(slug, source, warehouse)
                pipeline.read_topics(slug, warehouse=warehouse)
            except (UnknownRoadmap, DocumentError, SourceUnavailable) as error:
                console.warn(f"Left out: {error}")
                unread.append(slug)
    return pipeline.topics_of([slug for slug in slugs if slug not in unread], warehouse=warehouse), unread


def open_warehouse(settings: Settings) -> Warehouse:
    """The database that the settings name; waiting for it is told."""
    return LeanWarehouse(settings.db, on_wait=console.warn)


@contextmanager
def _source(settings: Settings, warehouse: Warehouse, *, doing: str) -> Iterator[Source]:
    with (
        console.downloading(doing) as on_progress,
        closing(pipeline.source_of(settings, warehouse=warehouse, on_progress=on_progress)) as source,
    ):
        yield source


def list_roadmaps(settings: Settings) -> list[str]:
    """The roadmaps of the source."""
    with _source(settings, open_warehouse(settings), doing="Listing") as source:
        return sorted(source.listing())


def _fetch(slug: str, source: Source, warehouse: Warehouse) -> pipeline.Fetched:
    fetched = pipeline.fetch(slug, source=source, warehouse=warehouse)
    if fetched.vanished:
        console.warn(f"Note: {fetched.source} has {slug} no more; its last state is used.")
    return fetched


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
