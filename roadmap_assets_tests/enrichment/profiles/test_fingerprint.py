"""Fingerprints: what makes a cached answer stale, and that an upgrade of Python or of this package does not."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import ClassVar

import duckdb
import pytest
from pydantic import BaseModel, Field

from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.profiles.prepare import prepare
from roadmap_assets.enrichment.profiles.profile import Profile
from roadmap_assets.enrichment.profiles.registry import load_profile
from roadmap_assets.settings import load_settings
from roadmap_assets.warehouse.duckdb import Warehouse
from roadmap_assets_tests.enrichment.profiles.conftest import MODULE, Write
from roadmap_assets_tests.warehouse.test_schema import FIRST_VERSION

MODEL = "gemini-3.5-flash-lite"
RELEASED = {"summary": "083c16974934600b", "study": "4d253bccb05cc6f5"}
"""The fingerprints in every database since 0.1.0. Changing one makes all users pay for all their answers again."""

ASKED = (
    ("HTML Forms", "Forms send data.", "Frontend > HTML"),
    ("Event Sourcing", "", "Software Architect > Patterns"),
    ("Größe", "Ein Maß.", "Mathe"),
)
KEYS = {
    "summary": (
        "06bc30b565be99c7c48071ac730ea18a",
        "e1980344ee6e6c13f83358202ca705ec",
        "66435971bc5217a111083ef2e60e0b99",
    ),
    "study": (
        "33c4a0d63259d1d6cd533ae188a204e8",
        "3969046ee6a8c933a7bda4dfdc89197d",
        "e22a0f8760f0077c4990577647b1007f",
    ),
}
"""The keys under which 0.1.0 stored the answers to `ASKED` (topic, description, context)."""


@pytest.mark.parametrize("name", RELEASED)
def test_the_built_in_profiles_keep_the_fingerprints_of_0_1_0(name: str) -> None:
    assert load_profile(name).fingerprint == RELEASED[name]


@pytest.mark.parametrize("name", RELEASED)
def test_a_database_of_0_1_0_has_every_answer_after_the_upgrade(tmp_path: Path, name: str) -> None:
    path = tmp_path / "enrichment.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(FIRST_VERSION.read_text("utf-8"))
        for (topic, _, _), key in zip(ASKED[:2], KEYS[name][:2], strict=True):
            connection.execute(
                "INSERT INTO enrichments VALUES (?, ?, '{}', ?, ?, ?, ?, 'call', TIMESTAMP '2026-11-01')",
                [key, topic, name, RELEASED[name], MODEL, MODEL],
            )
        connection.execute(
            "INSERT INTO enrichment_failures VALUES (?, ?, ?, ?, 'rule', 'x', 4, 3, TIMESTAMP '2026-11-01')",
            [KEYS[name][2], ASKED[2][0], name, MODEL],
        )
    access = Access(load_settings(db=path, profile=name, model=MODEL))
    questions = [access.question(topic=topic, description=text, context=where) for topic, text, where in ASKED]
    plan = access.engine(Warehouse(path)).plan(questions)
    assert (plan.hits, plan.given_up, plan.misses, plan.calls) == (2, 1, 0, 0)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("Write a card.", "Write a good card.", "the prompt"),
        ("    back: Annotated", "    rear: Annotated", "a column's name"),
        ("MaxWords(3)", "MaxWords(4)", "the number in a rule"),
        ("MaxWords(3)]", 'MaxWords(3)] = Field(description="x")', "a column's description"),
        ('    side: str = ""\n', "", "one column less"),
        ("    side: str", '    version: ClassVar[str] = "2"\n    side: str', "a version"),
        ("    side: str", "    version: ClassVar[int] = 2\n    side: str", "a version that is a number"),
        (
            "    side: str",
            '    examples: ClassVar[dict] = {"Kilns": {"front": "Oven"}}\n    side: str',
            "an example",
        ),
    ],
)
def test_what_shapes_an_answer_changes_the_fingerprint(write: Write, before: str, after: str, why: str) -> None:
    source = MODULE.replace("import AfterValidator, BaseModel", "import AfterValidator, BaseModel, Field")
    assert before in source
    changed = source.replace(before, after, 1)
    assert load_profile(f"{write(source)}:Card").fingerprint != load_profile(f"{write(changed)}:Card").fingerprint, why


def test_an_inherited_docstring_and_a_rule_that_gemini_cannot_read_count_too() -> None:
    class Rhyme(BaseModel):
        """Say it in rhyme."""

    class Prose(BaseModel):
        """Say it in prose."""

    def of(base: type[BaseModel], pattern: str) -> Profile:
        class Card(base):  # type: ignore[valid-type, misc]
            front: str = Field(pattern=pattern)

        return prepare(Card, name="card")

    first, other_rule, other_prompt = of(Rhyme, "a"), of(Rhyme, "b"), of(Prose, "a")
    assert first.reply_schema == other_rule.reply_schema == other_prompt.reply_schema
    assert len({first.fingerprint, other_rule.fingerprint, other_prompt.fingerprint}) == 3


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("return 1", "return 2", "code that no validator uses"),
        ("> LIMIT", ">= LIMIT", "the code of a validator"),
        ("LIMIT = 5", "LIMIT = 6", "a constant that a validator uses"),
        ('"""Write a card."""', '"""\n    Write a card.\n    """', "the layout of the docstring"),
        ("class Outer", "class Another(BaseModel):\n    x: str\n\nclass Outer", "another model"),
        ("    back: Annotated", '    version: ClassVar[str] = ""\n    back: Annotated', "an empty version"),
    ],
)
def test_what_gemini_never_reads_leaves_the_fingerprint(write: Write, before: str, after: str, why: str) -> None:
    assert before in MODULE
    changed = MODULE.replace(before, after, 1)
    assert load_profile(f"{write()}:Card").fingerprint == load_profile(f"{write(changed)}:Card").fingerprint, why


def test_a_version_is_inherited_and_may_be_changed() -> None:
    class First(BaseModel):
        version: ClassVar[str] = "2"
        note: str

    class Heir(First):
        pass

    class Changed(First):
        version: ClassVar[str] = "3"

    heir, changed = prepare(Heir, name="heir"), prepare(Changed, name="changed")
    assert heir.fingerprint == prepare(First, name="first").fingerprint != changed.fingerprint


def test_a_column_may_be_called_version_or_examples() -> None:
    class Release(BaseModel):
        version: str
        examples: list[str]

    profile = prepare(Release, name="release")
    assert profile.columns == ("version", "examples")
    assert profile.checks.accept({"version": "1.5", "examples": ["a"]}) == {"version": "1.5", "examples": ["a"]}


def test_a_header_is_not_part_of_what_is_asked() -> None:
    class Plain(BaseModel):
        note: str

    class Titled(BaseModel):
        note: str = Field(title="Remark")

    plain, titled = prepare(Plain, name="plain"), prepare(Titled, name="titled")
    assert plain.fingerprint == titled.fingerprint
    assert titled.headers["note"] == "Remark"


def test_fingerprints_are_the_same_in_every_process(write: Write, tmp_path: Path) -> None:
    """They depend neither on addresses nor on the hash seed."""
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
