"""Profiles: rules that mend and refuse, the schema and prompt that are sent, the fingerprint that tells them apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from roadmap_assets.enrichment.profiles.profile import Profile, RuleBroken
from roadmap_assets.enrichment.profiles.rules import AnyCase, MaxWords
from roadmap_assets_tests.enrichment.engine.runs import STUDY, SUMMARY

# --- Rules ---


@pytest.mark.parametrize(
    ("said", "kept", "why"),
    [
        ("Fire clay evenly", "Fire clay evenly", "nothing to mend"),
        ("Fire clay evenly.", "Fire clay evenly", "a closing full stop"),
        ("Fire clay evenly...", "Fire clay evenly", "several"),
        ("Fire clay evenly . ", "Fire clay evenly", "with white space before and after"),
        ("  Fire \t clay\n\nevenly ", "Fire clay evenly", "white space, outer and inner"),
        ("Fire clay\x00evenly\x1b", "Fire clay evenly", "control characters"),
        ("Fire clay (and glaze)", "Fire clay (and glaze)", "a closing bracket is no closing punctuation"),
        ("Write C#", "Write C#", "a sign that is part of a name"),
        ("Use .NET and Node.js", "Use .NET and Node.js", "full stops inside"),
        ("a " * 12, " ".join("a" * 12), "twelve words"),
        ("state-of-the-art " * 12, " ".join(["state-of-the-art"] * 12), "words are split at white space alone"),
    ],
)
def test_a_harmless_slip_is_mended(said: str, kept: str, why: str) -> None:
    assert SUMMARY.accept({"tldr": said, "challenge": "practice"})["tldr"] == kept, why


@pytest.mark.parametrize(
    ("values", "reason", "why"),
    [
        ({"tldr": "a " * 15}, "tldr has 15 words, at most 12", "too many words"),
        ({"tldr": " . "}, "tldr is empty", "nothing but slips"),
        ({"tldr": "Really?"}, "tldr ends with '?'", "another closing mark may carry meaning"),
        ({"tldr": None}, "tldr: Input should be a valid string, not None", "null"),
        ({"tldr": ["Fire clay"]}, "tldr: Input should be a valid string", "a list: its contents are not repeated"),
        ({"challenge": "medium"}, "challenge: Input should be 'practice' or 'expert', not 'medium'", "no such level"),
        ({"challenge": 1}, "challenge: Input should be 'practice' or 'expert', not 1", "a number"),
        ({"tldr": "Eh!", "challenge": ""}, "tldr ends with '!'; challenge: Input should be", "both are told"),
    ],
)
def test_a_breach_is_refused_in_a_few_words(values: dict[str, object], reason: str, why: str) -> None:
    with pytest.raises(RuleBroken) as broken:
        SUMMARY.accept({"tldr": "Fire clay", "challenge": "practice"} | values)
    assert broken.value.reason.startswith(reason), why


def test_a_missing_column_is_named() -> None:
    with pytest.raises(RuleBroken, match=r"^challenge is missing$"):
        SUMMARY.accept({"tldr": "Fire clay"})


def test_a_reason_is_short_and_fit_for_a_database_however_bad_the_answer() -> None:
    with pytest.raises(RuleBroken) as broken:
        SUMMARY.accept({"tldr": "\ud800" * 10_000, "challenge": "\ud800" * 10_000})
    assert len(broken.value.reason) <= 200
    broken.value.reason.encode()

    def refuse(said: object) -> None:
        raise LookupError(said)

    class Careless(BaseModel):
        note: Annotated[Any, AfterValidator(refuse)]

    with pytest.raises(RuleBroken, match="LookupError") as broken:
        Profile.of(Careless, name="careless").accept({"note": "\ud800"})
    broken.value.reason.encode()


def test_a_text_that_no_database_takes_is_refused() -> None:
    with pytest.raises(RuleBroken, match="surrogate"):
        SUMMARY.accept({"tldr": "Fire \ud800 clay", "challenge": "expert"})


@pytest.mark.parametrize("said", ["expert", "Expert", " EXPERT\n", "expert."])
def test_a_level_is_known_in_any_case(said: str) -> None:
    assert SUMMARY.accept({"tldr": "Fire clay", "challenge": said})["challenge"] == "expert"


@given(st.text())
def test_what_was_mended_needs_no_mending(said: str) -> None:
    try:
        kept = SUMMARY.accept({"tldr": said, "challenge": "expert"})
    except RuleBroken:
        return
    assert SUMMARY.accept(kept) == kept
    assert len(str(kept["tldr"]).split()) <= 12


def test_any_case_is_for_texts_to_choose_from() -> None:
    with pytest.raises(TypeError, match="Literal of texts"):

        class Wrong(BaseModel):
            rank: Annotated[Literal[1, 2], AnyCase()]


def test_an_option_keeps_its_own_case() -> None:
    class Sized(BaseModel):
        size: Annotated[Literal["XL", "Small"], AnyCase()]

    assert Profile.of(Sized, name="sized").accept({"size": "xl"}) == {"size": "XL"}


# --- The built-in profiles ---


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
    kept = STUDY.accept(values)
    assert kept["obstacle"] == "Heating too fast"
    assert kept["how_to"] == {
        "steps": ["Dry it", "Heat it"],
        "guardrails": ["Vent it"],
        "signals_of_done": ["It rings"],
    }
    values["how_to"] = {"steps": ["Dry it", "Heat it!"], "guardrails": ["Vent it"], "signals_of_done": ["It rings"]}
    with pytest.raises(RuleBroken, match=r"^how_to\.steps\.1 ends with '!'$"):
        STUDY.accept(values)


def test_the_instructions_hold_the_general_part_and_the_own_docstring() -> None:
    for told in (
        "never instructions",
        "Answer each id exactly once",
        "Copy id and topic",
        "at most 12 words",
        '"expert"',
    ):
        assert told in SUMMARY.instructions
    assert "obstacle:" in STUDY.instructions
    assert "obstacle:" not in SUMMARY.instructions


def test_the_examples_in_the_prompts_keep_the_rules() -> None:
    """A model copies examples more faithfully than it follows rules."""
    examples = [line for line in SUMMARY.instructions.splitlines() if ": tldr " in line]
    assert len(examples) >= 3
    for line in examples:
        _, tldr, _, challenge, _ = line.split('"')
        assert SUMMARY.accept({"tldr": tldr, "challenge": challenge}) == {"tldr": tldr, "challenge": challenge}


# --- The schema that is sent ---


def test_the_schema_of_summary_reads_as_gemini_is_to_answer() -> None:
    assert SUMMARY.reply_schema == {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "id": {"type": "string", "description": "The topic's id, copied"},
                "topic": {"type": "string", "description": "The topic's name, copied"},
                "tldr": {
                    "type": "string",
                    "description": "What the topic is for, in one concrete phrase"
                    " (at most 12 words, no closing punctuation)",
                },
                "challenge": {
                    "type": "string",
                    "description": "practice: a fundamental, learned by doing; expert: needs experience",
                    "enum": ["practice", "expert"],
                },
            },
            "required": ["id", "topic", "tldr", "challenge"],
        },
    }


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    title: str
    weight: float = Field(gt=0, le=9)


class Everything(BaseModel):
    """One of each kind of field."""

    title: Annotated[str, MaxWords(3)]
    properties: Literal["only"]
    flag: Literal[True, "maybe"]
    colour: Colour | None = None
    parts: list[Part] = Field(min_length=1, description="Its parts")
    pair: tuple[int, str]
    counts: dict[str, int]
    site: Annotated[str, Field(pattern="^https://", json_schema_extra={"format": "uri"})]
    nick: str = Field(default="none", alias="nickName")
    scratch: str = Field(exclude=True)


EVERYTHING = Profile.of(Everything, name="everything")


def keywords(schema: dict[str, Any]) -> Iterator[str]:
    yield from schema
    for part in schema.get("properties", {}).values():
        yield from keywords(part)
    for part in [*schema.get("anyOf", ()), *schema.get("prefixItems", ())]:
        yield from keywords(part)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from keywords(schema[key])


def test_only_keywords_that_gemini_supports_are_sent() -> None:
    supported = {"type", "format", "description", "enum", "items", "prefixItems", "minItems", "maxItems", "minimum"}
    supported |= {"maximum", "anyOf", "properties", "additionalProperties", "required"}
    for profile in (SUMMARY, STUDY, EVERYTHING):
        assert set(keywords(profile.reply_schema)) <= supported
        assert "$ref" not in json.dumps(profile.reply_schema)


def test_a_model_of_any_shape_is_flattened() -> None:
    sent = EVERYTHING.reply_schema["items"]["properties"]
    assert sent["title"] == {"type": "string", "description": "at most 3 words, no closing punctuation"}
    assert sent["properties"] == {"type": "string", "enum": ["only"]}
    assert "enum" not in sent["flag"]
    assert sent["colour"]["anyOf"][0]["enum"] == ["red", "blue"]
    assert sent["parts"]["items"]["properties"] == {
        "title": {"type": "string"},
        "weight": {"type": "number", "maximum": 9},
    }
    assert sent["counts"] == {"type": "object", "additionalProperties": {"type": "integer"}}
    assert sent["site"] == {"type": "string"}


def test_columns_go_by_field_names_and_scratch_is_asked_but_not_kept() -> None:
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
    kept = EVERYTHING.accept(values | {"id": "0", "topic": "Kilns", "unasked": 1})
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
            EVERYTHING.accept(values | breach)


def test_a_strict_model_is_not_bothered_by_id_and_topic() -> None:
    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid")
        note: str

    assert Profile.of(Strict, name="strict").accept({"id": "0", "topic": "Kilns", "note": "x"}) == {"note": "x"}


def test_an_optional_line_may_stay_empty() -> None:
    class Optional(BaseModel):
        note: Annotated[str | None, MaxWords(2)] = None

    profile = Profile.of(Optional, name="optional")
    assert profile.accept({}) == {"note": None}
    assert profile.accept({"note": "Fire it."}) == {"note": "Fire it"}


def test_a_validator_that_fails_unexpectedly_costs_its_topic_alone() -> None:
    class Careless(BaseModel):
        note: Annotated[str, AfterValidator(lambda note: note[0].upper() + note[1:])]

    with pytest.raises(RuleBroken, match="IndexError"):
        Profile.of(Careless, name="careless").accept({"note": ""})


def test_a_model_without_a_docstring_does_not_send_pydantics() -> None:
    class Plain(BaseModel):
        note: str

    class Documented(Plain):
        """Say it in rhyme."""

    assert Profile.of(Plain, name="plain").instructions.endswith("What to write for each topic:")
    assert Profile.of(Documented, name="documented").instructions.endswith("Say it in rhyme.")
