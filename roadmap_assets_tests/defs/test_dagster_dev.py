"""The whole of Dagster as processes: sensor to CSV, runs side by side, and runs that are killed or terminated.

One `dagster dev` serves them all, as starting it takes as long as a test; each has roadmaps of its own.
"""

from __future__ import annotations

import csv

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from roadmap_assets.defs.partitions import ROADMAPS
from roadmap_assets.simulator.faults import FaultPlan, Hang, Rule
from roadmap_assets.warehouse.duckdb import Warehouse
from roadmap_assets_tests.defs.dagster_dev import DagsterDev
from roadmap_assets_tests.roadmaps.written import write_roadmap

pytestmark = pytest.mark.long


def rows(dev: DagsterDev, query: str) -> list[tuple[object, ...]]:
    with Warehouse(dev.folder / ".cache" / "enrichment.duckdb").transaction() as connection:
        return connection.execute(query).fetchall()


def test_from_a_new_directory_in_the_source_to_a_csv_file(dev: DagsterDev) -> None:
    known = dev.instance.get_dynamic_partitions(ROADMAPS.name or "")
    made = dg.RunsFilter(tags={"dagster/partition": "novel"}, statuses=[DagsterRunStatus.SUCCESS])
    with dev.gemini():
        write_roadmap(dev.source, "novel", ["Plot", "Voice", "Scene"])
        dev.start_sensor("new_roadmaps")
        dev.wait_until(lambda: bool(dev.instance.get_runs(made)))
    assert dev.instance.get_dynamic_partitions(ROADMAPS.name or "") == [*known, "novel"]
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
