"""Which answers a profile accepts: those that its model accepts and that are not copied from the prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import ErrorDetails, from_json

from roadmap_assets.enrichment.profiles.copies import PromptCopies
from roadmap_assets.enrichment.profiles.examples import Examples
from roadmap_assets.enrichment.profiles.profile import RuleBroken

MAX_ANSWER_CHARS: Final = 50_000
"""An answer's length as JSON; only a model that repeats itself without end writes more about one topic."""

_REASON_LENGTH: Final = 200


class Checks:
    """The rules of `model`.

    `headers` are the columns that are kept, each with its header, and `fields` the properties of an answer in the
    reply's schema.
    """

    def __init__(
        self, model: type[BaseModel], *, headers: Mapping[str, str], fields: Mapping[str, Any], examples: Examples
    ) -> None:
        self._model = model
        self._kept = set(headers)
        self._copies = PromptCopies(fields, headers=headers, examples=examples)

    def accept(self, values: Mapping[str, object]) -> dict[str, JsonValue]:
        """The columns in `values` (one object of a reply), corrected, as JSON values.

        Raises:
            RuleBroken: they break a rule of the model, say nothing, or copy the prompt.
        """
        asked = {column: values[column] for column in self._model.model_fields if column in values}
        try:
            answer = self._model.model_validate(asked, by_alias=False, by_name=True)
            text = answer.model_dump_json(include=self._kept, by_alias=False)
        except ValidationError as broken:
            raise RuleBroken(_shortened("; ".join(map(_in_words, broken.errors(include_url=False))))) from None
        except Exception as error:  # a validator of the user's may raise anything; it fails its topic alone
            raise RuleBroken(_shortened(f"could not be checked: {type(error).__name__}: {error}")) from error
        if len(text) > MAX_ANSWER_CHARS:
            raise RuleBroken(f"the answer has {len(text)} characters, at most {MAX_ANSWER_CHARS}")
        accepted: dict[str, JsonValue] = from_json(text)
        if objection := self._copies.objection(accepted, topic=str(values.get("topic", ""))):
            raise RuleBroken(objection)
        return accepted

    def broken_rule(self, answer: Mapping[str, object]) -> str:
        """The first rule that a stored answer breaks, in words; empty when it keeps them all.

        Fields that are not kept are missing from a stored answer, and are not judged.
        """
        try:
            self._model.model_validate(dict(answer), by_alias=False, by_name=True)
        except ValidationError as broken:
            errors = (error for error in broken.errors(include_url=False) if set(error["loc"][:1]) <= self._kept)
            return next(map(_in_words, errors), "")
        return ""


def _in_words(error: ErrorDetails) -> str:
    """One of pydantic's errors: "tldr has 15 words, at most 12" or "rank: Input should be less than 6, not 9"."""
    where = ".".join(map(str, error["loc"])) or "answer"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if error["type"] == "missing":
        return f"{where} is missing"
    if message[:1].islower():
        return f"{where} {message}"
    value = error["input"]
    got = f", not {_shortened(repr(value), 40)}" if isinstance(value, str | int | float | None) else ""
    return f"{where}: {message}{got}"


def _shortened(text: str, length: int = _REASON_LENGTH) -> str:
    """`text` on one line, cut to `length`, without halves of surrogate pairs, which no database stores."""
    line = " ".join(text.encode("utf-8", "backslashreplace").decode().split())
    return line if len(line) <= length else f"{line[: length - 1]}…"
