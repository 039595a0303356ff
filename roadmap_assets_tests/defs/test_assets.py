"""The four assets on a real instance."""

from __future__ import annotations

import math
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterEventType
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator
from dagster._core.loader import LoadingContextForTest

from roadmap_assets.defs.partitions import ROADMAPS
from roadmap_assets.enrichment.limiter.quota_file import QuotaFile
from roadmap_assets.simulator.faults import BlockPrompt, FaultPlan, Rule, Status
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.defs.project import ASSETS, WITH_PAGE, Project, check_of, checks, failures, made, on_disk
from roadmap_assets_tests.processes import Program

LIVE_BUT_DOWN = {
    "ROADMAP_SOURCE": "live",
    "ROADMAP_SH_API": "http://127.0.0.1:9",
    "ROADMAP_GITHUB_API": "http://127.0.0.1:9",
}
RUN_OF_MUSIC = """
import dagster as dg
from roadmap_assets.definitions import defs

with dg.DagsterInstance.get() as instance:
    instance.add_dynamic_partitions("roadmap", ["music"])
    print("starting", flush=True)
    try:
        defs.resolve_job_def("refresh_roadmaps").execute_in_process(instance=instance, partition_key="music")
    except dg.DagsterExecutionInterruptedError:
        print("interrupted", flush=True)
"""


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


class TestManyRoadmapsInOneRun:
    def test_batches_are_packed_across_roadmaps(self, project: Project) -> None:
        for slug in ("art", "music", "sports"):
            project.write(slug, [f"{slug} {number}" for number in range(7)])
        result = project.run("art", "music", "sports")
        assert result.success
        assert made(result) == {asset: ["art", "music", "sports"] for asset in WITH_PAGE}
        metadata = project.metadata("topic_enrichments", "music")
        assert metadata["dagster/row_count"] == 7
        totals = metadata["run_totals"]
        assert (totals["rows"], totals["roadmaps"], totals["calls"]) == (21, 3, 2)
        assert {path.name for path in (project.folder / "output").iterdir()} == {
            f"roadmap_{slug}.simulated.csv" for slug in ("art", "music", "sports")
        }

    def test_each_has_its_own_share_of_what_the_run_took(self, project: Project) -> None:
        sizes = {"art": 5, "music": 15, "sports": 30}
        for slug, size in sizes.items():
            project.write(slug, [f"{slug} {number}" for number in range(size)])
        with Simulator() as simulator:
            project.ask(simulator.url, ROADMAP_MODEL="gemini-3.5-flash-lite", ROADMAP_RPD="500")
            project.run(*sizes)
            project.write("art", ["art 0", "art new"])
            assert project.run("art").success
        found = {slug: project.metadata("topic_enrichments", slug) for slug in sizes}
        assert (found["art"]["hits"], found["art"]["enriched"], found["art"]["gemini.calls"]) == (1, 1, 1)
        totals = found["music"]["run_totals"]
        assert found["music"]["gemini.calls"] == round(totals["calls"] * 15 / 50, 2)
        assert found["sports"]["gemini.prompt_token_count"] == round(totals["input_tokens"] * 30 / 50)
        assert found["sports"]["cost_usd"] == pytest.approx(totals["cost_usd"] * 30 / 50)
        assert totals["day_quota_used"] == pytest.approx(3 / 500)

    @pytest.mark.parametrize("asset", ASSETS)
    def test_an_asset_has_fewer_than_15_keys_of_metadata(self, project: Project, asset: str) -> None:
        project.write("art")
        project.write("music", topics=())
        project.run("art", "music")
        names = [name for name in project.metadata(asset, "art") if not name.startswith("dagster/")]
        assert len(names) < 15, names

    def test_each_has_a_data_version_of_its_own(self, project: Project) -> None:
        project.write("art")
        project.write("music")
        project.run("art", "music")
        stored = dict(project.sql("SELECT roadmap, version FROM raw_roadmaps"))
        for slug in ("art", "music"):
            record = project.instance.get_latest_data_version_record(dg.AssetKey("raw_roadmap"), partition_key=slug)
            assert record
            assert (record.event_log_entry.tags or {})["dagster/data_version"] == stored[slug]
        assert len(set(stored.values())) == 2

    def test_one_that_cannot_be_read_is_left_out_and_named(self, project: Project) -> None:
        for slug in ("art", "music", "sports"):
            project.write(slug)
        project.write("empty", topics=())
        project.know("art", "absent", "empty", "music", "sports")
        result = project.run("art", "absent", "empty", "music", "sports")
        assert result.success
        good = ["art", "music", "sports"]
        assert made(result) == {
            "raw_roadmap": ["art", "empty", "music", "sports"],
            **dict.fromkeys(WITH_PAGE[1:], good),
        }
        for check, slug, reason in (
            ("raw_roadmap.readable", "absent", "the source"),
            ("roadmap_topics.readable", "empty", "holds no topic"),
        ):
            found = check_of(project, check, slug)
            assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
            assert reason in (found.description or "")
            assert check_of(project, check, "art").passed
        assert {path.name for path in (project.folder / "output").iterdir()} == {
            f"roadmap_{slug}.simulated.csv" for slug in good
        }
        status = {
            asset: project.instance.get_status_by_partition(
                dg.AssetKey(asset), ["art", "absent", "empty", "music", "sports"], ROADMAPS
            )
            for asset in ASSETS
        }
        assert {
            asset: {slug: value.value for slug, value in (found or {}).items() if value}
            for asset, found in status.items()
        } == {
            "raw_roadmap": dict.fromkeys(("art", "empty", "music", "sports"), "MATERIALIZED"),
            **dict.fromkeys(ASSETS[1:], dict.fromkeys(("art", "music", "sports"), "MATERIALIZED")),
        }

    def test_what_is_known_to_be_unreadable_is_not_tried_again_until_it_changes(self, project: Project) -> None:
        project.write("art")
        project.write("music", topics=())
        assert project.run("art", "music").success
        again = project.run("art", "music")
        assert again.success
        assert made(again) == {key: ["art"] for key in WITH_PAGE}
        assert "holds no topic" in str(project.metadata("raw_roadmap", "art")["run_left_out"]["music"])
        alone = project.run("music")
        assert set(failures(alone)) == {"roadmap_topics"}, "named alone, it is tried, and fails"
        assert check_of(project, "roadmap_topics.readable", "music").severity == dg.AssetCheckSeverity.ERROR
        project.write("music")
        assert made(project.run("art", "music")) == {key: ["art", "music"] for key in WITH_PAGE}
        assert project.sql("SELECT count(*) FROM unreadable_roadmaps") == [(0,)]

    def test_when_none_can_be_read_the_run_ends_at_once(self, project: Project) -> None:
        project.write("art", topics=())
        project.write("music", topics=())
        result = project.run("art", "music")
        assert set(failures(result)) == {"roadmap_topics"}
        assert made(result) == {"raw_roadmap": ["art", "music"]}

    def test_the_mapped_roadmaps_cold_take_the_least_calls(self, project: Project, real_roadmaps: Path) -> None:
        mapped = sorted(path.parent.name for path in real_roadmaps.glob("*/migration-mapping.json"))
        assert len(mapped) == 21, "the folder has another number of mapped roadmaps"
        with Simulator() as simulator:
            project.ask(simulator.url, ROADMAP_SOURCE=str(real_roadmaps))
            result = project.run(*mapped)
            assert result.success, failures(result)
            asked = simulator.requests
        unique, rows = project.sql("SELECT count(DISTINCT enrichment_key), count(*) FROM simulated_roadmaps")[0]
        assert len(asked) == math.ceil(unique / 20)
        assert sum(len(request.topics) for request in asked) == unique
        assert project.sql("SELECT count(*) FROM simulated_roadmaps WHERE tldr IS NULL") == [(0,)]
        metadata = project.metadata("topic_enrichments", "react" if "react" in mapped else mapped[0])
        totals = metadata["run_totals"]
        assert (totals["calls"], totals["rows"], totals["roadmaps"]) == (len(asked), rows, 21)


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


class TestFailures:
    """A `Failure` with the words that the command line prints, retried only where that can help."""

    @on_disk
    def test_a_wrong_key_fails_at_once_and_leaves_what_was_published(self, project: Project) -> None:
        project.write("music")
        project.run("music")
        published = project.sql("SELECT topic, tldr FROM simulated_roadmaps ORDER BY position")
        project.write("music", text="Something new, so that there is something to ask.")
        with Simulator(SimulatorOptions(key="the right one")) as simulator:
            project.ask(simulator.url, key="sk-WRONG-SECRET")
            result = project.run("music")
            assert len(simulator.requests) == 1
        [(step, text)] = failures(result).items()
        assert step == "topic_enrichments"
        assert text.startswith("Gemini refuses the request")
        assert made(result) == {"raw_roadmap": ["music"], "roadmap_topics": ["music"]}
        assert project.sql("SELECT topic, tldr FROM simulated_roadmaps ORDER BY position") == published
        kept = b"".join(path.read_bytes() for path in (project.folder / "home").rglob("*") if path.is_file())
        assert b"refuses the request" in kept
        assert b"sk-WRONG-SECRET" not in kept

    def test_no_key(self, project: Project) -> None:
        project.write("music")
        project.set(ROADMAP_OFFLINE="0")
        assert failures(project.run("music"))["topic_enrichments"].startswith("no API key: set GEMINI_API_KEY")

    def test_a_document_without_topics(self, project: Project) -> None:
        project.write("music")
        project.run("music")
        project.write("music", topics=())
        result = project.run("music")
        [(step, text)] = failures(result).items()
        assert step == "roadmap_topics"
        assert "music" in text
        assert project.sql("SELECT count(*) FROM simulated_roadmaps") == [(3,)]

    def test_an_unknown_roadmap(self, project: Project) -> None:
        project.write("music")
        [(step, text)] = failures(project.run("musik")).items()
        assert step == "raw_roadmap"
        assert "did you mean music?" in text

    def test_a_key_that_is_no_slug(self, project: Project) -> None:
        [(step, text)] = failures(project.run("../etc")).items()
        assert step == "raw_roadmap"
        assert "cannot be a roadmap's name" in text

    def test_a_folder_that_cannot_be_written_fails_before_a_call(self, project: Project) -> None:
        project.write("music")
        (project.folder / "output").write_text("in the way")
        [(step, text)] = failures(project.run("music")).items()
        assert (step, "output" in text) == ("topic_enrichments", True)
        assert project.sql("SELECT count(*) FROM api_calls") == [(0,)]

    def test_answers_before_topics(self, project: Project) -> None:
        [(step, text)] = failures(project.run("music", assets=["topic_enrichments"])).items()
        assert (step, "asset roadmap_topics" in text) == ("topic_enrichments", True)

    @pytest.mark.parametrize(
        ("asset", "environment", "retried"),
        [
            pytest.param("raw_roadmap", LIVE_BUT_DOWN, True, id="the source may answer later"),
            pytest.param("raw_roadmap", {"ROADMAP_SOURCE": "sample"}, False, id="the sample will never have it"),
            pytest.param("topic_enrichments", {"ROADMAP_OFFLINE": "0"}, False, id="without a key none is asked"),
        ],
    )
    def test_a_step_is_retried_where_that_can_help(
        self, project: Project, asset: str, environment: dict[str, str], retried: bool
    ) -> None:
        project.write("music")
        project.run("music", assets=ASSETS[:2])
        project.set(**environment)
        job = project.definitions.resolve_job_def("refresh_roadmaps").get_subset(asset_selection={dg.AssetKey(asset)})
        run = project.instance.create_run_for_job(job, tags={"dagster/partition": "music"})
        events = {DagsterEventType.STEP_UP_FOR_RETRY, DagsterEventType.STEP_FAILURE}
        found = (event for event in execute_run_iterator(InMemoryJob(job), run, project.instance))
        assert next(event for event in found if event.event_type in events).is_step_up_for_retry is retried

    def test_a_fault_that_is_over_at_the_second_attempt_leaves_the_run_successful(self, project: Project) -> None:
        project.write("music")
        quota = project.folder / "quota.sqlite"
        QuotaFile(quota, lock_timeout_s=1).close()
        with closing(sqlite3.connect(quota)) as damaged:
            damaged.execute("DROP TABLE permits")
        with Simulator() as simulator, ThreadPoolExecutor(1) as other:
            project.ask(simulator.url, ROADMAP_RPM="100", ROADMAP_QUOTA_URL=f"sqlite:///{quota}")
            repaired = other.submit(self._when_logged, project, DagsterEventType.STEP_UP_FOR_RETRY, quota.unlink)
            assert project.run("music").success
            repaired.result()
        assert project.metadata("topic_enrichments", "music")["enriched"] == 3

    @on_disk
    def test_an_interrupted_fetch_is_not_retried(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        home = project.instance.root_directory
        monkeypatch.setenv("DAGSTER_HOME", home)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            project.set(ROADMAP_SOURCE="live", ROADMAP_SH_API=f"http://127.0.0.1:{silent.getsockname()[1]}")
            with Program(RUN_OF_MUSIC) as run:
                assert run.line() == "starting"
                with silent.accept()[0]:
                    os.kill(run.pid, signal.SIGINT)
                    assert run.line() == "interrupted"
        [stored] = project.instance.get_runs()
        types = {entry.dagster_event_type for entry in project.instance.all_logs(stored.run_id)}
        assert DagsterEventType.STEP_FAILURE in types
        assert not types & {DagsterEventType.STEP_UP_FOR_RETRY, DagsterEventType.STEP_RESTARTED}

    @staticmethod
    def _when_logged(project: Project, event: DagsterEventType, do: Callable[[], None]) -> None:
        deadline = time.monotonic() + 60
        while not any(project.instance.all_logs(run.run_id, of_type=event) for run in project.instance.get_runs()):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        do()


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
