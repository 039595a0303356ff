"""Examples of a profile: how they are shown, checked, and kept out of other topics' answers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import AfterValidator, BaseModel

from roadmap_assets.enrichment.profiles.examples import Examples
from roadmap_assets.enrichment.profiles.prepare import prepare
from roadmap_assets.enrichment.profiles.profile import RuleBroken
from roadmap_assets.enrichment.profiles.rules import Level, Words
from roadmap_assets.errors import InvalidSetting


class Rating(BaseModel):
    """Rate each topic."""

    examples: ClassVar[Examples] = {
        "HTML Forms": {"level": "practice"},
        "Event Sourcing": {"level": "expert", "steps": ["Draw the log as a line", "Read"]},
    }

    level: Level
    reason: Words
    steps: list[str] = []


RATING = prepare(Rating, name="rating")
ANSWER = {"level": "expert", "reason": "It takes years", "steps": ["Read"]}


def test_examples_end_the_instructions() -> None:
    assert RATING.instructions.endswith(
        "Rate each topic.\n\n"
        "Examples of a good level and steps:\n"
        '- HTML Forms: level "practice"\n'
        '- Event Sourcing: level "expert", steps ["Draw the log as a line","Read"]'
    )


def test_examples_of_every_column_are_introduced_as_whole_answers() -> None:
    class Both(BaseModel):
        examples: ClassVar[Examples] = {"Größe": {"level": "practice", "rank": 3}}
        level: Level
        rank: int

    assert prepare(Both, name="both").instructions.endswith(
        'Examples of good answers:\n- Größe: level "practice", rank 3'
    )


def test_a_text_copied_from_an_example_is_accepted_for_its_own_topic_alone() -> None:
    copied = ANSWER | {"steps": ["Read", "draw the log as a line."]}
    assert RATING.checks.accept(copied | {"topic": "event sourcing"}) == copied
    with pytest.raises(RuleBroken, match=r"^steps copies an example from the instructions$"):
        RATING.checks.accept(copied | {"topic": "Kilns"})


def test_a_level_and_a_short_text_may_be_those_of_an_example() -> None:
    assert RATING.checks.accept(ANSWER | {"topic": "Kilns"}) == ANSWER


def test_a_subclass_with_a_docstring_states_its_own_examples() -> None:
    class Inherits(Rating):
        pass

    class Rewrites(Rating):
        """Rate each topic by its age."""

    assert prepare(Inherits, name="i").instructions == RATING.instructions
    assert "Examples" not in prepare(Rewrites, name="r").instructions


def refuse(text: str) -> str:
    raise LookupError(text)


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ({"Kilns": {"level": "medium"}}, "'Kilns': level: Input should be 'practice' or 'expert'"),
        ({"Kilns": {"size": 3}}, "'Kilns': there is no column 'size'"),
        ({"Kilns": {"odd": "x"}}, "'Kilns': LookupError: x"),
        ({"Kilns": "practice"}, "must be a mapping"),
        ({"Kilns": {}}, "must be a mapping"),
        (["Kilns"], "must be a mapping"),
    ],
)
def test_an_example_that_is_no_good_answer_is_rejected_before_anything_is_asked(examples: object, message: str) -> None:
    stated = examples

    class Wrong(BaseModel):
        examples: ClassVar[object] = stated
        level: Annotated[Literal["practice", "expert"], AfterValidator(str)]
        odd: Annotated[str, AfterValidator(refuse)] = ""

    with pytest.raises(InvalidSetting, match="profile 'wrong'") as refused:
        prepare(Wrong, name="wrong")
    assert message in str(refused.value)
