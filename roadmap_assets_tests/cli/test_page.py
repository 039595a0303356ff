"""`roadmap-assets page`."""

from __future__ import annotations

from roadmap_assets_tests.cli.command_line import SAMPLE, CommandLine


def test_the_last_line_says_where_the_page_is(command_line: CommandLine) -> None:
    command_line.run("scrape", *SAMPLE, "--enrich", "--offline")
    result = command_line.run("page", "data-orchestration")
    page = command_line.folder / "site" / "data-orchestration.html"
    assert result.exit_code == 0
    assert result.output.splitlines()[-1] == f"Page: {page}"
    assert "Simulated answers." in page.read_text("utf-8")


def test_a_roadmap_without_answers_has_a_page_too(command_line: CommandLine) -> None:
    command_line.run("scrape", *SAMPLE)
    assert command_line.run("page", "--all", "--output", "pages").exit_code == 0
    assert "No answers yet." in (command_line.folder / "pages" / "data-orchestration.html").read_text("utf-8")


def test_a_roadmap_that_was_never_read_is_an_error_that_says_what_to_do(command_line: CommandLine) -> None:
    result = command_line.run("page", "frontend")
    assert result.exit_code == 1
    assert "roadmap-assets scrape --roadmap frontend" in result.output


def test_roadmaps_are_named_or_all_are_meant(command_line: CommandLine) -> None:
    assert command_line.run("page").exit_code == 2
    assert command_line.run("page", "frontend", "--all").exit_code == 2


def test_the_index_leads_to_the_pages_that_are_there(command_line: CommandLine) -> None:
    command_line.run("scrape", *SAMPLE, "--enrich", "--offline")
    result = command_line.run("page", "--all")
    index = command_line.folder / "site" / "index.html"
    assert result.output == f"Page: {index.with_name('data-orchestration.html')}\n"
    text = index.read_text("utf-8")
    assert '<a href="data-orchestration.html">Data Orchestration</a>' in text
    assert "Calls to Gemini by day" in text
    index.with_name("data-orchestration.html").unlink()
    command_line.run("page", "data-orchestration", "--output", "elsewhere")
    assert (command_line.folder / "elsewhere" / "index.html").exists()
