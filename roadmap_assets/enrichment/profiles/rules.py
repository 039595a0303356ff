"""Rules for a profile's columns that pydantic does not have: they correct a harmless slip and reject a breach.

A rule is an annotation, ``tldr: Annotated[str, MaxWords(12)]``. It describes itself in the reply's schema, so Gemini
reads the same rule that its answer is checked against.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from msgspec import Struct
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

RULE_KEYWORD: Final = "rule"
"""Key in a JSON schema that holds a rule in words; `schema.flat_schema` moves it into the description."""

CHARS_PER_WORD: Final = 50
"""A line of n words may have n times as many characters: enough for any language, too few for a runaway repetition."""

_BLANK: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u2800\u115f\u1160\u3164\uffa0]")
"""Characters that look like a space or like nothing: control characters, the zero-width space, blank letters."""
_JOINERS: Final = "\u200c\u200d"
"""Invisible, but needed: they shape letters in Persian and Hindi, and emoji."""
_FULL_STOPS: Final = ".…。"
_CLOSING_PUNCTUATION: Final = "!?,;:！？，；：、"
_WORD: Final = re.compile(r"[^\W_]+")
_ASCII_WORDS: Final = bytes(code if chr(code).isalnum() else ord(" ") for code in range(128)) + bytes(128)


class MaxWords(Struct, frozen=True):
    """One line of at most `limit` words (separated by white space) without closing punctuation.

    Corrected: white space, control characters and invisible characters, around the text and inside it, and closing
    full stops. Rejected: a text without a letter, digit or symbol, a word too many, another closing mark, more than
    `CHARS_PER_WORD` characters a word. None (an optional column left empty) passes.
    """

    limit: int

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), RULE_KEYWORD: f"at most {self.limit} words, no closing punctuation"}

    def check(self, text: str | None) -> str | None:
        """The corrected `text`; PydanticCustomError says which rule it breaks."""
        if text is None:
            return None
        line = _without_slips(text)
        words = len(line.split())
        if not line:
            raise PydanticCustomError("empty_text", "is empty")
        if not is_visible(line, kinds="LNS"):
            raise PydanticCustomError("no_words", "has no letter, digit or symbol")
        if words > self.limit:
            raise PydanticCustomError(
                "too_many_words", "has {words} words, at most {limit}", {"words": words, "limit": self.limit}
            )
        if len(line) > self.limit * CHARS_PER_WORD:
            raise PydanticCustomError(
                "too_long",
                "has {length} characters, at most {limit}",
                {"length": len(line), "limit": self.limit * CHARS_PER_WORD},
            )
        if line[-1] in _CLOSING_PUNCTUATION:
            raise PydanticCustomError("closing_punctuation", "ends with '{mark}'", {"mark": line[-1]})
        return line


class AnyCase(Struct, frozen=True):
    """On a `Literal` of texts: an option is recognised in any case, with white space or a full stop around it."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        options = get_args(source)
        if get_origin(source) is not Literal or not all(isinstance(option, str) for option in options):
            raise TypeError(f"AnyCase is for a Literal of texts, not for {source}")
        by_folded = {option.casefold(): option for option in options}

        def recognise(value: object) -> object:
            return by_folded.get(_without_slips(value).casefold(), value) if isinstance(value, str) else value

        return core_schema.no_info_before_validator_function(recognise, handler(source))


class NotCopied:
    """On a text: rejects the phrases that the profile's docstring quotes as examples, which weak models copy.

    ``tldr: Annotated[Words, NotCopied("Cache responses close to users")]``. Whole examples are better kept in the
    profile's `examples`, which are checked without this rule.
    """

    def __init__(self, *phrases: str) -> None:
        self._phrases = frozenset(map(bare_words, phrases))

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def check(self, text: str | None) -> str | None:
        """`text` as it is; PydanticCustomError when it is one of the phrases."""
        if text is not None and bare_words(text) in self._phrases:
            raise PydanticCustomError("copied", "copies an example from the instructions")
        return text


def bare_words(text: str) -> str:
    """`text` for comparison: its words alone, without case, punctuation, markup and invisible characters."""
    if text.isascii():
        return b" ".join(text.encode().translate(_ASCII_WORDS).lower().split()).decode()
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", _BLANK.sub(" ", text)).casefold()))


def is_visible(text: str, *, kinds: str = "LNPS") -> bool:
    """Whether `text` has a visible character of these Unicode categories: letters, numbers, punctuation, symbols."""
    return any(unicodedata.category(mark)[0] in kinds for mark in _BLANK.sub(" ", text))


def _without_slips(text: str) -> str:
    """`text` as one line with single spaces, without invisible characters and closing full stops."""
    line = " ".join(_without_invisible(text).split())
    return line.lstrip(f" {_JOINERS}").rstrip(f" {_JOINERS}{_FULL_STOPS}")


def _without_invisible(text: str) -> str:
    if text.isascii() and text.isprintable():  # nearly every text; 20 times as fast
        return text
    spaced = _BLANK.sub(" ", text)
    return "".join(mark for mark in spaced if mark in _JOINERS or unicodedata.category(mark) != "Cf")


Words = Annotated[str, MaxWords(12)]
"""A line of at most 12 words, without closing punctuation."""

Level = Annotated[Literal["practice", "expert"], AnyCase()]
"""How a topic is mastered: by doing it (`practice`), or only with experience (`expert`)."""
