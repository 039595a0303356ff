from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter

from roadmap_assets.enrichment.profiles.builtin import Study, Summary
from roadmap_assets.enrichment.profiles.prepare import prepare
from roadmap_assets.roadmaps.document import parse_document
from roadmap_assets.roadmaps.sources.registry import SAMPLE
from roadmap_assets.simulator.answers import Columns, answer_all, phrases_of
from roadmap_assets.simulator.wire import AskedTopic, BadRequest
from roadmap_assets_tests.simulator.asking import SCHEMA

texts = st.text(max_size=200) | st.lists(st.sampled_from(["the", "a", "Thing", "of.", "\n", "- ", "C++", "is!"])).map(
    " ".join
)


@pytest.mark.parametrize("model", [Summary, Study])
@given(topic=texts, description=texts)
def test_every_answer_keeps_the_rules_of_the_profile(model: type[BaseModel], topic: str, description: str) -> None:
    profile = prepare(model, name="any")
    [row] = answer_all(Columns(profile.reply_schema), [AskedTopic("7", topic, description)])

    assert (row.pop("id"), row.pop("topic")) == ("7", topic)
    assert profile.checks.accept(row) == row  # accepted, and nothing had to be repaired


def test_real_texts_give_phrases_within_the_rules(real_roadmaps: Path) -> None:
    profile = prepare(Summary, name="summary")
    columns = Columns(profile.reply_schema)
    files = sorted(real_roadmaps.glob("*/content/*.md"))[::20]
    assert files
    for file in files:
        asked = AskedTopic("0", file.stem.partition("@")[0], file.read_text(encoding="utf-8"))
        [row] = answer_all(columns, [asked])
        profile.checks.accept(row)


@pytest.mark.parametrize(
    ("description", "phrase", "why"),
    [
        (
            "Keep a copy near the reader. It is quick.",
            "Keep a copy near the reader",
            "the first sentence, no full stop",
        ),
        ("", "Caching", "no description: the topic's name"),
        ("See below.\n\nKeep copies near readers", "Keep copies near readers", "two words say nothing"),
        (
            "keep the things that were read before in a place that is the one near the reader who asks",
            "Keep the things that were read before in a place",
            "cut at twelve words, and no word left dangling",
        ),
    ],
)
def test_phrases_are_taken_from_the_description(description: str, phrase: str, why: str) -> None:
    assert next(phrases_of(AskedTopic("0", "Caching", description))) == phrase, why


def test_answers_are_the_same_every_time_and_differ_between_topics() -> None:
    asked = [AskedTopic(str(n), f"Topic {n}", f"It is about matter number {n} alone") for n in range(40)]
    first, again = (answer_all(Columns(SCHEMA), asked) for _ in range(2))
    alone = [answer_all(Columns(SCHEMA), [one])[0] for one in asked]

    assert first == again == alone
    assert {row["challenge"] for row in first} == {"practice", "expert"}
    assert len({row["tldr"] for row in first}) == 40


class Part(BaseModel):
    name: str
    weight: float = Field(ge=0.5, le=2.5)


class Anything(BaseModel):
    id: str
    topic: str
    level: Literal["one", "two"]
    always: Literal["this"]
    code: Annotated[str, Field(max_length=5)]
    stars: Annotated[int, Field(ge=3, le=5)]
    wanted: bool
    hint: str | None
    steps: Annotated[list[str], Field(min_length=4, max_length=6)]
    part: Part


def test_columns_of_every_kind_are_filled_within_their_bounds() -> None:
    schema = TypeAdapter(list[Anything]).json_schema()  # with $ref, $defs and anyOf, as pydantic writes them
    asked = [AskedTopic(str(n), f"Topic {n}", f"It is about matter number {n} alone") for n in range(30)]

    answered = TypeAdapter(list[Anything]).validate_python(answer_all(Columns(schema), asked))

    assert [row.id for row in answered] == [one.id for one in asked]
    assert {row.stars for row in answered} == {3, 4, 5}
    assert {row.wanted for row in answered} == {True, False}
    assert all(row.hint and row.steps for row in answered)


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({}, "says nothing"),
        ({"type": "array", "items": {"type": "string"}}, "no objects"),
        ({"type": "array", "items": {"properties": {"id": {}, "tldr": {}}}}, "no topic to echo"),
    ],
)
def test_a_schema_that_is_no_table_of_topics_is_refused(schema: dict[str, object], why: str) -> None:
    with pytest.raises(BadRequest, match="array of objects"):
        Columns(schema)


def test_every_topic_of_the_sample_has_an_answer_worth_reading() -> None:
    profile = prepare(Summary, name="summary")
    [source] = SAMPLE.glob("*/*.json")
    document = parse_document(source.read_text("utf-8"), roadmap="data-orchestration", origin=str(source))
    asked = [AskedTopic(node.id, node.label, "A text.", f"{document.title} > Part") for node in document.topics]
    rows = answer_all(Columns(profile.reply_schema), asked)
    answers = [profile.checks.accept(row) for row in rows]
    assert len({answer["tldr"] for answer in answers}) == 53
    assert {answer["challenge"] for answer in answers} == {"practice", "expert"}
    assert "A text" not in {answer["tldr"] for answer in answers}
    elsewhere = [AskedTopic(topic.id, topic.topic, "A text of another.", "Other > Part") for topic in asked]
    assert {row["tldr"] for row in answer_all(Columns(profile.reply_schema), elsewhere)} == {"A text of another"}


def test_a_written_answer_is_given_only_where_the_schema_allows_it() -> None:
    class Other(BaseModel):
        tldr: int
        challenge: Literal["easy", "hard"]

    asked = AskedTopic("1", "Retries", "A text.", "Data Orchestration > Running in Production")
    [row] = answer_all(Columns(prepare(Other, name="other").reply_schema), [asked])
    assert isinstance(row["tldr"], int)
    assert row["challenge"] in ("easy", "hard")
