"""Four runs that are killed together with Dagster, as when the machine stops, and what waits behind them."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import DagsterRunStatus

from roadmap_assets.simulator.faults import FaultPlan, Hang, Rule
from roadmap_assets_tests.defs.dagster_dev import DagsterDev
from roadmap_assets_tests.roadmaps.written import write_roadmap

pytestmark = pytest.mark.long


def test_they_are_found_and_the_queue_goes_on(tmp_path: Path) -> None:
    slugs = [f"stopped-{number}" for number in range(4)]
    with DagsterDev(tmp_path) as dev:
        for slug in (*slugs, "queued"):
            write_roadmap(dev.source, slug, [f"{slug} {number}" for number in range(3)])
        with dev.gemini(faults=FaultPlan((Rule(Hang()),))):
            runs = [dev.launch(slug) for slug in slugs]
            dev.wait_until(lambda: all(dev.status(run) == DagsterRunStatus.STARTED for run in runs))
            queued = dev.launch("queued")
            dev.stop_hard()
        assert dev.status(queued) == DagsterRunStatus.QUEUED
        with dev.gemini():
            dev.start()
            assert [dev.end_of(run) for run in runs] == [DagsterRunStatus.FAILURE] * 4
            assert dev.end_of(queued) == DagsterRunStatus.SUCCESS, dev.log_of(queued)
