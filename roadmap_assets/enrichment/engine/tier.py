"""Which tier a run asks: flex for as long as that has room now and then, otherwise the standard tier, or none."""

from __future__ import annotations

from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.engine.events import FellBack, OnEvent
from roadmap_assets.enrichment.engine.stop import Stop
from roadmap_assets.enrichment.providers.base import Outcome, Service


class Tier:
    """The tier that a run asks at the moment.

    A refusal of the flex tier (503) is no failure of the batch. When all have been refused for longer than the patience
    allows, the run stops, or goes on with the standard tier if that is the fallback.
    """

    def __init__(self, config: EngineConfig, stop: Stop, on_event: OnEvent) -> None:
        self.service: Service = config.service
        self._config = config
        self._stop = stop
        self._on_event = on_event
        self._refused_since: float | None = None

    def record(self, outcome: Outcome) -> None:
        """Learn from a call how long flex has refused everything."""
        if outcome.kind != "shed":
            self._refused_since = None
            return
        now = self._config.clock.time()
        self._refused_since = now if self._refused_since is None else min(self._refused_since, now)
        if self.service == "flex" and now - self._refused_since >= self._config.flex_patience_s:
            self._give_up(outcome)

    def _give_up(self, outcome: Outcome) -> None:
        refused = f"the flex tier has refused every call for {self._config.flex_patience_s:g} s ({outcome.detail})"
        if self._config.flex_fallback == "standard":
            self.service = "standard"
            self._on_event(FellBack(refused))
        else:
            self._stop.request(f"{refused}; run again later, or set ROADMAP_FLEX_FALLBACK=standard")
