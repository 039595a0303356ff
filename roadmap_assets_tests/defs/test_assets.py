"""The four assets on a real instance."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from roadmap_assets.simulator.faults import BlockPrompt, FaultPlan, Rule, Status
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.defs.project import ASSETS, WITH_PAGE, Project, checks, failures, made


def test_a_run_of_one_roadmap_makes_all_four_and_reports_what_it_took(project: Project) -> None:
    project.write("music", ["Scales", "Chords", "Rhythm"])
    result = project.run("music")
    assert result.success, failures(result)
    assert made(result) == {asset: ["music"] for asset in WITH_PAGE}
    assert all(checks(result).values())
    assert project.sql("SELECT topic, status FROM simulated_roadmaps ORDER BY position") == [
        ("Scales", "enriched"),
        ("Chords", "enriched"),
        ("Rhythm", "enriched"),
    ]
    metadata = project.metadata("topic_enrichments", "music")
    wanted = {"dagster/row_count": 3, "hits": 0, "enriched": 3, "failed": 0, "deferred": 0, "gemini.calls": 1}
    assert {name: metadata[name] for name in wanted} == wanted
    assert (metadata["model"], metadata["profile"], metadata["simulated"]) == ("simulator", "summary", True)
    assert metadata["gemini.prompt_token_count"] > 100
    assert (
        metadata["gemini.total_token_count"]
        == metadata["gemini.prompt_token_count"] + metadata["gemini.candidates_token_count"]
    )
    totals = metadata["run_totals"]
    assert (totals["calls"], totals["least_calls"], totals["roadmaps"]) == (1, 1, 1)
    assert "Chords" in metadata["preview"]
    published = project.metadata("enriched_roadmap", "music")
    assert Path(published["csv"]).read_text().count("\n") == 4
    assert published["dagster/row_count"] == 3
    assert project.metadata("raw_roadmap", "music")["texts"] == 3
    topics = project.metadata("roadmap_topics", "music")
    assert (topics["share_with_a_text"], topics["parser_counts"]["unusable_edges"]) == (1.0, 0)
    assert [topics[f"share_placed_by_{by}"] for by in ("tree", "drawing", "none")] == [0.0, 1.0, 0.0]
    assert topics["optional"] == 0


def test_a_second_run_makes_no_call(project: Project) -> None:
    project.write("music")
    project.run("music")
    result = project.run("music")
    assert result.success
    metadata = project.metadata("topic_enrichments", "music")
    assert (metadata["gemini.calls"], metadata["hits"]) == (0, 3)
    assert project.sql("SELECT count(*) FROM api_calls") == [(1,)]


def test_an_address_that_is_not_gemini_s_own_is_in_the_metadata_without_its_password(project: Project) -> None:
    project.write("music")
    project.run("music")
    assert "base_url" not in project.metadata("enriched_roadmap", "music")
    assert "base_url" not in project.metadata("topic_enrichments", "music")["run_totals"]
    with Simulator() as simulator:
        project.ask(simulator.url.replace("://", "://me:SECRET@"))
        assert project.run("music").success
    assert project.metadata("topic_enrichments", "music")["run_totals"]["base_url"] == simulator.url
    assert project.metadata("enriched_roadmap", "music")["base_url"] == simulator.url


def test_plan_and_progress_are_observed_and_logged_while_it_goes_on(project: Project) -> None:
    project.write("music", [f"Topic {number}" for number in range(45)])
    result = project.run("music")
    observations = [event.asset_observation_data.asset_observation for event in result.get_asset_observation_events()]
    assert {observation.partition for observation in observations} == {"music"}
    plan, found = ({name: value.value for name, value in each.metadata.items()} for each in observations)
    assert (plan["rows"], plan["hits"], plan["misses"], plan["planned_calls"]) == (45, 0, 45, 3)
    assert 0 < int(str(plan["planned_input_tokens"])) <= 100_000
    assert (found["total"], found["hits"]) == (45, 0)
    assert 0 < int(str(found["done"])) <= 45
    messages = [entry.user_message for entry in project.instance.all_logs(result.run_id)]
    assert any(message.startswith("Plan: 45 rows, 0 hits, 45 to ask: 3 calls") for message in messages)
    assert any(message.startswith("45/45 rows done, 0 hits, 3 calls") for message in messages)


class TestStale:
    """What Dagster calls stale is what has changed."""

    def stale(self, project: Project) -> set[str]:
        graph = project.definitions.resolve_asset_graph()
        resolver = CachingStaleStatusResolver(project.instance, graph, LoadingContextForTest(project.instance))
        return {
            f"{asset} {slug}"
            for asset in ASSETS
            for slug in ("art", "music")
            if resolver.get_status(dg.AssetKey(asset), slug).value != "FRESH"
        }

    @pytest.fixture
    def made_all(self, project: Project) -> Project:
        project.write("art")
        project.write("music")
        assert project.run("art", "music").success
        return project

    def test_nothing_right_after_a_run_over_many(self, made_all: Project) -> None:
        assert self.stale(made_all) == set()

    def test_what_depends_on_a_changed_roadmap_and_no_other(self, made_all: Project) -> None:
        made_all.write("art", text="A new text about it.")
        made_all.run("art", assets=["raw_roadmap"])
        assert self.stale(made_all) == {"roadmap_topics art"}
        made_all.run("art", assets=["roadmap_topics"])
        assert self.stale(made_all) == {"topic_enrichments art", "enriched_roadmap art"}
        made_all.run("art", assets=["topic_enrichments", "enriched_roadmap"])
        assert self.stale(made_all) == set()

    def test_nothing_when_a_refresh_finds_all_as_it_was(self, made_all: Project) -> None:
        made_all.run("art", "music", assets=["raw_roadmap"])
        assert self.stale(made_all) == set()

    def test_the_answers_of_all_when_the_profile_changed(self, made_all: Project) -> None:
        made_all.set(ROADMAP_PROFILE="study")
        assert self.stale(made_all) == {"topic_enrichments art", "topic_enrichments music"}

    def test_the_answers_of_all_when_another_model_is_to_be_asked(self, made_all: Project) -> None:
        made_all.set(ROADMAP_OFFLINE="0")
        assert self.stale(made_all) == {"topic_enrichments art", "topic_enrichments music"}


class TestPartialResults:
    def test_a_topic_that_fails_leaves_the_run_successful_and_a_check_failing(self, project: Project) -> None:
        project.write("music", ["Scales", "Chords", "Poison", "Rhythm"])
        with Simulator(SimulatorOptions(faults=FaultPlan((Rule(BlockPrompt(), topic="Poison"),)))) as simulator:
            project.ask(simulator.url)
            result = project.run("music")
        assert result.success, failures(result)
        outcomes = checks(result)
        assert [name for name, passed in outcomes.items() if not passed] == ["topic_enrichments.topics_answered"]
        assert project.metadata("enriched_roadmap", "music")["failed"] == 1

    def test_what_the_day_does_not_allow_is_deferred(self, project: Project) -> None:
        project.write("music", [f"Topic {number}" for number in range(30)])
        with Simulator() as simulator:
            project.ask(simulator.url, ROADMAP_RPD="1")
            result = project.run("music")
        assert result.success
        metadata = project.metadata("topic_enrichments", "music")
        assert (metadata["enriched"], metadata["deferred"], metadata["gemini.calls"]) == (20, 10, 1)
        assert "day's quota" in metadata["run_totals"]["stop_reason"]
        assert metadata["run_totals"]["day_quota_used"] == 1.0
        assert checks(result)["topic_enrichments.topics_answered"] is False

    def test_a_server_that_is_busy_at_first_costs_no_row(self, project: Project) -> None:
        project.write("music")
        with Simulator(SimulatorOptions(faults=FaultPlan((Rule(Status(503), calls=(1,)),)))) as simulator:
            project.ask(simulator.url)
            result = project.run("music")
        assert result.success
        assert all(checks(result).values())
        assert project.metadata("topic_enrichments", "music")["gemini.calls"] == 2
