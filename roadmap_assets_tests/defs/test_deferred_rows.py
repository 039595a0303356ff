"""The sensor `deferred_rows` on a real instance, tick by tick."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster import SkipReason

from roadmap_assets.defs.partitions import ROADMAPS
from roadmap_assets.defs.sensors import deferred_rows
from roadmap_assets.simulator.server import Simulator
from roadmap_assets_tests.defs.project import RANGE, Project


class TestDeferredRows:
    def ticks(self, project: Project) -> list[dg.RunRequest] | SkipReason:
        instance = project.instance
        with dg.build_sensor_context(instance=instance, resources=project.definitions.resources) as context:
            result = deferred_rows(context)
        assert isinstance(result, list | SkipReason)
        return result

    def tick(self, project: Project) -> dg.RunRequest | SkipReason:
        result = self.ticks(project)
        if isinstance(result, SkipReason):
            return result
        [request] = result
        return request

    def test_exactly_the_roadmaps_that_wait(self, deferred: Project) -> None:
        """Dagster's order of partitions is that in which they were added; one that waits for nothing is between."""
        deferred.instance.delete_dynamic_partition(ROADMAPS.name or "", "cars")
        deferred.know("cars")
        requests = self.ticks(deferred)
        assert isinstance(requests, list)
        assert [[request.tags[tag] for tag in RANGE] for request in requests] == [["bees", "bees"], ["cars", "cars"]]

    def test_another_set_of_questions_is_another_run(self, deferred: Project) -> None:
        first = self.tick(deferred)
        deferred.run("bees", assets=["topic_enrichments"])
        second = self.tick(deferred)
        assert isinstance(first, dg.RunRequest)
        assert isinstance(second, dg.RunRequest)
        assert first.run_key != second.run_key

    def test_as_many_other_questions_are_another_run(self, deferred: Project) -> None:
        first = self.tick(deferred)
        deferred.write("cars", [f"cars {number}" for number in range(15)], text="Another text altogether.")
        deferred.run("cars", assets=["raw_roadmap", "roadmap_topics"])
        second = self.tick(deferred)
        assert isinstance(first, dg.RunRequest)
        assert isinstance(second, dg.RunRequest)
        assert first.run_key != second.run_key

    @pytest.fixture
    def deferred(self, project: Project) -> Project:
        """Four roadmaps, of which the second and the third have topics that the day's quota left over."""
        for slug in ("art", "bees", "cars", "dogs"):
            project.write(slug, [f"{slug} {number}" for number in range(15)])
        project.fill("art")
        with Simulator() as simulator:
            project.ask(simulator.url, ROADMAP_RPD="1")
            project.set(ROADMAP_MODEL="simulator", ROADMAP_BATCH_SIZE="10")
            project.fill("bees")
            project.run("cars")
        project.set(ROADMAP_OFFLINE="1", ROADMAP_RPD="0")
        project.fill("dogs")
        return project

    def test_nothing_waits(self, project: Project) -> None:
        project.write("art")
        project.fill("art")
        skip = self.tick(project)
        assert isinstance(skip, SkipReason)
        assert "no topic waits" in (skip.skip_message or "")

    def test_one_run_for_the_roadmaps_that_wait(self, deferred: Project) -> None:
        request = self.tick(deferred)
        assert isinstance(request, dg.RunRequest)
        assert [request.tags[tag] for tag in RANGE] == ["bees", "cars"]
        assert {key.to_user_string() for key in request.asset_selection or []} == {
            "topic_enrichments",
            "enriched_roadmap",
        }
        before = deferred.sql("SELECT count(*) FROM simulated_roadmaps WHERE status = 'deferred'")
        result = deferred.run("bees", "cars", assets=["topic_enrichments", "enriched_roadmap"])
        assert result.success
        assert before == [(5,)], "of cars nothing was answered, so nothing is published"
        assert deferred.sql("SELECT count(*) FROM simulated_roadmaps WHERE status = 'deferred'") == [(0,)]
        assert isinstance(self.tick(deferred), SkipReason)

    def test_the_same_run_is_asked_for_once(self, deferred: Project) -> None:
        first, second = self.tick(deferred), self.tick(deferred)
        assert isinstance(first, dg.RunRequest)
        assert isinstance(second, dg.RunRequest)
        assert first.run_key == second.run_key

    def test_a_budget_is_spent_once_a_day(self, deferred: Project) -> None:
        deferred.set(ROADMAP_BUDGET_USD="0.01")
        first = self.tick(deferred)
        assert isinstance(first, dg.RunRequest)
        assert ":" not in (first.run_key or ":")

    def test_not_before_the_quota_is_open(self, deferred: Project) -> None:
        deferred.set(ROADMAP_OFFLINE="0", ROADMAP_RPD="1")
        skip = self.tick(deferred)
        assert isinstance(skip, SkipReason)
        assert "open again at" in (skip.skip_message or "")

    def test_what_failed_too_often_is_left(self, deferred: Project) -> None:
        deferred.run("bees", "cars", assets=["topic_enrichments", "enriched_roadmap"])
        deferred.set(ROADMAP_FAILURE_RUNS="1")
        deferred.sql(
            "INSERT INTO enrichment_failures SELECT key, topic, profile, model, 'blocked', '', 1, 1, answered_at "
            "FROM enrichments WHERE topic = 'bees 3'"
        )
        deferred.sql("DELETE FROM enrichments WHERE topic = 'bees 3'")
        deferred.run("bees", assets=["enriched_roadmap"])
        skip = self.tick(deferred)
        assert isinstance(skip, SkipReason)
        assert "too often" in (skip.skip_message or "")
