"""The third step: the questions about topics, and their answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.engine.events import OnEvent
from roadmap_assets.enrichment.engine.report import Report, Status, count_rows
from roadmap_assets.enrichment.plan import LookUp, Plan
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.pipeline.reading import title_in
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.batch_jobs import pending_keys
from roadmap_assets.warehouse.enrichments import load_answers, load_failures
from roadmap_assets.warehouse.ledger import outcomes_in_run
from roadmap_assets.warehouse.published import EnrichedTopic
from roadmap_assets.warehouse.topics import Topic, load_topics

Pairs = Mapping[str, Sequence[tuple[Topic, Question]]]
"""roadmap -> its topics in reading order, each with the question about it."""


class Asked(Struct, frozen=True):
    """The questions about roadmaps, and what the database knew about them when they were made."""

    pairs: Pairs
    found: LookUp

    @property
    def questions(self) -> list[Question]:
        """The questions of all roadmaps."""
        return _questions(self.pairs)


OpenStatus = Literal["pending", "failed", "deferred"]


class Enriched(Struct, frozen=True):
    """Result of enriching roadmaps: the run's report, and each roadmap's number of rows by status."""

    report: Report
    rows: Mapping[str, Counter[Status]]


def questions_of(roadmaps: Sequence[str], *, warehouse: Warehouse, access: Access) -> Asked:
    """The questions about the topics of these roadmaps as they were last read."""
    engine = access.engine(warehouse)
    with warehouse.transaction() as connection:
        pairs = pairs_in(connection, roadmaps, access)
        return Asked(pairs, engine.look_up(connection, _questions(pairs)))


def limited(asked: Asked, limit: int) -> Asked:
    """`asked` with no more than the first `limit` of the questions that `enrich` would send to Gemini."""
    beyond = {question.key for question in asked.found.to_ask[limit:]}
    pairs = {roadmap: [pair for pair in some if pair[1].key not in beyond] for roadmap, some in asked.pairs.items()}
    return Asked(pairs, replace(asked.found, to_ask=asked.found.to_ask[:limit]))


def enrich(
    asked: Asked,
    *,
    warehouse: Warehouse,
    access: Access,
    on_event: OnEvent = lambda _: None,
    waits: bool = False,
) -> Enriched:
    """Answer the questions about these roadmaps, from the cache or by asking Gemini, packed across them.

    With the service `batch`, rows are pending after it, unless it `waits` for their jobs.

    Raises:
        GeminiRefused: the key, the model or the request is refused; answers received before are stored.
    """
    engine = access.engine(warehouse, waits=waits)
    report = engine.run_blocking(asked.questions, found=asked.found, on_event=on_event)
    rows = {
        roadmap: count_rows([question for _, question in pairs], report.statuses)
        for roadmap, pairs in asked.pairs.items()
    }
    return Enriched(report=report, rows=rows)


def plan(asked: Asked, *, warehouse: Warehouse, access: Access) -> Plan:
    """The calls and costs of `enrich`, without making a call."""
    return access.engine(warehouse).plan(asked.questions, found=asked.found)


def answered_topics(pairs: Pairs, *, warehouse: Warehouse, access: Access) -> dict[str, list[EnrichedTopic]]:
    """The topics of each roadmap, each with its answer or, without one, with its status."""
    with warehouse.transaction() as connection:
        return answered_in(connection, pairs, access)


def call_outcomes(report: Report, *, warehouse: Warehouse) -> dict[str, int]:
    """How the calls of a run ended, by the ledger: outcome -> number of calls."""
    if not report.calls:
        return {}
    with warehouse.transaction() as connection:
        return outcomes_in_run(connection, report.run_id)


def _questions(pairs: Pairs) -> list[Question]:
    return [question for some in pairs.values() for _, question in some]


def pairs_in(connection: Any, roadmaps: Sequence[str], access: Access) -> Pairs:
    """The topics of these roadmaps as they were last read, in reading order, each with the question about it."""
    titles = {roadmap: title_in(connection, roadmap) for roadmap in roadmaps}
    pairs: dict[str, list[tuple[Topic, Question]]] = {roadmap: [] for roadmap in roadmaps}
    for topic in load_topics(connection, roadmaps):
        pairs[topic.roadmap].append((topic, _question(topic, titles[topic.roadmap], access)))
    return pairs


def answered_in(connection: Any, pairs: Pairs, access: Access) -> dict[str, list[EnrichedTopic]]:
    """See `answered_topics`; for a caller with a transaction of its own."""
    keys = [question.key for question in _questions(pairs)]
    answers = load_answers(connection, keys)
    failures = load_failures(connection, keys)
    pending = pending_keys(connection, keys)
    profile, model = access.profile.name, access.model

    def row(topic: Topic, key: str) -> EnrichedTopic:
        if answer := answers.get(key):
            return EnrichedTopic(topic, "enriched", answer.columns, key, profile, answer.model, answer.answered_at)
        without: OpenStatus = "pending" if key in pending else "failed" if key in failures else "deferred"
        return EnrichedTopic(topic, without, {}, key, profile, model)

    return {roadmap: [row(topic, question.key) for topic, question in some] for roadmap, some in pairs.items()}


def _question(topic: Topic, title: str, access: Access) -> Question:
    above = topic.path if topic.path[:1] == (title,) else (title, *topic.path)
    return access.question(topic=topic.topic, description=topic.description, context=" > ".join(above))
