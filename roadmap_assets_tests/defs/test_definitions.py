"""What the code location shows before anything has run."""

from __future__ import annotations

import subprocess
import sys

import dagster as dg
import duckdb
import pytest
from dagster import AssetKey, DefaultScheduleStatus, DefaultSensorStatus

from roadmap_assets.defs.partitions import ROADMAPS
from roadmap_assets.defs.tables import ENRICHED, ENRICHMENTS, RAW, TOPICS, column_schema
from roadmap_assets.enrichment.profiles.registry import load_profile
from roadmap_assets.errors import InvalidSetting
from roadmap_assets.roadmaps import PARSER_VERSION
from roadmap_assets.warehouse.published import publish_rows
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets_tests.defs.project import ASSETS, REPOSITORY, Project


def spec(definitions: dg.Definitions, asset: str) -> dg.AssetSpec:
    return definitions.resolve_assets_def(AssetKey(asset)).get_asset_spec(AssetKey(asset))


def test_they_load(project: Project) -> None:
    dg.Definitions.validate_loadable(project.definitions)


def test_a_setting_out_of_range_is_named(project: Project) -> None:
    project.set(ROADMAP_BATCH_SIZE="21")
    with pytest.raises(InvalidSetting, match="ROADMAP_BATCH_SIZE"):
        _ = project.definitions


def test_the_line_of_assets(project: Project) -> None:
    graph = project.definitions.resolve_asset_graph()
    assert {
        key.to_user_string(): sorted(p.to_user_string() for p in graph.get(key).parent_keys)
        for key in graph.get_all_asset_keys()
    } == {
        "raw_roadmap": [],
        "roadmap_topics": ["raw_roadmap"],
        "topic_enrichments": ["roadmap_topics"],
        "enriched_roadmap": ["roadmap_topics", "topic_enrichments"],
        "roadmap_page": ["enriched_roadmap", "raw_roadmap"],
    }


@pytest.mark.parametrize("asset", ASSETS)
def test_every_asset_explains_itself(project: Project, asset: str) -> None:
    project.set(ROADMAP_OWNERS="team:learning, someone@example.org")
    definitions = project.definitions
    found = spec(definitions, asset)
    assert "ne row per " in (found.description or ""), "the description says the grain"
    assert list(found.owners) == ["team:learning", "someone@example.org"]
    assert found.kinds
    assert "layer" in found.tags
    assert found.group_name == "roadmaps"
    assert found.partitions_def == ROADMAPS
    assert found.code_version
    assert found.metadata["dagster/table_name"]
    schema = found.metadata["dagster/column_schema"]
    assert all(column.description for column in schema.columns)
    assert definitions.resolve_assets_def(AssetKey(asset)).backfill_policy == dg.BackfillPolicy.single_run()
    [reference] = found.metadata["dagster/code_references"].code_references
    assert reference.file_path.endswith("roadmap_assets/defs/assets.py")


def test_code_versions_follow_the_parser_the_profile_and_the_model(project: Project) -> None:
    project.set(ROADMAP_OFFLINE="0", ROADMAP_MODEL="gemini-x", ROADMAP_PROFILE="study")
    definitions = project.definitions
    assert spec(definitions, "roadmap_topics").code_version == f"parser-{PARSER_VERSION}"
    assert spec(definitions, "topic_enrichments").code_version == f"{load_profile('study').fingerprint}-gemini-x"


def test_links_lead_to_the_repository_when_it_is_named(project: Project) -> None:
    project.set(ROADMAP_GIT_URL="https://github.com/someone/roadmaps", ROADMAP_GIT_BRANCH="trunk")
    [reference] = spec(project.definitions, "raw_roadmap").metadata["dagster/code_references"].code_references
    assert reference.url.startswith("https://github.com/someone/roadmaps/tree/trunk/roadmap_assets/defs/assets.py#L")


@pytest.mark.parametrize(
    ("asset", "table"), [(TOPICS, "topics"), (ENRICHMENTS, "enrichments"), (ENRICHED, "enriched_roadmaps")]
)
def test_column_schemas_are_those_of_the_tables(project: Project, asset: AssetKey, table: str) -> None:
    profile = load_profile("summary")
    columns = [(column.name, column.type) for column in column_schema(asset, profile).columns]
    assert columns == described(project, table)


def test_the_raw_schema_is_that_of_both_tables(project: Project) -> None:
    columns = [(column.name, column.type) for column in column_schema(RAW, load_profile("summary")).columns]
    texts = [(f"raw_contents.{name}", kind) for name, kind in described(project, "raw_contents")]
    assert columns == [*described(project, "raw_roadmaps"), *texts]


def test_a_profile_of_more_columns_shows_them_as_they_are_stored(project: Project) -> None:
    profile = load_profile("study")
    extra = [(c.name, c.type) for c in column_schema(ENRICHED, profile).columns][-4:]
    with open_warehouse(project.settings.db).transaction() as connection:
        publish_rows(connection, "any", [], columns=dict(extra))
    assert described(project, "enriched_roadmaps")[-4:] == extra
    assert [name for name, _ in extra] == list(profile.columns)


def described(project: Project, table: str) -> list[tuple[str, str]]:
    with open_warehouse(project.settings.db).transaction():
        pass  # makes the tables
    with duckdb.connect(str(project.settings.db)) as connection:
        return [(name, kind) for name, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall()]


@pytest.mark.parametrize("asset", ASSETS[1:])
def test_column_lineage_begins_and_ends_at_real_columns(project: Project, asset: str) -> None:
    definitions = project.definitions
    profile = load_profile("summary")
    lineage = spec(definitions, asset).metadata["dagster/column_lineage"].deps_by_column
    own = {column.name for column in column_schema(AssetKey(asset), profile).columns}
    parents = {dep.asset_key for dep in spec(definitions, asset).deps}
    assert set(lineage) <= own
    for origins in lineage.values():
        for origin in origins:
            assert origin.asset_key in parents
            assert origin.column_name in {column.name for column in column_schema(origin.asset_key, profile).columns}


def test_the_columns_written_by_gemini_lead_back_to_the_raw_texts(project: Project) -> None:
    definitions = project.definitions

    def origins(asset: AssetKey, column: str) -> set[str]:
        lineage = spec(definitions, asset.to_user_string()).metadata.get("dagster/column_lineage")
        deps = lineage.deps_by_column.get(column, []) if lineage else []
        if not deps:
            return {f"{asset.to_user_string()}.{column}"}
        return set().union(*(origins(dep.asset_key, dep.column_name) for dep in deps))

    assert origins(ENRICHED, "tldr") == {"raw_roadmap.document", "raw_roadmap.raw_contents.markdown"}


def test_nothing_starts_by_itself(project: Project) -> None:
    repository = project.definitions.get_repository_def()
    assert {s.name: s.default_status for s in repository.sensor_defs} == {
        "new_roadmaps": DefaultSensorStatus.STOPPED,
        "deferred_rows": DefaultSensorStatus.STOPPED,
        "batch_jobs": DefaultSensorStatus.STOPPED,
    }
    assert {s.name: s.default_status for s in repository.schedule_defs} == {
        "daily_refresh": DefaultScheduleStatus.STOPPED
    }


def test_steps_run_within_the_run_s_process(project: Project) -> None:
    definitions = project.definitions
    for job in ("refresh_roadmaps", "__ASSET_JOB"):
        assert definitions.resolve_job_def(job).executor_def is dg.in_process_executor


def test_keys_are_shown_nowhere(project: Project) -> None:
    project.set(GEMINI_API_KEY="sk-SECRET-1", GITHUB_TOKEN="ghp-SECRET-2", ROADMAP_OFFLINE="0")
    definitions = project.definitions
    shown = repr(definitions.resources) + repr(definitions.get_repository_def().get_top_level_resources())
    assert "SECRET" not in shown


def test_loading_imports_nothing_that_only_a_run_needs() -> None:
    code = "import sys, roadmap_assets.definitions; print([m for m in sys.modules if m in sys.argv])"
    heavy = ["google.genai", "numpy", "pandas", "httpx2", "markdown_it", "uvicorn", "starlette"]
    done = subprocess.run(
        [sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert done.stdout.strip() == "[]"
