"""What the configuration of a run may set, and that it can send nothing anywhere."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from roadmap_assets.simulator.server import Simulator
from roadmap_assets_tests.defs.project import Project, made


def run(project: Project, config: dict[str, Any]) -> dg.ExecuteInProcessResult:
    project.write("music")
    project.know("music")
    return project.definitions.resolve_job_def("refresh_roadmaps").execute_in_process(
        instance=project.instance, partition_key="music", run_config=config, raise_on_error=False
    )


@pytest.mark.parametrize(
    ("resource", "field", "value"),
    [
        ("gemini", "gemini_base_url", "{sink}"),
        ("gemini", "gemini_api_key", {"env": "GITHUB_TOKEN"}),
        ("gemini", "model", {"env": "ANY_SECRET"}),
        ("gemini", "profile", "os:environ"),
        ("gemini", "quota_url", "sqlite:////tmp/anywhere.sqlite"),
        ("source", "github_api", "{sink}"),
        ("source", "roadmap_sh_api", "{sink}"),
        ("source", "github_token", {"env": "ANY_SECRET"}),
        ("source", "source", "/etc"),
        ("warehouse", "db", "/tmp/anywhere.duckdb"),
        ("warehouse", "output", "/tmp/anywhere"),
    ],
)
def test_addresses_keys_the_profile_and_paths_are_refused(
    project: Project, resource: str, field: str, value: Any
) -> None:
    project.set(GEMINI_API_KEY="sk-SECRET-1", GITHUB_TOKEN="ghp-SECRET-2", ROADMAP_OFFLINE="0")
    with Simulator() as sink:
        given = sink.url if value == "{sink}" else value
        with pytest.raises(dg.DagsterInvalidConfigError) as refused:
            run(project, {"resources": {resource: {"config": {field: given}}}})
        assert sink.requests == []
    assert "SECRET" not in str(refused.value)


def test_the_value_of_a_variable_gets_nowhere_by_a_number(project: Project) -> None:
    project.set(ANY_SECRET="SECRET")
    with pytest.raises(dg.DagsterInvalidConfigError) as refused:
        run(project, {"ops": {"topic_enrichments": {"config": {"batch_size": {"env": "ANY_SECRET"}}}}})
    assert "SECRET" not in str(refused.value).replace("ANY_SECRET", "")


def test_a_run_may_set_numbers_for_itself(project: Project) -> None:
    result = run(project, {"ops": {"topic_enrichments": {"config": {"batch_size": 1}}}})
    assert result.success
    assert project.sql("SELECT count(*) FROM api_calls") == [(3,)]
    assert "enriched_roadmap" in made(result)


def test_a_number_out_of_its_range_is_named(project: Project) -> None:
    result = run(project, {"ops": {"topic_enrichments": {"config": {"batch_size": 21}}}})
    [failure] = result.get_step_failure_events()
    assert failure.step_failure_data.user_failure_data
    assert "ROADMAP_BATCH_SIZE" in (failure.step_failure_data.user_failure_data.description or "")
