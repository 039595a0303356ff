"""`roadmap-assets export`."""

from __future__ import annotations

import json
import zipfile

import openpyxl
import pytest

from roadmap_assets_tests.cli.command_line import SAMPLE, SAMPLE_TOPICS, CommandLine


@pytest.mark.parametrize(
    ("format_", "name", "number"),
    [
        ("csv", "data-orchestration.csv", "53 rows"),
        ("jsonl", "data-orchestration.jsonl", "53 rows"),
        ("parquet", "data-orchestration.parquet", "53 rows"),
        ("xlsx", "data-orchestration.xlsx", "53 rows"),
        ("md", "data-orchestration", "53 notes"),
        ("anki", "data-orchestration.apkg", "53 cards"),
    ],
)
def test_a_published_roadmap_in_every_format(command_line: CommandLine, format_: str, name: str, number: str) -> None:
    command_line.run("scrape", *SAMPLE, "--enrich", "--offline")
    result = command_line.run("export", "data-orchestration", "--to", format_)
    assert result.output == f"Written: output/{name} ({number})\n"
    assert (command_line.folder / "output" / name).exists()


def test_the_columns_are_those_that_were_published_whatever_the_profile_is_now(command_line: CommandLine) -> None:
    command_line.run("scrape", *SAMPLE, "--enrich", "--offline", ROADMAP_PROFILE="study")
    command_line.run("export", "data-orchestration", "--to", "jsonl", "--output", "rows.jsonl")
    rows = [json.loads(line) for line in (command_line.folder / "rows.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == SAMPLE_TOPICS
    assert all({"tldr", "challenge", "obstacle", "how_to"} <= row.keys() for row in rows)
    assert all(row["how_to"]["steps"] for row in rows)
    assert {"title", "url", "type"} == rows[0]["resources"][0].keys()


def test_a_workbook_with_a_sheet_for_each_chapter(command_line: CommandLine) -> None:
    command_line.run("scrape", *SAMPLE, "--enrich", "--offline")
    command_line.run("export", "data-orchestration", "--to", "xlsx", "--by-chapter", "--output", "book.xlsx")
    book = openpyxl.load_workbook(command_line.folder / "book.xlsx")
    assert book.sheetnames == ["Why Orchestrate", "Modelling Work", "Moving Data", "Running in Production", "Resources"]
    assert zipfile.is_zipfile(command_line.folder / "book.xlsx")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "pdf"), "'csv', 'jsonl'"),
        (("--to", "csv", "--by-chapter"), "--to xlsx"),
        (("--to", "anki", "--output", "a.csv"), ".apkg"),
    ],
)
def test_what_cannot_be_meant_is_an_error(command_line: CommandLine, arguments: tuple[str, ...], said: str) -> None:
    result = command_line.run("export", "data-orchestration", *arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert command_line.files() == []


def test_a_roadmap_that_was_never_read_says_what_to_do(command_line: CommandLine) -> None:
    result = command_line.run("export", "frontend", "--to", "csv")
    assert result.exit_code == 1
    assert "roadmap-assets scrape --roadmap frontend" in result.output
