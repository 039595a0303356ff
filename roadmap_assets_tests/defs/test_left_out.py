"""What a backfill logs for roadmaps that cannot be read, and what that changes: nothing."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from roadmap_assets_tests.defs.project import WITH_PAGE, Project, check_of, failures, made
from roadmap_assets_tests.defs.test_new_roadmaps import Ticks

BACKFILL = {"dagster/backfill": "abcdefgh"}
LATER = WITH_PAGE[1:]


@pytest.fixture
def project(project: Project) -> Project:
    """A project with two roadmaps: `art` can be read, `music` cannot."""
    project.write("art")
    project.write("music", topics=())
    return project


def tags_of(project: Project, asset: str, slug: str) -> dict[str, Any]:
    record = project.instance.get_latest_data_version_record(dg.AssetKey(asset), partition_key=slug)
    assert record
    assert record.asset_materialization
    return dict(record.asset_materialization.tags or {})


def test_every_roadmap_of_a_backfill_has_a_materialization_that_says_whether_it_was_left_out(project: Project) -> None:
    result = project.run("art", "music", tags=BACKFILL)
    assert result.success
    assert made(result) == {asset: ["art", "music"] for asset in WITH_PAGE}
    assert "left_out" not in project.metadata("raw_roadmap", "music"), "it was fetched"
    for asset in LATER:
        found = project.metadata(asset, "music")
        assert "holds no topic" in found["left_out"], asset
        assert found["left_out_version"], asset
        assert found["dagster/row_count"] == 0, asset
        assert "left_out" not in project.metadata(asset, "art"), asset
    assert check_of(project, "roadmap_topics.readable", "music").severity == dg.AssetCheckSeverity.WARN
    assert [file.name for file in (project.folder / "output").iterdir()] == ["roadmap_art.simulated.csv"]


def test_it_stays_left_out_and_is_made_once_it_can_be_read(project: Project) -> None:
    project.run("art", "music", tags=BACKFILL)
    assert Ticks(project).slugs() == [], "no sensor asks for it"
    assert made(project.run("art", "music")) == {asset: ["art"] for asset in WITH_PAGE}
    project.write("music")
    assert Ticks(project).slugs() == ["music"]
    assert made(project.run("art", "music", tags=BACKFILL)) == {asset: ["art", "music"] for asset in WITH_PAGE}
    assert "left_out" not in project.metadata("roadmap_topics", "music")


def test_it_is_asked_for_again_when_the_parser_changed(project: Project) -> None:
    project.run("art", "music", tags=BACKFILL)
    project.sql("UPDATE unreadable_roadmaps SET version = regexp_replace(version, 'parser-.*', 'parser-earlier')")
    assert Ticks(project).slugs() == ["music"]


def test_what_was_made_before_stays_with_its_versions(project: Project) -> None:
    project.write("music")
    project.run("music")
    before = {asset: tags_of(project, asset, "music") for asset in LATER}
    project.write("music", topics=())
    assert project.run("art", "music", tags=BACKFILL).success
    assert {asset: tags_of(project, asset, "music") for asset in LATER} == before
    assert project.metadata("enriched_roadmap", "music")["dagster/row_count"] == 3
    assert project.sql("SELECT count(*) FROM simulated_roadmaps WHERE roadmap = 'music'") == [(3,)]


@pytest.mark.parametrize("again", [False, True], ids=["found out", "known"])
def test_a_run_of_a_backfill_that_has_no_other_roadmap_succeeds(project: Project, again: bool) -> None:
    if again:
        project.run("art", "music")
    result = project.run("music", tags=BACKFILL)
    assert result.success, failures(result)
    assert "holds no topic" in project.metadata("enriched_roadmap", "music")["left_out"]


def test_a_run_whose_roadmaps_are_all_known_to_be_unreadable_fails_with_the_reasons(project: Project) -> None:
    project.write("noise", topics=())
    project.run("music", "noise", tags=BACKFILL)
    result = project.run("music", "noise")
    assert not result.success
    [failure] = failures(result).values()
    assert "every roadmap of the run is left out" in failure
    assert failure.count("holds no topic") == 2


def test_a_roadmap_whose_source_does_not_answer_is_not_called_made(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.set(ROADMAP_SOURCE="live", ROADMAP_SH_API="http://127.0.0.1:9", ROADMAP_GITHUB_API="http://127.0.0.1:9")
    monkeypatch.setattr("roadmap_assets.defs.steps.RETRIES", dg.RetryPolicy(max_retries=0, delay=0))
    result = project.run("art", "music", tags=BACKFILL)
    assert not result.success, "so the backfill is shown as failed, and can be tried again"
    assert made(result) == {}
