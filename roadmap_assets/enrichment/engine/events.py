"""What the engine tells while it works; the command line prints it, Dagster logs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from roadmap_assets.enrichment.plan import Plan


@dataclass(frozen=True, slots=True)
class CacheChecked:
    """The look-up is done, and the run goes by `plan`; `latest` is when the youngest of `entries` came (UTC)."""

    entries: int
    latest: datetime | None
    plan: Plan
    batch_size: int


@dataclass(frozen=True, slots=True)
class BatchEnriched:
    """A call brought `answered` of the `rows` topics asked."""

    batch: int
    batches: int
    rows: int
    answered: int


@dataclass(frozen=True, slots=True)
class BatchFailed:
    """A call brought less than was asked; `reason` is why, `remedy` what is done about it, if anything is."""

    batch: int
    batches: int
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing is sent for `seconds`; `reason` is for people."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` rows are settled after `calls` calls; about `seconds_left` to go (None: not known)."""

    done: int
    total: int
    hits: int
    calls: int
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class Stopped:
    """The run asks nothing further; `reason` says why."""

    reason: str


Event = CacheChecked | BatchEnriched | BatchFailed | Waiting | Progress | Stopped
OnEvent = Callable[[Event], None]
