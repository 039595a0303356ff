"""Questions in, stored answers out: what a run needs, and the look-up that every run begins with.

The loop itself is in `run`, one attempt in `attempt`; `stopping` judges when to give up, `recovery` what becomes of a
topic without an answer, and `tally` counts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from roadmap_assets.enrichment.batching import Pool, count_batches
from roadmap_assets.enrichment.clock import Clock, SystemClock
from roadmap_assets.enrichment.cost import Prices, estimate_tokens
from roadmap_assets.enrichment.events import CacheChecked, OnEvent
from roadmap_assets.enrichment.profiles import Profile
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.enrichment.quota import Limiter, Limits
from roadmap_assets.enrichment.report import Report
from roadmap_assets.enrichment.tally import OUTPUT_TOKENS_PER_COLUMN, Tally
from roadmap_assets.warehouse.connection import Warehouse
from roadmap_assets.warehouse.enrichments import answered_keys, cache_size, load_failures

if TYPE_CHECKING:
    from roadmap_assets.enrichment.gemini import Gemini

__all__ = ["OUTPUT_TOKENS_PER_COLUMN", "Engine", "Options"]


@dataclass(frozen=True, slots=True)
class Options:
    """How a run asks; see `settings.Settings` for the meaning of each."""

    model: str
    limits: Limits
    batch_size: int = 20
    batch_tokens: int = 16_000
    concurrency: int = 16
    attempts: int = 4
    failure_runs: int = 3
    budget_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Engine:
    """All that a run needs; `open_gemini` and `open_limiter` are called only when there is something to ask."""

    warehouse: Warehouse
    profile: Profile
    prices: Prices
    options: Options
    open_gemini: Callable[[], Gemini]
    open_limiter: Callable[[], Limiter]
    clock: Clock = field(default_factory=SystemClock)
    randomness: random.Random = field(default_factory=random.Random)

    async def run(self, questions: Sequence[Question], *, on_event: OnEvent = lambda _: None) -> Report:
        """Answer every question, from the cache or by asking, and store each answer as it comes.

        Rows that could not be answered do not raise: they are in the report. Cancelled, it stores what was answered.

        Raises:
            GeminiRefused: the key, the model or the request is refused; what was answered before that is stored.
            WarehouseBusy, WarehouseUnreadable: as `Warehouse.transaction`; answers that were not stored are lost.
            QuotaUnavailable: the state of the limiter cannot be kept.
        """
        tally = Tally(self, questions)
        with self.warehouse.transaction() as connection:
            answered = answered_keys(connection, tally.unique)
            entries, latest = cache_size(connection)
            misses = [key for key in tally.unique if key not in answered]
            failures = load_failures(connection, misses)
        for key in answered:
            tally.settle(key, "hit")
        given_up = {key: past for key, past in failures.items() if past.runs >= self.options.failure_runs}
        for key, past in given_up.items():
            tally.fail(key, f"{past.reason}, in {past.runs} runs: {past.last_error}")
        to_ask = [key for key in misses if key not in given_up]
        tally.least_calls = self.count_batches([tally.unique[key] for key in to_ask])
        on_event(
            CacheChecked(
                entries=entries,
                latest=latest,
                rows=len(questions),
                hits=tally.hits,
                to_enrich=sum(tally.weights[key] for key in to_ask),
                batches=tally.least_calls,
                batch_size=self.options.batch_size,
            )
        )
        if not to_ask:
            return tally.report()
        from roadmap_assets.enrichment.run import Run  # of which most runs, that find every answer, have no need

        run = Run(self, tally, on_event)
        await run.ask(to_ask)
        return tally.report(stop_reason=run.stop.reason, deferred_until=run.stop.until)

    @property
    def fixed_tokens(self) -> int:
        """Estimated input tokens of a request without a topic."""
        return estimate_tokens(self.profile.instructions) + estimate_tokens(str(self.profile.reply_schema))

    def count_batches(self, questions: Sequence[Question]) -> int:
        """The least number of calls for these questions."""
        return count_batches(self.new_pool(), questions)

    def new_pool(self) -> Pool:
        """An empty pool under the limits of this engine."""
        tokens = min(self.options.batch_tokens, self.options.limits.tpm or self.options.batch_tokens)
        return Pool(size=self.options.batch_size, tokens=tokens, fixed_tokens=self.fixed_tokens)
