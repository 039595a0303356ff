"""A run of the command line, as the catalogue shows it."""

from __future__ import annotations

import dagster as dg

from roadmap_assets.defs.partitions import ROADMAPS
from roadmap_assets_tests.cli.command_line import CommandLine
from roadmap_assets_tests.defs.project import ASSETS, Project, on_disk

pytestmark = on_disk


def scrape(project: Project, *options: str) -> None:
    line = CommandLine(project.folder, ROADMAP_SOURCE=str(project.source), DAGSTER_HOME=project.instance.root_directory)
    result = line.run("scrape", "--roadmap", "music", *options)
    assert result.exit_code == 0, result.output


def versions(project: Project, asset: str) -> dict[str, str]:
    record = project.instance.get_latest_data_version_record(dg.AssetKey(asset), partition_key="music")
    return dict((record and record.event_log_entry.tags) or {})


def test_it_is_there_as_a_run_of_dagster_would_be(project: Project) -> None:
    project.write("music")
    scrape(project, "--enrich", "--offline")
    assert project.instance.get_dynamic_partitions(ROADMAPS.name or "") == ["music"]
    by_command_line = {asset: (project.metadata(asset, "music"), versions(project, asset)) for asset in ASSETS}
    assert by_command_line["topic_enrichments"][0]["gemini.calls"] == 1
    assert by_command_line["enriched_roadmap"][0]["dagster/row_count"] == 3
    assert project.run("music").success
    for asset, (metadata, tags) in by_command_line.items():
        again = versions(project, asset)
        assert tags["dagster/data_version"] == again["dagster/data_version"], asset
        assert tags["dagster/code_version"] == again["dagster/code_version"], asset
        assert set(metadata) == set(project.metadata(asset, "music")), asset


def test_dagster_asks_nothing_that_the_command_line_has_asked(project: Project) -> None:
    project.write("music")
    scrape(project, "--enrich", "--offline")
    assert project.run("music").success
    metadata = project.metadata("topic_enrichments", "music")
    assert (metadata["gemini.calls"], metadata["hits"]) == (0, 3)


def test_without_enrichment_the_first_two_are_told(project: Project) -> None:
    project.write("music")
    scrape(project)
    found = {asset: bool(versions(project, asset)) for asset in ASSETS}
    assert found == dict(zip(ASSETS, (True, True, False, False), strict=True))
