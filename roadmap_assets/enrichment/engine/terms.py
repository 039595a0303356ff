"""On what terms a run asks: with which profile, at which prices and limits, through which doors."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from roadmap_assets.enrichment.clock import Clock, SystemClock
from roadmap_assets.enrichment.cost import Prices
from roadmap_assets.enrichment.engine.batching import Pool, count_batches
from roadmap_assets.enrichment.limiter.base import Limiter, Limits
from roadmap_assets.enrichment.profiles.profile import Profile
from roadmap_assets.enrichment.providers.base import Provider
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.enrichment.tokens import estimate_tokens
from roadmap_assets.warehouse.connection import Warehouse


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
class Terms:
    """All that a run needs; `open_provider` and `open_limiter` are called only when there is something to ask."""

    warehouse: Warehouse
    profile: Profile
    prices: Prices
    options: Options
    open_provider: Callable[[], Provider]
    open_limiter: Callable[[], Limiter]
    clock: Clock = field(default_factory=SystemClock)
    randomness: random.Random = field(default_factory=random.Random)

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
