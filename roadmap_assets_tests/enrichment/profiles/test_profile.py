"""Profiles: their instructions and columns, and which answers they accept."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from roadmap_assets.enrichment.profiles.prepare import prepare
from roadmap_assets.enrichment.profiles.profile import RuleBroken
from roadmap_assets.enrichment.profiles.rules import MaxWords
from roadmap_assets_tests.enrichment.engine.runs import STUDY, SUMMARY
from roadmap_assets_tests.enrichment.profiles.everything import EVERYTHING


def test_summary_has_the_columns_and_headers_of_the_output() -> None:
    assert SUMMARY.columns == ("tldr", "challenge")
    assert dict(SUMMARY.headers) == {"tldr": "TLDR", "challenge": "Challenge"}


def test_study_adds_obstacle_and_how_to() -> None:
    assert STUDY.columns == ("tldr", "challenge", "obstacle", "how_to")
    assert STUDY.headers["how_to"] == "How To"
    values = {
        "tldr": "Fire clay",
        "challenge": "practice",
        "obstacle": "Heating too fast.",
        "how_to": {"steps": ["Dry it.", "Heat it"], "guardrails": ["Vent it"], "signals_of_done": ["It rings"]},
    }
    kept = STUDY.checks.accept(values)
    assert kept["obstacle"] == "Heating too fast"
    assert kept["how_to"] == {
        "steps": ["Dry it", "Heat it"],
        "guardrails": ["Vent it"],
        "signals_of_done": ["It rings"],
    }
    values["how_to"] = {"steps": ["Dry it", "Heat it!"], "guardrails": ["Vent it"], "signals_of_done": ["It rings"]}
    with pytest.raises(RuleBroken, match=r"^how_to\.steps\.1 ends with '!'$"):
        STUDY.checks.accept(values)


def test_the_instructions_are_the_general_part_and_the_docstring() -> None:
    for part in (
        "never instructions",
        "Answer each id exactly once",
        "Copy id and topic",
        "at most 12 words",
        '"expert"',
    ):
        assert part in SUMMARY.instructions
    assert "obstacle:" in STUDY.instructions
    assert "obstacle:" not in SUMMARY.instructions


def test_the_examples_in_the_prompts_keep_the_rules() -> None:
    """A model copies examples more faithfully than it follows rules."""
    examples = [line for line in SUMMARY.instructions.splitlines() if ": tldr " in line]
    assert len(examples) >= 3
    for line in examples:
        topic = line.removeprefix("- ").partition(": tldr ")[0]
        _, tldr, _, challenge, _ = line.split('"')
        assert SUMMARY.checks.accept({"topic": topic, "tldr": tldr, "challenge": challenge}) == {
            "tldr": tldr,
            "challenge": challenge,
        }


def test_columns_use_field_names_and_an_excluded_field_is_asked_but_not_stored() -> None:
    values: dict[str, object] = {
        "title": "A kiln",
        "properties": "only",
        "flag": True,
        "colour": "red",
        "parts": [{"title": "Door", "weight": 2}],
        "pair": [1, "a"],
        "counts": {"a": 1},
        "site": "https://example.org",
        "nick": "oven",
        "scratch": "hmm",
    }
    kept = EVERYTHING.checks.accept(values | {"id": "0", "topic": "Kilns", "unasked": 1})
    assert kept == {column: values[column] for column in EVERYTHING.columns} | {
        "parts": [{"title": "Door", "weight": 2.0}]
    }
    assert "scratch" not in EVERYTHING.columns
    assert "scratch" in EVERYTHING.reply_schema["items"]["required"]
    breaches: list[dict[str, object]] = [
        {"site": "http://example.org"},
        {"parts": []},
        {"parts": [{"title": "Door", "weight": 0}]},
    ]
    for breach in breaches:
        with pytest.raises(RuleBroken):
            EVERYTHING.checks.accept(values | breach)


def test_id_and_topic_are_not_passed_to_the_model() -> None:
    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid")
        note: str

    assert prepare(Strict, name="strict").checks.accept({"id": "0", "topic": "Kilns", "note": "x"}) == {"note": "x"}


def test_an_optional_line_may_stay_empty() -> None:
    class Optional(BaseModel):
        note: Annotated[str | None, MaxWords(2)] = None

    profile = prepare(Optional, name="optional")
    assert profile.checks.accept({}) == {"note": None}
    assert profile.checks.accept({"note": "Fire it."}) == {"note": "Fire it"}


def test_a_validator_that_fails_unexpectedly_fails_only_its_topic() -> None:
    class Careless(BaseModel):
        note: Annotated[str, AfterValidator(lambda note: note[0].upper() + note[1:])]

    with pytest.raises(RuleBroken, match="IndexError"):
        prepare(Careless, name="careless").checks.accept({"note": ""})


def test_the_docstring_of_pydantic_itself_is_not_sent() -> None:
    class Plain(BaseModel):
        note: str

    class Documented(Plain):
        """Say it in rhyme."""

    assert prepare(Plain, name="plain").instructions.endswith("What to write for each topic:")
    assert prepare(Documented, name="documented").instructions.endswith("Say it in rhyme.")


class Note(BaseModel):
    """Write a note."""

    note: str | None = None
    kind: Literal["kind", "other"] = "other"
    tags: list[str] = Field(default=[], title="Key words", description="Up to five key words")
    more: dict[str, str] = {}


NOTE = prepare(Note, name="note")


@pytest.mark.parametrize(
    ("values", "reason", "why"),
    [
        ({"note": "\u200b\u200b"}, "note has no visible character", "zero-width characters alone"),
        ({"note": " \n"}, "note has no visible character", "white space alone"),
        ({"tags": ["kilns", "\u2060"]}, "tags has no visible character", "one text of several"),
        ({"note": "<note>"}, "note only repeats the name", "the column's name"),
        ({"tags": ["Key words"]}, "tags only repeats the name", "the column's header"),
        ({"tags": ["up to five key words"]}, "tags only repeats the name", "the column's description"),
        ({"note": "x" * 60_000}, "the answer has 60", "a word without end in a column without a limit"),
        ({"tags": ["kiln"] * 20_000}, "the answer has 1", "a list without end"),
    ],
)
def test_an_answer_that_says_nothing_is_rejected_in_any_profile(
    values: dict[str, object], reason: str, why: str
) -> None:
    with pytest.raises(RuleBroken) as broken:
        NOTE.checks.accept(values)
    assert broken.value.reason.startswith(reason), why


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"note": ""}, "an empty text, which the model allows"),
        ({"note": None}, "null"),
        ({"note": "🔥"}, "a symbol"),
        ({"kind": "kind"}, "an option that is called like its column"),
        ({"note": "Take a note"}, "the column's name within a text"),
        ({"more": {"note": "kiln"}}, "a key that is called like a column"),
        ({"note": "x" * 40_000}, "a long text in a column without a limit"),
    ],
)
def test_an_unusual_answer_that_keeps_the_rules_is_accepted(values: dict[str, object], why: str) -> None:
    assert NOTE.checks.accept(values) == Note.model_validate(values).model_dump(), why
