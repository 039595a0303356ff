"""An evaluation from its rows to its report: what both the command line and Dagster call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.blocking import run_blocking
from roadmap_assets.enrichment.engine.events import OnEvent
from roadmap_assets.enrichment.plan import Plan
from roadmap_assets.errors import InvalidSetting
from roadmap_assets.evaluation.arms import Arm, Packing, batch_arms, evaluation_id, open_batches
from roadmap_assets.evaluation.ask import ask, plan_arms
from roadmap_assets.evaluation.batch import BatchFigures, batch_figures
from roadmap_assets.evaluation.columns import columns_of
from roadmap_assets.evaluation.rows import Row
from roadmap_assets.warehouse.duckdb import Warehouse
from roadmap_assets.warehouse.evaluations import Evaluation, arm_costs, finish_evaluation, start_evaluation


@dataclass(frozen=True, slots=True)
class Report:
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
    figures: BatchFigures

    @property
    def verdict(self) -> str:
        """The result in a sentence."""
        return self.figures.verdict if self.complete else f"Incomplete: {self.stop_reason}"

    def as_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        plain = asdict(self)
        figures: dict[str, Any] = plain.pop("figures")
        return {**plain, **figures, "verdict": self.verdict}


class BatchEvaluation:
    """Whether batches cost quality: the rows in every arm, with the profile and model of `access`.

    Raises InvalidSetting for fewer than three rows.
    """

    def __init__(self, rows: Sequence[Row], *, access: Access, warehouse: Warehouse) -> None:
        if len(rows) < 3:
            raise InvalidSetting(f"an evaluation needs at least 3 rows, and there are {len(rows)}")
        self._rows = rows
        self._access = access
        self._warehouse = warehouse
        self._packing = Packing(access, access.engine(warehouse).config)
        self.arms: Sequence[Arm] = batch_arms(rows, access.settings.batch_size, self._packing)
        self.id = evaluation_id("batch", [(access, self.arms)])

    def plan(self) -> Mapping[str, Plan]:
        """What `run` would take now, by arm; no call is made."""
        return plan_arms(self._access, self.arms, warehouse=self._warehouse, evaluation=self.id)

    def run(self, *, on_event: OnEvent = lambda _: None) -> Report:
        """Ask what is missing, and report on everything. Raises as `ask`."""
        access = self._access
        with self._warehouse.transaction() as connection:
            start_evaluation(
                connection,
                Evaluation(
                    evaluation_id=self.id,
                    kind="batch",
                    profile=access.profile.name,
                    fingerprint=access.profile.fingerprint,
                    model=access.model,
                    rows=len(self._rows),
                ),
            )
        asked = run_blocking(ask(access, self.arms, warehouse=self._warehouse, evaluation=self.id, on_event=on_event))
        complete = not any(
            open_batches(self.arms, asked.rows, round_=number, packing=self._packing) for number in (1, 2)
        )
        with self._warehouse.transaction() as connection:
            costs = arm_costs(connection, asked.rows)
        known = [cost.cost_usd for cost in costs.values() if cost.cost_usd is not None]
        report = Report(
            evaluation=self.id,
            kind="batch",
            profile=access.profile.name,
            model=access.model,
            simulated=access.simulated,
            rows=len(self._rows),
            complete=complete,
            stop_reason=asked.stop_reason,
            calls=sum(cost.calls for cost in costs.values()),
            cost_usd=sum(known) if len(known) == len(costs) else None,
            figures=batch_figures(
                columns_of(access.profile),
                [row.row_id for row in self._rows],
                asked.rows,
                arms=[arm.name for arm in self.arms],
                size=access.settings.batch_size,
                costs=costs,
            ),
        )
        if complete:
            with self._warehouse.transaction() as connection:
                finish_evaluation(connection, self.id, verdict=report.verdict, report=report.as_json())
        return report
