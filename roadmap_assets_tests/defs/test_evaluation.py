"""The job `evaluate_profile`, and the check that reads its result."""

from __future__ import annotations

import duckdb
import pytest

from roadmap_assets.settings import SETTINGS
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.defs.project import Project, check_of

MODEL = str(SETTINGS["model"].default)
CLEAN = "Within noise: batches of 20 cost no quality here"


@pytest.fixture
def music(project: Project) -> Project:
    project.write("music", topics=("Loops", "Lists", "Sets", "Maps", "Trees"))
    assert project.run("music").success
    return project


def test_the_job_evaluates_the_topics_that_were_read(music: Project) -> None:
    result = music.definitions.resolve_job_def("evaluate_profile").execute_in_process(instance=music.instance)
    assert result.success
    assert music.sql("SELECT kind, profile, model, rows, verdict FROM evaluations") == [
        ("batch", "summary", "simulator", 5, CLEAN)
    ]
    [output] = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    assert output.step_output_data.metadata["verdict"].value == CLEAN


def test_the_job_takes_roadmaps_and_rows(music: Project) -> None:
    job = music.definitions.resolve_job_def("evaluate_profile")
    config = {"ops": {"evaluate_batches": {"config": {"roadmaps": ["music"], "rows": 3}}}}
    assert job.execute_in_process(instance=music.instance, run_config=config).success
    assert music.sql("SELECT rows FROM evaluations") == [(3,)]


def test_simulated_answers_need_no_evaluation(music: Project) -> None:
    found = check_of(music, "topic_enrichments.batch_quality", "music")
    assert (found.passed, found.description) == (True, "0 evaluations, 0 offenders")


def test_the_check_warns_until_the_profile_in_use_is_evaluated_with_the_model_in_use(project: Project) -> None:
    with Simulator(SimulatorOptions(model_version=MODEL)) as server:
        project.ask(server.url, ROADMAP_MODEL=MODEL)
        project.write("music", topics=("Loops", "Lists", "Sets", "Maps", "Trees"))

        def checked() -> tuple[bool, str]:
            assert project.run("music").success, "the check only warns"
            found = check_of(project, "topic_enrichments.batch_quality", "music")
            return found.passed, found.description or ""

        passed, description = checked()
        assert not passed
        assert "missing: run the job evaluate_profile" in description
        job = project.definitions.resolve_job_def("evaluate_profile")
        assert job.execute_in_process(instance=project.instance).success
        assert checked() == (True, "1 evaluation, 0 offenders")

        project.set(ROADMAP_MODEL=f"{MODEL}-001")
        assert "missing" in checked()[1]
        project.set(ROADMAP_MODEL=MODEL)
        with duckdb.connect(str(project.settings.db)) as connection:
            connection.execute("UPDATE evaluations SET fingerprint = 'of an earlier profile'")
        passed, description = checked()
        assert not passed
        assert "older than the profile" in description
