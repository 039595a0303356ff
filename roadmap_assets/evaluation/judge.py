"""A model that judges which of two answers is better: every pair in both orders, so that position bias cancels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb
from typing import Final, Literal

from msgspec import Struct
from pydantic import BaseModel

from roadmap_assets.enrichment.access import Access
from roadmap_assets.evaluation.arms import Arm, Packing, answers_of
from roadmap_assets.evaluation.columns import Answers, Column
from roadmap_assets.evaluation.rows import Row
from roadmap_assets.warehouse.evaluations import AskedRow

ORDERS: Final = ("judge", "judge_swapped")
PAIRS_PER_CALL: Final = 5
TEXT_CHARS: Final = 1_000
"""How much of a row's own text the judge reads."""


class Judgement(BaseModel):
    """Judge, for each topic, which of its two annotations is better.

    Each description has a text about the topic, then "First annotation:" and "Second annotation:", written by two
    authors who had the same task. better: "first", "second", or "equal" if neither is clearly better. Judge by what is
    true of the topic, concrete and useful to a learner. Length and order do not matter.
    """

    better: Literal["first", "second", "equal"]


class Judged(Struct, frozen=True):
    """Pairs by the better answer; `order_disagreements`, counted as ties, are those where the order decided.

    `p_value` is that of the sign test: how likely wins as uneven as these are if neither answer is better.
    """

    model: str
    pairs: int
    wins: Mapping[str, int]
    ties: int
    order_disagreements: int
    p_value: float


def judging(access: Access, model: str) -> Access:
    """How the judge is asked: as `access` says, with its own model and question."""
    settings = access.settings.changed(
        profile=f"{__name__}:{Judgement.__name__}", model=model, description_chars=20_000
    )
    return Access(settings, offline=access.offline)


def judge_arms(rows: Sequence[Row], first: Mapping[str, str], second: Mapping[str, str], packing: Packing) -> list[Arm]:
    """The pairs in both orders; `first` and `second` are the answers by row id, as texts. Equal ones are not judged."""
    pairs = [row for row in rows if row.row_id in first and row.row_id in second]
    pairs = [row for row in pairs if first[row.row_id] != second[row.row_id]]
    return [
        packing.arm(order, [_pair(row, one[row.row_id], other[row.row_id]) for row in pairs], PAIRS_PER_CALL)
        for order, one, other in zip(ORDERS, (first, second), (second, first), strict=True)
    ]


def annotation(columns: Sequence[Column], row: AskedRow) -> str:
    """An answer as the judge reads it."""
    return "\n".join(f"{column.name}: {column.shown(row)}" for column in columns)


def judged(names: tuple[str, str], asked: Sequence[AskedRow], *, model: str) -> Judged:
    """What the judge found; `names` are those of the two that were compared."""
    in_order, swapped = (answers_of(order, asked) for order in ORDERS)
    verdicts = [_verdict(in_order, swapped, row) for row in in_order.keys() & swapped.keys()]
    wins = {name: verdicts.count(place) for name, place in zip(names, ("first", "second"), strict=True)}
    return Judged(
        model=model,
        pairs=len(verdicts),
        wins=wins,
        ties=len(verdicts) - sum(wins.values()),
        order_disagreements=verdicts.count("order"),
        p_value=sign_test(*wins.values()),
    )


def sign_test(wins: int, losses: int) -> float:
    """The two-sided p value of the sign test; 1 without a decision.

    >>> round(sign_test(9, 1), 4)
    0.0215
    """
    total = wins + losses
    tail = sum(comb(total, count) for count in range(min(wins, losses) + 1))
    return min(1.0, tail / 2.0 ** (total - 1))


def _verdict(in_order: Answers, swapped: Answers, row: str) -> str:
    """first, second, equal, or order, where the two orders disagree."""
    back = {"first": "second", "second": "first"}
    one = str((in_order[row].answer or {})["better"])
    other = str((swapped[row].answer or {})["better"])
    return one if one == back.get(other, other) else "order"


def _pair(row: Row, first: str, second: str) -> Row:
    text = f"{row.description[:TEXT_CHARS]}\n\nFirst annotation:\n{first}\n\nSecond annotation:\n{second}"
    return Row(row_id=row.row_id, topic=row.topic, description=text, context=row.context)
