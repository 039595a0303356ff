"""`roadmap-assets topics`: roadmaps as a table, before any enrichment."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from roadmap_assets_tests.cli.command_line import SAMPLE_TOPICS, CommandLine, line
from roadmap_assets_tests.roadmaps.written import write_roadmap

ENRICH = ("--enrich", "--offline")


def test_topics_are_json_lines_on_standard_output(command_line: CommandLine) -> None:
    result = command_line.run("topics", "data-orchestration", "--source", "sample")
    assert result.exit_code == 0
    topics = [json.loads(text) for text in result.stdout.splitlines()]
    assert [topic["position"] for topic in topics] == list(range(SAMPLE_TOPICS))
    # what ../shared/tools/score_hierarchy.py reads, as HIERARCHY.md has it
    assert {"roadmap", "topic_id", "topic", "category", "parent", "parent_topic", "path"} <= set(topics[0])
    assert all(isinstance(topic["path"], list) for topic in topics)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_topics_of_all_roadmaps_go_to_a_file(command_line: CommandLine, source: Path, ending: str) -> None:
    result = command_line.run("topics", "--source", source, "--output", f"out/topics.{ending}")
    assert (result.exit_code, result.stdout) == (0, f"Written: out/topics.{ending} (6 rows)\n")
    table = duckdb.sql(f"SELECT roadmap, topic FROM 'out/topics.{ending}' ORDER BY roadmap, position").fetchall()
    assert [roadmap for roadmap, _ in table] == ["alpha"] * 2 + ["beta"] * 2 + ["beta-two"] * 2
    assert table[0] == ("alpha", "Alpha 0")
    assert [path.name for path in (command_line.folder / "out").iterdir()] == [f"topics.{ending}"]


def test_one_unreadable_roadmap_does_not_stop_the_others(command_line: CommandLine, source: Path) -> None:
    (source / "beta" / "beta.json").write_text("{")
    result = command_line.run("topics", "--source", source, "--output", "topics.jsonl")
    assert result.exit_code == 3
    assert line(result, "Left out:").count("beta.json") == 1
    assert "(4 rows)" in line(result, "Written:")


def test_a_named_roadmap_that_cannot_be_read_is_a_failure(command_line: CommandLine, source: Path) -> None:
    (source / "beta" / "beta.json").write_text("{")
    assert command_line.run("topics", "alpha", "beta", "--source", source).exit_code == 1


@pytest.mark.parametrize("named", [("nowhere",), ("nowhere", "beta"), ("broken",)])
def test_nothing_is_written_when_nothing_was_read(
    command_line: CommandLine, source: Path, named: tuple[str, ...]
) -> None:
    (source / "beta" / "beta.json").write_text("{")
    write_roadmap(source, "broken", [])
    Path("all.jsonl").write_text("what was here before\n")
    result = command_line.run("topics", *named, "--source", source, "--output", "all.jsonl")
    assert result.exit_code == 1
    *left_out, error = result.stderr.splitlines()
    assert [text.startswith("Left out: ") for text in left_out] == [True] * (len(named) if len(named) > 1 else 0)
    assert error.startswith("Error: ")
    assert Path("all.jsonl").read_text() == "what was here before\n"


def test_a_source_without_roadmaps_is_an_error(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = command_line.run("topics", "--source", "empty", "--output", "all.jsonl")
    assert (result.exit_code, result.stderr) == (1, "Error: the source empty has no roadmaps; nothing was written\n")
    assert not Path("all.jsonl").exists()


def test_a_vanished_roadmap_keeps_its_last_state_and_the_run_says_so(command_line: CommandLine, source: Path) -> None:
    command_line.run("topics", "alpha", "--source", source)
    shutil.rmtree(source / "alpha")
    for arguments in (("topics", "alpha"), ("scrape", "--roadmap", "alpha")):
        result = command_line.run(*arguments, "--source", source)
        assert result.exit_code == 0
        assert result.stderr == f"Note: alpha is no longer in the source {source}; its last state is used.\n"
    assert len(command_line.csv()) == 2
