"""What a profile is: the columns to ask for, described by one pydantic model.

The model's docstring is the instruction to Gemini, its fields are the columns (a ``description`` is sent in the
reply's schema, a ``title`` becomes the header in files), its validation is the rules. No base class of ours is needed::

    class Flashcard(BaseModel):
        \"\"\"Write a flashcard for each topic: a question and its answer.\"\"\"

        question: Annotated[str, MaxWords(20)] = Field(title="Front")
        answer: str = Field(max_length=300, title="Back")

Select it with ``ROADMAP_PROFILE=my_module:Flashcard``. A field with ``exclude=True`` is asked for and checked but not
stored: room for the model to think. Two class attributes are optional: ``examples`` (see `examples`), and ``version``.

A cached answer is used again as long as instructions (with the examples) and JSON schema stay the same. The code of a
validator is not part of that. After changing one so that earlier answers are no longer good, change the version::

        version: ClassVar[str] = "2"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from roadmap_assets.enrichment.profiles.checks import Checks
    from roadmap_assets.enrichment.profiles.schema import JsonSchema


class Profile(Struct, frozen=True, eq=False, dict=True):
    """What a pydantic model says to Gemini and to readers, and how its answers are checked."""

    name: str
    headers: Mapping[str, str]
    """Column -> its header in files for people; the columns that are stored, in the model's order."""
    instructions: str
    """The whole system instruction."""
    reply_schema: JsonSchema
    """The reply's JSON schema: an array of objects with id, topic and the model's fields."""
    fingerprint: str
    """16 hex digits over instructions, JSON schema and version."""
    load_checks: Callable[[], Checks]
    """Makes `checks`; for a built-in profile it imports pydantic."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are stored, in the model's order."""
        return tuple(self.headers)

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns of free text."""
        fields = self.reply_schema["items"]["properties"]
        return tuple(
            name for name in self.columns if fields[name].get("type") == "string" and "enum" not in fields[name]
        )

    @cached_property
    def checks(self) -> Checks:
        """The checks of an answer: loaded with the first answer, as a run that finds all in the cache needs none."""
        return self.load_checks()


class RuleBroken(ValueError):
    """An answer breaks a rule of its profile; `reason` says which, in a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
