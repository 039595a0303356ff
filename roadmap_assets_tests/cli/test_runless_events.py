"""A run of the command line shows in Dagster's catalogue where there is one, and needs none."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadmap_assets_tests.cli.command_line import SAMPLE, CommandLine

ASSETS = ("raw_roadmap", "roadmap_topics", "topic_enrichments", "enriched_roadmap")


def shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The assets that the catalogue has for the sample."""
    import dagster as dg

    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with dg.DagsterInstance.get() as instance:
        return [
            asset
            for asset in ASSETS
            if "data-orchestration" in instance.get_materialized_partitions(dg.AssetKey(asset))
        ]


@pytest.mark.parametrize(
    ("arguments", "assets"),
    [
        (("--enrich", "--offline"), list(ASSETS)),
        ((), ["raw_roadmap", "roadmap_topics"]),
        (("--dry-run",), []),
    ],
)
def test_a_run_shows_in_the_catalogue(
    command_line: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    assets: list[str],
) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").touch()
    result = command_line.run("scrape", *SAMPLE, *arguments, DAGSTER_HOME=str(home))
    assert (result.exit_code, result.stderr) == (0, "")
    assert shown(home, monkeypatch) == assets


def test_a_missing_home_is_noted_and_costs_the_run_nothing(command_line: CommandLine) -> None:
    result = command_line.run("scrape", *SAMPLE, DAGSTER_HOME="/no/such/folder")
    assert result.exit_code == 0
    assert result.stderr.startswith("Note: the run does not show in Dagster's catalogue: ")
    assert "/no/such/folder" in result.stderr
    assert len(command_line.csv()) == 53


@pytest.mark.parametrize("arguments", [(), ("--enrich", "--offline")])
def test_a_storage_that_cannot_be_opened_is_noted_and_costs_the_run_nothing(
    command_line: CommandLine, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """The run is done and paid for by then, so its own exit status stands."""
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("storage:\n  sqlite:\n    base_dir: /dev/null/nowhere\n")
    result = command_line.run("scrape", *SAMPLE, *arguments, DAGSTER_HOME=str(home))
    assert result.exit_code == 0
    [note] = result.stderr.splitlines()
    assert note.startswith("Note: the run does not show in Dagster's catalogue: ")
    assert "/dev/null/nowhere" in note
    assert len(command_line.csv()) == 53
