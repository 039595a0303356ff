"""What is stored and used up, as the commands show and reset it: `cache`, `runs` and `quota`."""

from __future__ import annotations

from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.cli.command_line import SAMPLE, CommandLine, line

ENRICH = ("--enrich", "--offline")


def test_stats_and_clear(command_line: CommandLine) -> None:
    command_line.run("scrape", *SAMPLE, "--enrich", "--offline")
    stats = command_line.run("cache", "stats")
    assert line(stats, "Answers:") == "53"
    assert line(stats, "  simulator, summary").split(": ")[1] == "53, latest"
    assert line(stats, "Failures:") == "0"

    assert (
        command_line.run("cache", "clear", "--yes", "--model", "another").stdout == "Forgotten: 0 answers, 0 failures\n"
    )
    assert command_line.run("cache", "clear", "--failures").stdout == "Forgotten: 0 answers, 0 failures\n"
    assert command_line.run("cache", "clear", typed="n\n").exit_code == 1
    assert line(command_line.run("cache", "stats"), "Answers:") == "53"

    assert "Forgotten: 53 answers" in command_line.run("cache", "clear", typed="y\n").stdout
    assert line(command_line.run("cache", "stats"), "Answers:") == "0"
    again = command_line.run("scrape", *SAMPLE, "--enrich", "--offline")
    assert line(again, "API calls:") == "3 (least possible: 3)"


def test_stats_of_a_database_that_is_not_there_makes_none(command_line: CommandLine) -> None:
    result = command_line.run("cache", "stats")
    assert (result.exit_code, line(result, "Answers:")) == (0, "0")
    assert command_line.files() == []


# ---- runs and quota


def test_runs_are_listed_and_the_answers_of_one_can_be_forgotten(command_line: CommandLine) -> None:
    assert command_line.run("runs").stdout.endswith("has asked Gemini yet.\n")
    assert command_line.files() == []
    command_line.run("scrape", *SAMPLE, *ENRICH, "--limit", 5)
    command_line.run("scrape", *SAMPLE, *ENRICH)
    header, second, first = command_line.run("runs").stdout.splitlines()
    assert header.split() == ["RUN", "STARTED", "ROWS", "CALLS", "COST", "MODEL"]
    assert [(row.split()[3:5], row.split()[-1]) for row in (first, second)] == [
        (["5", "1"], "simulator"),
        (["48", "3"], "simulator"),
    ]
    assert command_line.run("runs", "--limit", 1).stdout.splitlines()[1:] == [second]

    forget = ("cache", "clear", "--run", first.split()[0])
    assert command_line.run(*forget, typed="n\n").exit_code == 1
    assert command_line.run(*forget, "--yes").stdout == "Forgotten: 5 answers, 0 failures\n"
    assert command_line.run(*forget, "--model", "simulator").exit_code == 2
    again = command_line.run("scrape", *SAMPLE, *ENRICH)
    assert (line(again, "Newly enriched:"), line(again, "API calls:")) == ("5", "1 (least possible: 1)")


def test_the_quota_is_shown_and_reopened(command_line: CommandLine) -> None:
    with Simulator(SimulatorOptions(rpd=2)) as server:
        environment = {"GOOGLE_GEMINI_BASE_URL": server.url, "GEMINI_API_KEY": "any", "ROADMAP_BATCH_SIZE": "10"}
        assert command_line.run("scrape", *SAMPLE, "--enrich", **environment).exit_code == 3
        shown = command_line.run("quota", **environment)
        assert line(shown, "State: closed until").endswith("reopen it with: roadmap-assets quota reset")
        assert "of 500 requests" in line(shown, "Today:")
        before = len(server.requests)
        assert command_line.run("scrape", *SAMPLE, "--enrich", **environment).exit_code == 3
        assert len(server.requests) == before  # the day is closed
        assert command_line.run("quota", "reset", **environment).exit_code == 0
        assert line(command_line.run("quota", **environment), "State:") == "open"
        assert command_line.run("scrape", *SAMPLE, "--enrich", **environment).exit_code == 3
        assert len(server.requests) > before
        assert line(command_line.run("quota", **environment), "State:").startswith("closed")
        upgraded = {**environment, "ROADMAP_RPD": "1500"}  # a higher limit needs no reset
        assert line(command_line.run("quota", **upgraded), "State:") == "open"
