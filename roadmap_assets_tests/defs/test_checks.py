"""The checks on a real instance: what they find in a run, what they stop, and run by themselves."""

from __future__ import annotations

import dagster as dg
import duckdb
import pytest

from roadmap_assets.defs.checks import CHECKS
from roadmap_assets.defs.tables import ENRICHED
from roadmap_assets_tests.defs.project import Project, checks, failures, made

LIMIT_13 = "one two three four five six seven eight nine ten eleven twelve thirteen"

# What to do to a good database, what then fails, and what is not made any more (blocking).
DAMAGE: list[tuple[str, list[str], str, bool]] = [
    (
        "raw_roadmap.document_has_topics",
        ["""UPDATE raw_roadmaps SET document = '{"nodes": [], "edges": []}'"""],
        "roadmap_topics",
        False,
    ),
    ("raw_roadmap.has_texts", ["DELETE FROM raw_contents"], "roadmap_topics", False),
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
        "roadmap_topics.tree_and_drawing_agree",
        ["UPDATE parsed_roadmaps SET counts = json_object('disputed_places', 1)"],
        "topic_enrichments",
        False,
    ),
    (
        "topic_enrichments.tldr_short",
        [f"UPDATE enrichments SET answer = json_object('tldr', '{LIMIT_13}', 'challenge', 'expert')"],
        "enriched_roadmap",
        True,
    ),
    (
        "topic_enrichments.challenge_known",
        ["UPDATE enrichments SET answer = json_object('tldr', topic, 'challenge', 'hard')"],
        "enriched_roadmap",
        True,
    ),
    (
        "topic_enrichments.tldr_telling",
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
    with duckdb.connect(project.settings.db) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(("check", "statements", "after", "blocks"), DAMAGE, ids=[case[0] for case in DAMAGE])
def test_damage_is_found_and_stops_the_line_where_it_must(
    music: Project, check: str, statements: list[str], after: str, blocks: bool
) -> None:
    published = music.sql("SELECT topic, tldr FROM enriched_roadmaps ORDER BY position")
    damage(music, *statements)
    # What would mend the damage is left out of the run.
    line = ("raw_roadmap", "roadmap_topics", "topic_enrichments", "enriched_roadmap")
    damaged = check.partition(".")[0]
    again = line.index(damaged) + (damaged == "raw_roadmap")
    result = run_from(music, line[again:], check)
    assert checks(result)[check] is False
    assert (after in made(result)) is not blocks
    assert result.success is not blocks
    if blocks:
        assert music.sql("SELECT topic, tldr FROM enriched_roadmaps ORDER BY position") == published


def run_from(project: Project, assets: tuple[str, ...], check: str) -> dg.ExecuteInProcessResult:
    """A run of these assets with all their checks, and of the checks of the asset of `check`."""
    selection = dg.AssetSelection.assets(*assets) | dg.AssetSelection.checks_for_assets(check.partition(".")[0])
    job = dg.define_asset_job("part", selection)
    definitions = dg.Definitions.merge(project.definitions, dg.Definitions(jobs=[job]))
    return definitions.resolve_job_def("part").execute_in_process(
        instance=project.instance, partition_key="music", raise_on_error=False
    )


def test_a_topic_without_an_answer_is_told(music: Project) -> None:
    music.write("music", ["Scales", "Chords", "Rhythm", "Melody", "Timbre", "Harmony"])
    music.ask("http://127.0.0.1:9", ROADMAP_ATTEMPTS="1")
    result = music.run("music")
    assert result.success, failures(result)
    assert checks(result)["topic_enrichments.topics_answered"] is False


def test_calls_beyond_the_least_are_told(music: Project) -> None:
    music.write("art")
    assert checks(music.run("art"))["topic_enrichments.calls_within_least"] is True
    told = music.instance.get_latest_data_version_record(dg.AssetKey("topic_enrichments"), partition_key="art")
    assert told
    assert told.asset_materialization
    changed = {**told.asset_materialization.metadata, "calls": dg.MetadataValue.int(4)}
    music.instance.report_runless_asset_event(
        dg.AssetMaterialization("topic_enrichments", partition="art", metadata=changed)
    )
    assert alone(music, "calls_within_least") is False


def test_rows_that_are_not_the_topics_are_told(music: Project) -> None:
    damage(music, "DELETE FROM enriched_roadmaps WHERE position = 1")
    assert alone(music, "rows_are_the_topics") is False
    music.run("music", assets=["enriched_roadmap"])
    assert alone(music, "rows_are_the_topics") is True


@pytest.mark.parametrize(
    ("upstream", "passes", "why"),
    [
        (["Scales", "Chords", "Rhythm", "Melody", "Timbre"], False, "the document still has what the table lacks"),
        (["Scales", "Chords", "Rhythm", "Melody"], True, "it vanished upstream"),
    ],
)
def test_a_topic_lost_against_the_publication_before(
    music: Project, upstream: list[str], passes: bool, why: str
) -> None:
    music.write("music", upstream)
    music.run("music", assets=["raw_roadmap"])
    damage(music, "DELETE FROM topics WHERE topic = 'Timbre'")
    music.run("music", assets=["enriched_roadmap"])
    assert music.metadata("enriched_roadmap", "music")["topics_gone"] == 1
    assert alone(music, "no_topic_lost") is passes, why


def test_checks_run_by_themselves_look_at_all_roadmaps(music: Project) -> None:
    music.write("art")
    music.fill("art")
    damage(music, "UPDATE topics SET description = '' WHERE roadmap = 'music'")
    assert alone(music, "topics_with_a_text") is False
    assert checks(music.run("art"))["roadmap_topics.topics_with_a_text"] is True


def test_every_asset_has_checks_that_explain_themselves() -> None:
    specs = [spec for check in CHECKS for spec in check.check_specs]
    assert {spec.asset_key.to_user_string() for spec in specs} == {
        "raw_roadmap",
        "roadmap_topics",
        "topic_enrichments",
        "enriched_roadmap",
    }
    assert all(spec.description and spec.description.endswith(".") for spec in specs)
    assert ENRICHED in {spec.asset_key for spec in specs}


def alone(project: Project, name: str) -> bool:
    """The outcome of one check that is run by itself, without partitions."""
    [key] = [spec.key for check in CHECKS for spec in check.check_specs if spec.name == name]
    job = dg.define_asset_job("one_check", dg.AssetSelection.checks(key))
    definitions = dg.Definitions.merge(project.definitions, dg.Definitions(jobs=[job]))
    result = definitions.resolve_job_def("one_check").execute_in_process(instance=project.instance)
    [outcome] = checks(result).values()
    return outcome
