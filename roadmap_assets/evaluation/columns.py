"""How two answers to one row are compared, column by column."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from roadmap_assets.enrichment.profiles.profile import Profile
from roadmap_assets.evaluation.agreement import Estimate, Scores, estimate_kappa, word_f1
from roadmap_assets.warehouse.evaluations import AskedRow

Kind = Literal["enumerated", "number", "text"]

MEASURES: Final[Mapping[Kind, str]] = {"enumerated": "exact share", "number": "exact share", "text": "word F1"}
"""What agreement means for a column of each kind; lists and objects are compared as texts."""

Answers = Mapping[str, AskedRow]
"""row id -> what answered it."""


class Column(Struct, frozen=True):
    """A column of a profile."""

    name: str
    kind: Kind

    @property
    def measure(self) -> str:
        """What agreement means here."""
        return MEASURES[self.kind]

    def value(self, row: AskedRow) -> Hashable:
        """The column of an answer, as it is compared."""
        value = (row.answer or {}).get(self.name)
        return as_text(value) if self.kind == "text" or isinstance(value, list | dict) else value

    def shown(self, row: AskedRow) -> str:
        """The column of an answer, for people."""
        return as_text((row.answer or {}).get(self.name))

    def score(self, first: AskedRow, second: AskedRow) -> float:
        """Agreement of two answers, 0 to 1."""
        a, b = self.value(first), self.value(second)
        return word_f1(str(a), str(b)) if self.kind == "text" else float(a == b)

    def is_correct(self, row: AskedRow, known: str) -> float:
        """Agreement of an answer with the known one, as a CSV file has it, 0 to 1."""
        value = self.shown(row)
        if self.kind == "text":
            return word_f1(value, known)
        number = _number(value) if self.kind == "number" else None
        return float(value.casefold() == known.casefold() or (number is not None and number == _number(known)))


def columns_of(profile: Profile) -> list[Column]:
    """The columns of a profile."""
    schemas = profile.reply_schema["items"]["properties"]
    return [Column(name, _kind(schemas[name])) for name in profile.columns]


def as_text(value: object) -> str:
    """A value as words."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "\n".join(as_text(part) for part in value.values())
    if isinstance(value, list):
        return "\n".join(map(as_text, value))
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def scores(rows: Sequence[str], first: Answers, second: Answers, column: Column) -> Scores:
    """The score of each row that both have answered."""
    return Scores.of(
        [[column.score(first[row], second[row])] if row in first and row in second else [] for row in rows]
    )


def kappa(column: Column, rows: Sequence[str], first: Answers, second: Answers) -> Estimate:
    """Cohen's kappa over the rows that both have answered."""
    both = [row for row in rows if row in first and row in second]
    return estimate_kappa([column.value(first[row]) for row in both], [column.value(second[row]) for row in both])


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _kind(schema: Mapping[str, Any]) -> Kind:
    if "enum" in schema or schema.get("type") == "boolean":
        return "enumerated"
    return "number" if schema.get("type") in ("integer", "number") else "text"
