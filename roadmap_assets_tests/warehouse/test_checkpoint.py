"""A checkpoint that is killed, with half of a metadata block written, leaves the database as it was before."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from roadmap_assets.errors import WarehouseBusy
from roadmap_assets.warehouse.checkpoint import SERIES_LOG_BYTES, log_size
from roadmap_assets.warehouse.duckdb import Warehouse
from roadmap_assets_tests.processes import Program
from roadmap_assets_tests.warehouse.access import HOLD_AS_A_STRANGER

PAUSE_BEFORE_A_CHECKPOINT = """
import sys
from pathlib import Path
from roadmap_assets.warehouse.duckdb import Warehouse

with Warehouse(Path(sys.argv[1])).transaction() as connection:
    connection.execute("INSERT INTO source_listings VALUES ('second', '', '', now()::TIMESTAMP)")
    connection.execute("SET debug_checkpoint_sleep_ms = 600000")
"""

SERIES = """
import sys
from pathlib import Path
from roadmap_assets.warehouse.duckdb import Warehouse

warehouse = Warehouse(Path(sys.argv[1]), wait_s=3600)
with warehouse.series():
    with warehouse.transaction() as connection:
        connection.execute("INSERT INTO source_listings VALUES ('first', '', '', now()::TIMESTAMP)")
    print("committed", flush=True)
    sys.stdin.readline()
print("ended", flush=True)
"""


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A database with a first row stored, and a second one committed by a process killed in its checkpoint."""
    path = tmp_path / "enrichment.duckdb"
    insert(path, "first")
    with Program(PAUSE_BEFORE_A_CHECKPOINT, path) as program:
        deadline = time.monotonic() + 60
        while not is_complete(copy_of(path)):
            assert time.monotonic() < deadline, "the checkpoint never began"
            time.sleep(0.01)
        program.kill()
    return path


def copy_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.undo")


def is_complete(copy: Path) -> bool:
    """Whether it has the headers and whole blocks, each after its place and length."""
    blocks = copy.stat().st_size - 4 - (16 + 8192) if copy.exists() else 0
    return blocks > 0 and blocks % (16 + 262_144) == 0


def insert(path: Path, source: str) -> None:
    with Warehouse(path).transaction() as connection:
        connection.execute(f"INSERT INTO source_listings VALUES ('{source}', '', '', now()::TIMESTAMP)")


def sources(path: Path) -> list[str]:
    with Warehouse(path).transaction() as connection:
        rows = connection.execute("SELECT source FROM source_listings ORDER BY fetched_at").fetchall()
    return [source for (source,) in rows]


def tear_metadata(path: Path) -> None:
    """Overwrite half of each metadata block, as a write that a kill cuts short does."""
    probe = path.with_name("probe.duckdb")
    shutil.copy(path, probe)
    with duckdb.connect(str(probe)) as connection:
        blocks = connection.execute("SELECT block_id FROM pragma_metadata_info()").fetchall()
    assert blocks
    with path.open("r+b") as file:
        for (block,) in blocks:
            file.seek(3 * 4096 + block * 262_144)
            file.write(b"torn" * 32_768)


def test_that_a_torn_metadata_block_is_put_back_and_the_committed_row_is_there(killed: Path) -> None:
    tear_metadata(killed)
    shutil.copy(killed, unprotected := killed.with_name("unprotected.duckdb"))
    with pytest.raises(duckdb.IOException, match="Corrupt database file"):
        duckdb.connect(str(unprotected))

    assert sources(killed) == ["first", "second"]
    insert(killed, "third")
    assert sources(killed) == ["first", "second", "third"]


def test_that_a_copy_from_before_a_finished_checkpoint_is_not_put_back(killed: Path) -> None:
    shutil.copy(copy_of(killed), kept := killed.with_name("kept"))
    insert(killed, "third")
    shutil.copy(kept, copy_of(killed))  # as if the process had been killed before it removed it
    assert sources(killed) == ["first", "second", "third"]
    assert not copy_of(killed).exists()


def test_that_a_copy_that_was_never_completed_is_ignored(killed: Path) -> None:
    content = copy_of(killed).read_bytes()
    copy_of(killed).write_bytes(content[: len(content) // 2])
    assert sources(killed) == ["first", "second"]
    assert not copy_of(killed).exists()


def test_that_nothing_is_put_back_while_another_program_has_the_database_open(killed: Path) -> None:
    with Program(HOLD_AS_A_STRANGER, killed) as stranger:
        assert stranger.line() == "open"
        with (
            pytest.raises(WarehouseBusy, match="another program"),
            Warehouse(killed, wait_s=0.2).transaction(),
        ):
            raise AssertionError("entered a database that another program holds")
        assert copy_of(killed).exists()
    assert sources(killed) == ["first", "second"]


def test_that_without_room_for_the_copy_the_row_stays_in_the_log_until_there_is(tmp_path: Path) -> None:
    path = tmp_path / "enrichment.duckdb"
    insert(path, "first")
    with Warehouse(path).transaction() as connection:
        connection.execute("INSERT INTO source_listings VALUES ('second', '', '', now()::TIMESTAMP)")
        copy_of(path).mkdir()  # no file can be made under this name
    assert path.with_name(f"{path.name}.wal").stat().st_size > 0
    copy_of(path).rmdir()
    assert sources(path) == ["first", "second"]


def test_that_an_access_leaves_nothing_beside_the_database_but_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "enrichment.duckdb"
    insert(path, "first")
    assert sources(path) == ["first"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["enrichment.duckdb", "enrichment.duckdb.lock"]


def test_that_a_series_of_accesses_leaves_a_small_log_and_its_end_none(tmp_path: Path) -> None:
    path = tmp_path / "enrichment.duckdb"
    warehouse = Warehouse(path)
    with warehouse.series():
        with warehouse.series(), warehouse.transaction() as connection:
            connection.execute("INSERT INTO source_listings VALUES ('first', '', '', now()::TIMESTAMP)")
        assert 0 < log_size(path) < SERIES_LOG_BYTES
        with warehouse.transaction() as connection:
            assert connection.execute("SELECT source FROM source_listings").fetchall() == [("first",)]
    assert not log_size(path)
    assert sources(path) == ["first"]


def test_that_a_large_log_is_moved_within_a_series(tmp_path: Path) -> None:
    path = tmp_path / "enrichment.duckdb"
    warehouse = Warehouse(path)
    with warehouse.series():
        for place in ("first", "second"):
            with warehouse.transaction() as connection:
                connection.execute(
                    "INSERT INTO source_listings VALUES (?, '', ?, now()::TIMESTAMP)", [place, "x" * SERIES_LOG_BYTES]
                )
            assert not log_size(path)
        assert sources(path) == ["first", "second"]


def test_that_a_series_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "enrichment.duckdb"
    with Program(SERIES, path) as program:
        assert program.line() == "committed"
        program.kill()
    assert log_size(path) > 0
    assert sources(path) == ["first"]
    assert not log_size(path)


def test_that_a_series_that_is_interrupted_leaves_no_log(tmp_path: Path) -> None:
    path = tmp_path / "enrichment.duckdb"
    warehouse = Warehouse(path)
    with suppress(KeyboardInterrupt), warehouse.series():
        with warehouse.transaction() as connection:
            connection.execute("INSERT INTO source_listings VALUES ('first', '', '', now()::TIMESTAMP)")
        raise KeyboardInterrupt
    assert not log_size(path)
    assert sources(path) == ["first"]


def test_that_the_end_of_a_series_does_not_wait_for_another_program(tmp_path: Path) -> None:
    path = tmp_path / "enrichment.duckdb"
    with Program(SERIES, path) as program:
        assert program.line() == "committed"
        with Program(HOLD_AS_A_STRANGER, path) as stranger:
            assert stranger.line() == "open"
            program.go_on()
            assert program.line() == "ended"
    assert sources(path) == ["first"]
