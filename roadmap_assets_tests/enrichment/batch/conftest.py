"""Fixtures for the tests of batch jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from roadmap_assets.simulator.app import SimulatorOptions
from roadmap_assets.simulator.batch_behaviour import BatchBehaviour
from roadmap_assets.simulator.faults import FaultPlan, Rule
from roadmap_assets.simulator.server import Simulator
from roadmap_assets_tests.enrichment.batch.jobs import BatchRuns

StartJobs = Callable[..., BatchRuns]


on_both = pytest.mark.parametrize("start_jobs", ["duckdb", "postgresql"], indirect=True)
"""Marks tests whose runs are on a database of each kind in turn."""


@pytest.fixture
def start_jobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StartJobs]:
    """Starts a simulator whose jobs behave in this way, and runs against it: on a DuckDB file, unless `on_both`."""
    on_server = getattr(request, "param", "duckdb") == "postgresql"
    database = request.getfixturevalue("postgres_database") if on_server else None
    with ExitStack() as stack:

        def start(*rules: Rule, options: dict[str, Any] | None = None, runs: Any = None, **behaviour: Any) -> BatchRuns:
            batches = BatchBehaviour(**behaviour)
            given = SimulatorOptions(faults=FaultPlan(rules), batches=batches, **(options or {}))
            return BatchRuns(tmp_path, stack.enter_context(Simulator(given)), **{"database": database, **(runs or {})})

        yield start
