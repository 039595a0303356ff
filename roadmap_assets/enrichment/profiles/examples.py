"""Examples of good answers: stated by a profile, shown to the model, and never accepted for another topic.

A profile states them as a class attribute, topic -> columns, of which some may be left out::

    class Rating(BaseModel):
        \"\"\"Rate how hard each topic is to learn.\"\"\"

        examples: ClassVar[Examples] = {
            "HTML Forms": {"level": "practice"},
            "Event Sourcing": {"level": "expert"},
        }

        level: Level
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from roadmap_assets.errors import InvalidSetting

Examples: TypeAlias = Mapping[str, Mapping[str, object]]


def examples_of(model: type[BaseModel], *, name: str) -> Examples:
    """The examples that `model` states.

    They belong to the docstring: a subclass that has a docstring of its own does not inherit them.

    Raises:
        InvalidSetting: an example has a column that the profile does not have, or breaks one of its rules.
    """
    owner = next(base for base in model.__mro__ if vars(base).get("__doc__") or "examples" in vars(base))
    stated = vars(owner).get("examples")
    if stated is None or "examples" not in getattr(owner, "__class_vars__", ()):  # as an ordinary method
        return {}
    if not (isinstance(stated, Mapping) and all(isinstance(row, Mapping) and row for row in stated.values())):
        raise InvalidSetting(f"the examples of the profile {name!r} must be a mapping: topic -> {{column: value}}")
    for topic, row in stated.items():
        if wrong := _breach(model, row):
            raise InvalidSetting(f"the profile {name!r} breaks a rule of its own in the example {topic!r}: {wrong}")
    return stated


def as_instructions(examples: Examples, *, columns: Sequence[str]) -> str:
    """The examples as a paragraph of the instructions; `columns` are all that the profile has."""
    shown = [column for column in columns if any(column in row for row in examples.values())]
    whole = all(len(row) == len(columns) for row in examples.values())
    of = "good answers" if whole else f"a good {_enumerated(shown)}"
    lines = [
        f"- {topic}: {', '.join(f'{column} {to_json(value).decode()}' for column, value in row.items())}"
        for topic, row in examples.items()
    ]
    return "\n".join([f"Examples of {of}:", *lines])


def _breach(model: type[BaseModel], row: Mapping[str, object]) -> str:
    """Why an example is not a good answer, in words; it may leave columns out."""
    if unknown := [column for column in row if column not in model.model_fields]:
        return f"there is no column {unknown[0]!r}"
    try:
        model.model_validate(dict(row), by_alias=False, by_name=True)
    except ValidationError as broken:
        errors = [error for error in broken.errors() if error["type"] != "missing" or len(error["loc"]) > 1]
        return f"{'.'.join(map(str, errors[0]['loc']))}: {errors[0]['msg']}" if errors else ""
    except Exception as error:  # noqa: BLE001 - a validator of the user's may raise anything
        return f"{type(error).__name__}: {error}"
    return ""


def _enumerated(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
