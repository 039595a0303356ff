"""The four assets, made for many roadmaps in one run."""

from __future__ import annotations

import math
from pathlib import Path

import dagster as dg
import pytest

from roadmap_assets.defs.partitions import ROADMAPS
from roadmap_assets.simulator.server import Simulator
from roadmap_assets_tests.defs.project import ASSETS, WITH_PAGE, Project, check_of, failures, made


def test_batches_are_packed_across_roadmaps(project: Project) -> None:
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


def test_each_has_its_own_share_of_what_the_run_took(project: Project) -> None:
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


def test_an_asset_has_fewer_than_15_keys_of_metadata(project: Project) -> None:
    project.write("art")
    project.write("music", topics=())
    project.run("art", "music")
    for asset in ASSETS:
        names = [name for name in project.metadata(asset, "art") if not name.startswith("dagster/")]
        assert len(names) < 15, (asset, names)


def test_each_has_a_data_version_of_its_own(project: Project) -> None:
    project.write("art")
    project.write("music")
    project.run("art", "music")
    stored = dict(project.sql("SELECT roadmap, version FROM raw_roadmaps"))
    for slug in ("art", "music"):
        record = project.instance.get_latest_data_version_record(dg.AssetKey("raw_roadmap"), partition_key=slug)
        assert record
        assert (record.event_log_entry.tags or {})["dagster/data_version"] == stored[slug]
    assert len(set(stored.values())) == 2


def test_one_that_cannot_be_read_is_left_out_and_named(project: Project) -> None:
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
        asset: {slug: value.value for slug, value in (found or {}).items() if value} for asset, found in status.items()
    } == {
        "raw_roadmap": dict.fromkeys(("art", "empty", "music", "sports"), "MATERIALIZED"),
        **dict.fromkeys(ASSETS[1:], dict.fromkeys(("art", "music", "sports"), "MATERIALIZED")),
    }


def test_what_is_known_to_be_unreadable_is_not_tried_again_until_it_changes(project: Project) -> None:
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


def test_when_none_can_be_read_the_run_ends_at_once(project: Project) -> None:
    project.write("art", topics=())
    project.write("music", topics=())
    result = project.run("art", "music")
    assert set(failures(result)) == {"roadmap_topics"}
    assert made(result) == {"raw_roadmap": ["art", "music"]}


@pytest.mark.long
def test_the_mapped_roadmaps_cold_take_the_least_calls(project: Project, real_roadmaps: Path) -> None:
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
