"""A table whose answers are known, asked at a simulator that errs as a test sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from roadmap_assets.enrichment.access import Access
from roadmap_assets.evaluation.rows import Row
from roadmap_assets.evaluation.run import BatchEvaluation, CompareEvaluation, GoldEvaluation
from roadmap_assets.settings import load_settings
from roadmap_assets.simulator.answers import Bias
from roadmap_assets.simulator.app import SimulatorOptions
from roadmap_assets.simulator.faults import FaultPlan, Rule
from roadmap_assets.simulator.server import Simulator
from roadmap_assets.warehouse.registry import open_warehouse

PRICES = 'as_of = 2026-11-01\n[models."simulator"]\ninput = 10.0\noutput = 10.0\n'


def table(rows: int) -> list[Row]:
    """Rows of a table of dishes, in four groups."""
    return [
        Row(
            row_id=str(number),
            topic=f"Dish {number}",
            description=f"A dish of {number} parts that are cooked for {number % 7} hours. It is served warm.",
            group=f"chapter {number % 4}",
        )
        for number in range(rows)
    ]


class Kitchen:
    """A simulator, and evaluations that ask it; one call after the other, so that each run draws the same errors."""

    def __init__(self, folder: Path, simulator: Simulator, **settings: Any) -> None:
        self.folder = folder
        prices = folder / "prices.toml"
        prices.write_text(PRICES)
        self.simulator = simulator
        given: dict[str, Any] = {
            "db": folder / "x.duckdb",
            "prices": prices,
            "rpm": 0,
            "tpm": 0,
            "rpd": 0,
            "concurrency": 1,
        }
        given |= settings
        self.settings = load_settings(**given, gemini_api_key="key", gemini_base_url=simulator.url)
        self.warehouse = open_warehouse(self.settings.db)

    @property
    def access(self) -> Access:
        return Access(self.settings)

    def batch(self, rows: int = 40) -> BatchEvaluation:
        """The evaluation of batches over a table of this many rows."""
        return BatchEvaluation(table(rows), access=self.access, warehouse=self.warehouse)

    def gold(self, rows: Sequence[Row]) -> GoldEvaluation:
        """The evaluation of rows with known answers."""
        return GoldEvaluation(rows, access=self.access, warehouse=self.warehouse)

    def compare(self, rows: int = 40, *, judge: str | None = None) -> CompareEvaluation:
        """A comparison of the two built-in profiles."""
        study = Access(self.settings.changed(profile="study"))
        return CompareEvaluation(
            table(rows),
            sides=(self.access, study),
            compared=("summary", "study"),
            judge=judge,
            warehouse=self.warehouse,
        )

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        with self.warehouse.transaction() as connection:
            return connection.execute(query).fetchall()


StartKitchen = Callable[..., Kitchen]


@pytest.fixture
def kitchen(tmp_path: Path) -> Iterator[StartKitchen]:
    """Starts a simulator with faults and a bias."""
    with ExitStack() as stack:

        def start(*rules: Rule, bias: Bias | None = None, latency_s: float = 0.0, **settings: Any) -> Kitchen:
            options = SimulatorOptions(faults=FaultPlan(rules), bias=bias or Bias(), latency_s=latency_s)
            return Kitchen(tmp_path, stack.enter_context(Simulator(options)), **settings)

        yield start
