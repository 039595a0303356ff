"""Dagster's partitions, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadmap_assets_tests.cli.command_line import CommandLine
from roadmap_assets_tests.defs.project import instance_in
from roadmap_assets_tests.roadmaps.written import write_roadmap


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    for slug in ("art", "music"):
        write_roadmap(tmp_path / "roadmaps", slug, ["One", "Two"])
    with instance_in(tmp_path / "home"):
        return CommandLine(tmp_path, ROADMAP_SOURCE=str(tmp_path / "roadmaps"), DAGSTER_HOME=str(tmp_path / "home"))


def test_they_are_added_listed_and_removed(line: CommandLine) -> None:
    assert line.run("partitions", "list").stdout == ""
    assert "Added: music, art" in line.run("partitions", "add", "music", "art", "music").output
    assert line.run("partitions", "list").stdout == "music\nart\n"
    assert "Nothing to add" in line.run("partitions", "add", "art").output
    assert "Removed: music" in line.run("partitions", "remove", "music").output
    assert line.run("partitions", "list").stdout == "art\n"


def test_one_that_the_source_does_not_have_is_refused_with_the_nearest(line: CommandLine) -> None:
    result = line.run("partitions", "add", "art", "musik")
    assert result.exit_code == 1
    assert "did you mean music?" in result.output
    assert line.run("partitions", "list").stdout == ""


def test_one_that_is_not_there_cannot_be_removed(line: CommandLine) -> None:
    result = line.run("partitions", "remove", "art")
    assert result.exit_code == 2
    assert "no partition is called 'art'" in result.output


def test_without_dagster_home_one_line_says_so(line: CommandLine, tmp_path: Path) -> None:
    result = CommandLine(tmp_path).run("partitions", "list")
    assert result.exit_code == 2
    assert "DAGSTER_HOME" in result.output
    assert "Traceback" not in result.output
