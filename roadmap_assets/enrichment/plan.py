"""The calls and costs of a run, computed without a call: what is answered, and what remains to be asked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final, get_args

from msgspec import Struct

from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.limiter.base import least_seconds
from roadmap_assets.enrichment.providers.base import Service, Usage
from roadmap_assets.enrichment.questions import Question, keys_of
from roadmap_assets.warehouse.base import Connection
from roadmap_assets.warehouse.batch_jobs import pending_keys
from roadmap_assets.warehouse.enrichments import answered_keys, cache_size, load_failures

CALL_S: Final[Mapping[Service, float]] = {"standard": 2.0, "flex": 60.0, "batch": 600.0}
"""A rough duration of one call or job: enough to say whether a run takes seconds, minutes or days."""

OUTPUT_TOKENS_PER_COLUMN = 40
"""An upper guess for a column of one line; a run that sees longer replies uses those."""


class Plan(Struct, frozen=True):
    """What a run would take: `given_up` rows are not asked, as they failed too often or are too long for the quota, nor
    are `pending` rows, which are in a batch job;
    `service` is what is asked at `cost_usd`, and `costs_usd` has the cost of each service; None without a price.

    `seconds` is the shortest time under the quota per minute, and `days` how many days' quota the calls need.
    """

    rows: int
    hits: int
    misses: int
    given_up: int
    pending: int
    calls: int
    input_tokens: int
    output_tokens: int
    service: Service
    costs_usd: Mapping[Service, float | None]
    seconds: float
    days: int

    @property
    def cost_usd(self) -> float | None:
        """The cost at the service that is asked; None without a price."""
        return self.costs_usd[self.service]


class LookUp(Struct, frozen=True):
    """What the database knows about questions, by key; `latest` is when the youngest of its `entries` arrived (UTC).

    `given_up` has the reason for each key that is not asked, and `pending` are those that a batch job asks.
    """

    answered: AbstractSet[str]
    given_up: Mapping[str, str]
    pending: AbstractSet[str]
    to_ask: Sequence[Question]
    entries: int
    latest: datetime | None


def look_up(connection: Connection, config: EngineConfig, questions: Mapping[str, Question]) -> LookUp:
    """Look up questions by their keys."""
    answered = answered_keys(connection, questions.keys())
    # Not the difference of two sets, which would copy a million keys to leave a few of them.
    left = {key for key in questions if key not in answered} if len(answered) < len(questions) else set[str]()
    pending = pending_keys(connection, left)
    entries, latest = cache_size(connection)
    failures = load_failures(connection, left)
    given_up = {
        key: f"{past.reason}, in {past.runs} runs: {past.last_error}"
        for key, past in failures.items()
        if past.runs >= config.failure_runs and key not in pending
    }
    given_up |= _too_long(config, questions)
    left -= given_up.keys() | pending
    to_ask = [question for key, question in questions.items() if key in left] if left else []
    return LookUp(answered, given_up, pending, to_ask, entries, latest)


def _too_long(config: EngineConfig, questions: Mapping[str, Question]) -> dict[str, str]:
    """The questions that no request can hold; empty where even a request without a topic is too long."""
    limit = config.limits.tpm
    if not limit or config.fixed_tokens >= limit:
        return {}
    return {
        key: f"too_long: a request about it has {config.fixed_tokens + question.tokens} input tokens, and ROADMAP_TPM "
        f"allows {limit} a minute; lower ROADMAP_DESCRIPTION_CHARS"
        for key, question in questions.items()
        if config.fixed_tokens + question.tokens > limit
    }


def make_plan(config: EngineConfig, questions: Sequence[Question], found: LookUp, *, calls: int | None = None) -> Plan:
    """What asking these questions would take, given what was `found` about them; in the fewest `calls` unless given."""
    if calls is None:
        calls = config.count_batches(found.to_ask)
    usage = Usage(
        input_tokens=calls * config.fixed_tokens + sum(question.tokens for question in found.to_ask),
        output_tokens=len(found.to_ask) * len(config.profile.columns) * OUTPUT_TOKENS_PER_COLUMN,
    )
    limits = config.limits
    hits, gone, pending = (
        sum(map(known.__contains__, keys_of(questions))) if known else 0
        for known in (found.answered, found.given_up, found.pending)
    )
    return Plan(
        rows=len(questions),
        hits=hits,
        misses=len(questions) - hits - gone - pending,
        given_up=gone,
        pending=pending,
        calls=calls,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        service=config.service,
        costs_usd={name: config.prices.cost_usd(config.model, usage, service=name) for name in get_args(Service)},
        seconds=least_seconds(calls, usage.input_tokens, limits, CALL_S[config.service]),
        days=math.ceil(calls / limits.rpd) if limits.rpd else min(calls, 1),
    )
