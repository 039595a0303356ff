"""`roadmap-assets evaluate`."""

from __future__ import annotations

import json

from roadmap_assets_tests.cli.command_line import SAMPLE, CommandLine, line

BATCH = ("evaluate", "batch", *SAMPLE, "--offline")
CLEAN = "Within noise: batches of 20 cost no quality here"


def test_batches_are_evaluated_on_a_roadmap(command_line: CommandLine) -> None:
    result = command_line.run(*BATCH)
    assert result.exit_code == 0
    assert CLEAN in result.stdout.splitlines()
    assert "The answers are simulated (model: simulator), not Gemini's." in result.stdout
    assert command_line.sql("SELECT kind, rows, verdict FROM evaluations") == [("batch", 40, CLEAN)]


def test_json_is_the_whole_report_and_nothing_else(command_line: CommandLine) -> None:
    report = json.loads(command_line.run(*BATCH, "--rows", 9, "--json").stdout)
    assert report.keys() >= {"agreement", "kappa", "noise_floor", "drift", "cost_usd", "verdict"}
    assert report["verdict"] == CLEAN
    [(stored,)] = command_line.sql("SELECT CAST(report AS VARCHAR) FROM evaluations")
    assert json.loads(str(stored)) == report


def test_any_table_can_be_evaluated(command_line: CommandLine) -> None:
    text = "name,text\n" + "".join(f"Dish {number},A dish of {number} parts\n" for number in range(8))
    (command_line.folder / "dishes.csv").write_text(text)
    result = command_line.run(
        "evaluate", "batch", "--table", "dishes.csv", "--topic", "name", "--description", "text", "--offline"
    )
    assert result.exit_code == 0
    assert command_line.sql("SELECT DISTINCT row_id FROM evaluation_answers ORDER BY 1") == [
        (str(number),) for number in range(1, 9)
    ]


def test_a_dry_run_prices_the_evaluation_and_asks_nothing(command_line: CommandLine) -> None:
    result = command_line.run(*BATCH, "--dry-run")
    assert line(result, "API calls:") == "54"
    assert result.stdout.splitlines()[-1] == "Dry run: Gemini was not asked."
    assert command_line.sql("SELECT count(*) FROM api_calls") == [(0,)]


def test_two_profiles_are_compared_on_a_roadmap(command_line: CommandLine) -> None:
    result = command_line.run("evaluate", "compare", "summary", "study", *SAMPLE, "--rows", 9, "--offline")
    assert result.exit_code == 0
    assert "tldr: 100% agreement [100%, 100%]; challenge: 100% agreement [100%, 100%]" in result.stdout
    report = json.loads(
        command_line.run("evaluate", "compare", "summary", "study", *SAMPLE, "--rows", 9, "--offline", "--json").stdout
    )
    assert report.keys() >= {"agreement", "kappa", "differences", "judge", "cost_usd", "verdict"}


def test_known_answers_are_read_from_the_columns_of_the_profile(command_line: CommandLine) -> None:
    (command_line.folder / "gold.csv").write_text("topic,challenge,mine\nA dish,expert,1\nAnother,practice,2\n")
    result = command_line.run("evaluate", "gold", "gold.csv", "--offline", "--json")
    report = json.loads(result.stdout)
    assert report.keys() >= {"accuracy", "confusion", "misses", "kappa", "cost_usd", "verdict"}
    assert list(report["accuracy"]) == ["challenge"]
    (command_line.folder / "bad.csv").write_text("topic,level\nA dish,expert\n")
    refused = command_line.run("evaluate", "gold", "bad.csv", "--offline")
    assert refused.exit_code == 2
    assert "none of the profile's columns: tldr, challenge" in refused.stderr


def test_rows_must_be_named_in_one_way(command_line: CommandLine) -> None:
    (command_line.folder / "x.csv").write_text("name\na\n")
    assert command_line.run("evaluate", "batch").exit_code == 2
    assert command_line.run(*BATCH, "--table", "x.csv", "--topic", "name").exit_code == 2
    assert "--topic COLUMN" in command_line.run("evaluate", "batch", "--table", "x.csv").stderr


def test_the_html_report_is_written_beside_the_json(command_line: CommandLine) -> None:
    result = command_line.run(*BATCH, "--rows", 9, "--json", "--html", "report.html")
    assert json.loads(result.stdout)["verdict"] == CLEAN
    assert CLEAN in (command_line.folder / "report.html").read_text("utf-8")
