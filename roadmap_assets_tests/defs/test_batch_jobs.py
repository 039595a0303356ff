"""Batch jobs under Dagster: a run that leaves rows pending, and the sensor that finishes the work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster import SensorResult

from roadmap_assets.defs.batch_sensor import batch_jobs
from roadmap_assets.defs.sensors import deferred_rows
from roadmap_assets.simulator.batch_behaviour import BatchBehaviour
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.defs.project import RANGE, WITH_PAGE, Project, check_of, checks, failures

HOUR = 3600.0


class Jobs:
    """A project that asks by batch jobs, whose server is done with one after an hour."""

    def __init__(self, project: Project, server: Simulator) -> None:
        self.project = project
        self.server = server
        self.cursor: str | None = None
        self.skipped = ""

    def tick(self) -> list[dg.RunRequest]:
        """The runs that the sensor requests; it keeps its cursor."""
        definitions, instance = self.project.definitions, self.project.instance
        with dg.build_sensor_context(instance=instance, cursor=self.cursor, resources=definitions.resources) as context:
            result = batch_jobs(context)
        assert isinstance(result, SensorResult)
        self.cursor = result.cursor
        self.skipped = (result.skip_reason.skip_message or "") if result.skip_reason else ""
        return list(result.run_requests or ())


def start(project: Project, **behaviour: Any) -> Iterator[Jobs]:
    for slug in ("art", "bees", "cars"):
        project.write(slug, [f"{slug} {number}" for number in range(15)])
    with Simulator(SimulatorOptions(batches=BatchBehaviour(**behaviour))) as server:
        project.ask(server.url, ROADMAP_SERVICE="batch", ROADMAP_BATCH_POLL="0.001")
        yield Jobs(project, server)


@pytest.fixture
def jobs(project: Project) -> Iterator[Jobs]:
    yield from start(project, pending_s=HOUR)


def test_a_run_succeeds_with_its_rows_pending_in_metadata_and_a_check(jobs: Jobs) -> None:
    result = jobs.project.run("art", "bees", "cars", assets=WITH_PAGE[:3])
    assert result.success, failures(result)
    metadata = jobs.project.metadata("topic_enrichments", "bees")
    assert (metadata["pending"], metadata["deferred"], metadata["enriched"]) == (15, 0, 0)
    pending = check_of(jobs.project, "topic_enrichments.topics_not_pending", "bees")
    assert not pending.passed
    assert len([request for request in jobs.server.requests if request.path.endswith(":batchGenerateContent")]) == 1
    assert jobs.project.sql("SELECT requests, rows, state FROM batch_jobs") == [(3, 45, "open")]
    instance = jobs.project.instance
    with dg.build_sensor_context(instance=instance, resources=jobs.project.definitions.resources) as context:
        assert isinstance(deferred_rows(context), dg.SkipReason), "a pending row is not deferred"


def test_the_sensor_collects_and_requests_a_run_that_publishes_what_is_complete(jobs: Jobs) -> None:
    assert not jobs.tick()
    assert jobs.skipped == "no batch job is open"
    jobs.project.run("art", "bees", "cars", assets=WITH_PAGE[:3])
    assert not jobs.tick()
    assert "open" in jobs.skipped
    jobs.server.let_jobs_age(HOUR)
    [request] = jobs.tick()
    assert [request.tags[tag] for tag in RANGE] == ["art", "cars"]
    assert [key.to_user_string() for key in request.asset_selection or ()] == list(WITH_PAGE[2:])
    assert not jobs.tick(), "it is requested once"
    result = jobs.project.run("art", "bees", "cars", assets=WITH_PAGE[2:4])
    assert result.success
    assert all(passed for name, passed in checks(result).items() if name != "topic_enrichments.batch_quality")
    assert jobs.project.metadata("enriched_roadmap", "bees")["enriched"] == 15
    assert sum(len(seen.topics) for seen in jobs.server.requests) == 45, "nothing is asked twice"


def test_what_another_process_has_collected_is_published_too(jobs: Jobs) -> None:
    jobs.project.run("art", assets=WITH_PAGE[:3])
    jobs.tick()
    jobs.server.let_jobs_age(HOUR)
    jobs.project.run("art", assets=WITH_PAGE[2:3])
    [request] = jobs.tick()
    assert [request.tags[tag] for tag in RANGE] == ["art", "art"]


def test_a_job_that_failed_releases_its_rows_and_is_not_repeated_by_the_sensor(project: Project) -> None:
    for jobs in start(project, end="failed", pending_s=HOUR):
        project.run("art", assets=WITH_PAGE[:3])
        jobs.server.let_jobs_age(HOUR)
        assert not jobs.tick()
        assert "failed (The batch failed.)" in jobs.skipped
        assert not jobs.tick()
        assert jobs.skipped == "no batch job is open"


def test_old_jobs_are_looked_at_less_often(jobs: Jobs) -> None:
    jobs.project.set(ROADMAP_BATCH_POLL="30")
    jobs.project.run("art", assets=WITH_PAGE[:3])
    jobs.tick()
    seen = len(jobs.server.requests)
    assert not jobs.tick()
    assert jobs.skipped == "the open batch jobs were looked at lately"
    assert len(jobs.server.requests) == seen
