"""What a user does in Dagster's web interface, by clicking in a real Chromium; and the pictures of the docs.

They share one `dagster dev`; each has roadmaps of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from dagster import DagsterRunStatus
from dagster._core.execution.backfill import BulkActionStatus

from roadmap_assets.roadmaps.sources.registry import SAMPLE
from roadmap_assets.simulator.faults import FaultPlan, Hang, Rule
from roadmap_assets_tests.browser import CHROMIUM
from roadmap_assets_tests.defs.dagster_dev import MODULE, DagsterDev
from roadmap_assets_tests.defs.dagster_ui import DagsterUi, opened_ui
from roadmap_assets_tests.roadmaps.written import write_roadmap

pytestmark = pytest.mark.long

SLUG = "data-orchestration"


@pytest.fixture(scope="module")
def ui(dev: DagsterDev) -> Iterator[DagsterUi]:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with opened_ui(dev.url) as opened:
        yield opened


def test_a_partition_is_materialized_and_its_pages_show_the_result(dev: DagsterDev, ui: DagsterUi) -> None:
    shutil.copytree(SAMPLE / SLUG, dev.source / SLUG)
    dev.know(SLUG)
    with dev.gemini():
        run = dev.run_of(ui.materialize(SLUG))
        ui.run_shows(run, "Success")
    assert dev.status(run) == DagsterRunStatus.SUCCESS
    ui.goto(f"/locations/{MODULE}/asset-groups/roadmaps/lineage", "raw_roadmap", "topic_enrichments", "roadmap_page")
    ui.picture("asset-graph")
    ui.goto(f"/assets/topic_enrichments?view=partitions&partition={SLUG}", "gemini.total_token_count", "run_totals")
    assert not ui.page.get_by_text("Unsynced").count()
    ui.picture("partition-metadata")
    ui.goto("/assets/roadmap_topics?view=checks", "topics_complete", "ids_unique", "readable")
    ui.picture("asset-checks")
    ui.goto("/assets/enriched_roadmap?view=overview", "One row per topic", "tldr", "challenge")
    ui.picture("asset-overview")


def test_a_backfill_with_an_unreadable_roadmap_completes_with_a_warning(dev: DagsterDev, ui: DagsterUi) -> None:
    write_roadmap(dev.source, "ui-bare", ["One", "Two"])
    for text in (dev.source / "ui-bare" / "content").iterdir():
        text.unlink()
    write_roadmap(dev.source, "ui-full", ["Three", "Four"])
    write_roadmap(dev.source, "ui-unreadable", ())
    slugs = ("ui-bare", "ui-full", "ui-unreadable")
    dev.know(*slugs)
    with dev.gemini():
        backfill = ui.materialize(*slugs)
        run = dev.run_of(backfill)
        ui.run_shows(run, "Success")
    assert dev.status(run) == DagsterRunStatus.SUCCESS, dev.log_of(run)
    assert dev.end_of_backfill(backfill) == BulkActionStatus.COMPLETED_SUCCESS
    ui.goto(f"/runs/b/{backfill}", "Completed")
    ui.goto("/assets/roadmap_topics?view=checks", "readable")
    left_out = ui.check("roadmap_topics", "readable", "ui-unreadable")
    assert "Failed" in left_out
    assert "holds no topic" in left_out
    bare, full = (ui.check("raw_roadmap", "has_texts", slug) for slug in slugs[:2])
    assert "0 texts, 1 offender: no text files" in bare
    assert "2 texts, 0 offenders" in full
    ui.goto("/assets/roadmap_topics?view=partitions&partition=ui-unreadable", "left_out", "holds no topic")


def test_a_run_is_terminated(dev: DagsterDev, ui: DagsterUi) -> None:
    write_roadmap(dev.source, "ui-halted", ["Wait", "Longer"])
    dev.know("ui-halted")
    with dev.gemini(faults=FaultPlan((Rule(Hang()),))) as gemini:
        run = dev.run_of(ui.materialize("ui-halted"))
        dev.wait_until(lambda: bool(gemini.requests))
        ui.terminate(run)
        ui.run_shows(run, "Canceled")
    assert dev.status(run) == DagsterRunStatus.CANCELED, dev.log_of(run)


def test_a_sensor_is_switched_on_and_ticks(dev: DagsterDev, ui: DagsterUi) -> None:
    ui.start_sensor("deferred_rows")
    assert "deferred_rows" in _running_sensors(dev)
    ui.switch_sensor()
    dev.wait_until(lambda: "deferred_rows" not in _running_sensors(dev))


def _running_sensors(dev: DagsterDev) -> set[str]:
    return {state.instigator_name for state in dev.instance.all_instigator_state() if state.is_running}
