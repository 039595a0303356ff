"""Profiles of one's own: how they are found, what is wrong with them, and when their fingerprint changes."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import AfterValidator, BaseModel, Field, RootModel, ValidationError

from roadmap_assets.enrichment.profiles.builtin import Study
from roadmap_assets.enrichment.profiles.profile import Profile, RuleBroken
from roadmap_assets.enrichment.profiles.registry import load_profile
from roadmap_assets.enrichment.profiles.rules import Words
from roadmap_assets.enrichment.profiles.schema import rule_sources
from roadmap_assets.errors import InvalidSetting
from roadmap_assets_tests.enrichment.engine.runs import STUDY, SUMMARY

MODULE = '''
"""A profile of one's own."""
from typing import Annotated
from pydantic import AfterValidator, BaseModel
from roadmap_assets.enrichment.profiles.rules import MaxWords

LIMIT = 5
ALLOWED = {"b", "a", "c"}

def shout(text: str) -> str:
    if len(text) > LIMIT and text not in ALLOWED:
        raise ValueError("is too long")
    return louder(text)

def louder(text: str) -> str:
    return text.upper()

def at_most(limit: int):
    def check(text: str) -> str:
        return text[:limit]
    return check

def unrelated() -> int:
    return 1

class Card(BaseModel):
    """Write a card."""

    front: Annotated[str, AfterValidator(shout)]
    back: Annotated[str, MaxWords(3)]
    side: Annotated[str, AfterValidator(at_most(4))] = ""

class Outer:
    Inner = Card

class Own(BaseModel):
    id: str

class Empty(BaseModel):
    """No fields."""

class Circular(BaseModel):
    parts: list["Circular"]

class Uncallable(BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    what: type(unrelated)

class Twins(BaseModel):
    a_b: str
    A_B: str

text = "no class"
'''

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a module into the current directory, under a name of its own, and gives that name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    names = (f"profile_module_{number}" for number in itertools.count())
    written: list[str] = []

    def write(source: str = MODULE) -> str:
        written.append(next(names))
        (tmp_path / f"{written[-1]}.py").write_text(source, encoding="utf-8")
        return written[-1]

    yield write
    for name in written:
        sys.modules.pop(name, None)


def test_a_model_of_ones_own_is_found_in_the_current_directory(write: Write) -> None:
    module = write()
    profile = load_profile(f"{module}:Card")
    assert profile.name == f"{module}:Card"
    assert profile.columns == ("front", "back", "side")
    assert profile.accept({"front": "kiln", "back": "Hot box."}) == {"front": "KILN", "back": "Hot box", "side": ""}
    with pytest.raises(RuleBroken, match=r"^front is too long$"):
        profile.accept({"front": "kilning", "back": "Hot"})
    assert load_profile(f"{module}:Outer.Inner").fingerprint == profile.fingerprint


@pytest.mark.parametrize(
    ("spec", "told", "why"),
    [
        ("sumary", "summary, study", "a misspelt name: the known ones are told"),
        ("", "module:Class", "nothing"),
        (":Card", "module:Class", "no module"),
        ("MODULE:", "module:Class", "no class"),
        ("no_such_module_here:Card", "No module named 'no_such_module_here'", "no such module"),
        ("MODULE:Crad", "Crad", "no such class"),
        ("MODULE:text", "pydantic.BaseModel", "no class at all"),
        ("MODULE:unrelated", "pydantic.BaseModel", "a function"),
        ("MODULE:Own", "'id'", "a field that the reply has already"),
        ("MODULE:Empty", "no fields", "nothing to ask for"),
        ("MODULE:Circular", "contains itself", "a schema without end"),
        ("MODULE:Uncallable", "JSON schema", "a type that JSON does not have"),
        ("MODULE:Twins", "one title", "two columns that look alike in the output"),
    ],
)
def test_a_bad_profile_is_refused_with_what_is_wrong(write: Write, spec: str, told: str, why: str) -> None:
    spec = spec.replace("MODULE", write())
    with pytest.raises(InvalidSetting) as refused:
        load_profile(spec)
    assert told in str(refused.value), why
    assert repr(spec) in str(refused.value)


def test_a_module_that_does_not_import_says_why(write: Write) -> None:
    with pytest.raises(InvalidSetting, match="ZeroDivisionError"):
        load_profile(f"{write('1 / 0')}:Card")
    with pytest.raises(InvalidSetting, match="SyntaxError"):
        load_profile(f"{write('class :')}:Card")


def test_a_root_model_has_no_columns() -> None:
    with pytest.raises(InvalidSetting, match="no fields"):
        Profile.of(RootModel[str], name="root")


def test_a_topic_field_is_refused_as_is_an_id() -> None:
    class Own(BaseModel):
        topic: str

    with pytest.raises(InvalidSetting, match="'topic'"):
        Profile.of(Own, name="own")


# --- Fingerprints ---


def test_the_built_in_profiles_differ() -> None:
    assert SUMMARY.fingerprint != STUDY.fingerprint
    assert len(SUMMARY.fingerprint) == 16


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("Write a card.", "Write a good card.", "the prompt"),
        ("    back: Annotated", "    rear: Annotated", "a column's name"),
        ("MaxWords(3)", "MaxWords(4)", "the number in a rule"),
        ("MaxWords(3)]", 'MaxWords(3)] = Field(description="x")', "what is told about a column"),
        ('    side: Annotated[str, AfterValidator(at_most(4))] = ""\n', "", "a column less"),
        ("> LIMIT", ">= LIMIT", "the code of a validator"),
        ("LIMIT = 5", "LIMIT = 6", "a constant that a validator uses"),
        ('"c"}', '"d"}', "a set that a validator uses"),
        ("text.upper()", "text.title()", "a function that a validator calls"),
        ("at_most(4)", "at_most(6)", "what a validator was made with"),
        ("AfterValidator(shout)", "AfterValidator(str.upper)", "a validator of Python's own"),
    ],
)
def test_what_shapes_an_answer_changes_the_fingerprint(write: Write, before: str, after: str, why: str) -> None:
    source = MODULE.replace("import AfterValidator, BaseModel", "import AfterValidator, BaseModel, Field")
    assert before in source
    changed = source.replace(before, after)
    assert load_profile(f"{write(source)}:Card").fingerprint != load_profile(f"{write(changed)}:Card").fingerprint, why


def test_an_inherited_prompt_and_a_rule_that_gemini_is_not_told_count_too() -> None:
    class Rhyme(BaseModel):
        """Say it in rhyme."""

    class Prose(BaseModel):
        """Say it in prose."""

    def of(base: type[BaseModel], pattern: str) -> Profile:
        class Card(base):  # type: ignore[valid-type, misc]
            front: str = Field(pattern=pattern)

        return Profile.of(Card, name="card")

    first, other_rule, other_prompt = of(Rhyme, "a"), of(Rhyme, "b"), of(Prose, "a")
    assert first.reply_schema == other_rule.reply_schema == other_prompt.reply_schema
    assert len({first.fingerprint, other_rule.fingerprint, other_prompt.fingerprint}) == 3


def test_python_s_own_validators_are_told_apart() -> None:
    def of(function: Callable[[str], str]) -> str:
        class Card(BaseModel):
            front: Annotated[str, AfterValidator(function)]

        return Profile.of(Card, name="card").fingerprint

    assert of(str.upper) != of(str.lower)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("return 1", "return 2", "code that no validator uses"),
        ("    return louder(text)", "    # loud\n\n    return louder( text )", "comments and layout of a validator"),
        ("LIMIT = 5", "LIMIT = 5  # for now\nOTHER = 6", "a constant that no validator uses"),
        ('{"b", "a", "c"}', '{"c", "b", "a"}', "the order of a set"),
        ('"""Write a card."""', '"""\n    Write a card.\n    """', "the layout of the docstring"),
        ("class Outer", "class Another(BaseModel):\n    x: str\n\nclass Outer", "another model"),
    ],
)
def test_what_does_not_shape_an_answer_leaves_the_fingerprint(write: Write, before: str, after: str, why: str) -> None:
    assert before in MODULE
    changed = MODULE.replace(before, after)
    assert load_profile(f"{write()}:Card").fingerprint == load_profile(f"{write(changed)}:Card").fingerprint, why


def test_our_own_rules_count_by_what_they_say_and_not_by_how_they_are_written() -> None:
    """So that an upgrade which only rewrites a rule makes no cached answer a miss."""
    assert rule_sources(Study) == []


def test_a_header_is_no_part_of_what_is_asked() -> None:
    class Plain(BaseModel):
        note: str

    class Titled(BaseModel):
        note: str = Field(title="Remark")

    plain, titled = Profile.of(Plain, name="plain"), Profile.of(Titled, name="titled")
    assert plain.fingerprint == titled.fingerprint
    assert titled.headers["note"] == "Remark"


def test_fingerprints_are_the_same_in_every_process(write: Write, tmp_path: Path) -> None:
    """Neither addresses nor the order of sets, which differ with the hash seed, may go in."""
    module = write()
    code = textwrap.dedent(
        f"""
        from roadmap_assets.enrichment.profiles.registry import load_profile
        print(*(load_profile(spec).fingerprint for spec in ("summary", "study", "{module}:Card")))
        """
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    here = [load_profile(spec).fingerprint for spec in ("summary", "study", f"{module}:Card")]
    assert printed == {" ".join(here) + "\n"}


def test_the_models_stand_by_themselves() -> None:
    """A profile is an ordinary pydantic model: usable without ours around it."""
    assert Study.model_json_schema()["required"] == ["tldr", "challenge", "obstacle", "how_to"]

    class Line(BaseModel):
        text: Words

    assert Line(text="Fire it.").text == "Fire it"
    with pytest.raises(ValidationError, match="has 13 words, at most 12"):
        Line(text="a " * 13)
