"""The third step: the questions about topics, and their answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.engine.events import OnEvent
from roadmap_assets.enrichment.engine.report import Report, Status, count_rows
from roadmap_assets.enrichment.plan import Plan
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.pipeline.reading import title_in
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.batch_jobs import pending_keys
from roadmap_assets.warehouse.enrichments import load_answers, load_failures
from roadmap_assets.warehouse.ledger import outcomes_in_run
from roadmap_assets.warehouse.published import EnrichedTopic
from roadmap_assets.warehouse.topics import Topic, load_topics

Asked = Mapping[str, Sequence[tuple[Topic, Question]]]
"""roadmap -> its topics in reading order, each with the question about it."""


OpenStatus = Literal["pending", "failed", "deferred"]


class Enriched(Struct, frozen=True):
    """Result of enriching roadmaps: the run's report, and each roadmap's number of rows by status."""

    report: Report
    rows: Mapping[str, Counter[Status]]


def questions_of(roadmaps: Sequence[str], *, warehouse: Warehouse, access: Access) -> Asked:
    """The topics of these roadmaps as they were last read, in reading order, each with the question about it."""
    with warehouse.transaction() as connection:
        return asked_in(connection, roadmaps, access)


def limited(asked: Asked, limit: int | None, *, warehouse: Warehouse, access: Access) -> Asked:
    """`asked` with no more than the first `limit` of the questions that `enrich` would send to Gemini."""
    if limit is None:
        return asked
    beyond = {question.key for question in access.engine(warehouse).misses(_questions(asked))[limit:]}
    return {roadmap: [pair for pair in pairs if pair[1].key not in beyond] for roadmap, pairs in asked.items()}


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
    report = access.engine(warehouse, waits=waits).run_blocking(_questions(asked), on_event=on_event)
    rows = {roadmap: count_rows(_questions({roadmap: pairs}), report.statuses) for roadmap, pairs in asked.items()}
    return Enriched(report=report, rows=rows)


def plan(asked: Asked, *, warehouse: Warehouse, access: Access) -> Plan:
    """The calls and costs of `enrich`, without making a call."""
    return access.engine(warehouse).plan(_questions(asked))


def answered_topics(asked: Asked, *, warehouse: Warehouse, access: Access) -> dict[str, list[EnrichedTopic]]:
    """The topics of each roadmap, each with its answer or, without one, with its status."""
    with warehouse.transaction() as connection:
        return answered_in(connection, asked, access)


def call_outcomes(report: Report, *, warehouse: Warehouse) -> dict[str, int]:
    """How the calls of a run ended, by the ledger: outcome -> number of calls."""
    if not report.calls:
        return {}
    with warehouse.transaction() as connection:
        return outcomes_in_run(connection, report.run_id)


def _questions(asked: Asked) -> list[Question]:
    return [question for pairs in asked.values() for _, question in pairs]


def asked_in(connection: Any, roadmaps: Sequence[str], access: Access) -> Asked:
    """See `questions_of`; for a caller with a transaction of its own."""
    titles = {roadmap: title_in(connection, roadmap) for roadmap in roadmaps}
    asked: dict[str, list[tuple[Topic, Question]]] = {roadmap: [] for roadmap in roadmaps}
    for topic in load_topics(connection, roadmaps):
        asked[topic.roadmap].append((topic, _question(topic, titles[topic.roadmap], access)))
    return asked


def answered_in(connection: Any, asked: Asked, access: Access) -> dict[str, list[EnrichedTopic]]:
    """See `answered_topics`; for a caller with a transaction of its own."""
    keys = [question.key for question in _questions(asked)]
    answers = load_answers(connection, keys)
    failures = load_failures(connection, keys)
    pending = pending_keys(connection, keys)
    profile, model = access.profile.name, access.model

    def row(topic: Topic, key: str) -> EnrichedTopic:
        if answer := answers.get(key):
            return EnrichedTopic(topic, "enriched", answer.columns, key, profile, answer.model, answer.answered_at)
        without: OpenStatus = "pending" if key in pending else "failed" if key in failures else "deferred"
        return EnrichedTopic(topic, without, {}, key, profile, model)

    return {roadmap: [row(topic, question.key) for topic, question in pairs] for roadmap, pairs in asked.items()}


def _question(topic: Topic, title: str, access: Access) -> Question:
    above = topic.path if topic.path[:1] == (title,) else (title, *topic.path)
    return access.question(topic=topic.topic, description=topic.description, context=" > ".join(above))
