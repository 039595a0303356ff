"""How Gemini is reached and asked, as the settings say: the real one with a key, or the simulator in its place.

Nothing heavy is imported or started before there is something to ask.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from roadmap_assets.enrichment.clock import SystemClock
from roadmap_assets.enrichment.cost import Prices, load_prices
from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.engine.engine import Engine
from roadmap_assets.enrichment.limiter.base import Limiter, Limits
from roadmap_assets.enrichment.limiter.registry import open_limiter
from roadmap_assets.enrichment.plan import Plan
from roadmap_assets.enrichment.profiles.profile import Profile
from roadmap_assets.enrichment.profiles.registry import check_name, load_profile
from roadmap_assets.enrichment.providers.address import check_address, public_address
from roadmap_assets.enrichment.providers.base import SIMULATOR, Provider, Usage
from roadmap_assets.enrichment.questions import Question, question
from roadmap_assets.errors import InvalidSetting, MissingKey
from roadmap_assets.settings import Settings, variable_of
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.published import RESERVED_COLUMNS

if TYPE_CHECKING:
    from roadmap_assets.enrichment.batch.engine import BatchEngine
    from roadmap_assets.enrichment.providers.batch import BatchProvider

_MODEL = re.compile(r"[\w.\-/:@]+", re.ASCII)


class Access(Struct, frozen=True, dict=True):
    """Everything the settings say about asking. With `offline` the simulator answers, and no key is needed."""

    settings: Settings
    offline: bool = False

    def check(self, *, published: bool = True) -> None:
        """Find out before any work what would stop it; `published` as in `check_settings`.

        Raises:
            InvalidSetting: as `check_settings`.
            MissingKey: Gemini is to be asked, and the environment has no key.
        """
        self.check_settings(published=published)
        if not self.offline and not self._key:
            raise MissingKey(
                "no API key: set GEMINI_API_KEY in the environment or in .env (a free one: "
                "https://aistudio.google.com/apikey)"
            )

    def check_settings(self, *, published: bool = True, enriches: bool = True) -> None:
        """Find out what would stop even a run that asks nothing.

        `published` says that the answers go into `enriched_roadmaps`, which has columns of its own. Without `enriches`
        the profile is not needed: its module, which is code of the user's folder, is not imported.

        Raises:
            InvalidSetting: the profile, the price table, the address or the model's name cannot be used, or a budget
                is set for a model whose price is unknown.
        """
        if not self.offline and self.settings.gemini_base_url:
            check_address(self.settings.gemini_base_url)
        for field in ("model", "fallback_model"):
            name = getattr(self.settings, field)
            if name and not _MODEL.fullmatch(name):
                raise InvalidSetting(
                    f"{variable_of(field)} is {name[:80]!r}; a model's name has only letters, digits and ._-/:@"
                )
        check_name(self.settings.profile)
        columns = self.profile.columns if enriches else ()
        taken = sorted({column.casefold() for column in columns} & RESERVED_COLUMNS)
        if published and taken:
            raise InvalidSetting(
                f"the profile {self.profile.name!r} has a column {taken[0]!r}, which every published roadmap "
                "has already; give the field another name"
            )
        unpriced = [model for model in self.models if self.prices.of(model) is None]
        if self.settings.budget_usd is not None and unpriced:
            raise InvalidSetting(
                f"ROADMAP_BUDGET_USD is set, but the price of {unpriced[0]} is unknown; add it to a table of your own "
                "and name that in ROADMAP_PRICES"
            )

    @cached_property
    def simulated(self) -> bool:
        """Whether the simulator answers: offline, or because it listens at the address that is configured."""
        url = self.settings.gemini_base_url
        if self.offline or not url:
            return self.offline
        from roadmap_assets.enrichment.providers.simulator_probe import is_simulator

        return is_simulator(url)

    @property
    def model(self) -> str:
        """The model that answers, as it is in keys, cache and output: never a real one's name for the simulator."""
        return SIMULATOR if self.simulated else self.settings.model

    @property
    def base_url(self) -> str:
        """The address that is asked, without a password; empty for Gemini's own and for the built-in simulator."""
        return "" if self.offline else public_address(self.settings.gemini_base_url or "")

    @property
    def models(self) -> tuple[str, ...]:
        """`model` and, where there is another for second attempts, the fallback. The simulator needs none."""
        fallback = self.settings.fallback_model
        has_fallback = fallback and not self.simulated and fallback != self.model
        return (self.model, fallback) if has_fallback and fallback else (self.model,)

    @cached_property
    def profile(self) -> Profile:
        """The profile asked for."""
        return load_profile(self.settings.profile)

    @cached_property
    def prices(self) -> Prices:
        """The prices that calls are counted at."""
        return load_prices(self.settings.prices)

    def real_cost_usd(self, plan: Plan) -> float | None:
        """The cost of a plan at the model that the settings name, whoever answers; None without a price."""
        usage = Usage(input_tokens=plan.input_tokens, output_tokens=plan.output_tokens)
        return self.prices.cost_usd(self.settings.model, usage, service=plan.service)

    @property
    def limits(self) -> Limits:
        """The quota. The built-in simulator has none, except for the limits that are set."""
        s = self.settings
        rpm, tpm, rpd = (
            0 if self.offline and name not in s.given else getattr(s, name) for name in ("rpm", "tpm", "rpd")
        )
        return Limits(rpm=rpm, tpm=tpm, rpd=rpd, window_s=s.quota_window_s, pacing=s.pacing)

    def question(self, *, topic: str, description: str, context: str) -> Question:
        """The question about one topic."""
        return question(
            topic=topic,
            description=description,
            context=context,
            fingerprint=self.profile.fingerprint,
            model=self.model,
            description_chars=self.settings.description_chars,
        )

    def engine(self, warehouse: Warehouse, *, waits: bool = False) -> Engine:
        """The engine that asks as the settings say, and keeps the answers in `warehouse`.

        With the service `batch`, a run ends with its rows pending unless it `waits`.
        """
        if self.settings.service == "batch":
            return self.batch_engine(warehouse, waits=waits)
        config = self._config(warehouse)
        return Engine(replace(config, fallback=self._fallback(config)))

    def batch_engine(self, warehouse: Warehouse, *, waits: bool = False) -> BatchEngine:
        """The engine that asks by batch jobs, whatever the service in the settings."""
        from roadmap_assets.enrichment.batch.engine import BatchEngine
        from roadmap_assets.enrichment.batch.options import BatchOptions

        s = self.settings
        options = BatchOptions(
            scope=self._scope(self.model),
            open_provider=self._open_batch_provider,
            waits=waits or self.offline,  # the built-in simulator forgets its jobs when the process ends
            poll_s=s.batch_poll_s,
            enqueued_tokens=s.batch_enqueued_tokens,
            live_after_s=None if s.batch_live_after_h is None else s.batch_live_after_h * 3600,
        )
        return BatchEngine(replace(self._config(warehouse), service="batch"), options)

    def _config(self, warehouse: Warehouse) -> EngineConfig:
        s = self.settings
        return EngineConfig(
            warehouse=warehouse,
            profile=self.profile,
            prices=self.prices,
            model=self.model,
            base_url=self.base_url,
            limits=self.limits,
            open_provider=lambda: self._open_provider(self.settings.model),
            open_limiter=self.open_limiter,
            batch_size=s.batch_size,
            batch_tokens=s.batch_tokens,
            concurrency=s.concurrency,
            service=s.service,
            flex_patience_s=s.flex_patience_s,
            flex_fallback=s.flex_fallback,
            attempts=s.attempts,
            failure_runs=s.failure_runs,
            budget_usd=s.budget_usd,
        )

    def _fallback(self, config: EngineConfig) -> EngineConfig | None:
        """How the other model is asked: with a quota of its own, as providers count by model."""
        *_, model = self.models
        if model == self.model:
            return None
        return replace(
            config,
            model=model,
            open_provider=lambda: self._open_provider(model),
            open_limiter=lambda: self.open_limiter(model),
        )

    def open_limiter(self, model: str | None = None) -> Limiter:
        """The limiter shared by all who ask a model (`model` unless given) with this key at this address.

        Close it after use.
        """
        scope = self._scope(model or self.model)
        return open_limiter(self.settings.quota_address, limits=self.limits, scope=scope, clock=SystemClock())

    @property
    def _key(self) -> str:
        key = self.settings.gemini_api_key
        return key.secret if key else ""

    def _scope(self, model: str) -> str:
        """Names the quota, which holds per model and project; of the key only a hash is stored."""
        if self.offline:
            return SIMULATOR
        whose = hashlib.sha256(f"{self._key}\0{self.settings.gemini_base_url or ''}".encode()).hexdigest()[:16]
        return f"{model} {whose}"

    def _open_batch_provider(self) -> BatchProvider:
        if not self.offline:
            return self._gemini_batch(api_key=self._key, base_url=self.settings.gemini_base_url)
        url, on_close = self._start_simulator()
        return self._gemini_batch(api_key="offline", base_url=url, on_close=on_close)

    def _open_provider(self, model: str) -> Provider:
        if not self.offline:
            return self._gemini(model, api_key=self._key, base_url=self.settings.gemini_base_url)
        url, on_close = self._start_simulator()
        return self._gemini(SIMULATOR, api_key="offline", base_url=url, on_close=on_close)

    def _start_simulator(self) -> tuple[str, Callable[[], None]]:
        """The address of a simulator of our own, and what ends it."""
        from roadmap_assets.simulator.server import Simulator, SimulatorOptions

        stack = ExitStack()
        limits = self.limits
        options = SimulatorOptions(rpm=limits.rpm, tpm=limits.tpm, rpd=limits.rpd, window_s=limits.window_s)
        simulator = stack.enter_context(Simulator(options))
        return simulator.url, stack.close

    def _gemini_batch(
        self, *, api_key: str, base_url: str | None, on_close: Callable[[], None] = lambda: None
    ) -> BatchProvider:
        from roadmap_assets.enrichment.providers.gemini_batch import GeminiBatch

        return GeminiBatch(
            api_key=api_key,
            model=SIMULATOR if self.offline else self.settings.model,
            profile=self.profile,
            base_url=base_url,
            temperature=self.settings.temperature,
            thinking_level=self.settings.thinking_level,
            on_close=on_close,
        )

    def _gemini(
        self, model: str, *, api_key: str, base_url: str | None, on_close: Callable[[], None] = lambda: None
    ) -> Provider:
        from roadmap_assets.enrichment.providers.gemini import Gemini

        return Gemini(
            api_key=api_key,
            model=model,
            profile=self.profile,
            base_url=base_url,
            timeout_s=self.settings.timeout_s,
            flex_timeout_s=self.settings.flex_timeout_s,
            connections=self.settings.concurrency,
            temperature=self.settings.temperature,
            thinking_level=self.settings.thinking_level,
            on_close=on_close,
        )
