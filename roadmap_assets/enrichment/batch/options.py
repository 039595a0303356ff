"""How batch jobs are made and followed, beside what holds for every run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from roadmap_assets.enrichment.providers.batch import BatchProvider

MAX_POLL_FACTOR: Final = 10


class BatchOptions(Struct, frozen=True, kw_only=True):
    """Options of batch jobs; times are in seconds.

    `scope` names whose jobs they are: a model, a key and an address. `waits`: a run ends when no row is pending.
    `enqueued_tokens`, `max_jobs`: what Gemini takes at once; `max_bytes`: of one job's file. A job that has not ended
    `live_after_s` after its creation is cancelled, and its rows are asked live. A job holds its rows for `lifetime_s`.
    A creation that nothing is known of after `confirm_s` has not happened.
    """

    scope: str
    open_provider: Callable[[], BatchProvider]
    waits: bool = False
    poll_s: float = 30.0
    enqueued_tokens: int = 10_000_000
    max_jobs: int = 100
    max_bytes: int = 1_900_000_000
    live_after_s: float | None = None
    lifetime_s: float = 49 * 3600.0
    confirm_s: float = 180.0

    def next_poll_s(self, age_s: float) -> float:
        """How long to wait before the next look at a job of this age: a tenth of it, within bounds."""
        return min(max(self.poll_s, age_s / MAX_POLL_FACTOR), MAX_POLL_FACTOR * self.poll_s)
