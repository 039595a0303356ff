"""An evaluation from its rows to its report: what both the command line and Dagster call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, to_builtins

from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.blocking import run_blocking
from roadmap_assets.enrichment.engine.events import OnEvent
from roadmap_assets.enrichment.plan import OUTPUT_TOKENS_PER_COLUMN, Plan
from roadmap_assets.errors import InvalidSetting
from roadmap_assets.evaluation.arms import Arm, Packing, answers_of, batch_arms, evaluation_id, open_batches
from roadmap_assets.evaluation.ask import Asked, ask, plan_arms
from roadmap_assets.evaluation.batch import BatchFigures, batch_figures
from roadmap_assets.evaluation.columns import columns_of
from roadmap_assets.evaluation.compare import SIDES, CompareFigures, compare_figures
from roadmap_assets.evaluation.gold import GOLD, GoldFigures, gold_figures
from roadmap_assets.evaluation.judge import annotation, judge_arms, judged, judging
from roadmap_assets.evaluation.rows import Row
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.evaluations import (
    ArmCost,
    AskedRow,
    Evaluation,
    arm_costs,
    finish_evaluation,
    start_evaluation,
)

Figures = BatchFigures | CompareFigures | GoldFigures
Part = tuple[Access, Sequence[Arm]]
"""Arms that are asked of one model with one profile."""


class Report(Struct, frozen=True):
    """The result of an evaluation; where it is not complete, `stop_reason` says why, and it can be resumed."""

    evaluation: str
    kind: str
    profile: str
    model: str
    simulated: bool
    rows: int
    complete: bool
    stop_reason: str
    calls: int
    cost_usd: float | None
    figures: Figures

    @property
    def verdict(self) -> str:
        """The result in a sentence."""
        return self.figures.verdict if self.complete else f"Incomplete: {self.stop_reason}"

    def as_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        plain = to_builtins(self)
        figures: dict[str, Any] = plain.pop("figures")
        return {**plain, **figures, "verdict": self.verdict}


class _Evaluation(ABC):
    """What the kinds of evaluation have in common; `parts` is what is asked first."""

    kind: str

    def __init__(self, rows: Sequence[Row], parts: Sequence[Part], *, warehouse: Warehouse, judge: str = "") -> None:
        self._rows = rows
        self._parts = parts
        self._warehouse = warehouse
        self.id = evaluation_id(self.kind, parts, judge=judge)

    def plan(self) -> Mapping[str, Plan]:
        """What `run` would take now, by arm; no call is made."""
        plans: dict[str, Plan] = {}
        for access, arms in [*self._parts, *self._later(None)]:
            plans |= plan_arms(access, arms, warehouse=self._warehouse, evaluation=self.id)
        return plans

    def run(self, *, on_event: OnEvent = lambda _: None) -> Report:
        """Ask what is missing, and report on everything. Raises as `ask`."""
        access = self._parts[0][0]
        start = Evaluation(
            evaluation_id=self.id,
            kind=self.kind,
            profile=access.profile.name,
            fingerprint=access.profile.fingerprint,
            model=access.model,
            rows=len(self._rows),
        )
        with self._warehouse.transaction() as connection:
            start_evaluation(connection, start)
        asked = Asked(())
        for part in self._parts:
            asked = self._ask(part, asked, on_event)
        parts = list(self._parts)
        if not asked.stop_reason:
            parts += (later := self._later(asked.rows))
            for part in later:
                asked = self._ask(part, asked, on_event)
        with self._warehouse.transaction() as connection:
            costs = arm_costs(connection, asked.rows)
        report = self._report(start, asked, costs, complete=not asked.stop_reason and self._is_complete(parts, asked))
        if report.complete:
            with self._warehouse.transaction() as connection:
                finish_evaluation(connection, self.id, verdict=report.verdict, report=report.as_json())
        return report

    def _ask(self, part: Part, before: Asked, on_event: OnEvent) -> Asked:
        if before.stop_reason:
            return before
        access, arms = part
        work = ask(
            access,
            arms,
            warehouse=self._warehouse,
            evaluation=self.id,
            spent_usd=before.spent_usd,
            on_event=on_event,
        )
        return run_blocking(work)

    def _is_complete(self, parts: Sequence[Part], asked: Asked) -> bool:
        return not any(
            open_batches(arms, asked.rows, round_=number, packing=_packing(access, self._warehouse))
            for access, arms in parts
            for number in (1, 2)
        )

    def _report(self, start: Evaluation, asked: Asked, costs: Mapping[str, ArmCost], *, complete: bool) -> Report:
        known = [cost.cost_usd for cost in costs.values() if cost.cost_usd is not None]
        return Report(
            evaluation=self.id,
            kind=self.kind,
            profile=start.profile,
            model=start.model,
            simulated=any(access.simulated for access, _ in self._parts),
            rows=len(self._rows),
            complete=complete,
            stop_reason=asked.stop_reason,
            calls=sum(cost.calls for cost in costs.values()),
            cost_usd=sum(known) if len(known) == len(costs) else None,
            figures=self._figures(asked.rows, costs),
        )

    def _later(self, asked: Sequence[AskedRow] | None) -> list[Part]:  # noqa: ARG002
        """What is asked once the parts are answered; None: not yet, for an estimate."""
        return []

    @abstractmethod
    def _figures(self, asked: Sequence[AskedRow], costs: Mapping[str, ArmCost]) -> Figures:
        """The figures over all that was asked."""


class BatchEvaluation(_Evaluation):
    """Whether batches cost quality: the rows in every arm, with the profile and model of `access`.

    Raises InvalidSetting for fewer than three rows, or batches of one row.
    """

    kind = "batch"

    def __init__(self, rows: Sequence[Row], *, access: Access, warehouse: Warehouse) -> None:
        if len(rows) < 3:
            raise InvalidSetting(f"an evaluation needs at least 3 rows, and there are {len(rows)}")
        self._access = access
        self._arms = batch_arms(rows, access.settings.batch_size, _packing(access, warehouse))
        super().__init__(rows, [(access, self._arms)], warehouse=warehouse)

    def _figures(self, asked: Sequence[AskedRow], costs: Mapping[str, ArmCost]) -> BatchFigures:
        return batch_figures(
            columns_of(self._access.profile),
            [row.row_id for row in self._rows],
            asked,
            arms=[arm.name for arm in self._arms],
            size=self._access.settings.batch_size,
            costs=costs,
        )


class GoldEvaluation(_Evaluation):
    """How right the answers to rows with known answers are."""

    kind = "gold"

    def __init__(self, rows: Sequence[Row], *, access: Access, warehouse: Warehouse) -> None:
        self._access = access
        arm = _packing(access, warehouse).arm(GOLD, rows, access.settings.batch_size)
        super().__init__(rows, [(access, [arm])], warehouse=warehouse)

    def _figures(self, asked: Sequence[AskedRow], costs: Mapping[str, ArmCost]) -> GoldFigures:
        return gold_figures(columns_of(self._access.profile), self._rows, asked, costs=costs)


class CompareEvaluation(_Evaluation):
    """How the answers of two profiles or models differ; `compared` says by side what they are, `judge` is a model.

    Raises InvalidSetting when they have no column in common.
    """

    kind = "compare"

    def __init__(
        self,
        rows: Sequence[Row],
        *,
        sides: tuple[Access, Access],
        compared: tuple[str, str],
        judge: str | None,
        warehouse: Warehouse,
    ) -> None:
        first, second = sides
        self._columns = [column for column in columns_of(first.profile) if column in columns_of(second.profile)]
        if not self._columns:
            raise InvalidSetting(f"{' and '.join(compared)} have no column in common, so that nothing can be compared")
        self._compared = dict(zip(SIDES, compared, strict=True))
        self._judge = judging(first, judge) if judge else None
        parts = [
            (access, [_packing(access, warehouse).arm(side, rows, access.settings.batch_size)])
            for side, access in zip(SIDES, sides, strict=True)
        ]
        super().__init__(rows, parts, warehouse=warehouse, judge=judge or "")

    def _later(self, asked: Sequence[AskedRow] | None) -> list[Part]:
        if not self._judge:
            return []
        a, b = self._annotations(asked)
        return [(self._judge, judge_arms(self._rows, a, b, _packing(self._judge, self._warehouse)))]

    def _annotations(self, asked: Sequence[AskedRow] | None) -> list[dict[str, str]]:
        if asked is None:  # texts of about the length that answers have
            long = "word " * (OUTPUT_TOKENS_PER_COLUMN * len(self._columns))
            return [{row.row_id: f"{side} {long}" for row in self._rows} for side in SIDES]
        return [
            {row: annotation(self._columns, answer) for row, answer in answers_of(side, asked).items()}
            for side in SIDES
        ]

    def _figures(self, asked: Sequence[AskedRow], costs: Mapping[str, ArmCost]) -> CompareFigures:
        return compare_figures(
            self._columns,
            self._rows,
            asked,
            compared=self._compared,
            judge=judged(SIDES, asked, model=self._judge.settings.model) if self._judge else None,
            arms=list(dict.fromkeys(row.arm for row in asked)),
            costs=costs,
        )


def _packing(access: Access, warehouse: Warehouse) -> Packing:
    return Packing(access, access.engine(warehouse).config)
