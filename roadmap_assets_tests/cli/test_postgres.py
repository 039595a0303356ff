"""The command line on PostgreSQL."""

from __future__ import annotations

from urllib.parse import quote

import duckdb
import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets_tests.cli.command_line import SAMPLE, SAMPLE_TOPICS, CommandLine
from roadmap_assets_tests.postgres import PASSWORD, PostgresServer


@pytest.fixture
def on_server(command_line: CommandLine, postgres_database: PostgresUrl) -> CommandLine:
    command_line.environment = {"ROADMAP_DB": postgres_database.secret, "ROADMAP_OFFLINE": "1"}
    return command_line


def test_every_command_works_on_postgresql_and_none_shows_the_password(on_server: CommandLine) -> None:
    shown = []
    for command in (
        ("runs",),
        ("cache", "stats"),
        ("scrape", *SAMPLE, "--enrich"),
        ("scrape", *SAMPLE, "--enrich"),
        ("runs",),
        ("cache", "stats"),
        ("quota",),
        ("page", "data-orchestration"),
        ("export", "data-orchestration", "--to", "csv"),
        ("doctor",),
        ("cache", "clear", "--yes"),
        ("quota", "reset"),
    ):
        result = on_server.run(*command)
        assert command == ("doctor",) or result.exit_code == 0, result.output
        shown.append(result.output)
    assert f"Cache hits: {SAMPLE_TOPICS}" in shown[3]
    assert f"Answers: {SAMPLE_TOPICS}" in shown[5]
    assert len(on_server.csv()) == SAMPLE_TOPICS
    assert "postgresql://postgres@127.0.0.1" in shown[5]
    for text in shown:
        assert PASSWORD not in text
        assert quote(PASSWORD, safe="") not in text
    assert not [name for name in on_server.files() if name.startswith(".cache")], "nothing is kept beside"


def test_a_copied_database_pays_for_nothing_again_and_can_be_exported(
    command_line: CommandLine, postgres_database: PostgresUrl
) -> None:
    offline = {"ROADMAP_OFFLINE": "1"}
    assert command_line.run("scrape", *SAMPLE, "--enrich", **offline).exit_code == 0
    copied = command_line.run("db", "copy", command_line.database, postgres_database.secret)
    assert copied.exit_code == 0, copied.output
    assert f"enrichments: {SAMPLE_TOPICS} rows, {SAMPLE_TOPICS} of them new" in copied.output
    on_server = {**offline, "ROADMAP_DB": postgres_database.secret}
    scraped = command_line.run("scrape", *SAMPLE, "--enrich", **on_server)
    assert f"Cache hits: {SAMPLE_TOPICS}" in scraped.output
    info = command_line.run("db", "info", **on_server)
    assert "(PostgreSQL " in info.output
    assert f"  enrichments: {SAMPLE_TOPICS} rows" in info.output
    exported = command_line.run("db", "export", "--parquet", "tables", **on_server)
    assert exported.exit_code == 0, exported.output
    files = command_line.folder / "tables"
    rows = duckdb.sql(f"SELECT count(*), count(answer) FROM '{files}/enrichments.parquet'").fetchall()
    assert rows == [(SAMPLE_TOPICS, SAMPLE_TOPICS)]
    assert {file.suffix for file in files.iterdir()} == {".parquet"}, "nothing unfinished is left"
    assert PASSWORD not in copied.output + scraped.output + info.output + exported.output


def test_the_owner_prepares_what_a_worker_with_fewer_rights_needs(command_line: CommandLine) -> None:
    with PostgresServer() as server:
        server.execute(
            "CREATE ROLE worker LOGIN PASSWORD 'secret'",
            "ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO worker",
        )
        worker = {"ROADMAP_DB": server.url(user="worker", password="secret"), "ROADMAP_OFFLINE": "1"}
        early = command_line.run("scrape", *SAMPLE, "--enrich", **worker)
        assert early.exit_code == 1
        assert "let its owner run `roadmap-assets db info`" in early.output
        owner = {**worker, "ROADMAP_DB": server.url(), "ROADMAP_PROFILE": "study"}
        assert command_line.run("db", "info", **owner).exit_code == 0
        scraped = command_line.run("scrape", *SAMPLE, "--enrich", **worker, ROADMAP_PROFILE="study")
        assert scraped.exit_code == 0, scraped.output
        assert len(command_line.csv()) == SAMPLE_TOPICS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing.duckdb", "new.duckdb"), "there is no database"),
        (("same.duckdb", "./same.duckdb"), "FROM and TO are the same database"),
        (("mysql://u:secret@host/db", "new.duckdb"), "a database is a file or postgresql://"),
    ],
)
def test_a_copy_that_makes_no_sense_is_refused_and_creates_nothing(
    command_line: CommandLine, arguments: tuple[str, str], message: str
) -> None:
    result = command_line.run("db", "copy", *arguments)
    assert result.exit_code in (1, 2)
    assert message in result.output
    assert "secret" not in result.output
    assert command_line.files() == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://u:secret@127.0.0.1:1/db", "Connection refused"),
        ("postgresql://u:secret@no.invalid/db", "no.invalid"),
    ],
)
def test_a_database_that_cannot_be_reached_is_one_line_and_exit_status_1(
    command_line: CommandLine, url: str, reason: str
) -> None:
    result = command_line.run("scrape", *SAMPLE, "--enrich", ROADMAP_DB=url, ROADMAP_OFFLINE="1")
    assert result.exit_code == 1
    error = [line for line in result.output.splitlines() if line.startswith("Error")]
    assert len(error) == 1
    assert reason in error[0]
    assert "secret" not in result.output


def test_a_wrong_password_is_one_line_and_exit_status_1(command_line: CommandLine, postgres_url: str) -> None:
    wrong = postgres_url.replace(quote(PASSWORD, safe=""), "secret")
    result = command_line.run("cache", "stats", ROADMAP_DB=wrong)
    assert result.exit_code == 1
    assert result.output.startswith("Error: cannot connect to the database postgresql://")
    assert "password authentication failed" in result.output
    assert "secret" not in result.output
