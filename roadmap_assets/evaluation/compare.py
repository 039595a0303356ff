"""How two profiles, models or prompts differ on the same rows: the figures of `evaluate compare`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from roadmap_assets.evaluation.agreement import CONFIDENCE, Estimate, estimate
from roadmap_assets.evaluation.arm_figures import ArmFigures, arm_figures
from roadmap_assets.evaluation.arms import answers_of
from roadmap_assets.evaluation.columns import Column, kappa, scores
from roadmap_assets.evaluation.judge import Judged
from roadmap_assets.evaluation.rows import Row
from roadmap_assets.warehouse.evaluations import ArmCost, AskedRow

SIDES: Final = ("a", "b")


class Difference(Struct, frozen=True):
    """A row that was answered differently, with both answers."""

    row: str
    topic: str
    column: str
    a: str
    b: str


class CompareFigures(Struct, frozen=True):
    """Agreement and kappa by column, over the columns that both have; `compared` names a and b."""

    compared: Mapping[str, str]
    measures: Mapping[str, str]
    agreement: Mapping[str, Estimate]
    kappa: Mapping[str, Estimate]
    differences: Sequence[Difference]
    judge: Judged | None
    arms: Mapping[str, ArmFigures]
    verdict: str


def compare_figures(
    columns: Sequence[Column],
    rows: Sequence[Row],
    asked: Sequence[AskedRow],
    *,
    compared: Mapping[str, str],
    judge: Judged | None,
    arms: Sequence[str],
    costs: Mapping[str, ArmCost],
) -> CompareFigures:
    """The figures over the rows that both have answered."""
    a, b = (answers_of(side, asked) for side in SIDES)
    both = [row for row in rows if row.row_id in a and row.row_id in b]
    ids = [row.row_id for row in both]
    agreement = {column.name: estimate(scores(ids, a, b, column)) for column in columns if both}
    differences = [
        Difference(row.row_id, row.topic, column.name, column.shown(a[row.row_id]), column.shown(b[row.row_id]))
        for row in both
        for column in columns
        if column.value(a[row.row_id]) != column.value(b[row.row_id])
    ]
    parts = [
        f"{name}: {100 * found.value:.0f}% agreement [{100 * found.low:.0f}%, {100 * found.high:.0f}%]"
        for name, found in agreement.items()
    ]
    if judge:
        parts.append(_preference(judge, compared))
    return CompareFigures(
        compared=compared,
        measures={column.name: column.measure for column in columns},
        agreement=agreement,
        kappa={column.name: kappa(column, ids, a, b) for column in columns if both and column.kind == "enumerated"},
        differences=differences,
        judge=judge,
        arms={arm: arm_figures(arm, asked, costs) for arm in arms},
        verdict="; ".join(parts),
    )


def _preference(judge: Judged, compared: Mapping[str, str]) -> str:
    counts = f"{judge.wins['a']} to {judge.wins['b']}, {judge.ties} ties"
    if judge.p_value > 1 - CONFIDENCE:
        return f"the judge {judge.model} prefers neither ({counts})"
    better = max(SIDES, key=lambda side: judge.wins[side])
    return f"the judge {judge.model} prefers {better} ({compared[better]}; {counts})"
