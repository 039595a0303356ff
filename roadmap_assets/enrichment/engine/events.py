"""What the engine reports while it works, and `describe`, which puts it into words for console and logs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct

from roadmap_assets.enrichment.plan import Plan


class CacheChecked(Struct, frozen=True):
    """The look-up is done, and the run follows `plan`; `latest` is when the youngest of `entries` arrived (UTC)."""

    entries: int
    latest: datetime | None
    plan: Plan
    batch_size: int


class BatchEnriched(Struct, frozen=True):
    """A call answered `answered` of the `rows` topics that it asked."""

    batch: int
    batches: int
    rows: int
    answered: int


class BatchFailed(Struct, frozen=True):
    """A call answered less than was asked: `reason` is why, `remedy` what is done about it, if anything."""

    batch: int
    batches: int
    reason: str
    remedy: str


class Waiting(Struct, frozen=True):
    """Nothing is sent for `seconds`; `reason` is for people."""

    seconds: float
    reason: str


class Progress(Struct, frozen=True):
    """`done` of `total` rows are settled after `calls` calls; about `seconds_left` remain (None: unknown)."""

    done: int
    total: int
    hits: int
    calls: int
    seconds_left: float | None


class Stopped(Struct, frozen=True):
    """The run sends no further call; `reason` says why."""

    reason: str


class FellBack(Struct, frozen=True):
    """The rest of the run asks the standard tier, at the full price; `reason` says why."""

    reason: str


class BatchJobChanged(Struct, frozen=True):
    """What became of a batch job, in words that follow its id."""

    job_id: str
    text: str


Event = CacheChecked | BatchEnriched | BatchFailed | Waiting | Progress | Stopped | FellBack | BatchJobChanged
OnEvent = Callable[[Event], None]


def describe(event: Event) -> str:
    """The event as plain text, for the console and for logs; several lines where there is much to say."""
    match event:
        case CacheChecked():
            return "\n".join(_look_up_lines(event))
        case BatchEnriched():
            rows = f"{event.rows}" if event.answered == event.rows else f"{event.answered} of {event.rows}"
            return f"✓ Batch {event.batch}/{event.batches} ({rows} rows) enriched"
        case BatchFailed():
            remedy = f"\n  {event.remedy}" if event.remedy else ""
            return f"✗ Batch {event.batch}/{event.batches} failed: {event.reason}{remedy}"
        case Waiting():
            return f"  Waiting {event.seconds:.0f} s: {event.reason}"
        case Progress():
            left = "" if event.seconds_left is None else f", about {event.seconds_left:.0f} s left"
            return f"{event.done}/{event.total} rows done, {event.hits} hits, {event.calls} calls{left}"
        case FellBack():
            return f"The rest is asked at the full price: {event.reason}"
        case BatchJobChanged():
            return f"Batch job {event.job_id[:8]}: {event.text}"
        case Stopped():
            return f"Stopped: {event.reason}"


def _look_up_lines(event: CacheChecked) -> list[str]:
    plan = event.plan
    latest = f" (latest: {event.latest.replace(tzinfo=UTC).astimezone():%Y-%m-%d %H:%M:%S})" if event.latest else ""
    share = 100 * plan.hits / plan.rows if plan.rows else 100.0
    lines = [
        f"Cache: {event.entries} entries{latest}",
        "Checking cache for all rows...",
        f"Cache hits: {plan.hits}/{plan.rows} ({share:.1f}%)",
        f"Rows to enrich: {plan.misses}",
    ]
    if plan.calls:
        lines.append(f"Processing {plan.calls} batches (batch size: {event.batch_size})")
    return lines
