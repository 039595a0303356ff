"""What the user gets for a database that cannot be used: one line, and the file untouched."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb

from roadmap_assets_tests.cli.command_line import SAMPLE, CommandLine
from roadmap_assets_tests.cli.test_bad_input import error_of


def test_a_file_that_is_not_a_database_is_left_untouched(command_line: CommandLine) -> None:
    Path("notes.db").write_bytes(b"my notes, not a database")
    error = error_of(command_line, "scrape", *SAMPLE, status=1, ROADMAP_DB="notes.db")
    assert "notes.db" in error
    assert Path("notes.db").read_bytes() == b"my notes, not a database"


def test_a_database_of_another_kind_is_left_untouched(command_line: CommandLine) -> None:
    with sqlite3.connect("notes.sqlite") as connection:
        connection.execute("CREATE TABLE topics (title)")
    connection.close()
    before = Path("notes.sqlite").read_bytes()
    error = error_of(command_line, "scrape", *SAMPLE, status=1, ROADMAP_DB="notes.sqlite")
    assert "notes.sqlite" in error
    assert Path("notes.sqlite").read_bytes() == before


def test_a_database_from_a_newer_version_is_left_untouched(command_line: CommandLine) -> None:
    command_line.run("scrape", *SAMPLE)
    with duckdb.connect(command_line.database) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES ('of_the_future', now())")
    before = command_line.database.read_bytes()
    for arguments in (("scrape", *SAMPLE), ("cache", "stats"), ("topics", "--source", "sample")):
        error = error_of(command_line, *arguments, status=1)
        assert "newer version" in error
        assert "enrichment.duckdb" in error
    assert command_line.database.read_bytes() == before


def test_waiting_for_a_database_that_another_program_holds_is_reported(command_line: CommandLine) -> None:
    command_line.run("scrape", *SAMPLE)
    holder = (
        "import duckdb, sys, time\n"
        "connection = duckdb.connect('.cache/enrichment.duckdb')\n"
        "print('held', flush=True)\n"
        "time.sleep(2)\n"
    )
    process = command_line.start(program=holder)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    result = command_line.run("scrape", *SAMPLE)
    process.communicate()
    assert result.exit_code == 0
    [notice] = result.stderr.splitlines()
    assert "Waiting for the database" in notice
    assert "enrichment.duckdb" in notice
    assert f"PID {process.pid}" in notice


def test_topics_do_not_leave_a_roadmap_out_because_the_database_is_held(command_line: CommandLine) -> None:
    """That is no fault of the roadmap; each would wait again."""
    Path("notes.db").write_bytes(b"my notes, not a database")
    result = command_line.run("topics", "--source", "sample", ROADMAP_DB="notes.db")
    assert result.exit_code == 1
    assert "Left out" not in result.stderr
