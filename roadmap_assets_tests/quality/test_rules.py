"""Every rule with data that passes and data that fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from roadmap_assets.quality.answers import ANSWER_RULES, CALL_RULES, AnsweredRoadmap, RunCalls
from roadmap_assets.quality.evaluated import EVALUATION_RULES, Evaluated
from roadmap_assets.quality.fetched import FETCHED_RULES, FetchedRoadmap
from roadmap_assets.quality.publication import PUBLICATION_RULES, REPLACEMENT_RULES, PublishedRoadmap, Replacement
from roadmap_assets.quality.rule import Finding, Rule
from roadmap_assets.quality.topics import TOPIC_RULES, ReadRoadmap
from roadmap_assets.warehouse.evaluations import Evaluation
from roadmap_assets.warehouse.published import EnrichedTopic
from roadmap_assets.warehouse.topics import Topic

NAMES = ("Loops", "Lists", "Sets", "Maps", "Trees", "Heaps", "Graphs", "Queues", "Stacks", "Tries")
RULES: dict[str, Rule[Any]] = {
    rule.name: rule
    for rules in (
        FETCHED_RULES,
        TOPIC_RULES,
        ANSWER_RULES,
        CALL_RULES,
        EVALUATION_RULES,
        PUBLICATION_RULES,
        REPLACEMENT_RULES,
    )
    for rule in rules
}


def evaluated(*findings: str, fingerprint: str = "now") -> Evaluated:
    latest = Evaluation(
        evaluation_id="e",
        kind="batch",
        profile="summary",
        fingerprint=fingerprint,
        model="gemini",
        rows=40,
        report={"findings": findings},
    )
    return Evaluated(latest, "now", simulated=False)


def topic(name: str, **changes: Any) -> Topic:
    whole = Topic("r", name, 0, name, "Basics", "", "", "", (), "A text.", ())
    return replace(whole, **changes)


def read(*topics: Topic, document: Sequence[str] = NAMES, disputed: int = 0) -> ReadRoadmap:
    return ReadRoadmap(topics, {name: name for name in document}, disputed)


def row(name: str, tldr: str = "", **changes: Any) -> EnrichedTopic:
    columns = {"tldr": tldr or f"About {name}", "challenge": "practice"}
    return replace(EnrichedTopic(topic(name), "enriched", columns, f"key of {name}"), **changes)


def answered(*rows: EnrichedTopic, broken: Mapping[str, str] | None = None) -> AnsweredRoadmap:
    return AnsweredRoadmap(rows, broken or {}, ["tldr"])


ALL = [topic(name) for name in NAMES]
UNPLACED = [*(topic(name, category="") for name in NAMES[:2]), *ALL[2:]]
WITHOUT_TEXT = [*(topic(name, description="") for name in NAMES[:3]), *ALL[3:]]
SAME_QUESTION = answered(*(row(n, "Same", enrichment_key="k") for n in NAMES))
PASSES: list[tuple[str, str, Any, str]] = [
    ("document_has_topics", "a document with topics", FetchedRoadmap({"a": "Loops"}, 1), "1 topic, 0 offenders"),
    ("has_texts", "a text file", FetchedRoadmap({}, 1), "1 text, 0 offenders"),
    ("ids_unique", "ids that differ", read(*ALL), "10 topics, 0 offenders"),
    ("labels_not_empty", "labels that are there", read(*ALL), "10 topics, 0 offenders"),
    ("topics_complete", "all topics of the document", read(*ALL), "10 topics, 0 offenders"),
    ("topics_complete", "one beyond the document", read(*ALL, document=NAMES[1:]), "9 topics, 0 offenders"),
    (
        "topics_in_a_category",
        "one of ten without",
        read(topic("Loops", category=""), *ALL[1:]),
        "10 topics, 1 offender: Loops",
    ),
    ("tree_and_drawing_agree", "one of ten under another parent", read(*ALL, disputed=1), "10 topics, 0 offenders"),
    (
        "topics_with_a_text",
        "two of ten without",
        read(*(topic(n, description="") for n in NAMES[:2]), *ALL[2:]),
        "10 topics, 2 offenders: Loops, Lists",
    ),
    ("topics_answered", "all answered", answered(*map(row, NAMES)), "10 topics, 0 offenders"),
    (
        "topics_not_pending",
        "deferred is not pending",
        answered(row("Loops", status="deferred")),
        "1 topic, 0 offenders",
    ),
    ("answers_valid", "no rule broken", answered(row("Loops")), "1 answer, 0 offenders"),
    ("answers_valid", "no answer yet", answered(row("Loops", status="deferred")), "0 answers, 0 offenders"),
    ("answers_differ", "one text at four topics", answered(*(row(n, "Same") for n in NAMES[:4])), "4 answers"),
    ("answers_differ", "one question at many topics", SAME_QUESTION, "10 answers, 0 offenders"),
    (
        "answers_differ",
        "one level at many topics, which is no free text",
        answered(*map(row, NAMES)),
        "10 answers, 0 offenders",
    ),
    ("calls_within_least", "the least number", RunCalls(7, 7, {"answered": 7}), "7 calls, 0 offenders"),
    ("calls_within_least", "all cached", RunCalls(0, 0, {}), "0 calls, 0 offenders"),
    ("calls_within_least", "one retry", RunCalls(9, 7, {"answered": 8, "busy": 1}), "9 calls"),
    ("calls_within_least", "one batch halved", RunCalls(3, 1, {"answered": 2, "unusable": 1}), "3 calls"),
    ("batch_quality", "nothing is worse in batches", evaluated(), "1 evaluation, 0 offenders"),
    ("batch_quality", "simulated answers", Evaluated(None, "now", simulated=True), "0 evaluations"),
    ("rows_are_the_topics", "the same in another order", PublishedRoadmap(["a", "b"], ["b", "a"]), "2 rows"),
    ("no_topic_lost", "it disappeared upstream", Replacement(2, {"g": "Gone"}, {"a": "Loops"}), "2 rows, 0 offenders"),
    ("no_topic_lost", "nothing is missing", Replacement(2, {}, {"a": "Loops"}), "2 rows, 0 offenders"),
]
FAILS: list[tuple[str, str, Any, str]] = [
    ("document_has_topics", "a document without", FetchedRoadmap({}, 1), "the document has no topics"),
    ("has_texts", "no text file", FetchedRoadmap({"a": "Loops"}, 0), "no text files"),
    ("ids_unique", "an id twice", read(*ALL, ALL[0]), "11 topics, 1 offender: Loops"),
    ("labels_not_empty", "a label of spaces", read(topic("id-7", topic="  ")), "1 topic, 1 offender: id-7"),
    ("topics_complete", "one lost", read(*ALL[1:]), "10 topics, 1 offender: Loops"),
    ("topics_in_a_category", "two of ten without", read(*UNPLACED), "10 topics, 2 offenders: Loops, Lists"),
    (
        "tree_and_drawing_agree",
        "two of ten under another parent",
        read(*ALL, disputed=2),
        "10 topics, 1 offender: 2 topics have another parent in the drawing",
    ),
    ("topics_with_a_text", "three of ten without", read(*WITHOUT_TEXT), "10 topics, 3 offenders: Loops, Lists, Sets"),
    ("topics_answered", "one failed", answered(row("Loops", status="failed")), "1 topic, 1 offender: Loops (failed)"),
    ("topics_not_pending", "one in a job", answered(row("Loops", status="pending")), "1 topic, 1 offender: Loops"),
    ("topics_answered", "one deferred", answered(row("Loops", status="deferred")), "Loops (deferred)"),
    (
        "answers_valid",
        "a rule broken",
        answered(row("Loops"), broken={"Loops": "tldr has 15 words, at most 12"}),
        "1 answer, 1 offender: Loops (tldr has 15 words, at most 12)",
    ),
    ("answers_differ", "one text at five topics", answered(*(row(n, "Same") for n in NAMES[:5])), "tldr: same"),
    ("calls_within_least", "two calls for nothing", RunCalls(9, 7, {"answered": 9}), "9 calls, 2 offenders"),
    (
        "calls_within_least",
        "more than one retry",
        RunCalls(12, 7, {"answered": 11, "busy": 1}),
        "12 calls, 3 offenders",
    ),
    ("batch_quality", "none", Evaluated(None, "now", simulated=False), "0 evaluations, 1 offender: missing"),
    ("batch_quality", "the profile has changed", evaluated(fingerprint="old"), "1 offender: older than the profile"),
    ("batch_quality", "a drift", evaluated("challenge: worse at the end"), "1 offender: challenge: worse at the end"),
    ("rows_are_the_topics", "a row missing", PublishedRoadmap(["a"], ["a", "b"]), "1 row, 1 offender: b"),
    ("rows_are_the_topics", "a row too many", PublishedRoadmap(["a", "c"], ["a"]), "2 rows, 1 offender: c"),
    ("rows_are_the_topics", "a row twice", PublishedRoadmap(["a", "a"], ["a"]), "2 rows, 1 offender: a"),
    (
        "no_topic_lost",
        "the document still has it",
        Replacement(2, {"a": "Loops"}, {"a": "Loops"}),
        "2 rows, 1 offender: Loops",
    ),
]


def test_every_rule_is_tried_both_ways() -> None:
    assert {name for name, *_ in PASSES} == {name for name, *_ in FAILS} == set(RULES)


@pytest.mark.parametrize(
    ("name", "data", "says"), [pytest.param(n, data, says, id=f"{n}: {why}") for n, why, data, says in PASSES]
)
def test_passes_and_says_what_was_checked(name: str, data: Any, says: str) -> None:
    finding = RULES[name].finding(data)
    assert finding.passed
    assert finding.description.startswith(says)


@pytest.mark.parametrize(
    ("name", "data", "says"), [pytest.param(n, data, says, id=f"{n}: {why}") for n, why, data, says in FAILS]
)
def test_fails_and_names_the_offender(name: str, data: Any, says: str) -> None:
    finding = RULES[name].finding(data)
    assert not finding.passed
    assert finding.offenders
    assert says in finding.description


def test_many_offenders_are_counted_and_not_all_named() -> None:
    finding = Finding(False, 12, "topics", NAMES)
    assert finding.description == "12 topics, 10 offenders: Loops, Lists, Sets, Maps, Trees and 5 more"


def test_only_what_would_be_published_wrong_blocks() -> None:
    blocking = {"ids_unique", "labels_not_empty", "topics_complete"}
    assert {name for name, rule in RULES.items() if rule.blocking} == blocking
    assert {name for name, rule in RULES.items() if rule.error} == blocking | {"rows_are_the_topics", "no_topic_lost"}
