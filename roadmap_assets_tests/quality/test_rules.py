"""Every rule with data that passes and data that fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from roadmap_assets.quality import rules
from roadmap_assets.quality.rules import (
    ENRICHMENT_RULES,
    PUBLICATION_RULES,
    RAW_RULES,
    TOPIC_RULES,
    PublishedRoadmap,
    ReadRoadmap,
    Rule,
)
from roadmap_assets.warehouse.published import EnrichedTopic
from roadmap_assets.warehouse.raw import ContentFile, Snapshot
from roadmap_assets.warehouse.topics import Topic
from roadmap_assets_tests.roadmaps.drawings import Sketch

NAMES = ("Loops", "Lists", "Sets", "Maps", "Trees", "Heaps", "Graphs", "Queues", "Stacks", "Tries")
RULES = {rule.name: rule for rules in (RAW_RULES, TOPIC_RULES, ENRICHMENT_RULES, PUBLICATION_RULES) for rule in rules}


def topic(name: str, **changes: Any) -> Topic:
    whole = Topic("r", name, 0, name, "Basics", "", "", "", (), "A text.", ())
    return replace(whole, **changes)


def snapshot(*names: str) -> Snapshot:
    sketch = Sketch("R")
    for number, name in enumerate(names):
        sketch.major(name, 0, number * 100)
    return Snapshot("r", sketch.text(), "a test", "a test", (ContentFile("a@a.md", "a", "0", "text"),))


def read(*topics: Topic, document: Sequence[str] = NAMES, **counts: int) -> ReadRoadmap:
    return ReadRoadmap(snapshot(*document), topics, counts)


def answered(name: str, tldr: str = "", challenge: str = "practice", **changes: Any) -> EnrichedTopic:
    columns = {"tldr": tldr or f"About {name}", "challenge": challenge}
    return replace(EnrichedTopic(topic(name), "enriched", columns, f"key of {name}"), **changes)


ALL = [topic(name) for name in NAMES]
UNPLACED = [*(topic(name, category="") for name in NAMES[:2]), *ALL[2:]]
WITHOUT_TEXT = [*(topic(name, description="") for name in NAMES[:3]), *ALL[3:]]
PASSES: list[tuple[str, str, Any]] = [
    ("document_has_topics", "a document with topics", snapshot("Loops")),
    ("has_texts", "a text file", snapshot("Loops")),
    ("ids_unique", "ids that differ", read(*ALL)),
    ("labels_not_empty", "labels that are there", read(*ALL)),
    ("topics_complete", "all topics of the document", read(*ALL)),
    ("topics_complete", "one more than the document, which is another rule's affair", read(*ALL, document=NAMES[1:])),
    ("topics_in_a_category", "one of ten without", read(topic("Loops", category=""), *ALL[1:])),
    ("tree_and_drawing_agree", "one of ten under another parent", read(*ALL, disputed_places=1)),
    ("tree_and_drawing_agree", "topics read before this was counted", read(*ALL)),
    ("topics_with_a_text", "two of ten without", read(*(topic(n, description="") for n in NAMES[:2]), *ALL[2:])),
    ("topics_answered", "all answered", [answered(name) for name in NAMES]),
    ("tldr_short", "twelve words", [answered("Loops", " ".join("word" for _ in range(12)))]),
    ("tldr_short", "a profile without TLDR", [answered("Loops", columns={"front": "x"})]),
    ("challenge_known", "both levels", [answered("Loops"), answered("Sets", challenge="expert")]),
    ("challenge_known", "no answer yet", [answered("Loops", columns={}, status="deferred")]),
    ("tldr_telling", "one TLDR at four topics", [answered(name, "Same") for name in NAMES[:4]]),
    ("tldr_telling", "one question at many topics", [answered(n, "Same", enrichment_key="k") for n in NAMES]),
    ("rows_are_the_topics", "the same in another order", PublishedRoadmap(["a", "b"], ["b", "a"])),
]
FAILS: list[tuple[str, str, Any, str]] = [
    ("document_has_topics", "a document without", snapshot(), "r: the document has no topics"),
    ("document_has_topics", "no JSON at all", replace(snapshot(), document="<html>"), "no topics"),
    ("has_texts", "no text file", replace(snapshot("Loops"), contents=()), "no text files"),
    ("ids_unique", "an id twice", read(*ALL, ALL[0]), "r: Loops"),
    ("labels_not_empty", "a label of spaces", read(topic("id-7", topic="  ")), "id-7"),
    ("topics_complete", "one lost", read(*ALL[1:]), "r: Loops"),
    (
        "topics_in_a_category",
        "two of ten without",
        read(*UNPLACED),
        "Loops, Lists",
    ),
    (
        "tree_and_drawing_agree",
        "two of ten under another parent",
        read(*ALL, disputed_places=2),
        "r: 2 of 10 topics have another parent in the drawing",
    ),
    (
        "topics_with_a_text",
        "three of ten without",
        read(*WITHOUT_TEXT),
        "Sets",
    ),
    ("topics_answered", "one failed", [answered("Loops", status="failed")], "Loops (failed)"),
    ("topics_answered", "one deferred", [answered("Loops", status="deferred")], "Loops (deferred)"),
    ("tldr_short", "thirteen words", [answered("Loops", " ".join("word" for _ in range(13)))], "Loops"),
    ("challenge_known", "a level of its own", [answered("Loops", challenge="hard")], "Loops"),
    ("tldr_telling", "one TLDR at five topics", [answered(name, "Same") for name in NAMES[:5]], "same"),
    ("rows_are_the_topics", "a row missing", PublishedRoadmap(["a"], ["a", "b"]), "b"),
    ("rows_are_the_topics", "a row too many", PublishedRoadmap(["a", "c"], ["a"]), "c"),
    ("rows_are_the_topics", "a row twice", PublishedRoadmap(["a", "a"], ["a"]), "a"),
]


def test_every_rule_is_tried_both_ways() -> None:
    assert {name for name, *_ in PASSES} == {name for name, *_ in FAILS} == set(RULES)


@pytest.mark.parametrize(("name", "data"), [pytest.param(n, data, id=f"{n}: {why}") for n, why, data in PASSES])
def test_passes(name: str, data: Any) -> None:
    rule: Rule[Any] = RULES[name]
    assert rule.finding({"r": data}).passed


@pytest.mark.parametrize(
    ("name", "data", "says"), [pytest.param(n, data, says, id=f"{n}: {why}") for n, why, data, says in FAILS]
)
def test_fails_and_names_the_offender(name: str, data: Any, says: str) -> None:
    rule: Rule[Any] = RULES[name]
    finding = rule.finding({"r": data, "empty": PASSES[[n for n, *_ in PASSES].index(name)][2]})
    assert not finding.passed
    assert finding.count >= 1
    assert says in finding.description
    assert "empty" not in finding.description


def test_many_offenders_are_counted_and_not_all_named() -> None:
    finding = rules.Finding.of({"r": list(NAMES)})
    assert finding.count == 10
    assert finding.description == "r: Loops, Lists, Sets, Maps, Trees and 5 more"


def test_only_what_would_be_published_wrong_blocks() -> None:
    blocking = {"ids_unique", "labels_not_empty", "topics_complete", "tldr_short", "challenge_known"}
    assert {name for name, rule in RULES.items() if rule.blocking} == blocking
    assert {name for name, rule in RULES.items() if rule.error} == blocking | {"rows_are_the_topics"}


@pytest.mark.parametrize(
    ("missing", "lost", "why"),
    [
        ({"Loops": "Loops"}, ["Loops"], "the document still has it"),
        ({"Gone": "Gone"}, [], "it vanished upstream"),
        ({}, [], "nothing is missing"),
    ],
)
def test_lost_topics(missing: dict[str, str], lost: list[str], why: str) -> None:
    assert rules.lost_topics(missing, snapshot("Loops")) == lost, why


@pytest.mark.parametrize(
    ("calls", "least", "outcomes", "excess", "why"),
    [
        (7, 7, {"answered": 7}, 0, "no call too many"),
        (0, 0, {}, 0, "all cached"),
        (9, 7, {"answered": 8, "busy": 1}, 0, "one asked again"),
        (3, 1, {"answered": 2, "unusable": 1}, 0, "one batch halved"),
        (9, 7, {"answered": 9}, 2, "two calls for nothing"),
        (12, 7, {"answered": 11, "busy": 1}, 3, "more than one failed call explains"),
    ],
)
def test_excess_calls(calls: int, least: int, outcomes: dict[str, int], excess: int, why: str) -> None:
    assert rules.excess_calls(calls, least, outcomes) == excess, why
