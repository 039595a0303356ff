"""What a run looks like in a terminal: plain lines anywhere, with a progress bar under them where there is a person."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from roadmap_assets.enrichment.events import (
    BatchEnriched,
    BatchFailed,
    CacheChecked,
    Event,
    OnEvent,
    Progress,
    Stopped,
    Waiting,
)
from roadmap_assets.enrichment.plan import Plan
from roadmap_assets.enrichment.report import Report

RULE = "=" * 60
WAITING_EVERY_S = 15.0
"""The limiter tells of its waiting every second; a log wants it less often."""

Show = Callable[[str], None]


def say(text: str) -> None:
    """A line on standard output."""
    click.echo(text)


def warn(text: str) -> None:
    """A line on standard error."""
    click.echo(text, err=True)


@contextmanager
def following(*, verbose: bool) -> Iterator[OnEvent]:
    """A listener for the engine's events that prints them, with a bar on a terminal, for as long as the block lasts."""
    if not sys.stdout.isatty():
        yield _Narrator(say, verbose=verbose).tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    console = Console(highlight=False)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        narrator = _Narrator(lambda text: console.print(text, markup=False), verbose=verbose)
        task = bar.add_task("rows", total=None)

        def tell(event: Event) -> None:
            narrator.tell(event)
            if isinstance(event, CacheChecked):
                bar.update(task, total=event.rows, completed=event.hits)
            elif isinstance(event, Progress):
                left = f"about {event.seconds_left:.0f} s left" if event.seconds_left else ""
                bar.update(
                    task, completed=event.done, total=event.total, description=f"rows, {event.calls} calls {left}"
                )
            elif isinstance(event, Waiting):
                bar.update(task, description=f"rows, waiting {event.seconds:.0f} s: {event.reason}")

        yield tell


@contextmanager
def downloading(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A listener for a download's progress, (done, total) files; None where there is no terminal to draw on."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    with Bar(TextColumn(what), BarColumn(), MofNCompleteColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _Narrator:
    """Events as lines."""

    def __init__(self, show: Show, *, verbose: bool) -> None:
        self._show = show
        self._verbose = verbose
        self._waiting_told_at = float("-inf")

    def tell(self, event: Event) -> None:
        if isinstance(event, CacheChecked):
            self._tell_cache(event)
        elif isinstance(event, BatchEnriched):
            rows = f"{event.rows}" if event.answered == event.rows else f"{event.answered} of {event.rows}"
            self._show(f"✓ Batch {event.batch}/{event.batches} ({rows} rows) enriched")
        elif isinstance(event, BatchFailed):
            self._show(f"✗ Batch {event.batch}/{event.batches} failed: {event.reason}")
            self._show(f"  {event.remedy}")
        elif isinstance(event, Waiting):
            now = time.monotonic()
            if now - self._waiting_told_at >= WAITING_EVERY_S:
                self._waiting_told_at = now
                self._show(f"  Waiting {event.seconds:.0f} s: {event.reason}")
        elif isinstance(event, Stopped):
            self._show(f"Stopped: {event.reason}")
        elif self._verbose:
            self._show(f"  {event.done}/{event.total} rows after {event.calls} calls")

    def _tell_cache(self, event: CacheChecked) -> None:
        latest = f" (latest: {local(event.latest):%Y-%m-%d %H:%M:%S})" if event.latest else ""
        self._show(f"Cache: {event.entries} entries{latest}")
        self._show("Checking cache for all rows...")
        share = 100 * event.hits / event.rows if event.rows else 100.0
        self._show(f"Cache hits: {event.hits}/{event.rows} ({share:.1f}%)")
        self._show(f"Rows to enrich: {event.to_enrich}")
        if event.batches:
            self._show(f"Processing {event.batches} batches (batch size: {event.batch_size})")


def summary(report: Report, *, failed: Sequence[tuple[str, str]]) -> Iterator[str]:
    """The lines that end a run; `failed` are (topic, reason)."""
    rows = report.rows
    yield RULE
    yield "ENRICHMENT SUMMARY"
    yield RULE
    yield f"Total rows: {report.total}"
    yield f"Cache hits: {rows.get('hit', 0)}"
    yield f"Newly enriched: {rows.get('enriched', 0)}"
    yield f"Failed: {rows.get('failed', 0)}"
    if rows.get("deferred"):
        until = f", until {report.deferred_until:%Y-%m-%d %H:%M %Z}" if report.deferred_until else ""
        yield f"Deferred: {rows['deferred']}{until} ({report.stop_reason})"
    yield f"Success rate: {100 * report.success_rate:.1f}%"
    yield f"API calls: {report.calls} (least possible: {report.least_calls})"
    if report.calls:
        yield f"Tokens: {report.input_tokens} in, {report.output_tokens} out; cost: {money(report.cost_usd)}"
        yield f"Time: {report.seconds:.1f} s (least possible: {report.least_seconds:.1f} s)"
    yield RULE
    for topic, reason in failed:
        yield f"✗ {topic}: {reason}"


def plan_lines(plan: Plan) -> Iterator[str]:
    """What `--dry-run` prints."""
    yield f"Rows: {plan.rows}"
    yield f"Cache hits: {plan.hits}"
    yield f"Rows to enrich: {plan.misses}"
    if plan.given_up:
        yield f"Given up: {plan.given_up} (failed too often; forget that with: roadmap-assets cache clear --failures)"
    yield f"API calls: {plan.calls}"
    yield f"Tokens: about {plan.input_tokens} in, {plan.output_tokens} out"
    yield f"Cost: about {money(plan.cost_usd)}"
    days = f", spread over {plan.days} days by the daily quota" if plan.days > 1 else ""
    yield f"Time: at least {plan.seconds:.0f} s{days}"
    yield "Dry run: Gemini was not asked."


def money(usd: float | None) -> str:
    """An amount, or that it is not known."""
    return "unknown (the model has no price in the table)" if usd is None else f"${usd:.4f}"


def local(moment: datetime) -> datetime:
    """A time of the tables (UTC, without a zone) in the local zone."""
    return moment.replace(tzinfo=UTC).astimezone()
