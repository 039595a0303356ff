"""The command line: the same steps as Dagster's, on the same database, without importing Dagster.

`roadmap-assets …` is `python -m roadmap_assets.cli …`. Exit status: 0 done; 1 could not be done (one line on standard
error says why and what to do); 2 wrong usage; 3 done, but some topics failed or were deferred; 130 interrupted.
"""

from __future__ import annotations

import atexit
import gc
import io
import sys
from pathlib import Path
from typing import Any

import click

from roadmap_assets.cli import console
from roadmap_assets.cli.scraping import choose, list_roadmaps, open_warehouse, read_topics, scrape_roadmap
from roadmap_assets.enrichment.access import Access
from roadmap_assets.errors import RoadmapAssetsError
from roadmap_assets.roadmaps.sources.base import check_slug
from roadmap_assets.settings import load_settings

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
            if isinstance(end, click.Abort):
                if not isinstance(end.__context__, KeyboardInterrupt):
                    raise  # a question that was answered with no
                console.warn("")  # ends the question's line
            console.warn("Interrupted. Everything answered so far is stored; the next run asks only for the rest.")
            ctx.exit(INTERRUPTED)


source_option = click.option(
    "--source", metavar="S", help="github, sample, or a directory.  [default: ROADMAP_SOURCE, else github]"
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="roadmap-assets")
def main() -> None:
    """roadmap.sh's roadmaps as clean tables, enriched by Gemini: twenty topics a call, each answer cached.

    Settings come from the environment or a .env file: ROADMAP_DB, ROADMAP_OUTPUT, ROADMAP_SOURCE, GEMINI_API_KEY and
    more, which docs/settings.md lists. Exit status: 0 done; 1 not done; 2 wrong usage; 3 done but for some topics.
    """


@main.command()
@click.option("--roadmap", metavar="SLUG", help="The roadmap, such as frontend or engineering-manager.")
@click.option("--enrich", is_flag=True, help="Add TLDR and challenge level, from the cache or by asking Gemini.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The CSV file to write.  [default: a new one in ROADMAP_OUTPUT, else output/]",
)
@source_option
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
    settings = load_settings(source=source)
    if list_:
        for slug in list_roadmaps(settings):
            console.say(slug)
        return
    slug = check_slug(roadmap) if roadmap is not None else choose(list_roadmaps(settings))
    access = Access(settings, offline=offline or settings.offline)
    if not scrape_roadmap(slug, settings, access, output, enrich=enrich, dry_run=dry_run, verbose=verbose):
        click.get_current_context().exit(INCOMPLETE)


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
    """Write the topics of roadmaps, before any enrichment, as a table.

    Of all roadmaps of the source when none is named; those that cannot be read are named and left out.
    """
    from roadmap_assets.exports.topics_file import check_format, write_json_lines, write_topics

    settings = load_settings(source=source)
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
        click.get_current_context().exit(1 if slugs or not rows else INCOMPLETE)


@main.command()
@click.option(
    "--port", metavar="N", default=8099, show_default=True, type=click.IntRange(0, 65535), help="0 for any free one."
)
@click.option(
    "--rpm", metavar="N", default=15, show_default=True, type=click.IntRange(0), help="Requests a minute; 0: no limit."
)
@click.option(
    "--tpm",
    metavar="N",
    default=250_000,
    show_default=True,
    type=click.IntRange(0),
    help="Input tokens a minute; 0: no limit.",
)
@click.option(
    "--rpd", metavar="N", default=500, show_default=True, type=click.IntRange(0), help="Requests a day; 0: no limit."
)
@click.option(
    "--window",
    metavar="S",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Seconds that its minute lasts.",
)
@click.option(
    "--latency",
    metavar="S",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds before it answers.",
)
@click.option("--key", metavar="KEY", help="The only API key it accepts.  [default: any]")
@click.option(
    "--faults", metavar="FILE", type=click.Path(exists=True, path_type=Path), help="A fault plan, as a JSON file."
)
def simulate(
    port: int, rpm: int, tpm: int, rpd: int, window: float, latency: float, key: str | None, faults: Path | None
) -> None:
    """Run the Gemini simulator by itself, until it is interrupted."""
    from roadmap_assets.simulator.faults import FaultPlan
    from roadmap_assets.simulator.server import SimulatorOptions, serve

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
        with open_warehouse(settings).transaction() as connection:
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
@click.option("--model", metavar="NAME", help="Only those of this model.")
@click.option("--profile", metavar="NAME", help="Only those of this profile.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def clear(failures: bool, model: str | None, profile: str | None, yes: bool) -> None:
    """Forget cached answers and failures.

    Topics whose answers are forgotten are asked, and paid for, again.
    """
    from roadmap_assets.warehouse.enrichments import clear_answers, clear_failures

    settings = load_settings()
    if not (failures or yes):
        click.confirm(f"Forget the cached answers in {settings.db}? They will be asked and paid for again", abort=True)
    with open_warehouse(settings).transaction() as connection:
        answers = 0 if failures else clear_answers(connection, model=model, profile=profile)
        failed = clear_failures(connection, model=model, profile=profile)
    console.say(f"Forgotten: {answers} answers, {failed} failures")
