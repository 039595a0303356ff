"""`roadmap-assets batches`: the jobs of Gemini's Batch API."""

from __future__ import annotations

from collections.abc import Sequence

import click

from roadmap_assets import pipeline
from roadmap_assets.cli import console
from roadmap_assets.cli.exit_status import ExitStatus
from roadmap_assets.cli.sources import open_warehouse
from roadmap_assets.enrichment.access import Access
from roadmap_assets.settings import Settings, load_settings
from roadmap_assets.warehouse.batch_jobs import BatchJob

SHOWN = 8
"""Characters of a job's id, which are enough to tell jobs apart."""


@click.group()
def batches() -> None:
    """List, collect and cancel batch jobs, which `scrape --enrich --service batch` submits."""


@batches.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that have ended.")
def list_(everything: bool) -> None:
    """List the jobs that have not ended."""
    settings = load_settings()
    jobs = [job for job in _jobs(settings) if everything or job.is_open]
    if not jobs:
        console.say(f"No {'' if everything else 'open '}batch job in {settings.db}.")
        return
    console.say(f"{'JOB':{SHOWN}}  {'SUBMITTED':19}  {'STATE':9}  {'ROWS':>6}  {'REQUESTS':>8}  {'ABOUT':>9}  MODEL")
    for job in jobs:
        about = "unknown" if job.estimated_usd is None else f"${job.estimated_usd:.4f}"
        console.say(
            f"{job.job_id[:SHOWN]}  {console.local(job.posted_at or job.created_at):%Y-%m-%d %H:%M:%S}  "
            f"{job.state:9}  {job.rows:>6}  {job.requests:>8}  {about:>9}  {job.model}"
        )
        if job.reason:
            console.say(f"{'':{SHOWN}}  {job.reason}")


@batches.command()
@click.option("--wait", is_flag=True, help="Wait until all have ended.")
def collect(wait: bool) -> None:
    """Store the results of the jobs that have ended.

    Rows that a job has not answered are asked by the next `scrape --enrich`. Exit status 3 while a job has not ended.
    """
    settings = load_settings()
    warehouse = open_warehouse(settings)
    access = Access(settings, offline=settings.offline)
    access.check(published=False)
    if not any(job.is_open for job in _jobs(settings)):
        console.say(f"No open batch job in {settings.db}.")
        return
    with console.following_jobs(wait=wait) as on_event:
        followed = pipeline.follow_jobs(warehouse=warehouse, access=access, on_event=on_event, waits=wait)
    console.say(f"Collected: {followed.answered} rows, from {followed.results} results of {len(followed.ended)} jobs")
    if followed.answered:
        console.say("Publish them with: roadmap-assets scrape --roadmap SLUG --enrich --service batch")
    left = [job for job in _jobs(settings) if job.is_open]
    if left:
        console.say(f"Not ended: {len(left)} jobs, {sum(job.rows for job in left)} rows; run this again later")
    if left or followed.reasons:
        click.get_current_context().exit(ExitStatus.INCOMPLETE)


@batches.command()
@click.argument("job", metavar="ID")
def cancel(job: str) -> None:
    """Cancel a job. Its rows may be asked again at once; results that it has already are stored.

    ID is the id that `batches list` shows, or its beginning.
    """
    settings = load_settings()
    found = [one for one in _jobs(settings) if one.job_id.startswith(job.lower())]
    if len(found) != 1:
        raise click.UsageError(f"{len(found) or 'No'} jobs have an id that begins with {job!r}; see: batches list")
    if not found[0].is_open:
        console.say(f"Batch job {found[0].job_id[:SHOWN]} has ended already ({found[0].state}).")
        return
    access = Access(settings, offline=settings.offline)
    access.check(published=False)
    with console.following(verbose=False) as on_event:
        followed = pipeline.cancel_job(
            found[0].job_id, warehouse=open_warehouse(settings), access=access, on_event=on_event
        )
    if found[0].job_id not in followed.ended:
        console.say("The job has not ended; try again later, with the key and model that submitted it.")
        click.get_current_context().exit(ExitStatus.INCOMPLETE)


def _jobs(settings: Settings) -> Sequence[BatchJob]:
    warehouse = open_warehouse(settings)
    return pipeline.batch_jobs(warehouse=warehouse) if warehouse.exists() else []  # looking must not create one
