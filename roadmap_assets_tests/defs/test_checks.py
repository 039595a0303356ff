"""The checks on a real instance: what they find, what they stop, and which roadmap each result belongs to."""

import dagster as dg
import duckdb
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionResolvedStatus

from roadmap_assets.defs.checks import CHECKS
from roadmap_assets.defs.partitions import ROADMAPS
from roadmap_assets.simulator.server import Simulator
from roadmap_assets_tests.defs.project import ASSETS, Project, check_of, checks, failures, made

LIMIT_13 = "one two three four five six seven eight nine ten eleven twelve thirteen"

# What to do to a good database, what then fails, and what is not made any more (blocking).
DAMAGE: list[tuple[str, list[str], str, bool]] = [
    ("roadmap_topics.ids_unique", ["INSERT INTO topics SELECT * FROM topics LIMIT 1"], "topic_enrichments", True),
    (
        "roadmap_topics.labels_not_empty",
        ["UPDATE topics SET topic = ' ' WHERE position = 1"],
        "topic_enrichments",
        True,
    ),
    ("roadmap_topics.topics_complete", ["DELETE FROM topics WHERE position = 1"], "topic_enrichments", True),
    ("roadmap_topics.topics_in_a_category", ["UPDATE topics SET category = ''"], "topic_enrichments", False),
    ("roadmap_topics.topics_with_a_text", ["UPDATE topics SET description = ''"], "topic_enrichments", False),
    (
        "topic_enrichments.answers_valid",
        [f"UPDATE enrichments SET answer = json_object('tldr', '{LIMIT_13}', 'challenge', 'expert')"],
        "enriched_roadmap",
        False,
    ),
    (
        "topic_enrichments.answers_valid",
        ["UPDATE enrichments SET answer = json_object('tldr', topic, 'challenge', 'hard')"],
        "enriched_roadmap",
        False,
    ),
    (
        "topic_enrichments.answers_differ",
        ["UPDATE enrichments SET answer = json_object('tldr', 'Same', 'challenge', 'expert')"],
        "enriched_roadmap",
        False,
    ),
]


@pytest.fixture
def music(project: Project) -> Project:
    """A project whose database holds one roadmap without a fault."""
    project.write("music", ["Scales", "Chords", "Rhythm", "Melody", "Timbre"])
    project.fill("music")
    return project


def damage(project: Project, *statements: str) -> None:
    with duckdb.connect(str(project.settings.db)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(("check", "statements", "after", "blocks"), DAMAGE, ids=[case[0] for case in DAMAGE])
def test_damage_is_found_and_stops_the_roadmap_where_it_must(
    music: Project, check: str, statements: list[str], after: str, blocks: bool
) -> None:
    published = music.sql("SELECT topic, tldr FROM simulated_roadmaps ORDER BY position")
    damage(music, *statements)
    # The steps before it are left out of the run: they would repair the damage.
    result = music.run("music", assets=ASSETS[ASSETS.index(check.partition(".")[0]) :])
    assert checks(result)[check] is False
    assert (after in made(result)) is not blocks
    assert result.success is not blocks
    if blocks:
        assert check.partition(".")[2] in failures(result)["roadmap_topics"]
        assert music.sql("SELECT topic, tldr FROM simulated_roadmaps ORDER BY position") == published


def test_a_roadmap_that_a_check_blocks_stops_no_other(music: Project) -> None:
    music.write("art")
    music.fill("art")
    damage(music, "DELETE FROM topics WHERE roadmap = 'music' AND position = 1")
    result = music.run("music", "art", assets=ASSETS[1:])
    assert result.success
    assert made(result) == {
        "roadmap_topics": ["music", "art"],
        "topic_enrichments": ["art"],
        "enriched_roadmap": ["art"],
    }
    assert check_of(music, "roadmap_topics.topics_complete", "music").description == "5 topics, 1 offender: Chords"
    assert check_of(music, "roadmap_topics.topics_complete", "art").passed


def test_a_roadmap_without_texts_is_found(project: Project) -> None:
    project.write("music")
    for text in (project.source / "music" / "content").iterdir():
        text.unlink()
    result = project.run("music")
    assert result.success
    assert [name for name, passed in checks(result).items() if not passed] == [
        "raw_roadmap.has_texts",
        "roadmap_topics.topics_with_a_text",
    ]


def test_a_document_without_topics_is_found_where_it_is_fetched(project: Project) -> None:
    project.write("music", topics=())
    assert checks(project.run("music"))["raw_roadmap.document_has_topics"] is False


class TestEachResultBelongsToItsRoadmap:
    @pytest.fixture
    def run_over_two(self, project: Project) -> Project:
        project.write("art")
        project.write("music")
        for text in (project.source / "music" / "content").iterdir():
            text.unlink()
        assert project.run("art", "music").success
        return project

    def test_in_a_run_over_many(self, run_over_two: Project) -> None:
        check = "roadmap_topics.topics_with_a_text"
        assert check_of(run_over_two, check, "art").description == "3 topics, 0 offenders"
        assert not check_of(run_over_two, check, "music").passed
        [event] = run_over_two.instance.fetch_materializations(
            dg.AssetRecordsFilter(dg.AssetKey("roadmap_topics"), asset_partitions=["music"]), limit=1
        ).records
        judged = check_of(run_over_two, check, "music").target_materialization_data
        assert judged
        assert judged.storage_id == event.storage_id

    def test_a_later_run_of_one_leaves_the_others_as_they_are(self, run_over_two: Project) -> None:
        assert run_over_two.run("art").success
        assert not check_of(run_over_two, "raw_roadmap.has_texts", "music").passed
        assert self.states(run_over_two, "raw_roadmap", "has_texts") == {"SUCCEEDED": {"art"}, "FAILED": {"music"}}

    def test_no_check_runs_without_its_asset(self, run_over_two: Project) -> None:
        """By itself, one could turn green what it did not look at."""
        alone = dg.define_asset_job(
            "alone", dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("raw_roadmap"), "readable"))
        )
        definitions = dg.Definitions.merge(run_over_two.definitions, dg.Definitions(jobs=[alone]))
        with pytest.raises(dg.DagsterInvalidDefinitionError) as refused:
            definitions.resolve_job_def("alone")
        assert "does not support subsetting" in str(refused.value.__cause__)

    def test_of_overlapping_runs_none_is_left_without_a_result(self, project: Project) -> None:
        """The second run is planned and ends while the first is under way."""
        project.write("art")
        project.write("music")

        @dg.asset(
            name="meanwhile",
            deps=["raw_roadmap"],
            partitions_def=ROADMAPS,
            backfill_policy=dg.BackfillPolicy.single_run(),
        )
        def meanwhile(context: dg.AssetExecutionContext) -> None:
            if context.partition_key == "art":
                assert project.run("music").success

        definitions = dg.Definitions.merge(
            project.definitions,
            dg.Definitions(assets=[meanwhile], jobs=[dg.define_asset_job("overlapping", [*ASSETS, "meanwhile"])]),
        )
        project.know("art", "music")
        overlapping = definitions.resolve_job_def("overlapping")
        assert overlapping.execute_in_process(instance=project.instance, partition_key="art").success
        for spec in (spec for specs in CHECKS.values() for spec in specs):
            found = self.states(project, spec.asset_key.to_user_string(), spec.name)
            assert found == {"SUCCEEDED": {"art", "music"}}, spec.name

    def states(self, project: Project, asset: str, check: str) -> dict[str, set[str]]:
        """Roadmaps by the state in which the UI shows the check."""
        key = dg.AssetCheckKey(dg.AssetKey(asset), check)
        with partition_loading_context(dynamic_partitions_store=project.instance):
            state = project.instance.event_log_storage.get_asset_check_state([(key, ROADMAPS)])[key]
            subsets = {status.value: state.subsets[status] for status in AssetCheckExecutionResolvedStatus}
            return {
                name: set(subset.subset_value.get_partition_keys())
                for name, subset in subsets.items()
                if not subset.is_empty
            }


def test_a_topic_without_an_answer_fails_a_check(music: Project) -> None:
    music.write("music", ["Scales", "Chords", "Rhythm", "Melody", "Timbre", "Harmony"])
    music.ask("http://127.0.0.1:9", ROADMAP_ATTEMPTS="1")
    result = music.run("music")
    assert result.success, failures(result)
    assert checks(result)["topic_enrichments.topics_answered"] is False


class TestOwnProfile:
    """A user's profile with columns named like ours: its own rules decide."""

    @pytest.fixture
    def own(self, music: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
        (music.folder / "own_profile.py").write_text(
            "from typing import Literal\n"
            "from pydantic import BaseModel, Field\n\n"
            "class Own(BaseModel):\n"
            '    """Judge each topic."""\n\n'
            "    challenge: Literal['easy', 'hard']\n"
            "    tldr: str = Field(max_length=400)\n"
        )
        monkeypatch.syspath_prepend(str(music.folder))
        music.set(ROADMAP_PROFILE="own_profile:Own")
        return music

    def test_what_its_rules_allow_is_published(self, own: Project) -> None:
        with Simulator() as simulator:
            own.ask(simulator.url)
            result = own.run("music")
        assert result.success, failures(result)
        assert all(checks(result).values())
        levels = {level for (level,) in own.sql("SELECT challenge FROM simulated_roadmaps")}
        assert levels
        assert levels <= {"easy", "hard"}

    def test_an_answer_that_breaks_them_is_found_and_published_all_the_same(self, own: Project) -> None:
        own.run("music")
        damage(own, f"UPDATE enrichments SET answer = json_object('tldr', '{LIMIT_13}', 'challenge', 'practice')")
        result = own.run("music")
        assert result.success
        found = check_of(own, "topic_enrichments.answers_valid", "music")
        assert "challenge" in (found.description or "")
        assert (found.severity, found.metadata["offenders"].value) == (dg.AssetCheckSeverity.WARN, 5)


class TestCalls:
    def test_a_run_is_judged_by_its_own_calls(self, music: Project) -> None:
        music.run("music")
        music.instance.report_runless_asset_event(dg.AssetMaterialization("topic_enrichments", partition="music"))
        music.write("art")
        assert music.run("art").success
        found = check_of(music, "topic_enrichments.calls_within_least", "art")
        assert (found.passed, found.description) == (True, "1 call, 0 offenders")
        assert check_of(music, "topic_enrichments.calls_within_least", "music").description == "0 calls, 0 offenders"


@pytest.mark.parametrize(
    ("upstream", "passes", "why"),
    [
        (["Scales", "Chords", "Rhythm", "Melody", "Timbre"], False, "the document still has what the table lacks"),
        (["Scales", "Chords", "Rhythm", "Melody"], True, "it disappeared upstream"),
    ],
)
def test_a_topic_lost_against_the_publication_before(
    music: Project, upstream: list[str], passes: bool, why: str
) -> None:
    music.write("music", upstream)
    music.run("music", assets=["raw_roadmap"])
    damage(music, "DELETE FROM topics WHERE topic = 'Timbre'")
    result = music.run("music", assets=["enriched_roadmap"])
    assert music.metadata("enriched_roadmap", "music")["topics_gone"] == 1
    assert checks(result)["enriched_roadmap.no_topic_lost"] is passes, why


def test_every_asset_has_checks_that_explain_themselves() -> None:
    assert [asset.to_user_string() for asset in CHECKS] == list(ASSETS)
    specs = [spec for specs in CHECKS.values() for spec in specs]
    assert all(spec.description and spec.description.endswith(".") for spec in specs)
    assert all(spec.partitions_def == ROADMAPS for spec in specs)
