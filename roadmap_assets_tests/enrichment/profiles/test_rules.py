"""The rules for columns: what they correct, what they reject, and in which words."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ValidationError

from roadmap_assets.enrichment.profiles.builtin import Study
from roadmap_assets.enrichment.profiles.prepare import prepare
from roadmap_assets.enrichment.profiles.profile import RuleBroken
from roadmap_assets.enrichment.profiles.rules import AnyCase, NotCopied, Words
from roadmap_assets_tests.enrichment.engine.runs import SUMMARY


@pytest.mark.parametrize(
    ("said", "kept", "why"),
    [
        ("Fire clay evenly", "Fire clay evenly", "nothing to correct"),
        ("Fire clay evenly.", "Fire clay evenly", "a closing full stop"),
        ("Fire clay evenly...", "Fire clay evenly", "several"),
        ("Fire clay evenly . ", "Fire clay evenly", "with white space before and after"),
        ("  Fire \t clay\n\nevenly ", "Fire clay evenly", "white space, outer and inner"),
        ("Fire clay\x00evenly\x1b", "Fire clay evenly", "control characters"),
        ("Fire clay (and glaze)", "Fire clay (and glaze)", "a closing bracket is no closing punctuation"),
        ("Write C#", "Write C#", "a sign that is part of a name"),
        ("Use .NET and Node.js", "Use .NET and Node.js", "full stops inside"),
        ("\u200bFire\u200bclay\ufeff evenly\u2060", "Fire clay evenly", "zero-width characters"),
        ("Fire\u2800clay\u3164evenly", "Fire clay evenly", "blank letters and symbols"),
        ("می\u200cخواهم", "می\u200cخواهم", "a zero-width character that shapes letters"),
        ("a " * 12, " ".join("a" * 12), "twelve words"),
        ("👩🏽\u200d💻", "👩🏽\u200d💻", "a symbol that an invisible character joins"),
        ("土器を焼く前に乾かす", "土器を焼く前に乾かす", "a script without spaces"),
        ("state-of-the-art " * 12, " ".join(["state-of-the-art"] * 12), "words are split at white space alone"),
    ],
)
def test_a_harmless_slip_is_corrected(said: str, kept: str, why: str) -> None:
    assert SUMMARY.checks.accept({"tldr": said, "challenge": "practice"})["tldr"] == kept, why


@pytest.mark.parametrize(
    ("values", "reason", "why"),
    [
        ({"tldr": "a " * 15}, "tldr has 15 words, at most 12", "too many words"),
        ({"tldr": " . "}, "tldr is empty", "nothing left after correction"),
        ({"tldr": "\u200b\u200b"}, "tldr is empty", "zero-width characters alone"),
        ({"tldr": "\u200d\ufe0f \u2800"}, "tldr has no letter, digit or symbol", "invisible characters alone"),
        ({"tldr": "*** — ***"}, "tldr has no letter, digit or symbol", "marks alone"),
        ({"tldr": "\u200b".join("a" * 15)}, "tldr has 15 words, at most 12", "words joined by zero-width spaces"),
        ({"tldr": "x" * 1_000_000}, "tldr has 1000000 characters, at most 600", "one word without end"),
        ({"tldr": "tldr"}, "tldr only repeats the name", "the column's name"),
        ({"tldr": "“TLDR”."}, "tldr only repeats the name", "its header, quoted"),
        ({"tldr": "What the topic is for, in one concrete phrase"}, "tldr only repeats the name", "its description"),
        ({"tldr": "Cache responses close to users"}, "tldr copies an example", "an example within the instructions"),
        ({"tldr": "Collect and validate user input in a page."}, "tldr copies an example", "another topic's example"),
        ({"tldr": "Really?"}, "tldr ends with '?'", "another closing mark may carry meaning"),
        ({"tldr": None}, "tldr: Input should be a valid string, not None", "null"),
        ({"tldr": ["Fire clay"]}, "tldr: Input should be a valid string", "a list: its contents are not repeated"),
        ({"challenge": "medium"}, "challenge: Input should be 'practice' or 'expert', not 'medium'", "no such level"),
        ({"challenge": 1}, "challenge: Input should be 'practice' or 'expert', not 1", "a number"),
        ({"tldr": "Eh!", "challenge": ""}, "tldr ends with '!'; challenge: Input should be", "both breaches are named"),
    ],
)
def test_a_breach_is_rejected_with_a_short_reason(values: dict[str, object], reason: str, why: str) -> None:
    with pytest.raises(RuleBroken) as broken:
        SUMMARY.checks.accept({"tldr": "Fire clay", "challenge": "practice"} | values)
    assert broken.value.reason.startswith(reason), why


def test_a_missing_column_is_named() -> None:
    with pytest.raises(RuleBroken, match=r"^challenge is missing$"):
        SUMMARY.checks.accept({"tldr": "Fire clay"})


def test_a_reason_is_short_and_can_be_stored_whatever_the_answer() -> None:
    with pytest.raises(RuleBroken) as broken:
        SUMMARY.checks.accept({"tldr": "\ud800" * 10_000, "challenge": "\ud800" * 10_000})
    assert len(broken.value.reason) <= 200
    broken.value.reason.encode()

    def refuse(said: object) -> None:
        raise LookupError(said)

    class Careless(BaseModel):
        note: Annotated[Any, AfterValidator(refuse)]

    with pytest.raises(RuleBroken, match="LookupError") as broken:
        prepare(Careless, name="careless").checks.accept({"note": "\ud800"})
    broken.value.reason.encode()


def test_a_text_that_no_database_stores_is_rejected() -> None:
    with pytest.raises(RuleBroken, match="surrogate"):
        SUMMARY.checks.accept({"tldr": "Fire \ud800 clay", "challenge": "expert"})


@pytest.mark.parametrize("said", ["expert", "Expert", " EXPERT\n", "expert."])
def test_a_level_is_recognised_in_any_case(said: str) -> None:
    assert SUMMARY.checks.accept({"tldr": "Fire clay", "challenge": said})["challenge"] == "expert"


@given(st.text())
def test_a_corrected_text_needs_no_further_correction(said: str) -> None:
    try:
        kept = SUMMARY.checks.accept({"tldr": said, "challenge": "expert"})
    except RuleBroken:
        return
    assert SUMMARY.checks.accept(kept) == kept
    assert len(str(kept["tldr"]).split()) <= 12


def test_any_case_is_only_for_a_literal_of_texts() -> None:
    with pytest.raises(TypeError, match="Literal of texts"):

        class Wrong(BaseModel):
            rank: Annotated[Literal[1, 2], AnyCase()]


def test_an_option_keeps_its_own_case() -> None:
    class Sized(BaseModel):
        size: Annotated[Literal["XL", "Small"], AnyCase()]

    assert prepare(Sized, name="sized").checks.accept({"size": "xl"}) == {"size": "XL"}


def test_the_rules_work_in_any_pydantic_model() -> None:
    assert Study.model_json_schema()["required"] == ["tldr", "challenge", "obstacle", "how_to"]

    class Line(BaseModel):
        text: Words

    assert Line(text="Fire it.").text == "Fire it"
    with pytest.raises(ValidationError, match="has 13 words, at most 12"):
        Line(text="a " * 13)


def test_a_phrase_that_the_instructions_quote_is_rejected_however_it_is_written() -> None:
    class Tip(BaseModel):
        tip: Annotated[str | None, NotCopied("Fire the clay twice")]

    profile = prepare(Tip, name="tip")
    for said in ("Fire the clay twice", "*fire the clay twice!*", "FIRE the\u200bclay twice"):
        with pytest.raises(RuleBroken, match="tip copies an example from the instructions"):
            profile.checks.accept({"tip": said})
    for kept in ("Fire the clay twice a day", None):
        assert profile.checks.accept({"tip": kept}) == {"tip": kept}
    assert profile.reply_schema == prepare(_PlainTip, name="plain").reply_schema


class _PlainTip(BaseModel):
    tip: str | None
