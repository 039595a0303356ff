"""The command line: the same steps as Dagster's, on the same database, without importing Dagster.

`roadmap-assets …` is `python -m roadmap_assets.cli …`. Exit status: 0 done; 1 could not be done (one line on standard
error says why and what to do); 2 wrong usage; 3 done, but some topics failed or were deferred; 130 interrupted.
"""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadmap_assets import console, pipeline
from roadmap_assets.enrichment.access import Access
from roadmap_assets.errors import DocumentError, RoadmapAssetsError, SourceUnavailable, UnknownRoadmap
from roadmap_assets.exports.csv_file import default_path
from roadmap_assets.exports.whole_file import check_writable
from roadmap_assets.roadmaps.source import Source, check_slug
from roadmap_assets.settings import Settings, load_settings
from roadmap_assets.warehouse.connection import Warehouse
from roadmap_assets.warehouse.lean import LeanWarehouse

if TYPE_CHECKING:
    from roadmap_assets.warehouse.topics import Topic

INCOMPLETE = 3
INTERRUPTED = 130


class Commands(click.Group):
    """Commands whose expected errors end in one line and an exit status, never in a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        console.use_any_text()
        atexit.register(gc.freeze)  # or Python looks for garbage at its end, for a tenth of the time of a cached run
        try:
            return super().invoke(ctx)
        except RoadmapAssetsError as error:
            console.warn(f"Error: {' '.join(str(error).split())}")
            ctx.exit(error.exit_status)
        except (KeyboardInterrupt, click.Abort) as end:
            if isinstance(end, click.Abort) and not isinstance(end.__context__, KeyboardInterrupt):
                raise  # a question that was answered with no
            console.warn("Interrupted. Everything answered so far is stored; the next run asks only for the rest.")
            ctx.exit(INTERRUPTED)


source_option = click.option(
    "--source", metavar="S", help="github, sample, or a directory.  [default: ROADMAP_SOURCE, else github]"
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="roadmap-assets")
def main() -> None:
    """roadmap.sh's roadmaps as clean tables, enriched by Gemini: twenty topics a call, each answer cached."""


@main.command()
@click.option("--roadmap", metavar="SLUG", help="The roadmap, such as frontend or engineering-manager.")
@click.option("--enrich", is_flag=True, help="Add TLDR and challenge level, from the cache or by asking Gemini.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="The CSV file to write.")
@source_option
@click.option("--offline", is_flag=True, help="Let a built-in simulator answer instead of Gemini: no key, no network.")
@click.option("--dry-run", is_flag=True, help="Say what --enrich would ask and cost; ask nothing, write no file.")
@click.option("--list", "list_", is_flag=True, help="List the roadmaps of the source.")
@click.option("--interactive", is_flag=True, help="Choose a roadmap from a menu.")
@click.option("-v", "--verbose", is_flag=True, help="Tell more.")
def scrape(
    roadmap: str | None,
    enrich: bool,
    output: Path | None,
    source: str | None,
    offline: bool,
    dry_run: bool,
    list_: bool,
    interactive: bool,
    verbose: bool,
) -> None:
    """Turn one roadmap into a table: a CSV file, and rows in the database."""
    if sum((roadmap is not None, list_, interactive)) != 1:
        raise click.UsageError("Name a roadmap with --roadmap SLUG, or use --list or --interactive.")
    settings = load_settings(source=source)
    if list_:
        for slug in _listing(settings):
            console.say(slug)
        return
    slug = check_slug(roadmap) if roadmap is not None else _choose(_listing(settings))
    access = Access(settings, offline=offline or settings.offline)
    _scrape(slug, settings, access, output, enrich=enrich, dry_run=dry_run, verbose=verbose)


def _scrape(
    slug: str, settings: Settings, access: Access, output: Path | None, *, enrich: bool, dry_run: bool, verbose: bool
) -> None:
    csv = output or default_path(settings.output, slug, now=datetime.now().astimezone())
    warehouse = _warehouse(settings)
    with _source(settings, warehouse, doing=f"Fetching {slug}") as source:
        # Whatever would stop the run is found out before anything is fetched or paid for.
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
        for line in console.plan_lines(pipeline.plan([slug], warehouse=warehouse, access=access)):
            console.say(line)
    elif enrich:
        _enrich(warehouse, access, csv, fetched=fetched, read=read, verbose=verbose)
    else:
        published = pipeline.publish_topics(slug, warehouse=warehouse, csv=csv)
        _report(warehouse=warehouse, access=access, fetched=fetched, topics_read=read)
        console.say(f"Written: {published.csv} ({published.rows} rows; add --enrich for TLDR and challenge level)")


def _enrich(
    warehouse: Warehouse,
    access: Access,
    csv: Path,
    *,
    fetched: pipeline.Fetched,
    read: pipeline.TopicsRead,
    verbose: bool,
) -> None:
    slug = fetched.roadmap
    with console.following(verbose=verbose) as on_event:
        enriched = pipeline.enrich([slug], warehouse=warehouse, access=access, on_event=on_event)
    published = pipeline.publish(slug, warehouse=warehouse, access=access, csv=csv)
    _report(
        warehouse=warehouse,
        access=access,
        fetched=fetched,
        topics_read=read,
        enriched=enriched,
        published=published,
    )
    for line in console.summary(enriched.report, failed=published.failed):
        console.say(line)
    console.say(f"Written: {published.csv} ({published.rows} rows)")
    if access.offline:
        console.say("The answers are simulated (model: simulator), not Gemini's.")
    if not enriched.report.complete:
        click.get_current_context().exit(INCOMPLETE)


def _report(**what: Any) -> None:
    """Let the run show in Dagster's catalogue, where there is one."""
    if not os.environ.get("DAGSTER_HOME"):
        return
    from dagster import DagsterError  # two seconds, which only who uses Dagster spends

    from roadmap_assets.catalogue import report_run

    try:
        report_run(**what)
    except DagsterError as error:
        console.warn(f"Note: the run does not show in Dagster's catalogue: {' '.join(str(error).split())}")


@main.command()
@click.argument("slugs", metavar="[SLUG]...", nargs=-1)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file ending in .csv, .jsonl or .parquet.  [default: JSON Lines on standard output]",
)
@source_option
def topics(slugs: tuple[str, ...], output: Path | None, source: str | None) -> None:
    """Write the topics table of these roadmaps; of all roadmaps of the source when none is named."""
    from roadmap_assets.exports.topics_file import check_format, write_json_lines, write_topics

    settings = load_settings(source=source)
    for slug in slugs:
        check_slug(slug)
    if output:
        check_format(output)
    rows, unread = _read_all(slugs, settings)
    if output:
        write_topics(output, rows)
        console.say(f"Written: {output} ({len(rows)} rows)")
    else:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # which JSON is, whatever the terminal's is
        write_json_lines(sys.stdout, rows)
    if unread:
        # Roadmaps that were asked for by name are all that was asked for; of a whole source, some are often odd.
        click.get_current_context().exit(1 if slugs or not rows else INCOMPLETE)


def _read_all(slugs: tuple[str, ...], settings: Settings) -> tuple[list[Topic], list[str]]:
    """The topics of these roadmaps (none: all), and the roadmaps that could not be read; each is named as it is met."""
    warehouse = _warehouse(settings)
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


@main.command()
@click.option("--port", default=8099, show_default=True, type=click.IntRange(0, 65535), help="0 for any free one.")
@click.option("--rpm", default=15, show_default=True, type=click.IntRange(0), help="Requests a minute; 0: no limit.")
@click.option("--tpm", default=250_000, show_default=True, type=click.IntRange(0), help="Input tokens a minute.")
@click.option("--rpd", default=500, show_default=True, type=click.IntRange(0), help="Requests a day.")
@click.option(
    "--window", default=60.0, show_default=True, type=click.FloatRange(0, min_open=True), help="Seconds in its minute."
)
@click.option("--latency", default=0.0, show_default=True, type=click.FloatRange(0), help="Seconds before it answers.")
@click.option("--key", help="The only API key it accepts.  [default: any]")
@click.option("--faults", type=click.Path(exists=True, path_type=Path), help="A fault plan, as a JSON file.")
def simulate(
    port: int, rpm: int, tpm: int, rpd: int, window: float, latency: float, key: str | None, faults: Path | None
) -> None:
    """Run the Gemini simulator by itself, until it is interrupted."""
    from roadmap_assets.enrichment.simulator.faults import FaultPlan
    from roadmap_assets.enrichment.simulator.server import SimulatorOptions, serve

    options = SimulatorOptions(
        rpm=rpm,
        tpm=tpm,
        rpd=rpd,
        window_s=window,
        latency_s=latency,
        key=key,
        faults=FaultPlan.load(faults) if faults else FaultPlan(),
    )

    def ready(url: str) -> None:
        console.say(f"Simulating Gemini at {url}")
        console.say(f"Use it with: GOOGLE_GEMINI_BASE_URL={url} GEMINI_API_KEY={key or 'any'}")

    try:
        serve(options, port=port, ready=ready)
    except KeyboardInterrupt:  # how it is meant to end
        console.say("Stopped.")
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on port {port}: {error.strerror}; choose another with --port"
        ) from None


@main.group()
def cache() -> None:
    """See or forget the answers that are stored."""


@cache.command()
def stats() -> None:
    """What is cached, by model and profile."""
    from roadmap_assets.warehouse.enrichments import CacheGroup, cache_groups, count_failures

    settings = load_settings()
    groups: list[CacheGroup] = []
    failures = 0
    if settings.db.exists():  # looking must not make one
        with _warehouse(settings).transaction() as connection:
            groups = cache_groups(connection)
            failures = count_failures(connection)
    console.say(f"Database: {settings.db}")
    console.say(f"Answers: {sum(group.answers for group in groups)}")
    for group in groups:
        latest = f"latest: {console.local(group.latest):%Y-%m-%d %H:%M:%S}"
        console.say(f"  {group.model}, {group.profile} ({group.fingerprint}): {group.answers}, {latest}")
    console.say(f"Failures: {failures}")


@cache.command()
@click.option("--failures", is_flag=True, help="Forget the failures only, so that they are asked again.")
@click.option("--model", help="Only those of this model.")
@click.option("--profile", help="Only those of this profile.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def clear(failures: bool, model: str | None, profile: str | None, yes: bool) -> None:
    """Forget cached answers and failures; what was paid for them is paid again when they are asked again."""
    from roadmap_assets.warehouse.enrichments import clear_answers, clear_failures

    settings = load_settings()
    if not (failures or yes):
        click.confirm(f"Forget the cached answers in {settings.db}? They will be asked and paid for again", abort=True)
    with _warehouse(settings).transaction() as connection:
        answers = 0 if failures else clear_answers(connection, model=model, profile=profile)
        failed = clear_failures(connection, model=model, profile=profile)
    console.say(f"Forgotten: {answers} answers, {failed} failures")


def _warehouse(settings: Settings) -> Warehouse:
    return LeanWarehouse(settings.db, on_wait=console.warn)


@contextmanager
def _source(settings: Settings, warehouse: Warehouse, *, doing: str) -> Iterator[Source]:
    with (
        console.downloading(doing) as on_progress,
        closing(pipeline.source_of(settings, warehouse=warehouse, on_progress=on_progress)) as source,
    ):
        yield source


def _listing(settings: Settings) -> list[str]:
    with _source(settings, _warehouse(settings), doing="Listing") as source:
        return sorted(source.listing())


def _fetch(slug: str, source: Source, warehouse: Warehouse) -> pipeline.Fetched:
    fetched = pipeline.fetch(slug, source=source, warehouse=warehouse)
    if fetched.vanished:
        console.warn(f"Note: {fetched.source} has {slug} no more; its last state is used.")
    return fetched


def _choose(slugs: list[str]) -> str:
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


if __name__ == "__main__":
    main(prog_name="roadmap-assets")
