"""Fixtures for the tests of enrichment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from roadmap_assets.enrichment.cost import Prices, load_prices
from roadmap_assets.simulator.app import SimulatorOptions
from roadmap_assets.simulator.faults import FaultPlan, Rule
from roadmap_assets.simulator.server import Simulator
from roadmap_assets_tests.enrichment.engine.runs import Runs, Start


@pytest.fixture
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Starts a simulator with these rules, and runs against it: on a DuckDB file, or on what `on_both` says."""
    on_server = getattr(request, "param", "duckdb") == "postgresql"
    database = request.getfixturevalue("postgres_database") if on_server else None
    with ExitStack() as stack:

        def start(*rules: Rule, options: dict[str, Any] | None = None, **runs: Any) -> Runs:
            given = SimulatorOptions(faults=FaultPlan(rules), **(options or {}))
            return Runs(tmp_path, stack.enter_context(Simulator(given)), **{"database": database, **runs})

        yield start


@pytest.fixture
def priced(tmp_path: Path) -> Prices:
    """A price table in which the simulator's tokens cost a cent per thousand, input and output."""
    table = tmp_path / "prices.toml"
    table.write_text('as_of = 2026-11-01\n[models."simulator"]\ninput = 10.0\noutput = 10.0\n')
    return load_prices(table)
