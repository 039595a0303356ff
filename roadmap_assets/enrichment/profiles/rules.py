"""Rules for the columns of a profile that pydantic does not have: they mend what is a harmless slip, refuse a breach.

A rule is an annotation, ``tldr: Annotated[str, MaxWords(12)]``, and it says itself what it asks for, so that the model
reads the same rule in the reply's schema that its answer is held to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

RULE_KEYWORD: Final = "rule"
"""A key in a JSON schema under which a rule says in words what it asks for; `schema.flat_schema` folds it away."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # Unicode's category Cc
_FULL_STOPS: Final = ".…。"
_CLOSING_PUNCTUATION: Final = "!?,;:！？，；：、"


@dataclass(frozen=True, slots=True)
class MaxWords:
    """One line of at most `limit` words (split at white space) without closing punctuation.

    Mended: white space and control characters, around the text and inside it, and closing full stops. Refused: an
    empty text, a word too many, another closing mark. None (an optional column left empty) passes.
    """

    limit: int

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), RULE_KEYWORD: f"at most {self.limit} words, no closing punctuation"}

    def check(self, text: str | None) -> str | None:
        """The mended `text`; PydanticCustomError says which rule it breaks."""
        if text is None:
            return None
        mended = _without_slips(text)
        words = len(mended.split())
        if not words:
            raise PydanticCustomError("empty_text", "is empty")
        if words > self.limit:
            raise PydanticCustomError(
                "too_many_words", "has {words} words, at most {limit}", {"words": words, "limit": self.limit}
            )
        if mended[-1] in _CLOSING_PUNCTUATION:
            raise PydanticCustomError("closing_punctuation", "ends with '{mark}'", {"mark": mended[-1]})
        return mended


@dataclass(frozen=True, slots=True)
class AnyCase:
    """On a `Literal` of texts: an option is recognised in any case, with white space or a full stop around it."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        options = get_args(source)
        if get_origin(source) is not Literal or not all(isinstance(option, str) for option in options):
            raise TypeError(f"AnyCase is for a Literal of texts, not for {source}")
        by_folded = {option.casefold(): option for option in options}

        def mend(value: object) -> object:
            return by_folded.get(_without_slips(value).casefold(), value) if isinstance(value, str) else value

        return core_schema.no_info_before_validator_function(mend, handler(source))


def _without_slips(text: str) -> str:
    """`text` as one line with single spaces, without closing full stops."""
    return " ".join(_CONTROL.sub(" ", text).split()).rstrip(_FULL_STOPS + " ")


Words = Annotated[str, MaxWords(12)]
"""A line of at most 12 words, without closing punctuation."""

Level = Annotated[Literal["practice", "expert"], AnyCase()]
"""How a topic is mastered: by doing it (`practice`), or only with experience (`expert`)."""
