"""`roadmap-assets cache`: the stored answers."""

from __future__ import annotations

import click

from roadmap_assets.cli import console
from roadmap_assets.cli.sources import open_warehouse
from roadmap_assets.settings import load_settings


@click.group()
def cache() -> None:
    """Show or forget the stored answers."""


@cache.command()
def stats() -> None:
    """Show what is cached, by model and profile."""
    from roadmap_assets.warehouse.enrichments import CacheGroup, cache_groups, count_failures

    settings = load_settings()
    groups: list[CacheGroup] = []
    failures = 0
    warehouse = open_warehouse(settings)
    if warehouse.exists():  # looking must not create one
        with warehouse.transaction() as connection:
            groups = cache_groups(connection)
            failures = count_failures(connection)
    console.say(f"Database: {settings.db}")
    console.say(f"Answers: {sum(group.answers for group in groups)}")
    for group in groups:
        latest = f"latest: {console.local(group.latest):%Y-%m-%d %H:%M:%S}"
        console.say(f"  {group.model}, {group.profile} ({group.fingerprint}): {group.answers}, {latest}")
    console.say(f"Failures: {failures}")


@cache.command()
@click.option(
    "--run", "run_id", metavar="ID", help="Forget only what this run answered; `roadmap-assets runs` lists them."
)
@click.option("--failures", is_flag=True, help="Forget only the failures, so that they are asked again.")
@click.option("--model", metavar="NAME", help="Only those of this model.")
@click.option("--profile", metavar="NAME", help="Only those of this profile.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def clear(run_id: str | None, failures: bool, model: str | None, profile: str | None, yes: bool) -> None:
    """Forget cached answers and failures.

    Topics whose answers are forgotten are asked, and paid for, again.
    """
    from roadmap_assets.warehouse.enrichments import clear_answers, clear_failures, clear_run

    if run_id and (failures or model or profile):
        raise click.UsageError("--run takes all answers of one run; use it without --failures, --model and --profile.")
    settings = load_settings()
    if not (failures or yes):
        what = f"what the run {run_id} answered" if run_id else "the cached answers"
        click.confirm(f"Forget {what} in {settings.db}? They will be asked and paid for again", abort=True)
    with open_warehouse(settings).transaction() as connection:
        if run_id:
            answers, failed = clear_run(connection, run_id), 0
        else:
            answers = 0 if failures else clear_answers(connection, model=model, profile=profile)
            failed = clear_failures(connection, model=model, profile=profile)
    console.say(f"Forgotten: {answers} answers, {failed} failures")
