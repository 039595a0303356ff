"""How answers are compared, column by column."""

from __future__ import annotations

from typing import Any

import pytest

from roadmap_assets.evaluation.columns import Column, Kind
from roadmap_assets.warehouse.evaluations import AskedRow


def answered(value: Any) -> AskedRow:
    """A row with this value in the column `it`."""
    return AskedRow(
        evaluation_id="", run_id="", arm="", row_id="0", topic="", round=1, position=0, batch_rows=1, call_id="",
        outcome="answered", answer={"it": value},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value", "known", "correct"),
    [
        ("number", 3, "3", 1.0),
        ("number", 3, "3.0", 1.0),
        ("number", 1500, "1.5e3", 1.0),
        ("number", 3, "4", 0.0),
        ("number", 3, "three", 0.0),
        ("number", None, "n/a", 0.0),
        ("enumerated", "expert", "EXPERT", 1.0),
        ("enumerated", "3", "3.0", 0.0),
        ("enumerated", True, "true", 1.0),
        ("text", "sow the peas", "Sow the peas!", 1.0),
        ("text", "sow the peas", "eat beans", 0.0),
        ("text", ["sow", "water"], "water sow", 1.0),
        ("text", {"when": "in May", "deep": 3}, "in May 3", 1.0),
    ],
)
def test_an_answer_is_compared_with_what_a_file_says(kind: Kind, value: Any, known: str, correct: float) -> None:
    assert Column("it", kind).is_correct(answered(value), known) == correct


@pytest.mark.parametrize(
    ("kind", "first", "second", "score"),
    [
        ("number", 3, 3.0, 1.0),
        ("number", 3, 4, 0.0),
        ("number", None, None, 1.0),
        ("enumerated", ["a", "b"], ["a", "b"], 1.0),
        ("enumerated", ["a", "b"], ["b", "a"], 0.0),
        ("text", ["sow", "water"], ["water", "sow"], 1.0),
        ("text", {"when": "in May"}, {"when": "in June"}, 0.5),
        ("text", "", None, 1.0),
    ],
)
def test_two_answers_are_compared(kind: Kind, first: Any, second: Any, score: float) -> None:
    assert Column("it", kind).score(answered(first), answered(second)) == pytest.approx(score)
