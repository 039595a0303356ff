"""What a run would take, worked out without making a call: what is answered, what is to be asked, in how many calls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from roadmap_assets.enrichment.engine.terms import Terms
from roadmap_assets.enrichment.limiter.base import least_seconds
from roadmap_assets.enrichment.providers.base import Usage
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.warehouse.enrichments import PastFailure, answered_keys, cache_size, load_failures

CALL_S = 2.0
"""What one call takes, roughly: enough to say whether a run is a matter of seconds, minutes or days."""

OUTPUT_TOKENS_PER_COLUMN = 40
"""A guess at a column's length, on the safe side for one line; a run that sees longer replies goes by those."""


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


@dataclass(frozen=True, slots=True)
class LookUp:
    """What the database knows of questions, by key; `latest` is when the youngest of its `entries` came (UTC)."""

    answered: AbstractSet[str]
    given_up: Mapping[str, PastFailure]
    to_ask: Sequence[Question]
    entries: int
    latest: datetime | None


def look_up(terms: Terms, questions: Mapping[str, Question]) -> LookUp:
    """Look up questions by their keys, all in one transaction. Raises as `Warehouse.transaction`."""
    with terms.warehouse.transaction() as connection:
        answered = answered_keys(connection, questions)
        entries, latest = cache_size(connection)
        failures = load_failures(connection, questions.keys() - answered)
    given_up = {key: past for key, past in failures.items() if past.runs >= terms.options.failure_runs}
    to_ask = [question for key, question in questions.items() if key not in answered and key not in given_up]
    return LookUp(answered, given_up, to_ask, entries, latest)


def make_plan(terms: Terms, questions: Sequence[Question], found: LookUp) -> Plan:
    """What asking these questions would take, by what was `found` of them."""
    calls = terms.count_batches(found.to_ask)
    usage = Usage(
        input_tokens=calls * terms.fixed_tokens + sum(question.tokens for question in found.to_ask),
        output_tokens=len(found.to_ask) * len(terms.profile.columns) * OUTPUT_TOKENS_PER_COLUMN,
    )
    limits = terms.options.limits
    hits = sum(question.key in found.answered for question in questions)
    gone = sum(question.key in found.given_up for question in questions)
    return Plan(
        rows=len(questions),
        hits=hits,
        misses=len(questions) - hits - gone,
        given_up=gone,
        calls=calls,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=terms.prices.cost_usd(terms.options.model, usage),
        seconds=least_seconds(calls, usage.input_tokens, limits, CALL_S),
        days=math.ceil(calls / limits.rpd) if limits.rpd else min(calls, 1),
    )
