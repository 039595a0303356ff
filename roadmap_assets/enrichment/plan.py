"""What a run would take, worked out without making a call."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from roadmap_assets.enrichment.cost import Usage
from roadmap_assets.enrichment.engine import OUTPUT_TOKENS_PER_COLUMN, Engine
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.enrichment.quota import least_seconds
from roadmap_assets.warehouse.enrichments import answered_keys, load_failures

CALL_S = 2.0
"""What one call takes, roughly: enough to say whether a run is a matter of seconds, minutes or days."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A run as it would be: `given_up` rows failed too often to be tried again; an unknown price makes no `cost_usd`.

    `seconds` is the shortest time under the quota of a minute, and `days` how many days' quota the calls need.
    """

    rows: int
    hits: int
    misses: int
    given_up: int
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    seconds: float
    days: int


def make_plan(engine: Engine, questions: Sequence[Question]) -> Plan:
    """What asking these questions would take now."""
    unique = {question.key: question for question in questions}
    with engine.warehouse.transaction() as connection:
        answered = answered_keys(connection, unique)
        failures = load_failures(connection, unique)
    given_up = {key for key, past in failures.items() if past.runs >= engine.options.failure_runs} - answered
    to_ask = [question for key, question in unique.items() if key not in answered and key not in given_up]
    calls = engine.count_batches(to_ask)
    usage = Usage(
        input_tokens=calls * engine.fixed_tokens + sum(question.tokens for question in to_ask),
        output_tokens=len(to_ask) * len(engine.profile.columns) * OUTPUT_TOKENS_PER_COLUMN,
    )
    limits = engine.options.limits
    hits = sum(question.key in answered for question in questions)
    gone = sum(question.key in given_up for question in questions)
    return Plan(
        rows=len(questions),
        hits=hits,
        misses=len(questions) - hits - gone,
        given_up=gone,
        calls=calls,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=engine.prices.cost_usd(engine.options.model, usage),
        seconds=least_seconds(calls, usage.input_tokens, limits, CALL_S),
        days=math.ceil(calls / limits.rpd) if limits.rpd else min(calls, 1),
    )
