"""The whole of Dagster as processes: sensor to CSV, runs side by side, a run that is killed, and the UI's pages.

One `dagster dev` serves them all, as starting it takes as long as a test; each has roadmaps of its own.
"""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from dagster import DagsterRunStatus

from roadmap_assets.defs.partitions import ROADMAPS
from roadmap_assets.roadmaps.sources.registry import SAMPLE
from roadmap_assets.simulator.faults import FaultPlan, Hang, Rule
from roadmap_assets.warehouse.duckdb import Warehouse
from roadmap_assets_tests.browser import CHROMIUM, FLAGS, PICTURES
from roadmap_assets_tests.defs.dagster_dev import MODULE, DagsterDev
from roadmap_assets_tests.defs.project import REPOSITORY
from roadmap_assets_tests.roadmaps.written import write_roadmap


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterDev]:
    with DagsterDev(tmp_path_factory.mktemp("dev")) as running:
        yield running


def rows(dev: DagsterDev, query: str) -> list[tuple[object, ...]]:
    with Warehouse(dev.folder / ".cache" / "enrichment.duckdb").transaction() as connection:
        return connection.execute(query).fetchall()


def test_from_a_new_directory_in_the_source_to_a_csv_file(dev: DagsterDev) -> None:
    with dev.gemini():
        write_roadmap(dev.source, "novel", ["Plot", "Voice", "Scene"])
        dev.start_sensor("new_roadmaps")
        dev.wait_until(lambda: any(run.status == DagsterRunStatus.SUCCESS for run in dev.instance.get_runs()))
    assert dev.instance.get_dynamic_partitions(ROADMAPS.name or "") == ["novel"]
    [file] = (dev.folder / "output").glob("roadmap_novel.simulated.csv")
    with file.open(newline="") as text:
        written = list(csv.DictReader(text))
    assert [row["Topic"] for row in written] == ["Plot", "Voice", "Scene"]
    assert all(row["TLDR"] and row["Challenge"] for row in written)


def test_four_runs_of_four_roadmaps_at_once(dev: DagsterDev) -> None:
    groups = [[f"group-{group}-{number}" for number in range(4)] for group in range(4)]
    for slugs in groups:
        for slug in slugs:
            write_roadmap(dev.source, slug, [f"{slug} topic {number}" for number in range(10)])
    with dev.gemini() as gemini:
        runs = [dev.launch(*slugs) for slugs in groups]
        ended = {run: dev.end_of(run) for run in runs}
        requests = gemini.requests
    assert set(ended.values()) == {DagsterRunStatus.SUCCESS}, "\n".join(map(dev.log_of, runs))
    assert {request.status for request in requests} == {200}
    assert len(requests) == 4 * 2
    assert rows(dev, "SELECT count(tldr) FROM simulated_roadmaps WHERE roadmap LIKE 'group-%'") == [(160,)]


def test_a_killed_run_leaves_nothing_that_blocks_the_next(dev: DagsterDev) -> None:
    write_roadmap(dev.source, "fragile", [f"Part {number}" for number in range(25)])
    with dev.gemini(faults=FaultPlan((Rule(Hang(), calls=(1, 2)),))) as gemini:
        first = dev.launch("fragile")
        dev.wait_until(lambda: len(gemini.requests) == 2)
        dev.kill_worker(first)
        second = dev.launch("fragile")
        assert dev.end_of(second) == DagsterRunStatus.SUCCESS, dev.log_of(second)
    assert rows(dev, "SELECT count(tldr) FROM simulated_roadmaps WHERE roadmap = 'fragile'") == [(25,)]
    assert rows(dev, "SELECT count(*) FROM enrichment_leases") == [(0,)]
    assert dev.end_of(first) == DagsterRunStatus.FAILURE


def test_a_run_that_is_terminated_keeps_what_was_answered(dev: DagsterDev) -> None:
    write_roadmap(dev.source, "halted", [f"Step {number}" for number in range(40)])
    stored = "SELECT count(*) FROM enrichments WHERE topic LIKE 'Step %'"
    with dev.gemini(faults=FaultPlan((Rule(Hang(), calls=(2,)),))):
        run = dev.launch("halted")
        dev.wait_until(lambda: rows(dev, stored) == [(20,)])
        dev.terminate(run)
        assert dev.end_of(run) == DagsterRunStatus.CANCELED, dev.log_of(run)
    assert sorted(rows(dev, "SELECT outcome FROM api_calls ORDER BY started_at DESC LIMIT 2")) == [
        ("answered",),
        ("cancelled",),
    ]
    assert rows(dev, "SELECT count(*) FROM enrichment_leases") == [(0,)]


def test_a_backfill_is_one_run_that_packs_its_batches_across_roadmaps(dev: DagsterDev) -> None:
    slugs = [f"part-{number}" for number in range(5)]
    for slug in slugs:
        write_roadmap(dev.source, slug, [f"{slug} topic {number}" for number in range(4)])
    with dev.gemini() as gemini:
        [run] = dev.backfill(*slugs)
        assert dev.status(run) == DagsterRunStatus.SUCCESS, dev.log_of(run)
        assert len(gemini.requests) == 1
    assert rows(dev, "SELECT count(tldr) FROM simulated_roadmaps WHERE roadmap LIKE 'part-%'") == [(20,)]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_the_pages_of_the_ui(dev: DagsterDev) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    slug = "data-orchestration"
    shutil.copytree(SAMPLE / slug, dev.source / slug)
    with dev.gemini():
        assert dev.end_of(dev.launch(slug)) == DagsterRunStatus.SUCCESS
    keep = os.environ.get(PICTURES)
    with tempfile.TemporaryDirectory() as profile, playwright.sync_playwright() as driver:
        browser = driver.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=list(FLAGS), viewport={"width": 1440, "height": 900}
        )
        page = browser.pages[0]
        page.set_default_timeout(60_000)

        def shows(path: str, picture: str, *texts: str) -> None:
            page.goto(f"{dev.url}{path}")
            for text in texts:
                page.get_by_text(text).first.wait_for(state="attached")
            if keep:
                page.wait_for_load_state("networkidle")
                page.wait_for_timeout(2_000)  # for what moves while it appears
                page.screenshot(path=REPOSITORY / "docs" / "images" / f"{picture}.png")

        shows(
            f"/locations/{MODULE}/asset-groups/roadmaps/lineage",
            "asset-graph",
            "raw_roadmap",
            "roadmap_topics",
            "topic_enrichments",
            "enriched_roadmap",
        )
        shows(
            f"/assets/topic_enrichments?view=partitions&partition={slug}",
            "partition-metadata",
            "gemini.total_token_count",
            "run_totals",
            "simulated",
        )
        shows("/assets/roadmap_topics?view=checks", "asset-checks", "topics_complete", "ids_unique", "readable")
        shows("/assets/enriched_roadmap?view=overview", "asset-overview", "One row per topic", "tldr", "challenge")
        browser.close()
