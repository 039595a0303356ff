"""Answers that the database could not take are kept elsewhere, and taken in by the next transaction."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from roadmap_assets.enrichment.engine.recorder import Record, Recorder
from roadmap_assets.errors import WarehouseBusy, WarehouseUnwritable
from roadmap_assets.warehouse.duckdb import Warehouse
from roadmap_assets.warehouse.enrichments import load_answers, store_answers
from roadmap_assets.warehouse.journal import Journal
from roadmap_assets.warehouse.leases import LeaseHolder
from roadmap_assets_tests.processes import Program
from roadmap_assets_tests.warehouse.access import HOLD_AS_A_STRANGER
from roadmap_assets_tests.warehouse.test_enrichments import answer
from roadmap_assets_tests.warehouse.test_ledger import CALL


@pytest.fixture
def warehouse(file: Warehouse) -> Warehouse:
    return file


def stored(warehouse: Warehouse) -> tuple[list[str], list[str]]:
    with warehouse.transaction() as connection:
        answers = connection.execute("SELECT key FROM enrichments ORDER BY key").fetchall()
        calls = connection.execute("SELECT call_id FROM api_calls ORDER BY call_id").fetchall()
    return [key for (key,) in answers], [call_id for (call_id,) in calls]


def test_a_database_held_for_too_long_costs_no_answer(warehouse: Warehouse) -> None:
    impatient = Warehouse(warehouse.path, wait_s=0.3)
    with LeaseHolder(impatient) as holder:
        recorder = Recorder(impatient, holder)
        with Program(HOLD_AS_A_STRANGER, _made(warehouse)) as stranger:
            stranger.line()
            recorder.put(Record(call=CALL, answers=(answer("a"), answer("b"))))
            with pytest.raises(WarehouseBusy) as caught:
                recorder.close()
            [file] = warehouse.journal.files()
            assert f"2 answers are kept in {file}" in str(caught.value)
            assert oct(file.parent.stat().st_mode & 0o777) == "0o700"
    assert stored(warehouse) == (["a", "b"], ["1"])
    assert warehouse.journal.files() == []


def test_records_that_arrive_after_a_failure_are_kept_as_well(warehouse: Warehouse) -> None:
    """Replies of calls that were in flight when the database could not be opened."""
    impatient = Warehouse(warehouse.path, wait_s=0.3)
    with LeaseHolder(impatient) as holder:
        recorder = Recorder(impatient, holder)
        with Program(HOLD_AS_A_STRANGER, _made(warehouse)) as stranger:
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


def test_each_database_has_a_journal_of_its_own(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.journal.write([], [answer("a")])
    assert stored(Warehouse(tmp_path / "other.duckdb")) == ([], [])
    assert stored(warehouse) == (["a"], [])


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


def test_the_next_folder_is_used_when_one_cannot_be_written(warehouse: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("no folder")
    folders = [tmp_path / "blocked" / "journal", tmp_path / "second"]
    journal = Journal(warehouse.path, folders=lambda: folders)
    assert journal.write([], [answer("a")]).parent == folders[1]
    with pytest.raises(OSError, match="Not a directory"):
        Journal(warehouse.path, folders=lambda: folders[:1]).write([], [answer("a")])


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no second file system")
def test_another_file_system_than_the_databases_comes_first(warehouse: Warehouse, tmp_path: Path) -> None:
    other = Path(f"/dev/shm/roadmap-assets-test-{os.getpid()}")
    file = Journal(warehouse.path, folders=lambda: [tmp_path / "near", other]).write([], [answer("a")])
    try:
        assert file.parent == other
    finally:
        file.unlink()
        other.rmdir()


def test_room_for_all_answers_is_checked_before_they_are_asked(warehouse: Warehouse) -> None:
    warehouse.require_room(answers=400)
    with pytest.raises(WarehouseUnwritable, match=r"MB free, and 1000000000000 answers.*ROADMAP_DB"):
        warehouse.require_room(answers=10**12)


def _made(warehouse: Warehouse) -> Path:
    with warehouse.transaction() as connection:
        store_answers(connection, [])
    return warehouse.path
