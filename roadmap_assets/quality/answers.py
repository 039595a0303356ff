"""Rules for the answers about a roadmap's topics, and for the calls that brought them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from roadmap_assets.quality.rule import Rule
from roadmap_assets.warehouse.published import EnrichedTopic

SHARED_BY: Final = 5
"""A text that answers this many questions of a roadmap says nothing about any of them."""


class AnsweredRoadmap(Struct, frozen=True):
    """A roadmap's topics with their answers.

    `broken` says for each topic (by name) whose stored answer breaks a rule of the profile which one; what the rules
    are is the profile's to say. `texts` are the profile's columns of free text.
    """

    rows: Sequence[EnrichedTopic]
    broken: Mapping[str, str]
    texts: Sequence[str]


class RunCalls(Struct, frozen=True):
    """The calls of one run: how many, the least number possible, and how each ended (outcome -> count)."""

    calls: int
    least: int
    outcomes: Mapping[str, int]


def _unanswered(roadmap: AnsweredRoadmap) -> list[str]:
    return [f"{row.topic.topic} ({row.status})" for row in roadmap.rows if row.status != "enriched"]


def _pending(roadmap: AnsweredRoadmap) -> list[str]:
    return [row.topic.topic for row in roadmap.rows if row.status == "pending"]


def _broken(roadmap: AnsweredRoadmap) -> list[str]:
    return [f"{topic} ({rule})" for topic, rule in roadmap.broken.items()]


def _shared_texts(roadmap: AnsweredRoadmap) -> list[str]:
    """The texts that answer many different questions; topics that ask the same question share their answer rightly."""
    questions: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for row in roadmap.rows:
        for column in roadmap.texts:
            if text := str(row.columns.get(column) or ""):
                questions[column, text.casefold()].add(row.enrichment_key)
    return [f"{column}: {text}" for (column, text), keys in questions.items() if len(keys) >= SHARED_BY]


def _rows(roadmap: AnsweredRoadmap) -> int:
    return len(roadmap.rows)


def _answers(roadmap: AnsweredRoadmap) -> int:
    return sum(row.status == "enriched" for row in roadmap.rows)


ANSWER_RULES: Final[Sequence[Rule[AnsweredRoadmap]]] = (
    Rule("topics_answered", "Every topic has an answer; none failed, is deferred or pending.", _unanswered, _rows),
    Rule("topics_not_pending", "No topic waits for the answer of a batch job.", _pending, _rows),
    Rule(
        "answers_valid",
        "Every stored answer keeps the rules of the profile that asked for it.",
        _broken,
        _answers,
        unit="answers",
    ),
    Rule(
        "answers_differ",
        f"No text answers {SHARED_BY} or more questions of a roadmap.",
        _shared_texts,
        _answers,
        unit="answers",
    ),
)


def _excess_calls(run: RunCalls) -> list[str]:
    """A batch that went wrong is sent again, or in two halves, so a call that did not end well explains two more."""
    recoveries = sum(count for outcome, count in run.outcomes.items() if outcome != "answered")
    excess = max(0, run.calls - run.least - 2 * recoveries)
    return [f"call {run.calls - excess + number}" for number in range(1, excess + 1)]


CALL_RULES: Final[Sequence[Rule[RunCalls]]] = (
    Rule(
        "calls_within_least",
        "The run made no calls beyond the least number, not counting retries.",
        _excess_calls,
        lambda run: run.calls,
        unit="calls",
    ),
)
