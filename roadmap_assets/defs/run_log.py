"""An enrichment in the run's log: what it will take, a line for whatever happens, an observation now and then."""

from __future__ import annotations

import time
from typing import Final

import dagster as dg

from roadmap_assets.defs import metadata
from roadmap_assets.enrichment.engine.events import (
    BatchFailed,
    BatchJobChanged,
    CacheChecked,
    Event,
    FellBack,
    Progress,
    Stopped,
    Waiting,
    describe,
)
from roadmap_assets.enrichment.plan import Plan

OBSERVED_EVERY_S: Final = 30.0
WAITING_EVERY_S: Final = 15.0


class ProgressLog:
    """Takes the engine's events for the step of `context`."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._context = context
        self._observed_at = -OBSERVED_EVERY_S
        self._waited_at = -WAITING_EVERY_S

    def __call__(self, event: Event) -> None:
        log, now = self._context.log, time.monotonic()
        match event:
            case CacheChecked(plan=plan) if plan.calls:
                log.info(in_words(plan))
                self._observe(metadata.of_plan(plan))
            case Progress():
                log.info(describe(event))
                if now - self._observed_at >= OBSERVED_EVERY_S:
                    self._observed_at = now
                    self._observe(metadata.of_progress(event))
            case BatchJobChanged():
                log.info(describe(event))
            case BatchFailed() | FellBack() | Stopped():
                log.warning(describe(event))
            case Waiting() if now - self._waited_at >= WAITING_EVERY_S:
                self._waited_at = now
                log.info(describe(event).lstrip())

    def _observe(self, found: metadata.Metadata) -> None:
        keys = self._context.partition_keys
        self._context.log_event(
            dg.AssetObservation(self._context.asset_key, partition=keys[0] if len(keys) == 1 else None, metadata=found)
        )


def in_words(plan: Plan) -> str:
    """A plan as a line of the log."""
    cost = "at an unknown price" if plan.cost_usd is None else f"for about ${plan.cost_usd:.4f}"
    given_up = f", {plan.given_up} given up" if plan.given_up else ""
    days = f" on {plan.days} days" if plan.days > 1 else ""
    return (
        f"Plan: {plan.rows} rows, {plan.hits} hits, {plan.misses} to ask{given_up}: {plan.calls} calls, about "
        f"{plan.input_tokens} tokens in and {plan.output_tokens} out, {cost}, at least {plan.seconds:.0f} s{days}"
    )
