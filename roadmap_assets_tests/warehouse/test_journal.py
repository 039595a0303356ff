"""Answers that the database could not take are kept elsewhere, and taken in by the next transaction."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.enrichment.engine.recorder import Record, Recorder
from roadmap_assets.errors import WarehouseBusy, WarehouseUnwritable
from roadmap_assets.warehouse import duckdb, postgres
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.enrichments import load_answers
from roadmap_assets.warehouse.journal import Journal
from roadmap_assets.warehouse.leases import LeaseHolder
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets_tests.postgres import as_set, fresh_schema
from roadmap_assets_tests.processes import Program
from roadmap_assets_tests.warehouse.access import HOLD_A_TABLE, HOLD_AS_A_STRANGER
from roadmap_assets_tests.warehouse.test_enrichments import answer, store
from roadmap_assets_tests.warehouse.test_ledger import CALL


@pytest.fixture
def other(database: Path | PostgresUrl, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    """Another database of the same kind; on a server, another schema."""
    if isinstance(database, Path):
        yield duckdb.Warehouse(tmp_path / "other.duckdb")
        return
    server = request.getfixturevalue("postgres_url")
    with fresh_schema(server) as url, closing(postgres.Warehouse(url)) as warehouse:
        yield warehouse


def held_by_a_stranger(database: Path | PostgresUrl) -> Program:
    """A program that holds the file, or the table of answers on a server."""
    return Program(HOLD_AS_A_STRANGER if isinstance(database, Path) else HOLD_A_TABLE, as_set(database))


def stored(warehouse: Warehouse) -> tuple[list[str], list[str]]:
    with warehouse.transaction() as connection:
        answers = connection.execute("SELECT key FROM enrichments ORDER BY key").fetchall()
        calls = connection.execute("SELECT call_id FROM api_calls ORDER BY call_id").fetchall()
    return [key for (key,) in answers], [call_id for (call_id,) in calls]


def test_a_database_held_for_too_long_costs_no_answer(database: Path | PostgresUrl, warehouse: Warehouse) -> None:
    impatient = open_warehouse(database, wait_s=0.3)
    store(impatient)
    with LeaseHolder(impatient) as holder:
        recorder = Recorder(impatient, holder)
        with held_by_a_stranger(database) as stranger:
            stranger.line()
            recorder.put(Record(call=CALL, answers=(answer("a"), answer("b"))))
            with pytest.raises(WarehouseBusy) as caught:
                recorder.close()
            [file] = warehouse.journal.files()
            assert f"2 answers are kept in {file}" in str(caught.value)
            assert oct(file.parent.stat().st_mode & 0o777) == "0o700"
    assert stored(warehouse) == (["a", "b"], ["1"])
    assert warehouse.journal.files() == []


def test_records_that_arrive_after_a_failure_are_kept_as_well(
    database: Path | PostgresUrl, warehouse: Warehouse
) -> None:
    """Replies of calls that were in flight when the database could not be opened."""
    impatient = open_warehouse(database, wait_s=0.3)
    store(impatient)
    with LeaseHolder(impatient) as holder:
        recorder = Recorder(impatient, holder)
        with held_by_a_stranger(database) as stranger:
            stranger.line()
            recorder.put(Record(call=CALL, answers=(answer("a"),)))
            with pytest.raises(WarehouseBusy):
                asyncio.run(recorder.keep_storing())
            recorder.put(Record(call=replace(CALL, call_id="2"), answers=(answer("b"),)))
            with pytest.raises(WarehouseBusy) as caught:
                recorder.close()
            files = warehouse.journal.files()
            assert len(files) == 2
            assert "2 answers are kept in" in str(caught.value)
            assert all(str(file) in str(caught.value) for file in files)
    assert stored(warehouse) == (["a", "b"], ["1", "2"])


def test_records_that_are_taken_in_twice_are_stored_once(warehouse: Warehouse) -> None:
    file = warehouse.journal.write([CALL], [answer("a", tldr="First")])
    text = file.read_text()
    assert stored(warehouse) == (["a"], ["1"])
    file.write_text(text)  # as after a kill between the commit and the removal
    assert stored(warehouse) == (["a"], ["1"])
    assert not file.exists()
    with warehouse.transaction() as connection:
        assert load_answers(connection, ["a"])["a"].columns == {"tldr": "First"}


def test_a_transaction_that_fails_leaves_the_journal(warehouse: Warehouse) -> None:
    warehouse.journal.write([], [answer("a")])
    with pytest.raises(KeyError), warehouse.transaction():
        raise KeyError
    assert len(warehouse.journal.files()) == 1
    assert stored(warehouse) == (["a"], [])


def test_each_database_has_a_journal_of_its_own(warehouse: Warehouse, other: Warehouse) -> None:
    warehouse.journal.write([], [answer("a")])
    assert stored(other) == ([], [])
    assert stored(warehouse) == (["a"], [])


@pytest.mark.parametrize(
    ("parameters", "shared", "why"),
    [
        ("?options=-csearch_path%3Dother", False, "another schema"),
        ("?dbname=other", False, "another database"),
        ("?connect_timeout=3&password=another", True, "the same tables"),
    ],
)
def test_urls_that_lead_to_the_same_tables_share_a_journal(parameters: str, shared: bool, why: str) -> None:
    one, other = (
        postgres.Warehouse(PostgresUrl(f"postgresql://worker:secret@host/roadmaps{end}")) for end in ("", parameters)
    )
    one.journal.write([], [answer("a")])
    assert bool(other.journal.files()) == shared, why


def test_a_damaged_file_is_set_aside(warehouse: Warehouse) -> None:
    file = warehouse.journal.write([], [answer("a")])
    file.write_text(file.read_text()[:-20])
    assert stored(warehouse) == ([], [])
    assert file.with_suffix(".damaged").exists()


def test_a_link_or_a_folder_in_place_of_a_file_is_left_alone(warehouse: Warehouse, state_folder: Path) -> None:
    file = warehouse.journal.write([], [answer("a")])
    elsewhere = file.replace(state_folder / "elsewhere")
    file.symlink_to(elsewhere)
    assert stored(warehouse) == ([], [])


def test_the_next_folder_is_used_when_one_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("no folder")
    folders = [tmp_path / "blocked" / "journal", tmp_path / "second"]
    journal = Journal(tmp_path / "x.duckdb", folders=lambda: folders)
    assert journal.write([], [answer("a")]).parent == folders[1]
    with pytest.raises(OSError, match="Not a directory"):
        Journal(tmp_path / "x.duckdb", folders=lambda: folders[:1]).write([], [answer("a")])


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no second file system")
def test_another_file_system_than_the_databases_comes_first(tmp_path: Path) -> None:
    other = Path(f"/dev/shm/roadmap-assets-test-{os.getpid()}")
    file = Journal(tmp_path / "x.duckdb", folders=lambda: [tmp_path / "near", other]).write([], [answer("a")])
    try:
        assert file.parent == other
    finally:
        file.unlink()
        other.rmdir()


def test_room_for_all_answers_is_checked_before_they_are_asked(file: duckdb.Warehouse) -> None:
    file.require_room(answers=400)
    with pytest.raises(WarehouseUnwritable, match=r"MB free, and 1000000000000 answers.*ROADMAP_DB"):
        file.require_room(answers=10**12)
