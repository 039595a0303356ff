"""How right answers are: the figures of `evaluate gold`, on rows with known answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from roadmap_assets.evaluation.agreement import Estimate, Scores, estimate, estimate_kappa
from roadmap_assets.evaluation.arm_figures import ArmFigures, arm_figures
from roadmap_assets.evaluation.arms import answers_of
from roadmap_assets.evaluation.columns import Column
from roadmap_assets.evaluation.rows import Row
from roadmap_assets.warehouse.evaluations import ArmCost, AskedRow

GOLD: Final = "gold"
MISSES_SHOWN: Final = 20


class Miss(Struct, frozen=True):
    """A row whose answer in a column is not the known one."""

    row: str
    topic: str
    column: str
    known: str
    answered: str


class GoldFigures(Struct, frozen=True):
    """Accuracy and kappa by column; `confusion` is column -> known value -> answered value -> rows."""

    measures: Mapping[str, str]
    accuracy: Mapping[str, Estimate]
    kappa: Mapping[str, Estimate]
    confusion: Mapping[str, Mapping[str, Mapping[str, int]]]
    misses: Sequence[Miss]
    arms: Mapping[str, ArmFigures]
    verdict: str


def gold_figures(
    columns: Sequence[Column], rows: Sequence[Row], asked: Sequence[AskedRow], *, costs: Mapping[str, ArmCost]
) -> GoldFigures:
    """The figures over the rows that have a known answer and are answered."""
    answers = answers_of(GOLD, asked)
    answered = [row for row in rows if row.row_id in answers]
    both = {
        column.name: [(row, answers[row.row_id]) for row in answered if row.known.get(column.name)]
        for column in columns
    }
    known = [column for column in columns if both[column.name]]
    accuracy = {
        column.name: estimate(
            Scores.of([[column.is_correct(answer, row.known[column.name])] for row, answer in both[column.name]])
        )
        for column in known
    }
    pairs = {
        column.name: [
            (row.known[column.name].casefold(), column.shown(answer).casefold()) for row, answer in both[column.name]
        ]
        for column in known
        if column.kind == "enumerated"
    }
    misses = [
        Miss(row.row_id, row.topic, column.name, row.known[column.name], column.shown(answer))
        for column in known
        for row, answer in both[column.name]
        if column.is_correct(answer, row.known[column.name]) < 1
    ]
    return GoldFigures(
        measures={column.name: column.measure for column in known},
        accuracy=accuracy,
        kappa={name: estimate_kappa([a for a, _ in found], [b for _, b in found]) for name, found in pairs.items()},
        confusion={name: _confusion(found) for name, found in pairs.items()},
        misses=misses[:MISSES_SHOWN],
        arms={GOLD: arm_figures(GOLD, asked, costs)},
        verdict="; ".join(
            f"{name}: {100 * found.value:.0f}% right [{100 * found.low:.0f}%, {100 * found.high:.0f}%]"
            for name, found in accuracy.items()
        ),
    )


def _confusion(pairs: Sequence[tuple[str, str]]) -> dict[str, dict[str, int]]:
    values = sorted({value for pair in pairs for value in pair})
    counts = Counter(pairs)
    return {known: {answered: counts[known, answered] for answered in values} for known in values}
