"""The output of a run: plain lines anywhere, with a progress bar below them on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from roadmap_assets.enrichment.engine.events import Event, OnEvent, Waiting, describe
from roadmap_assets.enrichment.engine.events import Progress as RowsSettled
from roadmap_assets.progress_bar import RowsBar, new_bar

if TYPE_CHECKING:
    from rich.progress import Progress

    from roadmap_assets.enrichment.access import Access
    from roadmap_assets.enrichment.engine.report import Report
    from roadmap_assets.enrichment.plan import Plan
    from roadmap_assets.pipeline import Fetched, TopicsRead

RULE = "=" * 60
WAITING_EVERY_S = 15.0
"""The limiter reports a wait every second; people need to see it less often."""

FAILURES_SHOWN = 20

Show = Callable[[str], None]


def say(text: str) -> None:
    """A line on standard output."""
    click.echo(text)


def warn(text: str) -> None:
    """A line on standard error."""
    with suppress(OSError):  # there is nowhere left to report it
        click.echo(text, err=True)


def note(text: str) -> None:
    """What a person should know although nothing failed, on one line of standard error."""
    warn(f"Note: {' '.join(text.split())}")


@contextmanager
def following(*, verbose: bool) -> Iterator[OnEvent]:
    """A listener for the engine's events that prints them, for as long as the block lasts.

    On a terminal a bar follows the lines, from when it is known that there is something to ask.
    """
    with RowsBar(to=sys.stdout) as bar:

        def show(text: str) -> None:
            if not bar.print(text):
                say(text)

        narrator = _Narrator(show, verbose=verbose)

        def show_event(event: Event) -> None:
            narrator.show(event)
            bar(event)

        yield show_event


@contextmanager
def following_jobs(*, wait: bool) -> Iterator[OnEvent]:
    """A listener for what happens to batch jobs. On a terminal, a bar shows how long it is until the next look."""
    with ExitStack() as stack:
        bar = stack.enter_context(new_bar("jobs", to=sys.stdout)) if wait and sys.stdout.isatty() else None

        def show(event: Event) -> None:
            if isinstance(event, Waiting):
                if bar:
                    bar.update(bar.task_ids[0], description=f"{event.reason}; next look in {event.seconds:.0f} s")
            elif bar:
                bar.console.print(describe(event), markup=False, soft_wrap=True)
            else:
                say(describe(event))

        yield show


class Downloads:
    """A listener for (done, total) files of a download. On a terminal, a bar shows them and what is being done."""

    def __init__(self, doing: str, stack: ExitStack) -> None:
        self._doing = doing
        self._stack = stack
        self._bar: Progress | None = None

    def __call__(self, done: int, total: int) -> None:
        """Report that this many files have arrived."""
        self._show(completed=done, total=total)

    def begin(self, doing: str) -> None:
        """Something else is being done from now on."""
        self._doing = doing
        self._show(completed=0, total=None)

    def _show(self, **fields: Any) -> None:
        if not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = self._stack.enter_context(new_bar(self._doing, to=sys.stderr))
        self._bar.update(self._bar.task_ids[0], description=self._doing, **fields)


@contextmanager
def downloading(doing: str) -> Iterator[Downloads]:
    """A listener for downloads; its bar appears with the first file and is gone after the block."""
    with ExitStack() as stack:
        yield Downloads(doing, stack)


class _Narrator:
    """Events as lines."""

    def __init__(self, print_line: Show, *, verbose: bool) -> None:
        self._print = print_line
        self._verbose = verbose
        self._waiting_shown_at = float("-inf")

    def show(self, event: Event) -> None:
        if isinstance(event, Waiting):
            now = time.monotonic()
            if now - self._waiting_shown_at < WAITING_EVERY_S:
                return
            self._waiting_shown_at = now
        if not isinstance(event, RowsSettled):
            self._print(describe(event))
        elif self._verbose:
            self._print(f"  {describe(event)}")


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
        yield f"Deferred: {rows['deferred']} ({report.stop_reason or 'another run holds them'})"
    if rows.get("pending"):
        yield f"Pending: {rows['pending']} (in batch jobs)"
    yield f"Success rate: {100 * report.success_rate:.1f}%"
    if report.base_url:
        yield f"Asked at: {report.base_url}"
    yield f"API calls: {report.calls} (least possible: {report.least_calls})"
    if set(report.calls_by_service) - {"standard"}:
        served = (f"{service} ({calls} calls)" for service, calls in report.calls_by_service.items())
        yield f"Served by: {', '.join(served)}"
    if report.calls:
        if len(report.by_model) > 1:
            asked = (f"{model} {spent.calls}, {money(spent.cost_usd)}" for model, spent in report.by_model.items())
            yield f"Calls by model: {'; '.join(asked)}"
        yield f"Tokens: {report.input_tokens} in, {report.output_tokens} out; cost: {money(report.cost_usd)}"
        yield f"Time: {report.seconds:.1f} s (least possible: {report.least_seconds:.1f} s)"
    yield RULE
    for topic, reason in failed[:FAILURES_SHOWN]:
        yield f"✗ {topic}: {reason}"
    if len(failed) > FAILURES_SHOWN:
        yield f"… and {len(failed) - FAILURES_SHOWN} more, in the table enrichment_failures"


def read_lines(fetched: Fetched, read: TopicsRead, *, verbose: bool) -> Iterator[str]:
    """A roadmap that was fetched and read; `verbose` adds its origin and what was skipped."""
    if verbose:
        yield f"Fetched {fetched.roadmap} from {fetched.origin} ({fetched.files} texts)"
    yield f"{read.title}: {read.topics} topics"
    if verbose:
        yield from (f"  {name.replace('_', ' ')}: {count}" for name, count in read.counts.items() if count)


def plan_lines(plan: Plan, *, access: Access) -> Iterator[str]:
    """What `--dry-run` prints."""
    yield f"Rows: {plan.rows}"
    yield f"Cache hits: {plan.hits}"
    yield f"Rows to enrich: {plan.misses}"
    if plan.pending:
        yield f"Pending: {plan.pending} (in batch jobs; see: roadmap-assets batches list)"
    if plan.given_up:
        yield f"Given up: {plan.given_up} (failed too often; forget that with: roadmap-assets cache clear --failures)"
    yield f"API calls: {plan.calls}"
    yield f"Tokens: about {plan.input_tokens} in, {plan.output_tokens} out"
    if access.simulated and not plan.cost_usd:
        yield f"Cost: none, as the simulator answers; {access.settings.model}: {_about(access.real_cost_usd(plan))}"
    else:
        yield f"Cost: {_about(plan.cost_usd)}"
        yield f"Cost by service: {', '.join(f'{name} {money(usd)}' for name, usd in plan.costs_usd.items())}"
    days = f", spread over {plan.days} days by the daily quota" if plan.days > 1 else ""
    yield f"Time: at least {plan.seconds:.0f} s{days}"
    yield "Dry run: Gemini was not asked."


def _about(usd: float | None) -> str:
    return f"{'about ' * (usd is not None)}{money(usd)}"


def money(usd: float | None) -> str:
    """An amount, or that it is not known."""
    return "unknown (the model has no price in the table)" if usd is None else f"${usd:.4f}"


def local(moment: datetime) -> datetime:
    """A time of the tables (UTC, without a zone) in the local zone."""
    return moment.replace(tzinfo=UTC).astimezone()
