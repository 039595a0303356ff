"""`roadmap-assets evaluate`: what a batch size, a model or a prompt does to the answers, on one's own rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from roadmap_assets import pipeline
from roadmap_assets.cli import console
from roadmap_assets.cli.evaluation_lines import batch_lines, compare_lines, gold_lines
from roadmap_assets.cli.exit_status import ExitStatus
from roadmap_assets.cli.sources import open_warehouse, opened_source, read_roadmaps, source_option
from roadmap_assets.enrichment.access import Access
from roadmap_assets.roadmaps.sources.base import check_slug
from roadmap_assets.settings import Settings, load_settings
from roadmap_assets.warehouse.base import Warehouse

if TYPE_CHECKING:
    from roadmap_assets.enrichment.engine.events import OnEvent
    from roadmap_assets.enrichment.plan import Plan
    from roadmap_assets.evaluation.rows import Row
    from roadmap_assets.evaluation.run import BatchEvaluation, CompareEvaluation, GoldEvaluation

_Command = TypeVar("_Command", bound=Callable[..., None])

_ROWS_OPTIONS = (
    click.option("--roadmap", "named", metavar="SLUG", multiple=True, help="A roadmap whose topics are the rows."),
    click.option(
        "--table",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="A CSV file with the rows, instead of roadmaps.",
    ),
    click.option("--topic", metavar="COLUMN", help="The column of the file that names what a row is about."),
    click.option("--description", metavar="COLUMN", default="", help="A column with a text about it."),
    click.option("--rows", metavar="N", default=40, show_default=True, type=click.IntRange(3), help="Rows to ask."),
    click.option(
        "--seed", metavar="N", default=0, show_default=True, help="Which rows are drawn: the same for the same seed."
    ),
    source_option,
)
_RUN_OPTIONS = (
    click.option("--offline", is_flag=True, help="Use the built-in simulator instead of Gemini: no key, no cost."),
    click.option("--dry-run", is_flag=True, help="Show what it would ask and cost; make no call."),
    click.option(
        "--html",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write a report with charts.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print the whole report as JSON, and nothing else."),
)


def _with_options(*options: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@click.group()
def evaluate() -> None:
    """Measure what a batch size, a model or a prompt does to the answers, on your own rows.

    The answers are kept in tables of their own and never enter the cache. An evaluation that was interrupted is resumed
    by the same command, and pays only for what is missing.
    """


@evaluate.command()
@_with_options(*_ROWS_OPTIONS, *_RUN_OPTIONS)
def batch(offline: bool, dry_run: bool, as_json: bool, html: Path | None, **chosen: Any) -> None:
    """Measure whether batches cost quality: the same rows asked in batches, singly, reversed, and once more.

    Batches have ROADMAP_BATCH_SIZE rows.

    \b
    roadmap-assets evaluate batch --source sample --roadmap data-orchestration --offline
    roadmap-assets evaluate batch --table dishes.csv --topic name --description text --rows 100 --dry-run
    """
    settings = load_settings(source=chosen["source"])
    access = Access(settings, offline=offline or settings.offline)
    access.check_settings(published=False)
    warehouse = open_warehouse(settings)
    rows = _rows(settings, warehouse, access, **chosen)
    from roadmap_assets.evaluation.run import BatchEvaluation

    evaluation = BatchEvaluation(rows, access=access, warehouse=warehouse)
    _run(evaluation, access, batch_lines, dry_run=dry_run, as_json=as_json, html=html)


@evaluate.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@_with_options(*_ROWS_OPTIONS, *_RUN_OPTIONS)
@click.option("--judge", metavar="MODEL", help="A model that judges which answer is better, in both orders.")
def compare(
    first: str,
    second: str,
    offline: bool,
    dry_run: bool,
    as_json: bool,
    html: Path | None,
    judge: str | None,
    **chosen: Any,
) -> None:
    """Compare two profiles or two models on the same rows: what differs, and with --judge which is better.

    A and B are each a profile (summary, study or module:Class; so two prompts are two classes) or a model; what is not
    named is that of the settings.

    \b
    roadmap-assets evaluate compare gemini-3.5-flash-lite gemini-3.5-flash --roadmap frontend
    roadmap-assets evaluate compare summary my_module:Terse --roadmap frontend --judge gemini-3.5-pro
    """
    settings = load_settings(source=chosen["source"])
    sides = (
        _access(settings, first, offline=offline or settings.offline),
        _access(settings, second, offline=offline or settings.offline),
    )
    for access in sides:
        access.check_settings(published=False)
    warehouse = open_warehouse(settings)
    rows = _rows(settings, warehouse, sides[0], **chosen)
    from roadmap_assets.evaluation.run import CompareEvaluation

    evaluation = CompareEvaluation(rows, sides=sides, compared=(first, second), judge=judge, warehouse=warehouse)
    _run(evaluation, sides[0], compare_lines, dry_run=dry_run, as_json=as_json, html=html)


@evaluate.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--topic", metavar="COLUMN", default="topic", show_default=True, help="The column that names a row.")
@click.option("--description", metavar="COLUMN", default="", help="A column with a text about it.")
@click.option("--context", metavar="COLUMN", default="", help="A column that says where the row belongs.")
@_with_options(*_RUN_OPTIONS)
def gold(
    file: Path,
    topic: str,
    description: str,
    context: str,
    offline: bool,
    dry_run: bool,
    as_json: bool,
    html: Path | None,
) -> None:
    """Measure how right answers are, on a CSV FILE of rows with known answers.

    Its columns that have the name of a column of the profile hold the known answers; empty cells are left out.

    \b
    roadmap-assets evaluate gold levels.csv --description text
    """
    settings = load_settings()
    access = Access(settings, offline=offline or settings.offline)
    access.check_settings(published=False)
    from roadmap_assets.evaluation.rows import columns_in, read_table
    from roadmap_assets.evaluation.run import GoldEvaluation

    known = [column for column in access.profile.columns if column in columns_in(file)]
    if not known:
        raise click.UsageError(f"{file} has none of the profile's columns: {', '.join(access.profile.columns)}")
    rows = read_table(file, topic=topic, description=description, context=context, known=known)
    evaluation = GoldEvaluation(rows, access=access, warehouse=open_warehouse(settings))
    _run(evaluation, access, gold_lines, dry_run=dry_run, as_json=as_json, html=html)


def _access(settings: Settings, named: str, *, offline: bool) -> Access:
    """How a side of a comparison is asked: with the profile or the model named."""
    from roadmap_assets.enrichment.profiles.registry import BUILT_IN

    field = "profile" if named in BUILT_IN or ":" in named else "model"
    return Access(settings.changed(**{field: named}), offline=offline)


def _run(
    evaluation: BatchEvaluation | CompareEvaluation | GoldEvaluation,
    access: Access,
    lines: Callable[[Mapping[str, Any]], list[str]],
    *,
    dry_run: bool,
    as_json: bool,
    html: Path | None,
) -> None:
    if dry_run:
        _say_plan(evaluation.plan())
        return
    access.check(published=False)
    with ExitStack() as stack:
        done = evaluation.run(on_event=_listener(stack, quiet=as_json))
    if html:
        from roadmap_assets.exports.html.evaluation import write_report

        write_report(html, done)
    report = done.as_json()
    _show(report, lines(report), as_json=as_json)


def _rows(
    settings: Settings,
    warehouse: Warehouse,
    access: Access,
    *,
    named: Sequence[str],
    table: Path | None,
    topic: str | None,
    description: str,
    rows: int,
    seed: int,
    source: str | None,  # noqa: ARG001 - in the settings already
) -> list[Row]:
    from roadmap_assets.evaluation.rows import read_table, sample

    if bool(named) == bool(table):
        raise click.UsageError("Name the rows with --roadmap SLUG, or with --table FILE and --topic COLUMN.")
    if table:
        if not topic:
            raise click.UsageError("--table needs --topic COLUMN, the column that names what a row is about.")
        return sample(read_table(table, topic=topic, description=description), rows, seed=seed)
    slugs = list(dict.fromkeys(map(check_slug, named)))
    with opened_source(settings, warehouse, doing=f"Fetching {slugs[0]}") as (opened, downloads):
        read = read_roadmaps(slugs, opened, warehouse, downloads=downloads)
    return sample(
        pipeline.evaluation_rows([topics.roadmap for _, topics in read], warehouse=warehouse, access=access),
        rows,
        seed=seed,
    )


def _listener(stack: ExitStack, *, quiet: bool) -> OnEvent:
    return (lambda _: None) if quiet else stack.enter_context(console.following(verbose=False))


def _say_plan(plans: Mapping[str, Plan]) -> None:
    """What each arm would take, and all of them together."""
    for arm, plan in plans.items():
        console.say(f"{arm:<12} {plan.rows:>5} rows  {plan.calls:>5} calls  {console.money(plan.cost_usd)}")
    costs = [plan.cost_usd for plan in plans.values()]
    total = None if None in costs else sum(cost for cost in costs if cost is not None)
    console.say(f"API calls: {sum(plan.calls for plan in plans.values())}")
    console.say(f"Cost: {'about ' * (total is not None)}{console.money(total)}")
    console.say("Dry run: Gemini was not asked.")


def _show(report: Mapping[str, Any], lines: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        console.say(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        for line in lines:
            console.say(line)
        if report["simulated"]:
            console.say("The answers are simulated (model: simulator), not Gemini's.")
    if not report["complete"]:
        console.warn(f"Incomplete: {report['stop_reason']}; run the same command again to ask the rest.")
        click.get_current_context().exit(ExitStatus.INCOMPLETE)
