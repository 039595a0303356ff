"""What every evaluation reports of an arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from roadmap_assets.evaluation.arms import answers_of
from roadmap_assets.warehouse.evaluations import ArmCost, AskedRow


class ArmFigures(Struct, frozen=True):
    """An arm: rows asked and answered, broken rules at the first attempt, and what its calls took."""

    rows: int
    answered: int
    breaches: int
    breach_share: float
    asked_again: int
    calls: int
    cost_usd: float | None


def arm_figures(arm: str, asked: Sequence[AskedRow], costs: Mapping[str, ArmCost]) -> ArmFigures:
    """The figures of one arm; `costs` are by arm."""
    cost = costs.get(arm, ArmCost(0, 0.0))
    of_arm = [row for row in asked if row.arm == arm]
    outcomes = {row.row_id: row.outcome for row in of_arm if row.round == 1}
    breaches = sum(outcome == "rule" for outcome in outcomes.values())
    return ArmFigures(
        rows=len(outcomes),
        answered=len(answers_of(arm, asked)),
        breaches=breaches,
        breach_share=breaches / max(1, len(outcomes)),
        asked_again=len({row.row_id for row in of_arm if row.round == 2}),
        calls=cost.calls,
        cost_usd=cost.cost_usd,
    )
