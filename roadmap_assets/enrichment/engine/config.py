"""What a run works with: profile, prices, limits, and how to open the provider and the limiter."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Literal

from msgspec import Struct, field

from roadmap_assets.enrichment.clock import Clock, SystemClock
from roadmap_assets.enrichment.cost import Prices
from roadmap_assets.enrichment.engine.batching import Pool
from roadmap_assets.enrichment.limiter.base import Limiter, Limits
from roadmap_assets.enrichment.profiles.profile import Profile
from roadmap_assets.enrichment.providers.base import Provider, Service
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.enrichment.tokens import estimate_tokens
from roadmap_assets.warehouse.base import Warehouse


class EngineConfig(Struct, frozen=True, kw_only=True):
    """Everything a run needs; see `settings.Settings` for the meaning of the numbers.

    `model` is the one that answers are kept under, `base_url` the provider's address when it is not the usual one.
    `open_provider` and `open_limiter` are called only when there is something to ask. `fallback` is how another model
    is asked for rows that `model` has not answered; its answers are kept under the keys of the questions, and name it.
    """

    warehouse: Warehouse
    profile: Profile
    prices: Prices
    model: str
    base_url: str = ""
    limits: Limits
    open_provider: Callable[[], Provider]
    open_limiter: Callable[[], Limiter]
    batch_size: int = 20
    batch_tokens: int = 16_000
    concurrency: int = 16
    service: Service = "standard"
    flex_patience_s: float = 1800.0
    flex_fallback: Literal["defer", "standard"] = "defer"
    attempts: int = 4
    failure_runs: int = 3
    budget_usd: float | None = None
    lease_s: float = 60.0
    clock: Clock = field(default_factory=SystemClock)
    randomness: random.Random = field(default_factory=random.Random)
    fallback: EngineConfig | None = None

    @property
    def fixed_tokens(self) -> int:
        """Estimated input tokens of a request without a topic."""
        return estimate_tokens(self.profile.instructions) + estimate_tokens(str(self.profile.reply_schema))

    def count_batches(self, questions: Iterable[Question]) -> int:
        """The minimum number of calls for these questions."""
        return sum(1 for _ in self.new_pool().sizes(questions))

    def new_pool(self) -> Pool:
        """An empty pool with the limits on topics and tokens."""
        tokens = min(self.batch_tokens, self.limits.tpm or self.batch_tokens)
        return Pool(size=self.batch_size, tokens=tokens, fixed_tokens=self.fixed_tokens)
